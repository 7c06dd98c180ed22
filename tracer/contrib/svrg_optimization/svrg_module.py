"""`SVRGModule`: a module whose gradients are corrected by those of earlier weights over all data.

R. Johnson and T. Zhang, "Accelerating Stochastic Gradient Descent using Predictive Variance Reduction", 2013.
"""
from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from ... import ndarray
from ... import optimizer as opt
from ...context import cpu
from ...gradient_stores import _create_kvstore
from ...initializer import Uniform
from ...module import Module
from .svrg_optimizer import _SVRGOptimizer

nd: Any = ndarray  # its functions are generated: type checkers do not see them

__all__ = ["SVRGModule"]

_CPU, _UNIFORM = cpu(), Uniform(0.01)


class SVRGModule(Module):
    """A `Module` that trains with stochastic variance-reduced gradients.

    update_freq: after how many epochs the gradient over all data is computed again. A second module keeps the weights
        of that time. The gradient of a batch is that at the present weights, minus that at those weights, plus the
        gradient over all data. TypeError unless it is an int, ValueError unless it is positive.

    The others are those of `Module`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/contrib/svrg_optimization/index.html

    >>> from tracer import io, sym
    >>> net = sym.LinearRegressionOutput(sym.FullyConnected(sym.var("data"), num_hidden=1, name="fc"), name="lin")
    >>> module = SVRGModule(net, label_names=["lin_label"], update_freq=1)
    >>> data = io.NDArrayIter(nd.ones((4, 2)), nd.ones(4), 2, label_name="lin_label")
    >>> module.fit(data, eval_metric="mse", num_epoch=2)
    >>> [round(x, 2) for x in module.get_params()[0]["fc_bias"].asnumpy().tolist()]
    [0.05]
    """

    def __init__(self, symbol: Any, data_names: Sequence[str] | None = ("data",),
                 label_names: Sequence[str] | None = ("softmax_label",), logger: Any = logging, context: Any = _CPU,
                 work_load_list: Sequence[float] | None = None, fixed_param_names: Sequence[str] | None = None,
                 state_names: Sequence[str] | None = None, group2ctxs: Any = None,
                 compression_params: dict[str, Any] | None = None, update_freq: int | None = None) -> None:
        settings = (data_names, label_names, logger, context, work_load_list, fixed_param_names, state_names,
                    group2ctxs, compression_params)
        super().__init__(symbol, *settings)
        if not isinstance(update_freq, int):
            raise TypeError("update_freq in SVRGModule must be an integer to represent the frequency for calculating "
                            "full gradients")
        if update_freq <= 0:
            raise ValueError("update_freq in SVRGModule must be a positive integer to represent the frequency for "
                             "calculating full gradients")
        self.update_freq = update_freq
        self._mod_aux = Module(symbol, *settings)
        self._param_dict: Any = None
        self._ctx_len = len(self._context)

    # ---- both modules ----------------------------------------------------------------------------

    def _reset_bind(self) -> None:
        super()._reset_bind()
        self._mod_aux._reset_bind()

    def bind(self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True,
             inputs_need_grad: bool = False, force_rebind: bool = False, shared_module: Any = None,
             grad_req: Any = "write") -> None:
        """Make the executors, for training those of the second module, too; parameters as of `Module.bind`."""
        settings = (data_shapes, label_shapes, for_training, inputs_need_grad, force_rebind, shared_module, grad_req)
        super().bind(*settings)
        if for_training:
            self._mod_aux.bind(*settings)

    def reshape(self, data_shapes: Any, label_shapes: Any = None) -> None:
        """Use executors for other shapes in both modules."""
        super().reshape(data_shapes, label_shapes=label_shapes)
        self._mod_aux.reshape(data_shapes, label_shapes=label_shapes)

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs for a batch, with is_train those of the second module, too."""
        super().forward(data_batch, is_train)
        if is_train:
            self._mod_aux.forward(data_batch, is_train)

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients of both modules."""
        super().backward(out_grads)
        if self._mod_aux.binded:
            self._mod_aux.backward(out_grads)

    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Prepare both modules for a batch; parameters as of `Module.prepare`."""
        super().prepare(data_batch, sparse_row_id_fn=sparse_row_id_fn)
        self._mod_aux.prepare(data_batch, sparse_row_id_fn=sparse_row_id_fn)

    # ---- the optimizer ---------------------------------------------------------------------------

    def init_optimizer(self, kvstore: Any = "local", optimizer: Any = "sgd",
                       optimizer_params: Any = (("learning_rate", 0.01),), force_init: bool = False) -> None:
        """Make the optimizer and the store, which adds up the gradients over all data under names of its own.

        Parameters as of `Module.init_optimizer`.
        """
        self._param_dict = [{name: nd.zeros(value.shape, ctx=context) for name, value in self.get_params()[0].items()}
                            for context in self._context]
        made = self._create_optimizer(_SVRGOptimizer.__name__, default_opt=optimizer, kvstore=kvstore,
                                      optimizer_params=optimizer_params)
        super().init_optimizer(kvstore=kvstore, optimizer=made, optimizer_params=optimizer_params,
                               force_init=force_init)
        if not self._kvstore:
            return
        group = self._exec_group
        for i, (name, arrays) in enumerate(zip(group.param_names, group.param_arrays)):
            self._kvstore.init(f"{name}_full", nd.zeros(self._arg_params[name].shape))
            if self._update_on_kvstore:  # as in MXNet: the devices' weights are 0 until the first update
                self._kvstore.pull(f"{name}_full", arrays, priority=-i)

    def _create_optimizer(self, optimizer: str, default_opt: Any, kvstore: Any, optimizer_params: Any) -> Any:
        """The optimizer of both kinds of names: the parameters', and those of gradients over all data."""
        group = self._exec_group
        store, on_store = _create_kvstore(kvstore, self._ctx_len, self._arg_params)
        batch_size = group.batch_size
        if store and "dist" in store.type and "_sync" in store.type:
            batch_size *= store.num_workers
        count = 1 if on_store else self._ctx_len
        names = {i * count + k: name for k in range(count) for i, name in enumerate(group.param_names)}
        names.update(enumerate([f"{name}_full" for name in self._param_dict[0]], max(names) + 1))
        keywords = {"rescale_grad": 1.0 / batch_size, **dict(optimizer_params), "default_optimizer": default_opt,
                    "param_idx2name": names}
        return opt.create(optimizer, **keywords)

    # ---- gradients -------------------------------------------------------------------------------

    def update(self) -> None:
        """Correct the gradients, and update the parameters."""
        self._update_svrg_gradients()
        super().update()

    def update_full_grads(self, train_data: Any) -> None:
        """Add the mean of the batches' gradients at the present weights to the gradient over all data.

        train_data: an iterator over batches, which is reset first. A store holds the mean alone.
        """
        self._mod_aux.set_params(*self.get_params())
        train_data.reset()
        batches, padding = 0, 0
        for batch in train_data:
            self._mod_aux.forward(batch, is_train=True)
            self._mod_aux.backward()
            batches += 1
            padding = batch.pad
            for k, sums in enumerate(self._param_dict):
                for name, grads in self._gradients(self._mod_aux):
                    sums[name] = sums[name] + grads[k]
        for name, _ in self._gradients(self._mod_aux):
            means = []
            for sums in self._param_dict:
                sums[name] /= batches - padding / train_data.batch_size
                means.append(sums[name])
            if self._kvstore:
                self._accumulate_kvstore(name, means)

    def _gradients(self, module: Any) -> list[tuple[str, Any]]:
        """The gradients of a module's trained parameters on all devices, by name."""
        group = module._exec_group
        return [(name, grads) for name, grads in zip(group.param_names, group.grad_arrays) if grads[0] is not None]

    def _accumulate_kvstore(self, key: str, value: list[Any]) -> None:
        """Add up the devices' gradients of a parameter in the store."""
        self._kvstore.push(f"{key}_full", value)
        self._kvstore._barrier()
        self._kvstore.pull(f"{key}_full", value)
        self._allocate_gradients(key, value)

    def _allocate_gradients(self, key: str, value: list[Any]) -> None:
        """Divide what the store has added up among the devices."""
        for sums, one in zip(self._param_dict, value):
            sums[key] = one / self._ctx_len

    def _svrg_grads_update_rule(self, g_curr_batch_curr_weight: Any, g_curr_batch_special_weight: Any,
                                g_special_weight_all_batch: Any) -> Any:
        """The corrected gradient of a batch, written into the first array.

        g_curr_batch_curr_weight, g_curr_batch_special_weight: the gradients at the present and the earlier weights.
        g_special_weight_all_batch: the gradient over all data at the earlier weights.
        """
        g_curr_batch_curr_weight -= g_curr_batch_special_weight
        g_curr_batch_curr_weight += g_special_weight_all_batch
        return g_curr_batch_curr_weight

    def _update_svrg_gradients(self) -> None:
        for (name, grads), (_, earlier) in zip(self._gradients(self), self._gradients(self._mod_aux)):
            for grad, old, sums in zip(grads, earlier, self._param_dict):
                self._svrg_grads_update_rule(grad, old, sums[name])

    # ---- training --------------------------------------------------------------------------------

    def fit(self, train_data: Any, eval_data: Any = None, eval_metric: Any = "acc", epoch_end_callback: Any = None,
            batch_end_callback: Any = None, kvstore: Any = "local", optimizer: Any = "sgd",
            optimizer_params: Any = (("learning_rate", 0.01),), eval_end_callback: Any = None,
            eval_batch_end_callback: Any = None, initializer: Any = _UNIFORM, arg_params: Any = None,
            aux_params: Any = None, allow_missing: bool = False, force_rebind: bool = False, force_init: bool = False,
            begin_epoch: int = 0, num_epoch: int | None = None, validation_metric: Any = None, monitor: Any = None,
            sparse_row_id_fn: Any = None) -> None:
        """Train as `Module.fit` does, with its parameters; the data is reset before each epoch and not after it.

        Each `update_freq` epochs begin with the gradient over all data.
        """
        super().fit(_Epochs(self, train_data, begin_epoch), eval_data, eval_metric, epoch_end_callback,
                    batch_end_callback, kvstore, optimizer, optimizer_params, eval_end_callback,
                    eval_batch_end_callback, initializer, arg_params, aux_params, allow_missing, force_rebind,
                    force_init, begin_epoch, num_epoch, validation_metric, monitor, sparse_row_id_fn)


class _Epochs:
    """An iterator over data that computes the gradient over all of it at the beginning of some epochs.

    module: the module.
    data: the iterator over batches.
    epoch: the number of the first epoch.
    """

    def __init__(self, module: SVRGModule, data: Any, epoch: int) -> None:
        self.module = module
        self.data = data
        self.epoch = epoch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.data, name)

    def __iter__(self) -> Iterator[Any]:
        if self.epoch % self.module.update_freq == 0:
            self.module.update_full_grads(self.data)
        self.epoch += 1
        self.data.reset()
        return iter(self.data)

    def reset(self) -> None:
        """Do nothing: each epoch begins with a reset."""
