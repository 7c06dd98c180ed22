"""`mx.contrib.tensorboard`: metrics of a training for TensorBoard, written by the package mxboard."""
from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

__all__ = ["LogMetricsCallback"]


class LogMetricsCallback:
    """A callback after batches or epochs that writes the values of the metrics.

    logging_dir: the folder of the event files.
    prefix: the beginning of the names of values; "prefix-name".

    Without the package mxboard an error is logged, and the calls fail.
    """

    def __init__(self, logging_dir: str, prefix: str | None = None) -> None:
        self.prefix = prefix
        try:
            self.summary_writer = import_module("mxboard").SummaryWriter(logging_dir)
        except ImportError:
            logging.error("You can install mxboard via `pip install mxboard`.")

    def __call__(self, param: Any) -> None:
        if param.eval_metric is None:
            return
        for name, value in param.eval_metric.get_name_value():
            title = name if self.prefix is None else f"{self.prefix}-{name}"
            self.summary_writer.add_scalar(title, value, global_step=param.epoch)
