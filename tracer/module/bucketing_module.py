"""`BucketingModule`: modules with symbols of several lengths that share their parameters."""
from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ndarray, symbol
from ..checkpoints import load_params
from ..name import NameManager
from .base_module import _UNIFORM, BaseModule
from .bound_symbol import _CPU
from .checks import _check_input_names
from .module import Module

nd: Any = ndarray  # functions of both modules are generated: type checkers do not see them
sym: Any = symbol

__all__ = ["BucketingModule"]


class BucketingModule(BaseModule):
    """Modules that share their parameters, one for each bucket of inputs, such as sentences of similar lengths.

    sym_gen: a function from a bucket's key to its symbol, the names of data and the names of labels.
    default_bucket_key: the key of the bucket that is bound first: the largest.
    logger, context, work_load_list, fixed_param_names, state_names, group2ctxs, compression_params: as of `Module`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/module/index.html

    >>> from tracer import io, nd, sym
    >>> def sym_gen(length):
    ...     net = sym.FullyConnected(sym.sum(sym.var("data"), axis=1, keepdims=True), num_hidden=2, name="fc")
    ...     return net, ("data",), None
    >>> module = BucketingModule(sym_gen, default_bucket_key=5)
    >>> module.bind([("data", (3, 5))])
    >>> module.init_params()
    >>> module.forward(io.DataBatch([nd.ones((3, 4))], bucket_key=4, provide_data=[("data", (3, 4))]))
    >>> sorted(module._buckets), module.get_outputs()[0].shape
    ([4, 5], (3, 2))
    """

    def __init__(self, sym_gen: Callable[[Any], tuple[Any, Any, Any]], default_bucket_key: Any = None,
                 logger: Any = logging, context: Any = _CPU, work_load_list: Sequence[float] | None = None,
                 fixed_param_names: Sequence[str] | None = None, state_names: Sequence[str] | None = None,
                 group2ctxs: Any = None, compression_params: dict[str, Any] | None = None) -> None:
        super().__init__(logger=logger)
        assert default_bucket_key is not None, "BucketingModule needs the key of the largest bucket: default_bucket_key"
        self._default_bucket_key = default_bucket_key
        self._sym_gen = sym_gen
        made, data_names, label_names = self._call_sym_gen(default_bucket_key)
        self._fixed_param_names = list(fixed_param_names or ())
        self._state_names = list(state_names or ())
        _check_input_names(made, list(data_names or ()), "data", True)
        _check_input_names(made, list(label_names or ()), "label", False)
        _check_input_names(made, self._state_names, "state", True)
        _check_input_names(made, self._fixed_param_names, "fixed_param", True)
        self._compression_params = compression_params
        self._context = context
        self._work_load_list = work_load_list
        self._group2ctxs = group2ctxs
        self._buckets: dict[Any, Module] = {}
        self._curr_module: Any = None
        self._curr_bucket_key: Any = None
        self._params_dirty = False
        self._monitor: Any = None
        self._grad_req: Any = None

    def _reset_bind(self) -> None:
        """Forget all buckets."""
        self.binded = False
        self._buckets = {}
        self._curr_module = None
        self._curr_bucket_key = None

    def _call_sym_gen(self, *args: Any, **kwargs: Any) -> tuple[Any, Any, Any]:
        """The result of `sym_gen`; each call counts the names of symbols from 0."""
        with NameManager():
            return self._sym_gen(*args, **kwargs)

    def _module(self, key: Any) -> Module:
        """A new module for a bucket."""
        made, data_names, label_names = self._call_sym_gen(key)
        return Module(made, data_names, label_names, logger=self.logger, context=self._context,
                      work_load_list=self._work_load_list, fixed_param_names=self._fixed_param_names,
                      state_names=self._state_names, group2ctxs=self._group2ctxs,
                      compression_params=self._compression_params)

    # ---- names and shapes ------------------------------------------------------------------------

    @property
    def data_names(self) -> Any:
        """The names of the data of the present bucket."""
        return self._curr_module.data_names if self.binded else self._call_sym_gen(self._default_bucket_key)[1]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs of the present bucket."""
        if self.binded:
            return self._curr_module.output_names
        return self._call_sym_gen(self._default_bucket_key)[0].list_outputs()

    @property
    def data_shapes(self) -> Any:
        """The descriptions of the data of the present bucket."""
        assert self.binded
        return self._curr_module.data_shapes

    @property
    def label_shapes(self) -> Any:
        """The descriptions of the labels of the present bucket, or None."""
        assert self.binded
        return self._curr_module.label_shapes

    @property
    def output_shapes(self) -> Any:
        """The names and shapes of the outputs of the present bucket."""
        assert self.binded
        return self._curr_module.output_shapes

    @property
    def symbol(self) -> Any:
        """The symbol of the present bucket."""
        assert self.binded
        return self._curr_module.symbol

    # ---- parameters ------------------------------------------------------------------------------

    def get_params(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The parameters and the auxiliary states by name, on the CPU."""
        assert self.params_initialized
        self._curr_module._params_dirty = self._params_dirty
        params = self._curr_module.get_params()
        self._params_dirty = False
        return params

    def init_params(self, initializer: Any = _UNIFORM, arg_params: Any = None, aux_params: Any = None,
                    allow_missing: bool = False, force_init: bool = False, allow_extra: bool = False) -> None:
        """Initialize the parameters and auxiliary states; parameters as of `BaseModule.init_params`."""
        if self.params_initialized and not force_init:
            return
        assert self.binded, "call bind before initializing the parameters"
        self._curr_module.init_params(initializer=initializer, arg_params=arg_params, aux_params=aux_params,
                                      allow_missing=allow_missing, force_init=force_init, allow_extra=allow_extra)
        self._params_dirty = False
        self.params_initialized = True

    def set_params(self, arg_params: Any, aux_params: Any, allow_missing: bool = False, force_init: bool = True,
                   allow_extra: bool = False) -> None:
        """Set the parameters and auxiliary states; parameters as of `BaseModule.init_params`."""
        if not allow_missing:
            self.init_params(initializer=None, arg_params=arg_params, aux_params=aux_params,
                             allow_missing=allow_missing, force_init=force_init)
            return
        if self.params_initialized and not force_init:
            warnings.warn("Parameters already initialized and force_init=False. set_params call ignored.",
                          stacklevel=2)
            return
        self._curr_module.set_params(arg_params, aux_params, allow_missing=allow_missing, force_init=force_init,
                                     allow_extra=allow_extra)
        self._params_dirty = True
        self.params_initialized = True

    def get_states(self, merge_multi_context: bool = True) -> list[Any]:
        """The states of the present bucket, each a list of one array a device."""
        assert self.binded and self.params_initialized
        return self._curr_module.get_states(merge_multi_context=merge_multi_context)

    def set_states(self, states: Any = None, value: Any = None) -> None:
        """Write the states of the present bucket: either arrays, as `get_states` returns them, or one number."""
        assert self.binded and self.params_initialized
        self._curr_module.set_states(states, value)

    # ---- binding ---------------------------------------------------------------------------------

    def bind(self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True,
             inputs_need_grad: bool = False, force_rebind: bool = False, shared_module: Any = None,
             grad_req: Any = "write") -> None:
        """Bind the default bucket; others are bound when a batch of theirs comes.

        Parameters as of `BaseModule.bind`, but `shared_module` is None.
        """
        params = self.get_params() if self.params_initialized else None
        if force_rebind:
            self._reset_bind()
        if self.binded:
            self.logger.warning("Already bound, ignoring bind()")
            return
        assert shared_module is None, "shared_module for BucketingModule is not supported"
        self.for_training = for_training
        self.inputs_need_grad = inputs_need_grad
        self.binded = True
        self._grad_req = grad_req
        key = self._default_bucket_key
        module = self._buckets.get(key) or self._module(key)
        module.bind(data_shapes, label_shapes, for_training, inputs_need_grad, force_rebind=False, shared_module=None,
                    grad_req=grad_req)
        self._curr_module = module
        self._curr_bucket_key = key
        self._buckets[key] = module
        if params is not None:
            self.set_params(*params)

    def switch_bucket(self, bucket_key: Any, data_shapes: Any, label_shapes: Any = None) -> None:
        """Go on with the module of a bucket, which is bound if it is new.

        data_shapes, label_shapes: the descriptions of the inputs.
        """
        assert self.binded, "call bind before switching bucket"
        module = self._buckets.get(bucket_key)
        new = module is None
        if module is None:
            module = self._module(bucket_key)
        if not module.binded:
            module.bind(data_shapes, label_shapes, self._curr_module.for_training, self._curr_module.inputs_need_grad,
                        force_rebind=False, shared_module=self._buckets[self._default_bucket_key],
                        grad_req=self._grad_req)
        if new and self._monitor is not None:
            module.install_monitor(self._monitor)
        self._buckets[bucket_key] = module
        self._curr_module = module
        self._curr_bucket_key = bucket_key

    def init_optimizer(self, kvstore: Any = "local", optimizer: Any = "sgd",
                       optimizer_params: Any = (("learning_rate", 0.01),), force_init: bool = False) -> None:
        """Make the optimizer, which all buckets share; parameters as of `BaseModule.init_optimizer`."""
        assert self.binded and self.params_initialized
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        self._curr_module.init_optimizer(kvstore, optimizer, optimizer_params, force_init=force_init)
        for module in self._buckets.values():
            if module is not self._curr_module:
                module.borrow_optimizer(self._curr_module)
        self.optimizer_initialized = True

    # ---- passes and updates ----------------------------------------------------------------------

    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Bind the bucket of a batch if it is new; the present one stays."""
        assert self.binded and self.params_initialized
        present = self._curr_bucket_key
        self.switch_bucket(data_batch.bucket_key, data_batch.provide_data, data_batch.provide_label)
        self._curr_module.prepare(data_batch, sparse_row_id_fn=sparse_row_id_fn)
        self.switch_bucket(present, None, None)

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs for a batch, whose bucket becomes the present one."""
        assert self.binded and self.params_initialized
        self._curr_module._exec_group.settle()  # else two buckets' predictions would be one program
        self.switch_bucket(data_batch.bucket_key, data_batch.provide_data, data_batch.provide_label)
        self._curr_module.forward(data_batch, is_train=is_train)

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients; parameters as of `Module.backward`."""
        assert self.binded and self.params_initialized
        self._curr_module.backward(out_grads=out_grads)

    def update(self) -> None:
        """Update the parameters by the optimizer and the last gradients."""
        assert self.binded and self.params_initialized and self.optimizer_initialized
        self._params_dirty = True
        self._curr_module.update()

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """The outputs of the last forward pass; parameters as of `Module.get_outputs`."""
        assert self.binded and self.params_initialized
        return self._curr_module.get_outputs(merge_multi_context=merge_multi_context)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The gradients of the data; parameters as of `Module.get_outputs`."""
        assert self.binded and self.params_initialized and self.inputs_need_grad
        return self._curr_module.get_input_grads(merge_multi_context=merge_multi_context)

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Update a metric by labels and the last outputs; parameters as of `BaseModule.update_metric`."""
        assert self.binded and self.params_initialized
        self._curr_module.update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon: Any) -> None:
        """Install a monitor on the executors of all buckets, of later ones, too."""
        assert self.binded
        self._monitor = mon
        for module in self._buckets.values():
            module.install_monitor(mon)

    # ---- files -----------------------------------------------------------------------------------

    def save_checkpoint(self, prefix: str, epoch: int, remove_amp_cast: bool = False) -> None:
        """Write the parameters, the symbol of each bucket, and the keys of the buckets.

        prefix: the beginning of the files' names: `prefix-0001.params`, `prefix-KEY-symbol.json`, `prefix.buckets`.
        epoch: the number in the first.
        """
        assert self._buckets, "Empty BucketingModule cannot be saved"
        self.save_params(f"{prefix}-{epoch:04d}.params")
        for key in self._buckets:
            self._sym_gen(key)[0].save(f"{prefix}-{key}-symbol.json", remove_amp_cast=remove_amp_cast)
        nd.save(f"{prefix}.buckets", nd.array(list(self._buckets), dtype=np.int32))

    @staticmethod
    def load(prefix: str, epoch: int, sym_gen: Any = None, default_bucket_key: Any = None, **kwargs: Any
             ) -> BucketingModule:
        """A module from the files of a checkpoint.

        prefix, epoch: as of `save_checkpoint`.
        sym_gen, default_bucket_key, kwargs: arguments of the class.
        """
        assert sym_gen is not None, "sym_gen is required for loading BucketingModule"
        assert default_bucket_key is not None, "default_bucket_key is required for loading BucketingModule"
        keys = nd.load(f"{prefix}.buckets")[0].asnumpy().astype("int32").tolist()
        symbols = {key: sym.load(f"{prefix}-{key}-symbol.json") for key in keys}
        made = BucketingModule(sym_gen, default_bucket_key, **kwargs)
        made._take({key: (one, *sym_gen(key)[1:]) for key, one in symbols.items()}, *load_params(prefix, epoch), kwargs)
        return made

    @staticmethod
    def load_dict(sym_dict: Any = None, sym_gen: Any = None, default_bucket_key: Any = None, arg_params: Any = None,
                  aux_params: Any = None, **kwargs: Any) -> BucketingModule:
        """A module from symbols by bucket, and from parameters and auxiliary states by name.

        sym_gen, default_bucket_key, kwargs: arguments of the class.
        """
        for name, given in (("sym_dict", sym_dict), ("arg_params", arg_params), ("aux_params", aux_params),
                            ("default_bucket_key", default_bucket_key)):
            assert given is not None, f"{name} needs to be provided for BucketingModule.load_dict"
        made = BucketingModule(sym_gen, default_bucket_key, **kwargs)
        names = sym_gen(default_bucket_key)[1:]
        made._take({key: (one, *names) for key, one in sym_dict.items()}, arg_params, aux_params, kwargs)
        return made

    def _take(self, buckets: dict[Any, tuple[Any, Any, Any]], arg_params: Any, aux_params: Any,
              kwargs: dict[str, Any]) -> None:
        """Take buckets, each a symbol and the names of its data and labels, and parameters."""
        for key, (one, data_names, label_names) in buckets.items():
            self._buckets[key] = Module(one, data_names, label_names, **kwargs)
        self._curr_module = self._buckets[self._default_bucket_key]
        self._curr_module._arg_params = arg_params
        self._curr_module._aux_params = aux_params
        self._curr_module.params_initialized = True
        self.params_initialized = True
