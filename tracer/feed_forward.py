"""`mx.model.FeedForward`: the model of MXNet's first releases, before `mx.mod.Module`."""
from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from . import io, metric, ndarray
from . import optimizer as opt
from .callback import LogValidationMetricsCallback
from .checkpoints import BatchEndParam, _multiple_callbacks, load_checkpoint, save_checkpoint
from .context import Context, cpu
from .executor_manager import _check_arguments
from .gradient_stores import _create_kvstore
from .initializer import Uniform
from .module.slices import _load_general
from .multi_device_training import _train_multi_device
from .symbol import Symbol

nd: Any = ndarray  # its functions are generated: type checkers do not see them

__all__ = ["FeedForward"]

#: The defaults of parameters.
_UNIFORM, _LOG = Uniform(0.01), LogValidationMetricsCallback()


class FeedForward:
    """A symbol with its parameters, which are trained and used for predictions. MXNet advises `mx.mod.Module` instead.

    symbol: the symbol, or a function from a bucket's key to one.
    ctx: a device, or a list of devices among which batches are divided; None: the CPU.
    num_epoch: the epoch before which training ends.
    epoch_size: the number of batches in an epoch; None: until the iterator ends.
    optimizer: an optimizer or the name of one.
    initializer: the initializer of parameters that are not given.
    numpy_batch_size: the batch size for data that is an array.
    arg_params, aux_params: given parameters and auxiliary states by name.
    allow_extra_params: whether there may be others than those of the symbol.
    begin_epoch: the first epoch.
    kwargs: keywords of the optimizer.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/legacy/model/index.html

    >>> from tracer import sym
    >>> warnings.simplefilter("ignore")
    >>> net = sym.SoftmaxOutput(sym.FullyConnected(sym.var("data"), num_hidden=2, name="fc"), name="softmax")
    >>> model = FeedForward.create(net, np.ones((4, 3)), np.zeros(4), num_epoch=1, learning_rate=0.1)
    >>> model.predict(np.ones((5, 3))).shape, sorted(model.arg_params)
    ((5, 2), ['fc_bias', 'fc_weight'])
    """

    def __init__(self, symbol: Any, ctx: Any = None, num_epoch: int | None = None, epoch_size: int | None = None,
                 optimizer: Any = "sgd", initializer: Any = _UNIFORM, numpy_batch_size: int = 128,
                 arg_params: Any = None, aux_params: Any = None, allow_extra_params: bool = False,
                 begin_epoch: int = 0, **kwargs: Any) -> None:
        warnings.warn("\033[91mmxnet.model.FeedForward has been deprecated. Please use mxnet.mod.Module instead."
                      "\033[0m", DeprecationWarning, stacklevel=2)
        is_symbol = isinstance(symbol, Symbol)
        assert is_symbol or callable(symbol), f"a symbol or a function is expected, got {type(symbol).__name__}"
        self.symbol: Any = symbol if is_symbol else None
        self.sym_gen: Any = None if is_symbol else symbol
        self.arg_params = arg_params
        self.aux_params = aux_params
        self.allow_extra_params = allow_extra_params
        self.argument_checked = False
        if self.sym_gen is None:
            self._check_arguments()
        self.ctx = [cpu()] if ctx is None else [ctx] if isinstance(ctx, Context) else ctx
        self.num_epoch = num_epoch
        self.epoch_size = epoch_size
        self.kwargs = kwargs.copy()
        self.optimizer = optimizer
        self.initializer = initializer
        self.numpy_batch_size = numpy_batch_size
        self._pred_exec: Any = None
        self.begin_epoch = begin_epoch

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_pred_exec": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def _check_arguments(self) -> None:
        """Raise ValueError for names that are not unique, and leave out parameters that the symbol lacks."""
        if self.argument_checked:
            return
        assert self.symbol is not None
        self.argument_checked = True
        _check_arguments(self.symbol)
        if self.allow_extra_params:
            for kind, names in (("arg_params", self.symbol.list_arguments()),
                                ("aux_params", self.symbol.list_auxiliary_states())):
                given = getattr(self, kind)
                if given:
                    setattr(self, kind, {name: array for name, array in given.items() if name in names})

    @staticmethod
    def _is_data_arg(name: str) -> bool:
        """Whether the name is one of data or labels."""
        return name.endswith("data") or name.endswith("label")

    def _init_params(self, inputs: Any, overwrite: bool = False) -> tuple[list[str], list[str], list[str]]:
        """Initialize the parameters and states for the inputs, and return the names of arguments, of both.

        overwrite: whether those that are given are initialized, too.
        """
        described = [one if isinstance(one, io.DataDesc) else io.DataDesc(*one) for one in inputs]
        shapes, _, aux_shapes = self.symbol.infer_shape(**{one.name: one.shape for one in described})
        assert shapes is not None, "the shapes of the parameters cannot be inferred from those of the inputs"
        types, _, aux_types = self.symbol.infer_type(**{one.name: one.dtype for one in described})
        assert types is not None, "the dtypes of the parameters cannot be inferred from those of the inputs"
        names, aux_names = self.symbol.list_arguments(), self.symbol.list_auxiliary_states()
        input_names = {one.name for one in described}
        param_names = [name for name in names if name not in input_names]
        made = []
        for given, wanted in ((self.arg_params, [one for one in zip(names, shapes, types) if one[0] in param_names]),
                              (self.aux_params, zip(aux_names, aux_shapes, aux_types))):
            arrays = {name: nd.zeros(shape=shape, dtype=dtype) for name, shape, dtype in wanted}
            for name, array in arrays.items():
                if given and name in given and not overwrite:
                    array[:] = given[name][:]
                else:
                    self.initializer(name, array)
            made.append(arrays)
        self.arg_params, self.aux_params = made
        return names, param_names, aux_names

    # ---- data ------------------------------------------------------------------------------------

    def _init_iter(self, X: Any, y: Any, is_train: bool) -> Any:
        """An iterator over the batches of arrays; one is taken as it is. TypeError or ValueError for anything else."""
        if not isinstance(X, (np.ndarray, nd.NDArray)):
            if not isinstance(X, io.DataIter):
                raise TypeError("X must be DataIter, NDArray or numpy.ndarray")
            return X
        if y is None:
            if is_train:
                raise ValueError("y must be specified when X is numpy.ndarray")
            y = np.zeros(X.shape[0])
        if not isinstance(y, (np.ndarray, nd.NDArray)):
            raise TypeError("y must be ndarray when X is numpy.ndarray")
        if X.shape[0] != y.shape[0]:
            raise ValueError("The numbers of data points and labels not equal")
        if y.ndim == 2 and y.shape[1] == 1:
            y = y.flatten()
        if y.ndim != 1:
            raise ValueError("Label must be 1D or 2D (with 2nd dimension being 1)")
        size = min(X.shape[0], self.numpy_batch_size)
        return io.NDArrayIter(X, y, size, shuffle=is_train, last_batch_handle="roll_over" if is_train else "pad")

    def _init_eval_iter(self, eval_data: Any) -> Any:
        """An iterator for a pair of data and labels; one, or None, is taken as it is."""
        if eval_data is None:
            return None
        if isinstance(eval_data, (tuple, list)) and len(eval_data) == 2:
            data, label = eval_data
            if data is None:
                raise ValueError("Eval data is NONE")
            if label is None and isinstance(data, io.DataIter):
                return data
            data, label = [np.array(one) if isinstance(one, list) else one for one in eval_data]
            return self._init_iter(data, label, is_train=True)
        if not isinstance(eval_data, io.DataIter):
            raise TypeError("Eval data must be DataIter, or NDArray/numpy.ndarray/list pair (i.e. tuple/list of length "
                            "2)")
        return eval_data

    # ---- predictions -----------------------------------------------------------------------------

    def _init_predictor(self, input_shapes: Any, type_dict: Any = None) -> None:
        """Bind the executor of predictions, unless there is one for these shapes."""
        shapes = {name: array.shape for name, array in self.arg_params.items()}
        shapes.update({one[0]: one[1] for one in input_shapes})
        if self._pred_exec is not None:
            wanted = self.symbol.infer_shape(**shapes)[0]
            assert wanted is not None, "Incomplete input shapes"
            if wanted == [array.shape for array in self._pred_exec.arg_arrays]:
                return
        executor = self.symbol.simple_bind(self.ctx[0], grad_req="null", type_dict=type_dict, **shapes)
        executor.copy_params_from(self.arg_params, self.aux_params)
        _check_arguments(self.symbol)
        self._pred_exec = executor

    def _predicted(self, X: Any, num_batch: int | None, reset: bool) -> Any:
        """For each batch of an iterator, its number and itself, after a forward pass."""
        if reset:
            X.reset()
        types = {name: array.dtype for name, array in self.arg_params.items()}
        described = [one if isinstance(one, io.DataDesc) else io.DataDesc(*one) for one in X.provide_data]
        types.update({one.name: one.dtype for one in described})
        self._init_predictor(described, types)
        arrays = [self._pred_exec.arg_dict[one.name] for one in described]
        for i, batch in enumerate(X):
            if i == num_batch:
                break
            _load_general(batch.data, arrays, [0] * len(arrays))
            self._pred_exec.forward(is_train=False)
            yield i, batch

    def predict(self, X: Any, num_batch: int | None = None, return_data: bool = False, reset: bool = True) -> Any:
        """The outputs for data, as NumPy arrays: one, or a list. This is a sync point.

        X: an iterator over batches, or an array.
        num_batch: the number of batches; None: all.
        return_data: whether the data and the labels are returned, too.
        reset: whether the iterator is reset first.
        """
        X = self._init_iter(X, None, is_train=False)
        found: list[list[list[Any]]] = [[], [], []]
        for _, batch in self._predicted(X, num_batch, reset):
            size = X.batch_size - (batch.pad or 0)
            kinds = [self._pred_exec.outputs, *([batch.data, batch.label] if return_data else [])]
            for rows, arrays in zip(found, kinds):
                rows.append([array[0:size].asnumpy() for array in arrays])
        merged = [[np.concatenate(parts) for parts in zip(*rows)] for rows in found]
        single = [arrays[0] if len(arrays) == 1 else arrays for arrays in merged]
        return tuple(single) if return_data else single[0]

    def score(self, X: Any, eval_metric: Any = "acc", num_batch: int | None = None, batch_end_callback: Any = None,
              reset: bool = True) -> Any:
        """The value of a metric of the predictions for data.

        eval_metric: the metric, or what `mx.metric.create` takes.
        batch_end_callback: a function of a `BatchEndParam`, or a list of them.
        Other parameters are as of `predict`.
        """
        if not isinstance(eval_metric, metric.EvalMetric):
            eval_metric = metric.create(eval_metric)
        X = self._init_iter(X, None, is_train=False)
        for i, batch in self._predicted(X, num_batch, reset):
            eval_metric.update(batch.label, self._pred_exec.outputs)
            if batch_end_callback is not None:
                _multiple_callbacks(batch_end_callback, BatchEndParam(0, i, eval_metric, locals()))
        return eval_metric.get()[1]

    # ---- training --------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, eval_data: Any = None, eval_metric: Any = "acc",
            epoch_end_callback: Any = None, batch_end_callback: Any = None, kvstore: Any = "local",
            logger: Any = None, work_load_list: Any = None, monitor: Any = None, eval_end_callback: Any = _LOG,
            eval_batch_end_callback: Any = None) -> None:
        """Train.

        X, y: an iterator over batches, or arrays of data and labels.
        eval_data: an iterator, or a pair of data and labels, that is scored after each epoch.
        eval_metric: the metric, or what `mx.metric.create` takes.
        epoch_end_callback: a function of the epoch, the symbol, parameters and auxiliary states, or a list of them.
        batch_end_callback, eval_batch_end_callback, eval_end_callback: functions of a `BatchEndParam`, or lists.
        kvstore: the store that adds up the gradients of several devices.
        logger: the logger.
        work_load_list: the load of each device.
        monitor: an `mx.mon.Monitor` to install.
        """
        data = self._init_iter(X, y, is_train=True)
        eval_data = self._init_eval_iter(eval_data)
        if self.sym_gen:
            self.symbol = self.sym_gen(data.default_bucket_key)
            self._check_arguments()
        self.kwargs["sym"] = self.symbol
        arg_names, param_names, aux_names = self._init_params([*data.provide_data, *data.provide_label])
        if not isinstance(eval_metric, metric.EvalMetric):
            eval_metric = metric.create(eval_metric)
        devices = len(self.ctx)
        kvstore, update_on_kvstore = _create_kvstore(kvstore, devices, self.arg_params)
        names_by_index = dict(enumerate(param_names)) if update_on_kvstore else \
            {i * devices + k: name for i, name in enumerate(param_names) for k in range(devices)}
        self.kwargs["param_idx2name"] = names_by_index
        optimizer = self.optimizer
        if isinstance(optimizer, str):
            batch_size = data.batch_size
            if kvstore and "dist" in kvstore.type and "_async" not in kvstore.type:
                batch_size *= kvstore.num_workers
            optimizer = opt.create(optimizer, rescale_grad=1.0 / batch_size, **self.kwargs)
        elif not optimizer.idx2name:
            optimizer.idx2name = names_by_index.copy()
        _train_multi_device(self.symbol, self.ctx, arg_names, param_names, aux_names, self.arg_params, self.aux_params,
                            begin_epoch=self.begin_epoch, end_epoch=self.num_epoch or 0, epoch_size=self.epoch_size,
                            optimizer=optimizer, train_data=data, eval_data=eval_data, eval_metric=eval_metric,
                            epoch_end_callback=epoch_end_callback, batch_end_callback=batch_end_callback,
                            kvstore=kvstore, update_on_kvstore=update_on_kvstore, logger=logger,
                            work_load_list=work_load_list, monitor=monitor, eval_end_callback=eval_end_callback,
                            eval_batch_end_callback=eval_batch_end_callback, sym_gen=self.sym_gen)

    # ---- files -----------------------------------------------------------------------------------

    def save(self, prefix: str, epoch: int | None = None, remove_amp_cast: bool = True) -> None:
        """Write a checkpoint by `mx.model.save_checkpoint`; `epoch` None: `num_epoch`."""
        epoch = self.num_epoch if epoch is None else epoch
        assert epoch is not None, "the number of the epoch is not known: save(prefix, epoch)"
        save_checkpoint(prefix, epoch, self.symbol, self.arg_params, self.aux_params, remove_amp_cast=remove_amp_cast)

    @staticmethod
    def load(prefix: str, epoch: int, ctx: Any = None, **kwargs: Any) -> FeedForward:
        """A model from a checkpoint; `kwargs` are keywords of the class."""
        loaded, arg_params, aux_params = load_checkpoint(prefix, epoch)
        return FeedForward(loaded, ctx=ctx, arg_params=arg_params, aux_params=aux_params, begin_epoch=epoch, **kwargs)

    @staticmethod
    def create(symbol: Any, X: Any, y: Any = None, ctx: Any = None, num_epoch: int | None = None,
               epoch_size: int | None = None, optimizer: Any = "sgd", initializer: Any = _UNIFORM,
               eval_data: Any = None, eval_metric: Any = "acc", epoch_end_callback: Any = None,
               batch_end_callback: Any = None, kvstore: Any = "local", logger: Any = None, work_load_list: Any = None,
               eval_end_callback: Any = _LOG, eval_batch_end_callback: Any = None, **kwargs: Any) -> FeedForward:
        """A new model, trained; parameters as of the class and of `fit`."""
        model = FeedForward(symbol, ctx=ctx, num_epoch=num_epoch, epoch_size=epoch_size, optimizer=optimizer,
                            initializer=initializer, **kwargs)
        model.fit(X, y, eval_data=eval_data, eval_metric=eval_metric, epoch_end_callback=epoch_end_callback,
                  batch_end_callback=batch_end_callback, kvstore=kvstore, logger=logger,
                  work_load_list=work_load_list, eval_end_callback=eval_end_callback,
                  eval_batch_end_callback=eval_batch_end_callback)
        return model



