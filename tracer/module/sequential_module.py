"""`SequentialModule`: modules in a row, each of which computes with the outputs of the one before."""
from __future__ import annotations

import copy
import logging
from typing import Any

from .base_module import _UNIFORM, BaseModule

__all__ = ["SequentialModule"]


class SequentialModule(BaseModule):
    """Modules in a row: the outputs of one are the data of the next.

    logger: as of `BaseModule`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/module/index.html

    >>> from tracer import sym
    >>> from tracer.module import Module
    >>> first = Module(sym.FullyConnected(sym.var("data"), num_hidden=4, name="a"), label_names=None)
    >>> second = Module(sym.SoftmaxOutput(sym.FullyConnected(sym.var("data"), num_hidden=2, name="b"), name="softmax"))
    >>> both = SequentialModule().add(first).add(second, take_labels=True, auto_wiring=True)
    >>> both.bind([("data", (3, 5))], [("softmax_label", (3,))])
    >>> both.output_shapes
    [('softmax_output', (3, 2))]
    """

    META_TAKE_LABELS = "take_labels"
    META_AUTO_WIRING = "auto_wiring"

    def __init__(self, logger: Any = logging) -> None:
        super().__init__(logger=logger)
        self._modules: list[Any] = []
        self._metas: list[dict[str, Any]] = []
        self._label_shapes: Any = None
        self._data_shapes: Any = None
        self._meta_keys = {self.META_TAKE_LABELS, self.META_AUTO_WIRING}

    def add(self, module: BaseModule, **kwargs: Any) -> SequentialModule:
        """Put a module at the end, and return this one.

        take_labels: whether the module has the labels.
        auto_wiring: whether its data has its own names, whatever the outputs before it are called.

        AssertionError for other keywords.
        """
        self._modules.append(module)
        for key in kwargs:
            assert key in self._meta_keys, f'Unknown meta "{key}", a typo?'
        self._metas.append(kwargs)
        self.binded = False
        self.params_initialized = False
        self.optimizer_initialized = False
        return self

    # ---- names and shapes ------------------------------------------------------------------------

    @property
    def data_names(self) -> list[str]:
        """The names of the first module's data."""
        return self._modules[0].data_names if self._modules else []

    @property
    def output_names(self) -> list[str]:
        """The names of the last module's outputs."""
        return self._modules[-1].output_names if self._modules else []

    @property
    def data_shapes(self) -> Any:
        """The descriptions of the first module's data."""
        assert self.binded
        return self._modules[0].data_shapes

    @property
    def label_shapes(self) -> Any:
        """The descriptions of the labels, or None."""
        assert self.binded
        return self._label_shapes

    @property
    def output_shapes(self) -> Any:
        """The names and shapes of the last module's outputs."""
        assert self.binded
        return self._modules[-1].output_shapes

    # ---- parameters ------------------------------------------------------------------------------

    def get_params(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The parameters and the auxiliary states of all modules by name."""
        assert self.binded and self.params_initialized
        arg_params: dict[str, Any] = {}
        aux_params: dict[str, Any] = {}
        for module in self._modules:
            arg, aux = module.get_params()
            arg_params.update(arg)
            aux_params.update(aux)
        return arg_params, aux_params

    def init_params(self, initializer: Any = _UNIFORM, arg_params: Any = None, aux_params: Any = None,
                    allow_missing: bool = False, force_init: bool = False, allow_extra: bool = False) -> None:
        """Initialize the parameters of all modules; parameters as of `BaseModule.init_params`.

        AssertionError for a name that two modules have.
        """
        if self.params_initialized and not force_init:
            return
        assert self.binded, "call bind before initializing the parameters"
        for module in self._modules:
            module.init_params(initializer=initializer, arg_params=arg_params, aux_params=aux_params,
                               allow_missing=allow_missing, force_init=force_init, allow_extra=allow_extra)
        for kind in range(2):
            known: dict[str, int] = {}
            for i, module in enumerate(self._modules):
                for name in module.get_params()[kind]:
                    assert name not in known, (
                        f'Duplicated parameter names: name "{name}" in layer {i} ({type(module)}) is already used in '
                        f"layer {known[name]} ({type(self._modules[known[name]])}).")
                    known[name] = i
        self.params_initialized = True

    # ---- binding ---------------------------------------------------------------------------------

    def bind(self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True,
             inputs_need_grad: bool = False, force_rebind: bool = False, shared_module: Any = None,
             grad_req: Any = "write") -> None:
        """Bind all modules; parameters as of `BaseModule.bind`, but `shared_module` is None."""
        if self.binded and not force_rebind:
            self.logger.warning("Already bound, ignoring bind()")
            return
        assert for_training or not inputs_need_grad
        assert shared_module is None, "Shared module is not supported"
        assert self._modules, "Attempting to bind an empty SequentialModule"
        self.binded = True
        data = data_shapes
        labelled = [bool(meta.get(self.META_TAKE_LABELS)) for meta in self._metas]
        for i, module in enumerate(self._modules):
            if self._metas[i].get(self.META_AUTO_WIRING, False):
                names = module.data_names
                assert len(names) == len(data), f"{len(data)} outputs for {len(names)} inputs of module {i}"
                data = [(name, shape) for name, (_, shape) in zip(names, data)]
            module.bind(data_shapes=data, label_shapes=label_shapes if labelled[i] else None,
                        for_training=for_training, inputs_need_grad=bool(inputs_need_grad or for_training and i > 0),
                        force_rebind=force_rebind, shared_module=None, grad_req=grad_req)
            data = module.output_shapes
        self._label_shapes = label_shapes if any(labelled) else None

    def init_optimizer(self, kvstore: Any = "local", optimizer: Any = "sgd",
                       optimizer_params: Any = (("learning_rate", 0.01),), force_init: bool = False) -> None:
        """Make an optimizer for each module; parameters as of `BaseModule.init_optimizer`."""
        assert self.binded and self.params_initialized
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring.")
            return
        for module in self._modules:
            module.init_optimizer(kvstore=kvstore, optimizer=optimizer, optimizer_params=optimizer_params,
                                  force_init=force_init)
        self.optimizer_initialized = True

    # ---- passes and updates ----------------------------------------------------------------------

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs of all modules for a batch."""
        assert self.binded and self.params_initialized
        batch = copy.copy(data_batch)
        for i, module in enumerate(self._modules):
            module.forward(batch, is_train=is_train)
            if i + 1 == len(self._modules):
                break
            batch.data = module.get_outputs()
            if hasattr(batch, "provide_data"):
                names = [one[0] for one in module.output_shapes]
                assert len(names) == len(batch.data)
                batch.provide_data = [(name, array.shape) for name, array in zip(names, batch.data)]

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients of all modules, from the last to the first."""
        assert self.binded and self.params_initialized
        for i, module in reversed(list(enumerate(self._modules))):
            module.backward(out_grads=out_grads)
            if i:
                out_grads = module.get_input_grads()

    def update(self) -> None:
        """Update the parameters of all modules."""
        assert self.binded and self.params_initialized and self.optimizer_initialized
        for module in self._modules:
            module.update()

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """The outputs of the last module; parameters as of `Module.get_outputs`."""
        assert self.binded and self.params_initialized
        return self._modules[-1].get_outputs(merge_multi_context=merge_multi_context)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The gradients of the first module's data; parameters as of `Module.get_outputs`."""
        assert self.binded and self.params_initialized and self.inputs_need_grad
        return self._modules[0].get_input_grads(merge_multi_context=merge_multi_context)

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Update a metric by the outputs of the modules that take labels."""
        assert self.binded and self.params_initialized
        for meta, module in zip(self._metas, self._modules):
            if meta.get(self.META_TAKE_LABELS):
                module.update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon: Any) -> None:
        """Install a monitor on all modules."""
        assert self.binded
        for module in self._modules:
            module.install_monitor(mon)
