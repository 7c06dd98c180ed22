"""`Module`: a symbol with its executors, parameters and optimizer."""
from __future__ import annotations

import logging
import warnings
from typing import Any

from .. import optimizer as opt
from ..checkpoints import load_checkpoint
from ..gradient_stores import _create_kvstore, _initialize_kvstore, _update_params, _update_params_on_kvstore
from ..io import DataDesc
from ..whole_files import replacing
from .bound_symbol import BoundSymbol

__all__ = ["Module"]


class Module(BoundSymbol):
    """A symbol that is bound to arrays, initialized and trained.

    symbol: the symbol.
    data_names, label_names: the names of its inputs; the other arguments are parameters.
    logger: the logger of `fit`.
    context: a device, or a list of devices among which batches are divided.
    work_load_list: the load of each; None: the same for all.
    fixed_param_names: parameters that are not trained.
    state_names: inputs that batches do not have: 0, or what `set_states` sets.
    group2ctxs: devices by the attribute `ctx_group`.
    compression_params: handed to the store, which does not compress: NotImplementedError.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/module/index.html

    >>> from tracer import io, nd, sym
    >>> net = sym.FullyConnected(sym.var("data"), num_hidden=2, name="fc")
    >>> module = Module(sym.SoftmaxOutput(net, name="softmax"))
    >>> module.bind([("data", (4, 3))], [("softmax_label", (4,))])
    >>> module.init_params()
    >>> module.forward(io.DataBatch([nd.ones((4, 3))]), is_train=False)
    >>> module.get_outputs()[0].shape
    (4, 2)
    """

    # ---- files -----------------------------------------------------------------------------------

    @staticmethod
    def load(prefix: str, epoch: int, load_optimizer_states: bool = False, **kwargs: Any) -> Module:
        """A module from the files of a checkpoint.

        prefix, epoch: as of `save_checkpoint`.
        load_optimizer_states: whether `init_optimizer` reads the optimizer's states, too.
        kwargs: arguments of the class.
        """
        symbol, arg_params, aux_params = load_checkpoint(prefix, epoch)
        made = Module(symbol=symbol, **kwargs)
        made._arg_params = arg_params
        made._aux_params = aux_params
        made.params_initialized = True
        if load_optimizer_states:
            made._preload_opt_states = f"{prefix}-{epoch:04d}.states"
        return made

    def save_checkpoint(self, prefix: str, epoch: int, save_optimizer_states: bool = False,
                        remove_amp_cast: bool = True) -> None:
        """Write the symbol, the parameters, and the optimizer's states if asked for.

        prefix: the beginning of the files' names: `prefix-symbol.json`, `prefix-0001.params`, `prefix-0001.states`.
        epoch: the number in them.
        """
        self._symbol.save(f"{prefix}-symbol.json", remove_amp_cast=remove_amp_cast)
        path = f"{prefix}-{epoch:04d}.params"
        self.save_params(path)
        logging.info('Saved checkpoint to "%s"', path)
        if save_optimizer_states:
            path = f"{prefix}-{epoch:04d}.states"
            self.save_optimizer_states(path)
            logging.info('Saved optimizer state to "%s"', path)

    def save_optimizer_states(self, fname: str) -> None:
        """Write the optimizer's states to a file."""
        assert self.optimizer_initialized
        if self._update_on_kvstore:
            self._kvstore.save_optimizer_states(fname)
        else:
            with replacing(fname) as file:
                file.write(self._updater.get_states())

    def load_optimizer_states(self, fname: str) -> None:
        """Read the optimizer's states from a file."""
        assert self.optimizer_initialized
        if self._update_on_kvstore:
            self._kvstore.load_optimizer_states(fname)
        else:
            with open(fname, "rb") as file:
                self._updater.set_states(file.read())

    # ---- the optimizer ---------------------------------------------------------------------------

    def init_optimizer(self, kvstore: Any = "local", optimizer: Any = "sgd",
                       optimizer_params: Any = (("learning_rate", 0.01),), force_init: bool = False) -> None:
        """Make the optimizer, and the store that several devices need; parameters as of `BaseModule.init_optimizer`.

        Gradients are divided by the batch size, unless `optimizer_params` has a `rescale_grad`; a given optimizer keeps
        its own.
        """
        assert self.binded and self.params_initialized
        if self.optimizer_initialized and not force_init:
            self.logger.warning("optimizer already initialized, ignoring...")
            return
        if self._params_dirty:
            self._sync_params_from_devices()
        devices, names = len(self._context), self._exec_group.param_names
        kvstore, update_on_kvstore = _create_kvstore(kvstore, devices, self._arg_params)
        batch_size = self._exec_group.batch_size
        if kvstore and "dist" in kvstore.type and "_sync" in kvstore.type:
            batch_size *= kvstore.num_workers
        rescale_grad = 1.0 / batch_size
        names_by_index = dict(enumerate(names)) if update_on_kvstore else \
            {i * devices + k: name for k in range(devices) for i, name in enumerate(names)}
        if isinstance(optimizer, str):
            keywords = {"rescale_grad": rescale_grad, **dict(optimizer_params)}
            optimizer = opt.create(optimizer, sym=self.symbol, param_idx2name=names_by_index, **keywords)
        else:
            assert isinstance(optimizer, opt.Optimizer)
            if optimizer.rescale_grad != rescale_grad:
                warnings.warn(
                    "Optimizer created manually outside Module but rescale_grad is not normalized to "
                    f"1.0/batch_size/num_workers ({optimizer.rescale_grad} vs. {rescale_grad}). Is this intended?",
                    stacklevel=2)
            if not optimizer.idx2name:
                optimizer.idx2name = names_by_index.copy()
        self._optimizer = optimizer
        self._kvstore = kvstore
        self._update_on_kvstore = update_on_kvstore
        self._updater = None
        if kvstore:
            if self._compression_params:
                kvstore.set_gradient_compression(self._compression_params)
            if update_on_kvstore:
                kvstore.set_optimizer(optimizer)
            _initialize_kvstore(kvstore=kvstore, param_arrays=self._exec_group.param_arrays,
                                arg_params=self._arg_params, param_names=self._param_names,
                                update_on_kvstore=update_on_kvstore)
        if not update_on_kvstore:
            self._updater = opt.get_updater(optimizer)
        self.optimizer_initialized = True
        if self._preload_opt_states is not None:
            self.load_optimizer_states(self._preload_opt_states)
            self._preload_opt_states = None

    # ---- passes and updates ----------------------------------------------------------------------

    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Prepare for a batch before its forward pass.

        sparse_row_id_fn: no effect here but a warning: there are no row-sparse parameters.
        """
        assert self.binded
        if sparse_row_id_fn is None:
            return
        if not self._kvstore or not self._update_on_kvstore:
            warnings.warn(UserWarning("Parameters are not updated in the KVStore. No need to call sparse_row_id_fn."),
                          stacklevel=2)
            return
        rows = sparse_row_id_fn(data_batch)
        assert isinstance(rows, dict), "Expected dict output from sparse_row_id_fn"
        for name in rows:
            warnings.warn(UserWarning(f"{name}.stype is not 'row_sparse'. No need to perform row_sparse_pull."),
                          stacklevel=2)

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs for a batch, whose shapes may differ from those bound.

        data_batch: an object with `data` and, for training, `label`; or a list of one a device, of equal shapes.
        is_train: whether in training mode; None: whether bound for training.
        """
        assert self.binded and self.params_initialized
        if isinstance(data_batch, list):
            shapes = _shapes_of_list(data_batch)
        else:
            shapes = tuple([one.shape for one in data_batch.data])
        if tuple([one.shape for one in self._data_shapes]) != shapes:
            self._reshape_for(data_batch, shapes)
        self._exec_group.forward(data_batch, is_train)

    def _reshape_for(self, data_batch: Any, shapes: tuple[tuple[int, ...], ...]) -> None:
        """Use executors for the shapes of a batch."""
        data = getattr(data_batch, "provide_data", None) or \
            [DataDesc(one.name, shape, one.dtype, one.layout) for one, shape in zip(self._data_shapes, shapes)]
        label = getattr(data_batch, "provide_label", None)
        if not label and getattr(data_batch, "label", None):
            label = [DataDesc(one.name, array.shape, one.dtype, one.layout)
                     for one, array in zip(self._label_shapes, data_batch.label)]
        self.reshape(data, label or None)

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients.

        out_grads: the gradients of the outputs, an array or a list; None: the outputs are losses.
        """
        assert self.binded and self.params_initialized
        self._exec_group.backward(out_grads=out_grads)

    def update(self) -> None:
        """Update the parameters by the optimizer and the last gradients."""
        assert self.binded and self.params_initialized and self.optimizer_initialized
        self._params_dirty = True
        group = self._exec_group
        if self._update_on_kvstore:
            _update_params_on_kvstore(group.param_arrays, group.grad_arrays, self._kvstore, group.param_names)
        elif self._kvstore:
            _update_params(group.param_arrays, group.grad_arrays, updater=self._updater, num_device=len(self._context),
                           kvstore=self._kvstore, param_names=group.param_names)
        else:
            for indices, gradients, weights in group.trained:
                self._updater(indices, gradients, weights)

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """The outputs of the last forward pass.

        merge_multi_context: whether those of several devices are concatenated; else each is a list of one a device.
        """
        assert self.binded and self.params_initialized
        return self._exec_group.get_outputs(merge_multi_context=merge_multi_context)

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The gradients of the data of the last backward pass; as `get_outputs`."""
        assert self.binded and self.params_initialized and self.inputs_need_grad
        return self._exec_group.get_input_grads(merge_multi_context=merge_multi_context)

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Update a metric by labels and the last outputs; parameters as of `BaseModule.update_metric`."""
        self._exec_group.update_metric(eval_metric, labels, pre_sliced)

    def install_monitor(self, mon: Any) -> None:
        """Install a monitor on all executors."""
        assert self.binded
        self._exec_group.install_monitor(mon)


def _shapes_of_list(batches: list[Any]) -> tuple[tuple[int, ...], ...]:
    """The shapes of the data of all devices' batches together. AssertionError if they differ."""
    shapes = []
    for i, array in enumerate(batches[0].data):
        shape = array.shape
        for one in batches:
            assert shape == one.data[i].shape, "All data batches in a list need to have the same shape"
        shapes.append((len(batches) * shape[0], *shape[1:]))
    return tuple(shapes)
