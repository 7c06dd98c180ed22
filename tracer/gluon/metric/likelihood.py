"""Metrics of MXNet 2.0 of probabilities: the logarithms of those that were predicted for the labels."""
from __future__ import annotations

import math
from typing import Any

from ... import numpy as np
from ... import numpy_extension as npx
from ...autograd import pause
from ...metric.evaluation import as_array
from ...metric.likelihood import check_rows
from ...metric.running import as_np, settle
from .evaluation import EvalMetric, alias, check_label_shapes, register


@register
@alias("ce")
class CrossEntropy(EvalMetric):
    """The cross entropy of predicted probabilities with the labels: the mean of -log(p).

    eps: the least probability p that counts for a label.
    ignore_label: samples with this label do not count; None: all do.
    axis: the axis of classes.
    from_logits: apply softmax to the predictions.

    AssertionError unless there is one label for each row of the predictions.

    >>> from tracer import np
    >>> entropy = CrossEntropy()
    >>> entropy.update([np.array([0, 1])], [np.array([[.5, .5], [0, 1]])])
    >>> entropy.get()
    ('cross-entropy', 0.3465735912322998)
    """

    def __init__(self, eps: float = 1e-12, ignore_label: Any = None, axis: int = -1, from_logits: bool = False,
                 name: str = "cross-entropy", output_names: Any = None, label_names: Any = None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names)
        self.ignore_label = ignore_label
        self.axis = axis
        self.from_logits = from_logits
        self.eps = eps

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch: lists of arrays of one length (ValueError otherwise)."""
        labels, preds = check_label_shapes(labels, preds, True)
        settle(self.sum_metric)
        total: Any = 0.0
        instances: Any = 0
        with pause():
            for label, pred in zip(labels, preds):
                likelihood, counted = self._measure(as_array(label), as_array(pred))
                total, instances = total - likelihood, instances + counted
        self._count(total, instances)

    def _measure(self, label: Any, pred: Any) -> tuple[Any, Any]:
        check_rows(label, pred)
        label, pred = as_np(label).reshape((label.size,)), as_np(pred)
        if self.from_logits:
            pred = npx.softmax(pred, axis=self.axis)  # type: ignore[attr-defined]
        pred, classes = pred.to_device(label.device), label.astype("int32")
        found = npx.pick(pred, classes, axis=self.axis)  # type: ignore[attr-defined]
        counted: Any = found.size
        if self.ignore_label is not None:
            ignored = (label == self.ignore_label).astype(found.dtype)
            counted = counted - ignored.sum()
            found = found * (1 - ignored) + ignored
        return np.log(np.maximum(self.eps, found)).sum(), counted


@register
class Perplexity(CrossEntropy):
    """The perplexity of predicted probabilities: exp of their cross entropy with the labels.

    The parameters are those of `CrossEntropy`.

    >>> from tracer import np
    >>> perplexity = Perplexity()
    >>> perplexity.update([np.array([0, 1])], [np.array([[.25, .75], [0, 1]])])
    >>> name, value = perplexity.get()
    >>> name, round(value, 6)
    ('perplexity', 2.0)
    """

    def __init__(self, eps: float = 1e-12, ignore_label: Any = None, axis: int = -1, from_logits: bool = False,
                 name: str = "perplexity", output_names: Any = None, label_names: Any = None) -> None:
        super().__init__(eps=eps, ignore_label=ignore_label, axis=axis, from_logits=from_logits, name=name,
                         output_names=output_names, label_names=label_names)

    def _value(self, total: Any, count: Any) -> Any:
        return float("nan") if count == 0 else math.exp(total / count)
