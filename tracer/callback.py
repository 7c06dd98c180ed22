"""`mx.callback`: functions that training calls after batches and epochs."""
from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any

from .checkpoints import save_checkpoint

__all__ = ["LogValidationMetricsCallback", "ProgressBar", "Speedometer", "do_checkpoint", "log_train_metric",
           "module_checkpoint"]


def module_checkpoint(mod: Any, prefix: str, period: int = 1, save_optimizer_states: bool = False
                      ) -> Callable[..., None]:
    """A callback after an epoch that lets a module write a checkpoint.

    mod: an object with a method `save_checkpoint`.
    prefix: the beginning of the files' names.
    period: the number of epochs from one checkpoint to the next.
    save_optimizer_states: whether the optimizer's states are written, too.
    """
    every = int(max(1, period))

    def callback(iter_no: int, sym: Any = None, arg: Any = None, aux: Any = None) -> None:
        if (iter_no + 1) % every == 0:
            mod.save_checkpoint(prefix, iter_no + 1, save_optimizer_states)

    return callback


def do_checkpoint(prefix: str, period: int = 1) -> Callable[..., None]:
    """A callback after an epoch that writes a checkpoint by `mx.model.save_checkpoint`.

    prefix: the beginning of the files' names.
    period: the number of epochs from one checkpoint to the next.
    """
    every = int(max(1, period))

    def callback(iter_no: int, sym: Any, arg: dict[str, Any], aux: dict[str, Any]) -> None:
        if (iter_no + 1) % every == 0:
            save_checkpoint(prefix, iter_no + 1, sym, arg, aux)

    return callback


def log_train_metric(period: int, auto_reset: bool = False) -> Callable[[Any], None]:
    """A callback after a batch that logs the training metric.

    period: the number of batches from one line to the next.
    auto_reset: whether the metric's local values are then reset.
    """
    def callback(param: Any) -> None:
        if param.nbatch % period == 0 and param.eval_metric is not None:
            for name, value in param.eval_metric.get_name_value():
                logging.info("Iter[%d] Batch[%d] Train-%s=%f", param.epoch, param.nbatch, name, value)
            if auto_reset:
                param.eval_metric.reset_local()

    return callback


class Speedometer:
    """A callback after a batch that logs the number of examples in a second, and the training metric.

    batch_size: the number of examples in a batch.
    frequent: the number of batches from one line to the next.
    auto_reset: whether the metric's local values are then reset.

    >>> from tracer.model import BatchEndParam
    >>> meter = Speedometer(batch_size=32, frequent=10)
    >>> for batch in range(3):
    ...     meter(BatchEndParam(epoch=0, nbatch=batch, eval_metric=None, locals=None))
    >>> meter.init, meter.last_count
    (True, 2)
    """

    def __init__(self, batch_size: int, frequent: int = 50, auto_reset: bool = True) -> None:
        self.batch_size = batch_size
        self.frequent = frequent
        self.init = False
        self.tic: float = 0
        self.last_count = 0
        self.auto_reset = auto_reset

    def __call__(self, param: Any) -> None:
        """Log a line if it is time for one. A smaller number of batches than the last begins a new epoch."""
        count = param.nbatch
        if self.last_count > count:
            self.init = False
        self.last_count = count
        if not self.init:
            self.init = True
            self.tic = time.time()
        elif count % self.frequent == 0:
            self._log(param, count)
            self.tic = time.time()

    def _log(self, param: Any, count: int) -> None:
        passed = time.time() - self.tic
        speed = self.frequent * self.batch_size / passed if passed else float("inf")
        if param.eval_metric is None:
            logging.info("Iter[%d] Batch [%d]\tSpeed: %.2f samples/sec", param.epoch, count, speed)
            return
        pairs = param.eval_metric.get_name_value()
        first = 0
        if self.auto_reset:
            param.eval_metric.reset_local()
            first = count - self.frequent
        logging.info("Epoch[%d] Batch [%d-%d]\tSpeed: %.2f samples/sec" + "\t%s=%f" * len(pairs),
                     param.epoch, first, count, speed, *[part for pair in pairs for part in pair])


class ProgressBar:
    """A callback after a batch that logs a bar of the part of the epoch that is done.

    total: the number of batches in an epoch.
    length: the bar's width in characters.

    >>> ProgressBar(total=2, length=10).bar_len
    10
    """

    def __init__(self, total: int, length: int = 80) -> None:
        self.bar_len = length
        self.total = total

    def __call__(self, param: Any) -> None:
        """Log the bar."""
        filled = int(round(self.bar_len * param.nbatch / float(self.total)))
        bar = "=" * filled + "-" * (self.bar_len - filled)
        logging.info("[%s] %s%s\r", bar, math.ceil(100.0 * param.nbatch / float(self.total)), "%")


class LogValidationMetricsCallback:
    """A callback after an epoch that logs the metric of the validation data.

    >>> from tracer.model import BatchEndParam
    >>> LogValidationMetricsCallback()(BatchEndParam(epoch=0, nbatch=1, eval_metric=None, locals=None))
    """

    def __call__(self, param: Any) -> None:
        """Log a line for each metric."""
        for name, value in param.eval_metric.get_name_value() if param.eval_metric else ():
            logging.info("Epoch[%d] Validation-%s=%f", param.epoch, name, value)
