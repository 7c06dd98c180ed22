"""Metrics of probabilities: the logarithms of those that were predicted for the labels."""
from __future__ import annotations

import math
from typing import Any

import numpy

from .. import numpy as np
from .. import numpy_extension as npx
from ..autograd import pause
from .evaluation import alias, as_array, listed, register
from .running import RunningMetric, addend, as_np, settle, sum_of


class LogLikelihood(RunningMetric):
    """The mean of -log(p + eps), where p is the probability predicted for a sample's label.

    The predictions' first axis is that of samples (AssertionError when there are more or fewer labels), the second
    that of classes; IndexError for a label that is none. Labels are read at each update, float32 and float64
    predictions of two axes stay pending.
    """

    def __init__(self, eps: float, name: str, output_names: Any, label_names: Any) -> None:
        super().__init__(name, eps=eps, output_names=output_names, label_names=label_names, has_global_stats=True)
        self.eps = eps

    def _measure(self, label: Any, pred: Any) -> tuple[Any, int]:
        classes, rows = label.asnumpy().ravel().astype("int64"), pred.shape[0]
        assert label.size == rows, f"{label.size} labels of shape {label.shape} for predictions of shape {pred.shape}"
        if len(pred.shape) != 2 or pred.dtype not in (numpy.float32, numpy.float64):
            found = pred.asnumpy()[numpy.arange(rows), classes]
            return float((-numpy.log(found + self.eps)).sum()), rows
        outside = classes[(classes < -pred.shape[1]) | (classes >= pred.shape[1])]
        if outside.size:
            raise IndexError(f"{type(self).__name__}: label {outside[0]} is out of bounds for predictions of "
                             f"{pred.shape[1]} classes, shape {pred.shape}")
        label, pred = as_np(label), as_np(pred).to_device(label.context)
        found = npx.pick(pred, label.reshape(-1), axis=1, mode="wrap")  # type: ignore[attr-defined]
        return addend(-sum_of(_log(found + self.eps))), rows


@register
@alias("ce")
class CrossEntropy(LogLikelihood):
    """The cross entropy of predicted probabilities with the labels: the mean of -log(p + eps).

    eps: what is added to each label's probability p.

    >>> from tracer import nd
    >>> entropy = CrossEntropy()
    >>> entropy.update([nd.array([0, 1])], [nd.array([[.5, .5], [0, 1]])])
    >>> entropy.get()
    ('cross-entropy', 0.3465735912322998)
    """

    def __init__(self, eps: float = 1e-12, name: str = "cross-entropy", output_names: Any = None,
                 label_names: Any = None) -> None:
        super().__init__(eps, name, output_names, label_names)


@register
@alias("nll_loss")
class NegativeLogLikelihood(LogLikelihood):
    """The negative log-likelihood of the labels: the mean of -log(p + eps).

    eps: what is added to each label's probability p.

    >>> from tracer import nd
    >>> likelihood = NegativeLogLikelihood()
    >>> likelihood.update([nd.array([0, 1])], [nd.array([[.5, .5], [0, 1]])])
    >>> likelihood.get()
    ('nll-loss', 0.3465735912322998)
    """

    def __init__(self, eps: float = 1e-12, name: str = "nll-loss", output_names: Any = None,
                 label_names: Any = None) -> None:
        super().__init__(eps, name, output_names, label_names)


@register
class Perplexity(RunningMetric):
    """The perplexity of predicted probabilities: exp of the mean of -log(p), where p is that of a sample's label.

    ignore_label: samples with this label do not count; None: all do.
    axis: the axis of classes. A label that is no class counts as the nearest one.

    AssertionError unless there is one label for each row of the predictions. The sums stay pending until read.

    >>> from tracer import nd
    >>> perplexity = Perplexity(ignore_label=None)
    >>> perplexity.update([nd.array([0, 1])], [nd.array([[.25, .75], [0, 1]])])
    >>> name, value = perplexity.get()
    >>> name, round(value, 6)
    ('perplexity', 2.0)
    """

    def __init__(self, ignore_label: Any, axis: int = -1, name: str = "perplexity", output_names: Any = None,
                 label_names: Any = None) -> None:
        super().__init__(name, ignore_label=ignore_label, output_names=output_names, label_names=label_names,
                         has_global_stats=True)
        self.ignore_label = ignore_label
        self.axis = axis

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch: lists with as many labels as predictions (AssertionError otherwise)."""
        assert len(labels) == len(preds), f"{len(labels)} labels for {len(preds)} predictions"
        settle(vars(self).get("sum_metric"))
        total: Any = 0.0
        instances: Any = 0
        with pause():
            for label, pred in zip(listed(labels), listed(preds)):
                loss, counted = self._measure(as_array(label), as_array(pred))
                total, instances = total - loss, instances + counted
        self._count(total, instances)

    def _measure(self, label: Any, pred: Any) -> tuple[Any, Any]:
        check_rows(label, pred)
        label, pred = as_np(label).to_device(pred.context).reshape((label.size,)), as_np(pred)
        found = npx.pick(pred, label.astype("int32"), axis=self.axis)  # type: ignore[attr-defined]
        counted: Any = found.size
        if self.ignore_label is not None:
            ignored = (label == self.ignore_label).astype(found.dtype)
            counted = counted - addend(ignored.sum())
            found = found * (1 - ignored) + ignored
        return addend(sum_of(_log(np.maximum(found, 1e-10)))), counted

    def _value(self, total: Any, count: Any) -> Any:
        return float("nan") if count == 0 else math.exp(total / count)


def _log(array: Any) -> Any:
    """The logarithm in the array's dtype, that of float32 rounded from float64: `sum_of` says why."""
    return np.log(array.astype("float64")).astype(array.dtype)


def check_rows(label: Any, pred: Any) -> None:
    """Assert that there is one label for each row along the predictions' last axis."""
    assert label.size == pred.size / pred.shape[-1], f"shape mismatch: {label.shape} vs. {pred.shape}"
