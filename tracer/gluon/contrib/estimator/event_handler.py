"""The handlers of an estimator's events: stopping, updates, metrics, validation; and the names of all others."""
from __future__ import annotations

import math
import warnings
from typing import Any

from .... import metric as first
from .checkpoint import CheckpointHandler
from .events import (
    BatchBegin,
    BatchEnd,
    EpochBegin,
    EpochEnd,
    EventHandler,
    TrainBegin,
    TrainEnd,
    _check_event_handlers,
)
from .logging_handler import LoggingHandler
from .utils import COMPOSITE, LOSS, _check_metrics, improvement, worst

__all__ = ["BatchBegin", "BatchEnd", "CheckpointHandler", "EarlyStoppingHandler", "EpochBegin", "EpochEnd",
           "GradientUpdateHandler", "LoggingHandler", "MetricHandler", "StoppingHandler", "TrainBegin", "TrainEnd",
           "ValidationHandler"]

_ALSO_HERE = (EventHandler, _check_event_handlers)


class StoppingHandler(TrainBegin, BatchEnd, EpochEnd):
    """A handler that ends the training after `estimator.max_epoch` epochs or `estimator.max_batch` batches.

    max_epoch, max_batch: these numbers, until `fit` sets them.
    """

    def __init__(self, max_epoch: int | None = None, max_batch: int | None = None) -> None:
        self.max_epoch = max_epoch
        self.max_batch = max_batch
        self.current_batch = self.current_epoch = 0
        self.stop_training = False

    def train_begin(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Begin to count."""
        self.max_epoch = estimator.max_epoch
        self.max_batch = estimator.max_batch
        self.current_batch = self.current_epoch = 0

    def batch_end(self, estimator: Any, *args: Any, **kwargs: Any) -> bool:
        """Whether this was the last batch."""
        self.current_batch += 1
        if self.current_batch == self.max_batch:
            self.stop_training = True
        return self.stop_training

    def epoch_end(self, estimator: Any, *args: Any, **kwargs: Any) -> bool:
        """Whether this was the last epoch."""
        self.current_epoch += 1
        if self.current_epoch == self.max_epoch:
            self.stop_training = True
        return self.stop_training


class MetricHandler(EpochBegin, BatchEnd):
    """A handler that updates metrics after each batch, those of losses by the losses.

    metrics: the metrics.
    priority: its place among the handlers, before those that read the metrics.
    """

    def __init__(self, metrics: Any, priority: float = -1000) -> None:
        self.metrics = _check_metrics(metrics)
        self.priority = priority

    def epoch_begin(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Reset the metrics."""
        for metric in self.metrics:
            metric.reset()

    def batch_end(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Update the metrics."""
        for metric in self.metrics:
            if isinstance(metric, LOSS):
                metric.update(0, kwargs["loss"])
            else:
                metric.update(kwargs["label"], kwargs["pred"])


class ValidationHandler(TrainBegin, BatchEnd, EpochEnd):
    """A handler that evaluates the network on validation data.

    val_data: the data.
    eval_fn: called with the keywords `val_data`, `batch_axis` and `event_handlers`, such as `Estimator.evaluate`.
    epoch_period, batch_period: the numbers of epochs and of batches between two evaluations; None: none.
    priority: its place among the handlers, before those that read the metrics.
    event_handlers: handlers for `eval_fn`.
    """

    def __init__(self, val_data: Any, eval_fn: Any, epoch_period: int | None = 1, batch_period: int | None = None,
                 priority: float = -1000, event_handlers: Any = None) -> None:
        self.val_data = val_data
        self.eval_fn = eval_fn
        self.epoch_period = epoch_period
        self.batch_period = batch_period
        self.current_batch = self.current_epoch = 0
        self.priority = priority
        self.event_handlers = event_handlers

    def train_begin(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Begin to count."""
        self.current_batch = self.current_epoch = 0

    def batch_end(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Evaluate, once in `batch_period` batches."""
        self.current_batch += 1
        if self.batch_period and self.current_batch % self.batch_period == 0:
            self._evaluate(estimator)

    def epoch_end(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Evaluate, once in `epoch_period` epochs."""
        self.current_epoch += 1
        if self.epoch_period and self.current_epoch % self.epoch_period == 0:
            self._evaluate(estimator)

    def _evaluate(self, estimator: Any) -> None:
        self.eval_fn(val_data=self.val_data, batch_axis=estimator.batch_axis, event_handlers=self.event_handlers)


class EarlyStoppingHandler(TrainBegin, EpochEnd, TrainEnd):
    """A handler that ends the training when a metric has not improved for some epochs.

    monitor: the metric, one of the estimator's. ValueError for a composite one, and for what is no metric.
    min_delta: the change that counts as an improvement.
    patience: the number of epochs without one.
    mode: "max", "min" or "auto" ("max"): which values of the metric are better.
    baseline: the value that the first epoch has to improve on; None: any is an improvement.
    """

    def __init__(self, monitor: Any, min_delta: float = 0, patience: int = 0, mode: str = "auto",
                 baseline: float | None = None) -> None:
        if not isinstance(monitor, first.EvalMetric):
            raise ValueError("EarlyStoppingHandler: monitor must be a metric, one of estimator.train_metrics and "
                             f"estimator.val_metrics; got {monitor!r}")
        if isinstance(monitor, COMPOSITE):
            raise ValueError("EarlyStoppingHandler: monitor must be a single metric, not a CompositeEvalMetric")
        self.monitor = monitor
        self.baseline = baseline
        self.patience = patience
        self.wait = self.stopped_epoch = self.current_epoch = 0
        self.stop_training = False
        self.monitor_op = improvement(monitor, mode, "EarlyStoppingHandler")
        self.min_delta = min_delta if worst(self.monitor_op) < 0 else -min_delta

    def train_begin(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Begin to count."""
        self.wait = self.stopped_epoch = self.current_epoch = 0
        self.stop_training = False
        self.best = worst(self.monitor_op) if self.baseline is None else self.baseline

    def epoch_end(self, estimator: Any, *args: Any, **kwargs: Any) -> bool:
        """Whether to end the training."""
        name, value = self.monitor.get()
        if math.isnan(value):
            warnings.warn(f"EarlyStoppingHandler: {name} has no value. The monitor must be one of "
                          "estimator.train_metrics and estimator.val_metrics", RuntimeWarning, stacklevel=2)
        elif self.monitor_op(value - self.min_delta, self.best):
            self.best = value
            self.wait = 0
        else:
            self.wait += 1
            if self.wait >= self.patience:
                self.stopped_epoch = self.current_epoch
                self.stop_training = True
        self.current_epoch += 1
        return self.stop_training

    def train_end(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Log that the training was ended early."""
        if self.stopped_epoch > 0:
            estimator.logger.info("[Epoch %d] EarlyStoppingHandler: early stopping due to %s not improving",
                                  self.stopped_epoch, self.monitor.get()[0])


class GradientUpdateHandler(BatchEnd):
    """A handler that updates the parameters after each batch: `trainer.step` with the number of losses.

    priority: its place among the handlers, by default the first.
    """

    def __init__(self, priority: float = -2000) -> None:
        self.priority = priority

    def batch_end(self, estimator: Any, *args: Any, **kwargs: Any) -> None:
        """Update the parameters."""
        loss = kwargs["loss"]
        estimator.trainer.step(sum([part.shape[0] for part in (loss if isinstance(loss, list) else [loss])]))
