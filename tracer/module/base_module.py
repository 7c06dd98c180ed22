"""`BaseModule`: what all modules can do once they bind, compute and update: training, scores, predictions."""
from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import metric, ndarray
from ..base import _as_list
from ..checkpoints import BatchEndParam
from ..context import cpu
from ..initializer import Uniform
from ..io import DataBatch, DataIter
from .checks import _check_input_names, _check_names_match, _parse_data_desc

nd: Any = ndarray  # its functions are generated: type checkers do not see them

__all__ = ["BaseModule", "_as_list", "_check_input_names", "_check_names_match", "_parse_data_desc"]

#: The initializer of parameters for which none is given.
_UNIFORM = Uniform(0.01)


class BaseModule:
    """The base class of modules. A subclass defines `bind`, `init_params`, `init_optimizer`, `forward`, `backward`,
    `update`, `update_metric`, `get_outputs`, `get_params` and the properties of names and shapes.

    logger: the logger of `fit`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/module/index.html

    >>> module = BaseModule()
    >>> module.binded, module.params_initialized
    (False, False)
    """

    def __init__(self, logger: Any = logging) -> None:
        self.logger = logger
        self.binded = False
        self.for_training = False
        self.inputs_need_grad = False
        self.params_initialized = False
        self.optimizer_initialized = False
        self._symbol: Any = None
        self._total_exec_bytes = 0

    # ---- training, scores, predictions -----------------------------------------------------------

    def forward_backward(self, data_batch: Any) -> None:
        """A forward pass in training mode, and a backward pass."""
        self.forward(data_batch, is_train=True)
        self.backward()

    def score(self, eval_data: Any, eval_metric: Any, num_batch: int | None = None, batch_end_callback: Any = None,
              score_end_callback: Any = None, reset: bool = True, epoch: int = 0, sparse_row_id_fn: Any = None
              ) -> list[tuple[str, float]]:
        """The names and values of metrics of the predictions for data.

        eval_data: an iterator over batches.
        eval_metric: a metric, or what `mx.metric.create` takes.
        num_batch: the number of batches; None: all.
        batch_end_callback, score_end_callback: functions of a `BatchEndParam`, or lists of them.
        reset: whether the iterator is reset first.
        epoch: the number of the epoch, for the callbacks.
        """
        assert self.binded and self.params_initialized
        if reset:
            eval_data.reset()
        if not isinstance(eval_metric, metric.EvalMetric):
            eval_metric = metric.create(eval_metric)
        eval_metric.reset()
        actual_num_batch = 0
        for nbatch, eval_batch in enumerate(eval_data):
            if num_batch is not None and nbatch == num_batch:
                break
            self.prepare(eval_batch, sparse_row_id_fn=sparse_row_id_fn)
            self.forward(eval_batch, is_train=False)
            self._measure(eval_metric, eval_batch)
            if batch_end_callback is not None:
                _call(batch_end_callback, epoch, nbatch, eval_metric, locals())
            actual_num_batch += 1
        if score_end_callback:
            _call(score_end_callback, epoch, actual_num_batch, eval_metric, locals())
        return eval_metric.get_name_value()

    def _measure(self, eval_metric: Any, batch: Any) -> None:
        """Update a metric by a batch, or by a list of one batch a device."""
        if isinstance(batch, list):
            self.update_metric(eval_metric, [one.label for one in batch], pre_sliced=True)
        else:
            self.update_metric(eval_metric, batch.label)

    def iter_predict(self, eval_data: Any, num_batch: int | None = None, reset: bool = True,
                     sparse_row_id_fn: Any = None) -> Iterator[tuple[list[Any], int, Any]]:
        """For each batch the outputs without padding, its number and the batch; parameters as of `score`."""
        assert self.binded and self.params_initialized
        if reset:
            eval_data.reset()
        for nbatch, eval_batch in enumerate(eval_data):
            if num_batch is not None and nbatch == num_batch:
                break
            self.prepare(eval_batch, sparse_row_id_fn=sparse_row_id_fn)
            self.forward(eval_batch, is_train=False)
            pad = eval_batch.pad
            yield [out[0:out.shape[0] - pad] for out in self.get_outputs()], nbatch, eval_batch

    def predict(self, eval_data: Any, num_batch: int | None = None, merge_batches: bool = True, reset: bool = True,
                always_output_list: bool = False, sparse_row_id_fn: Any = None) -> Any:
        """The outputs for data.

        eval_data: an iterator over batches, or an array, for which the first output is returned.
        num_batch, reset: as of `score`.
        merge_batches: whether the batches' outputs are concatenated; else a list of the outputs of each batch.
        always_output_list: whether a single output is returned in a list.

        ValueError for other data. AssertionError for batches to be merged that have several numbers of outputs.
        """
        assert self.binded and self.params_initialized
        if isinstance(eval_data, (nd.NDArray, np.ndarray)):
            self.forward(DataBatch([nd.array(eval_data) if isinstance(eval_data, np.ndarray) else eval_data]))
            return self.get_outputs()[0]
        if not isinstance(eval_data, DataIter):
            raise ValueError("eval_data must be of type NDArray or DataIter")
        found = [[out.copy() for out in outputs]
                 for outputs, _, _ in self.iter_predict(eval_data, num_batch, reset, sparse_row_id_fn)]
        if not found or not merge_batches:
            return found
        for outputs in found:
            assert len(outputs) == len(found[0]), ("Cannot merge batches, as num of outputs is not the same in "
                                                   "mini-batches. Maybe bucketing is used?")
        merged = [nd.concatenate([outputs[i] for outputs in found]) for i in range(len(found[0]))]
        return merged[0] if len(merged) == 1 and not always_output_list else merged

    def fit(self, train_data: Any, eval_data: Any = None, eval_metric: Any = "acc", epoch_end_callback: Any = None,
            batch_end_callback: Any = None, kvstore: Any = "local", optimizer: Any = "sgd",
            optimizer_params: Any = (("learning_rate", 0.01),), eval_end_callback: Any = None,
            eval_batch_end_callback: Any = None, initializer: Any = _UNIFORM, arg_params: Any = None,
            aux_params: Any = None, allow_missing: bool = False, force_rebind: bool = False, force_init: bool = False,
            begin_epoch: int = 0, num_epoch: int | None = None, validation_metric: Any = None, monitor: Any = None,
            sparse_row_id_fn: Any = None) -> None:
        """Bind, initialize what is not initialized, and train, with a line in the log for each epoch.

        train_data, eval_data: iterators over batches; the second is scored after each epoch.
        eval_metric, validation_metric: the metrics of both, or what `mx.metric.create` takes.
        epoch_end_callback: a function of the epoch, the symbol, parameters and auxiliary states, or a list of them.
        batch_end_callback, eval_batch_end_callback, eval_end_callback: functions of a `BatchEndParam`, or lists.
        kvstore, optimizer, optimizer_params: as of `init_optimizer`.
        initializer, arg_params, aux_params, allow_missing, force_init: as of `init_params`.
        force_rebind: whether to bind again what is bound.
        begin_epoch, num_epoch: the first epoch, and the one before which training ends.
        monitor: an `mx.mon.Monitor` to install.

        https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/module/index.html
        """
        assert num_epoch is not None, "please specify number of epochs"
        self.bind(data_shapes=train_data.provide_data, label_shapes=train_data.provide_label, for_training=True,
                  force_rebind=force_rebind)
        if monitor is not None:
            self.install_monitor(monitor)
        self.init_params(initializer=initializer, arg_params=arg_params, aux_params=aux_params,
                         allow_missing=allow_missing, force_init=force_init)
        self.init_optimizer(kvstore=kvstore, optimizer=optimizer, optimizer_params=optimizer_params)
        if validation_metric is None:
            validation_metric = eval_metric
        if not isinstance(eval_metric, metric.EvalMetric):
            eval_metric = metric.create(eval_metric)
        for epoch in range(begin_epoch, num_epoch):
            tic = time.time()
            eval_metric.reset()
            nbatch = 0
            data_iter = iter(train_data)
            end_of_batch = False
            next_data_batch = next(data_iter)
            while not end_of_batch:
                data_batch = next_data_batch
                if monitor is not None:
                    monitor.tic()
                self.forward_backward(data_batch)
                self.update()
                self._measure(eval_metric, data_batch)
                try:  # only now: some iterators reuse the memory of a batch for the next one
                    next_data_batch = next(data_iter)
                    self.prepare(next_data_batch, sparse_row_id_fn=sparse_row_id_fn)
                except StopIteration:
                    end_of_batch = True
                if monitor is not None:
                    monitor.toc_print()
                if end_of_batch:  # before callbacks, which may reset the metric
                    eval_name_vals = eval_metric.get_global_name_value()
                if batch_end_callback is not None:
                    _call(batch_end_callback, epoch, nbatch, eval_metric, locals())
                nbatch += 1
            for name, val in eval_name_vals:
                self.logger.info("Epoch[%d] Train-%s=%f", epoch, name, val)
            toc = time.time()
            self.logger.info("Epoch[%d] Time cost=%.3f", epoch, toc - tic)
            arg_params, aux_params = self.get_params()
            self.set_params(arg_params, aux_params)
            if epoch_end_callback is not None:
                for callback in _as_list(epoch_end_callback):
                    callback(epoch, self.symbol, arg_params, aux_params)
            if eval_data is not None:
                res = self.score(eval_data, validation_metric, score_end_callback=eval_end_callback,
                                 batch_end_callback=eval_batch_end_callback, epoch=epoch)
                for name, val in res:
                    self.logger.info("Epoch[%d] Validation-%s=%f", epoch, name, val)
            train_data.reset()

    # ---- names and shapes: subclasses define them ------------------------------------------------

    @property
    def data_names(self) -> list[str]:
        """The names of the data. Subclasses define it."""
        raise self._missing("data_names")

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs. Subclasses define it."""
        raise self._missing("output_names")

    @property
    def data_shapes(self) -> Any:
        """The names and shapes of the data, once bound. Subclasses define it."""
        raise self._missing("data_shapes")

    @property
    def label_shapes(self) -> Any:
        """The names and shapes of the labels, once bound, or None. Subclasses define it."""
        raise self._missing("label_shapes")

    @property
    def output_shapes(self) -> Any:
        """The names and shapes of the outputs, once bound. Subclasses define it."""
        raise self._missing("output_shapes")

    @property
    def symbol(self) -> Any:
        """The module's symbol, if it has one."""
        return self._symbol

    # ---- parameters ------------------------------------------------------------------------------

    def get_params(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The parameters and the auxiliary states by name. Subclasses define it."""
        raise self._missing("get_params")

    def init_params(self, initializer: Any = _UNIFORM, arg_params: Any = None, aux_params: Any = None,
                    allow_missing: bool = False, force_init: bool = False, allow_extra: bool = False) -> None:
        """Initialize the parameters and auxiliary states. Subclasses define it.

        initializer: the initializer of those that are not given.
        arg_params, aux_params: given ones by name, or None.
        allow_missing: whether some may be missing there.
        force_init: whether initialized ones are initialized again.
        allow_extra: whether there may be others.
        """
        raise self._missing("init_params")

    def set_params(self, arg_params: Any, aux_params: Any, allow_missing: bool = False, force_init: bool = True,
                   allow_extra: bool = False) -> None:
        """Set the parameters and auxiliary states; parameters as of `init_params`."""
        self.init_params(initializer=None, arg_params=arg_params, aux_params=aux_params, allow_missing=allow_missing,
                         force_init=force_init, allow_extra=allow_extra)

    def save_params(self, fname: str) -> None:
        """Write the parameters and auxiliary states to a file."""
        arg_params, aux_params = self.get_params()
        arrays = {f"arg:{name}": array.as_in_context(cpu()) for name, array in arg_params.items()}
        arrays.update({f"aux:{name}": array.as_in_context(cpu()) for name, array in aux_params.items()})
        nd.save(fname, arrays)

    def load_params(self, fname: str) -> None:
        """Read the parameters and auxiliary states from a file. ValueError for a file without their kinds."""
        kinds: dict[str, dict[str, Any]] = {"arg": {}, "aux": {}}
        for key, array in nd.load(fname).items():
            kind, name = key.split(":", 1)
            if kind not in kinds:
                raise ValueError(f"Invalid param file {fname}")
            kinds[kind][name] = array
        self.set_params(kinds["arg"], kinds["aux"])

    def get_states(self, merge_multi_context: bool = True) -> list[Any]:
        """The states: an empty list, unless a subclass has some."""
        assert self.binded and self.params_initialized
        assert not merge_multi_context
        return []

    def set_states(self, states: Any = None, value: Any = None) -> None:
        """Set the states, of which there are none, unless a subclass has some."""
        assert self.binded and self.params_initialized
        assert not states and not value

    # ---- computation: subclasses define it -------------------------------------------------------

    def prepare(self, data_batch: Any, sparse_row_id_fn: Any = None) -> None:
        """Prepare for a batch before its forward pass.

        sparse_row_id_fn: no effect here but a warning: there are no row-sparse parameters.
        """
        if sparse_row_id_fn is not None:
            warnings.warn(UserWarning("sparse_row_id_fn is not invoked for BaseModule."), stacklevel=2)

    def forward(self, data_batch: Any, is_train: bool | None = None) -> None:
        """Compute the outputs for a batch; `is_train` None: whether bound for training. Subclasses define it."""
        raise self._missing("forward")

    def backward(self, out_grads: Any = None) -> None:
        """Compute the gradients, from those of the outputs where these are no losses. Subclasses define it."""
        raise self._missing("backward")

    def get_outputs(self, merge_multi_context: bool = True) -> list[Any]:
        """The outputs of the last forward pass. Subclasses define it.

        merge_multi_context: whether those of several devices are concatenated; else each is a list of one a device.
        """
        raise self._missing("get_outputs")

    def get_input_grads(self, merge_multi_context: bool = True) -> list[Any]:
        """The gradients of the data of the last backward pass; as `get_outputs`. Subclasses define it."""
        raise self._missing("get_input_grads")

    def update(self) -> None:
        """Update the parameters by the optimizer and the last gradients. Subclasses define it."""
        raise self._missing("update")

    def update_metric(self, eval_metric: Any, labels: Any, pre_sliced: bool = False) -> None:
        """Update a metric by labels and the last outputs. Subclasses define it.

        labels: a list of arrays; a list of such lists, one a device, with `pre_sliced`.
        """
        raise self._missing("update_metric")

    # ---- setup: subclasses define it -------------------------------------------------------------

    def bind(self, data_shapes: Any, label_shapes: Any = None, for_training: bool = True,
             inputs_need_grad: bool = False, force_rebind: bool = False, shared_module: Any = None,
             grad_req: Any = "write") -> None:
        """Make the arrays and executors for given shapes. Subclasses define it.

        data_shapes, label_shapes: lists of `DataDesc`, or pairs of names and shapes.
        for_training: whether there will be backward passes.
        inputs_need_grad: whether these also give the gradients of the data.
        force_rebind: whether to bind again what is bound.
        shared_module: a module whose parameters' arrays are used.
        grad_req: "write", "add" or "null", one for all arguments, a list, or a dictionary by name.
        """
        raise self._missing("bind")

    def init_optimizer(self, kvstore: Any = "local", optimizer: Any = "sgd",
                       optimizer_params: Any = (("learning_rate", 0.01),), force_init: bool = False) -> None:
        """Make the optimizer. Subclasses define it.

        kvstore: the store that adds up the gradients of several devices.
        optimizer: an optimizer or the name of one.
        optimizer_params: keywords for the second.
        force_init: whether to make another in the place of one.
        """
        raise self._missing("init_optimizer")

    def install_monitor(self, mon: Any) -> None:
        """Install a monitor on all executors. Subclasses define it."""
        raise self._missing("install_monitor")

    def _missing(self, name: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} defines no {name}")


def _call(callbacks: Any, epoch: int, nbatch: int, eval_metric: Any, variables: dict[str, Any]) -> None:
    """Call callbacks after a batch with the local variables of the loop."""
    param = BatchEndParam(epoch=epoch, nbatch=nbatch, eval_metric=eval_metric, locals=variables)
    for callback in _as_list(callbacks):
        callback(param)
