"""Metrics of MXNet 2.0 of correlation."""
from __future__ import annotations

from typing import Any

import numpy

from ...autograd import pause
from ...metric import correlation as first
from ...metric.evaluation import as_array
from ...metric.running import as_np, settle
from .evaluation import EvalMetric, alias, check_label_shapes, register


@register
@alias("pearsonr")
class PearsonCorrelation(first.PearsonCorrelation, EvalMetric):
    """The Pearson correlation coefficient of all batches' labels and predictions. The sums stay pending.

    >>> from tracer import np
    >>> correlation = PearsonCorrelation()
    >>> correlation.update([np.array([[1, 0], [0, 1], [0, 1]])], [np.array([[.25, .75], [0, 1], [.5, .5]])])
    >>> name, value = correlation.get()
    >>> name, round(value, 4)
    ('pearsonr', 0.2582)
    """

    def __init__(self, name: str = "pearsonr", output_names: Any = None, label_names: Any = None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names, average="micro")

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch: lists of arrays, each pair of one shape (ValueError otherwise)."""
        labels, preds = check_label_shapes(labels, preds, True)
        settle(self._conv)
        with pause():
            for label, pred in zip(labels, preds):
                label, pred = as_np(as_array(label)), as_np(as_array(pred))
                check_label_shapes(label, pred, False, True)
                pred = pred.to_device(label.device)
                self._add(label.reshape(-1).astype("float64"), pred.reshape(-1).astype("float64"))


@register
class PCC(first.PCC, EvalMetric):
    """The Matthews correlation coefficient of any number of classes. Each update reads the arrays.

    >>> from tracer import np
    >>> score = PCC()
    >>> score.update([np.array([0, 1, 2])], [np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]])])
    >>> score.get()
    ('pcc', 1.0)
    """

    def __init__(self, name: str = "pcc", output_names: Any = None, label_names: Any = None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names)

    def _likeliest(self, pred: Any) -> numpy.ndarray:
        return as_np(pred).argmax(axis=1).asnumpy()
