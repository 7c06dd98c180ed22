"""`Estimator`: a training loop with metrics, validation and handlers of events."""
from __future__ import annotations

import copy
import logging
import sys
import warnings
from typing import Any

from ....context import Context, cpu, gpu, num_gpus
from ...data import DataLoader
from ...loss import Loss
from ...trainer import Trainer
from .batch_processor import BatchProcessor
from .event_handler import (
    BatchBegin,
    BatchEnd,
    EpochBegin,
    EpochEnd,
    GradientUpdateHandler,
    LoggingHandler,
    MetricHandler,
    StoppingHandler,
    TrainBegin,
    TrainEnd,
    ValidationHandler,
    _check_event_handlers,
)
from .utils import (
    _check_handler_metric_ref,
    _check_metrics,
    _suggest_metric_for_loss,
    is_2,
    metrics_of_generation,
)

__all__ = ["Estimator"]

_EVENTS = (TrainBegin, EpochBegin, BatchBegin, BatchEnd, EpochEnd, TrainEnd)


class Estimator:
    """A network with a loss, metrics and a trainer: `fit` trains it, `evaluate` evaluates it.

    net: the network; it is initialized unless it is.
    loss: its loss, a `gluon.loss.Loss`.
    train_metrics, val_metrics: the metrics in training and in validation; None: the loss, and the accuracy if the loss
        is a softmax's cross entropy; copies of the training's. "training " or "validation " is put before their names.
    initializer: the network's initializer.
    trainer: a `gluon.Trainer`; None: SGD with learning rate 0.001.
    context (device in MXNet 2): a context or a list of them; None: the CPU.
    val_net, val_loss: the network and the loss in validation; None: those of the training.
    batch_processor: an object with `fit_batch` and `evaluate_batch`; None: a `BatchProcessor`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/contrib/index.html

    >>> from tracer import gluon, nd
    >>> data = gluon.data.DataLoader(gluon.data.ArrayDataset(nd.ones((4, 2)), nd.zeros(4)), batch_size=2)
    >>> net = gluon.nn.Dense(1, weight_initializer="ones")
    >>> net.initialize()
    >>> trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    >>> estimator = Estimator(net, gluon.loss.L2Loss(), trainer=trainer)
    >>> estimator.logger.setLevel("ERROR")
    >>> estimator.fit(data, epochs=1)
    >>> estimator.train_metrics[0].get()[0]
    'training l2loss'
    """

    #: The logger of the estimator and its handlers, which writes to standard output.
    logger: Any = None

    def __init__(self, net: Any, loss: Any, train_metrics: Any = None, val_metrics: Any = None,
                 initializer: Any = None, trainer: Any = None, context: Any = None, val_net: Any = None,
                 val_loss: Any = None, batch_processor: Any = None, device: Any = None) -> None:
        self.net = net
        self.loss = self._check_loss(loss)
        self._train_metrics = _check_metrics(train_metrics)
        self._val_metrics = _check_metrics(val_metrics)
        self._add_default_training_metrics()
        self._add_validation_metrics()
        self.val_loss = self.loss if val_loss is None else self._check_loss(val_loss)
        self.val_net = self.net if val_net is None else val_net
        self.logger = logging.Logger(name="Estimator", level=logging.INFO)
        self.logger.addHandler(logging.StreamHandler(sys.stdout))
        self.context = self.device = self._check_context(device if context is None else context)
        self._initialize(initializer)
        self.trainer = self._check_trainer(trainer)
        self.batch_processor = self._check_batch_processor(batch_processor)

    # ---- what it is made of ----------------------------------------------------------------------

    def _check_loss(self, loss: Any) -> Any:
        if not isinstance(loss, Loss):
            raise ValueError(f"loss must be a Loss, refer to gluon.loss.Loss: {loss}")
        return loss

    def _check_context(self, context: Any) -> list[Context]:
        if not context:
            return [gpu(0)] if num_gpus() else [cpu()]
        contexts = [context] if isinstance(context, Context) else context
        if not isinstance(contexts, list) or not all([isinstance(ctx, Context) for ctx in contexts]):
            raise ValueError("context must be a Context or a list of Context, such as mx.cpu() or [mx.gpu(0), "
                             f"mx.gpu(1)]: {context}")
        known = [gpu(i) for i in range(num_gpus())]
        for ctx in contexts:
            assert ctx in known or str(ctx).startswith("cpu"), \
                f"{ctx} is not available, please use one of: {', '.join(map(str, [cpu(), *known]))}"
        return contexts

    _check_devices = _check_context

    def _check_batch_processor(self, batch_processor: Any) -> Any:
        if batch_processor is None:
            return BatchProcessor()
        if not all([callable(getattr(batch_processor, name, None)) for name in ("fit_batch", "evaluate_batch")]):
            raise ValueError("batch_processor must have the methods fit_batch() and evaluate_batch(); "
                             f"{type(batch_processor).__name__} lacks one")
        return batch_processor

    def _initialize(self, initializer: Any) -> None:
        if not self._is_initialized():
            self.net.initialize(init=initializer, ctx=self.context)
        elif initializer:
            warnings.warn("Network already fully initialized, so the Estimator's initializer is not used. Use "
                          "net.initialize(init=your_initializer, force_reinit=True) to initialize it again.",
                          stacklevel=3)

    def _is_initialized(self) -> bool:
        try:
            for parameter in self.net.collect_params().values():
                parameter.list_ctx()
        except RuntimeError:
            return False
        return True

    def _check_trainer(self, trainer: Any) -> Trainer:
        if not trainer:
            warnings.warn("No trainer specified, default SGD optimizer with learning rate 0.001 is used.", stacklevel=3)
            return Trainer(self.net.collect_params(), "sgd", {"learning_rate": 0.001})
        if not isinstance(trainer, Trainer):
            raise ValueError(f"Trainer must be a Gluon Trainer instance, refer to gluon.Trainer: {trainer}")
        return trainer

    def _get_data_and_label(self, batch: Any, ctx: Any, batch_axis: int = 0) -> tuple[list[Any], list[Any]]:
        return BatchProcessor()._get_data_and_label(batch, ctx, batch_axis)

    def _add_default_training_metrics(self) -> None:
        if not self._train_metrics:
            suggested = _suggest_metric_for_loss(self.loss)
            name = type(self.loss).__name__ if is_2() else self.loss.name.rstrip("1234567890")
            self._train_metrics = [*([suggested] if suggested else []), metrics_of_generation().Loss(name)]
        for metric in self._train_metrics:
            metric.name = "training " + metric.name

    def _add_validation_metrics(self) -> None:
        if not self._val_metrics:
            self._val_metrics = [copy.deepcopy(metric) for metric in self._train_metrics]
        for metric in self._val_metrics:
            metric.name = metric.name.replace("training", "validation") if "training" in metric.name \
                else "validation " + metric.name

    @property
    def train_metrics(self) -> list[Any]:
        """The metrics in training."""
        return self._train_metrics

    @property
    def val_metrics(self) -> list[Any]:
        """The metrics in validation."""
        return self._val_metrics

    # ---- loops -----------------------------------------------------------------------------------

    def evaluate(self, val_data: Any, batch_axis: int = 0, event_handlers: Any = None) -> None:
        """Evaluate the network: `val_metrics` then has the results.

        val_data: a DataLoader of data and labels (ValueError otherwise).
        batch_axis: the axis along which a batch is split for several contexts.
        event_handlers: handlers besides a MetricHandler and a LoggingHandler, or in their place.
        """
        self._check_data(val_data)
        for metric in self.val_metrics:
            metric.reset()
        handlers = self._prepare_default_validation_handlers(event_handlers)
        _, epoch_begin, batch_begin, batch_end, epoch_end, _ = self._categorize_handlers(handlers)
        for handler in epoch_begin:
            handler.epoch_begin(self)
        for batch in val_data:
            for handler in batch_begin:
                handler.batch_begin(self, batch=batch)
            _, label, pred, loss = self.batch_processor.evaluate_batch(self, batch, batch_axis)
            for handler in batch_end:
                handler.batch_end(self, batch=batch, pred=pred, label=label, loss=loss)
        for handler in epoch_end:
            handler.epoch_end(self)

    def fit(self, train_data: Any, val_data: Any = None, epochs: int | None = None, event_handlers: Any = None,
            batches: int | None = None, batch_axis: int = 0) -> None:
        """Train the network for a number of epochs or of batches.

        train_data: a DataLoader of data and labels (ValueError otherwise).
        val_data: another, on which the network is evaluated after each epoch; None: it is not.
        epochs, batches: the number; ValueError unless one of the two is given.
        event_handlers: handlers besides those that update, measure, validate, log and stop, or in their place.
        batch_axis: the axis along which a batch is split for several contexts.
        """
        self._check_data(train_data)
        if (not epochs) == (not batches):
            raise ValueError("Fit only support exactly one type of iteration, train by number of epochs or number of "
                             f"batches: epochs={epochs}, batches={batches}")
        self.max_epoch = epochs
        self.max_batch = batches
        self.batch_axis = batch_axis
        handlers = self._prepare_default_handlers(val_data, event_handlers)
        train_begin, epoch_begin, batch_begin, batch_end, epoch_end, train_end = self._categorize_handlers(handlers)
        for handler in train_begin:
            handler.train_begin(self)
        while True:
            for handler in epoch_begin:
                handler.epoch_begin(self)
            for batch in train_data:
                for handler in batch_begin:
                    handler.batch_begin(self, batch=batch)
                _, label, pred, loss = self.batch_processor.fit_batch(self, batch, batch_axis)
                if any([handler.batch_end(self, batch=batch, pred=pred, label=label, loss=loss)
                        for handler in batch_end]):
                    break
            if any([handler.epoch_end(self) for handler in epoch_end]):
                break
        for handler in train_end:
            handler.train_end(self)

    def _check_data(self, data: Any) -> None:
        if not isinstance(data, DataLoader):
            raise ValueError("Estimator only support input as Gluon DataLoader, such as gluon.data.DataLoader("
                             f"gluon.data.ArrayDataset(data, labels), batch_size); got {type(data)}")

    # ---- handlers --------------------------------------------------------------------------------

    def _prepare_default_handlers(self, val_data: Any, event_handlers: Any) -> list[Any]:
        """The handlers of `fit`, in order. ValueError if a user's handler has metrics that are not the estimator's."""
        handlers = _check_event_handlers(event_handlers)
        added: list[Any] = [StoppingHandler(self.max_epoch, self.max_batch)]
        if not _has(handlers, GradientUpdateHandler):
            added.append(GradientUpdateHandler())
        if not _has(handlers, MetricHandler):
            added.append(MetricHandler(metrics=self.train_metrics))
        if val_data and not _has(handlers, ValidationHandler):
            added.append(ValidationHandler(val_data=val_data, eval_fn=self.evaluate))
        if not _has(handlers, LoggingHandler):
            added.append(LoggingHandler(metrics=self.train_metrics))
        return _combined(handlers, added, self.train_metrics + self.val_metrics)

    def _prepare_default_validation_handlers(self, event_handlers: Any) -> list[Any]:
        """The handlers of `evaluate`, in order."""
        handlers = _check_event_handlers(event_handlers)
        added: list[Any] = []
        if not _has(handlers, MetricHandler):
            added.append(MetricHandler(metrics=self.val_metrics))
        if not _has(handlers, LoggingHandler):
            added.append(LoggingHandler(metrics=self.val_metrics))
        return _combined(handlers, added, self.val_metrics)

    def _categorize_handlers(self, event_handlers: list[Any]) -> tuple[list[Any], ...]:
        """The handlers of each event: train begin, epoch begin, batch begin, batch end, epoch end, train end."""
        return tuple([[handler for handler in event_handlers if isinstance(handler, event)] for event in _EVENTS])


def _has(handlers: list[Any], kind: type) -> bool:
    return any([isinstance(handler, kind) for handler in handlers])


def _combined(handlers: list[Any], added: list[Any], known: list[Any]) -> list[Any]:
    """A user's handlers, to whose list the default ones are added as in MXNet, by their priorities."""
    mixed = bool(handlers) and bool(added)
    handlers.extend(added)
    for handler in handlers if mixed else ():
        _check_handler_metric_ref(handler, set(known))
    handlers.sort(key=lambda handler: getattr(handler, "priority", 0))
    return handlers
