"""Metrics of MXNet 2.0 of classes: the share of samples whose class is predicted."""
from __future__ import annotations

from typing import Any

from ... import numpy as np
from ...core.invoke import Handle
from ...metric.classification import hits, top_k_hits
from .evaluation import BatchMetric, alias, register


def predict_with_threshold(pred: Any, threshold: Any = 0.5) -> Any:
    """The places at which predictions exceed a threshold.

    threshold: a float, or an array with one for each class (AssertionError for another number); ValueError for
    anything else.

    >>> from tracer import np
    >>> predict_with_threshold(np.array([.2, .8]))
    array([False,  True])
    """
    if isinstance(threshold, Handle):
        classes = pred.shape[-1], threshold.shape[-1]  # type: ignore[attr-defined]
        assert classes[0] == classes[1], f"shape mismatch: {classes[0]} vs. {classes[1]}"
    elif not isinstance(threshold, float):
        raise ValueError(f"{type(threshold)} is a wrong type for threshold!")
    return pred > threshold


def one_hot(idx: Any, num: int) -> Any:
    """Rows of int32 with a 1 at the class of each element.

    >>> from tracer import np
    >>> one_hot(np.array([0, 2]), 3)
    array([[1, 0, 0],
           [0, 0, 1]], dtype=int32)
    """
    return (np.arange(num).astype(idx.dtype) == idx[:, None]).astype("int32")


@register
@alias("acc")
class Accuracy(BatchMetric):
    """The share of samples whose most probable class is the label.

    axis: the axis of classes in predictions of another shape than the labels; predictions of the labels' shape are
    classes.

    >>> from tracer import np
    >>> accuracy = Accuracy()
    >>> accuracy.update([np.array([0, 1, 1])], [np.array([[.3, .7], [0, 1], [.4, .6]])])
    >>> accuracy.get()
    ('accuracy', 0.6666666666666666)
    """

    def __init__(self, axis: int = 1, name: str = "accuracy", output_names: Any = None,
                 label_names: Any = None) -> None:
        super().__init__(name, axis=axis, output_names=output_names, label_names=label_names)
        self.axis = axis

    def _measure(self, label: Any, pred: Any) -> tuple[Any, int]:
        if pred.shape != label.shape:
            pred = pred.argmax(axis=self.axis)
        return hits(label, pred), pred.size


@register
@alias("top_k_accuracy", "top_k_acc")
class TopKAccuracy(BatchMetric):
    """The share of samples whose label is among the `top_k` most probable classes.

    top_k: at least 2 (AssertionError otherwise); it is appended to the name.

    >>> from tracer import np
    >>> accuracy = TopKAccuracy(top_k=2)
    >>> accuracy.update([np.array([0, 2])], [np.array([[.3, .6, .1], [.5, .3, .2]])])
    >>> accuracy.get()
    ('top_k_accuracy_2', 0.5)
    """

    def __init__(self, top_k: int = 1, name: str = "top_k_accuracy", output_names: Any = None,
                 label_names: Any = None) -> None:
        super().__init__(name, top_k=top_k, output_names=output_names, label_names=label_names)
        self.top_k = top_k
        assert self.top_k > 1, "Please use Accuracy if top_k is no more than 1"
        self.name += f"_{self.top_k}"

    def _measure(self, label: Any, pred: Any) -> tuple[Any, int]:
        return top_k_hits(label, pred, self.top_k), pred.shape[0]


@register
class BinaryAccuracy(BatchMetric):
    """The share of elements for which the prediction exceeds a threshold where, and only where, the label is 1.

    threshold: a float, or an array with one for each element of the last axis.

    >>> from tracer import np
    >>> accuracy = BinaryAccuracy(threshold=.6)
    >>> accuracy.update([np.array([0, 1, 0])], [np.array([.7, 1, .55])])
    >>> accuracy.get()
    ('binary_accuracy', 0.6666666666666666)
    """

    def __init__(self, name: str = "binary_accuracy", output_names: Any = None, label_names: Any = None,
                 threshold: Any = 0.5) -> None:
        self.threshold = threshold
        super().__init__(name, output_names=output_names, label_names=label_names)

    def _measure(self, label: Any, pred: Any) -> tuple[Any, int]:
        return hits(label, predict_with_threshold(pred, self.threshold)), pred.size
