"""Metrics of classes: the share of samples whose class is predicted."""
from __future__ import annotations

from typing import Any

import numpy

from .. import ndarray
from .. import numpy as np
from .. import numpy_extension as npx
from .evaluation import alias, check_label_shapes, register
from .running import RunningMetric, addend, as_np


@register
@alias("acc")
class Accuracy(RunningMetric):
    """The share of samples whose most probable class is the label.

    axis: the axis of classes in predictions of another shape than the labels; predictions of the labels' shape are
    classes.

    ValueError when the numbers of labels and predictions differ. The sum stays pending until it is read.

    >>> from tracer import nd
    >>> accuracy = Accuracy()
    >>> accuracy.update([nd.array([0, 1, 1])], [nd.array([[.3, .7], [0, 1], [.4, .6]])])
    >>> accuracy.get()
    ('accuracy', 0.6666666666666666)
    """

    def __init__(self, axis: int = 1, name: str = "accuracy", output_names: Any = None,
                 label_names: Any = None) -> None:
        super().__init__(name, axis=axis, output_names=output_names, label_names=label_names, has_global_stats=True)
        self.axis = axis

    def _measure(self, label: Any, pred: Any) -> tuple[Any, int]:
        if pred.shape != label.shape:
            pred = ndarray.argmax(pred, axis=self.axis)  # type: ignore[attr-defined]
        return hits(label, pred), pred.size


def hits(label: Any, classes: Any) -> Any:
    """The pending number of labels that equal the predicted classes; ValueError when their numbers differ."""
    label, classes = flat(as_np(label)), flat(as_np(classes).to_device(label.context))
    check_label_shapes(label, classes)
    return addend((classes.astype("int32") == label.astype("int32")).sum())


def flat(array: Any) -> Any:
    """An array's elements on one axis."""
    return array if len(array.shape) == 1 else array.reshape(-1)


@register
@alias("top_k_accuracy", "top_k_acc")
class TopKAccuracy(RunningMetric):
    """The share of samples whose label is among the `top_k` most probable classes.

    top_k: at least 2 (AssertionError otherwise); it is appended to the name.

    Of equal predictions the last ones count. The sum stays pending until it is read.

    >>> from tracer import nd
    >>> accuracy = TopKAccuracy(top_k=2)
    >>> accuracy.update([nd.array([0, 2])], [nd.array([[.3, .6, .1], [.5, .3, .2]])])
    >>> accuracy.get()
    ('top_k_accuracy_2', 0.5)
    """

    def __init__(self, top_k: int = 1, name: str = "top_k_accuracy", output_names: Any = None,
                 label_names: Any = None) -> None:
        super().__init__(name, top_k=top_k, output_names=output_names, label_names=label_names, has_global_stats=True)
        self.top_k = top_k
        assert self.top_k > 1, "Please use Accuracy if top_k is no more than 1"
        self.name += f"_{self.top_k}"

    def _measure(self, label: Any, pred: Any) -> tuple[Any, int]:
        return top_k_hits(label, pred, self.top_k), pred.shape[0]


def top_k_hits(label: Any, pred: Any, top_k: int) -> Any:
    """The pending number of labels among the `top_k` greatest predictions of their rows, where NaN is the greatest.

    Of equal predictions the last are taken; NumPy, which MXNet asks, takes some that depend on its version.

    AssertionError for predictions of more than two axes, ValueError for another number of labels than rows, or for
    fewer classes than `top_k`. Predictions of one axis are read: the label of each is compared with the position of
    one in NumPy's partial order.
    """
    assert len(pred.shape) <= 2, f"Predictions should be no more than 2 dims, got shape {pred.shape}"
    classes = pred.shape[-1]
    if top_k > classes and pred.size:
        raise ValueError(f"top_k={top_k} is more than the {classes} classes of predictions of shape {pred.shape}")
    check_label_shapes(label, pred)
    if len(pred.shape) == 1:
        order = numpy.argpartition(pred.asnumpy().astype("float32"), -top_k)
        return int((order == label.asnumpy().astype("int32").ravel()).sum())
    labels, pred = as_np(label).astype("int32").reshape(-1, 1), as_np(pred).to_device(label.context).astype("float32")
    if labels.shape[0] != pred.shape[0]:
        raise ValueError(f"labels of shape {label.shape} for predictions of shape {pred.shape}: one for each row")
    pred = np.where(np.isnan(pred), numpy.inf, pred)
    of_label = npx.pick(pred, labels, axis=1, keepdims=True)  # type: ignore[attr-defined]
    later = np.arange(classes, dtype="int32") > labels
    before = ((pred > of_label) | ((pred == of_label) & later)).sum(axis=1, keepdims=True)
    return addend(((before < top_k) & (labels >= 0) & (labels < classes)).sum())
