"""Metrics of MXNet 2.0 of numbers: errors, distances and similarities of samples."""
from __future__ import annotations

import math
from typing import Any

from ... import numpy as np
from .evaluation import BatchMetric, register


def _rows(difference: Any, samples: int) -> Any:
    """The sum over samples of the means of their elements."""
    return difference.reshape(samples, -1).mean(axis=-1).sum()


@register
class MAE(BatchMetric):
    """The mean absolute error of samples.

    >>> from tracer import np
    >>> error = MAE()
    >>> error.update([np.array([3, 0, 2, 7])], [np.array([2.5, 0, 2, 8])])
    >>> error.get()
    ('mae', 0.375)
    """

    def __init__(self, name: str = "mae", output_names: Any = None, label_names: Any = None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names)

    def _measure(self, label: Any, pred: Any) -> tuple[Any, int]:
        return _rows(np.abs(label - pred), label.shape[0]), label.shape[0]


@register
class MSE(BatchMetric):
    """The mean squared error of samples.

    >>> from tracer import np
    >>> error = MSE()
    >>> error.update([np.array([3, 0, 2, 7])], [np.array([2.5, 0, 2, 8])])
    >>> error.get()
    ('mse', 0.3125)
    """

    def __init__(self, name: str = "mse", output_names: Any = None, label_names: Any = None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names)

    def _measure(self, label: Any, pred: Any) -> tuple[Any, int]:
        return _rows((label - pred) ** 2.0, label.shape[0]), label.shape[0]


@register
class RMSE(MSE):
    """The root of the mean squared error of all samples.

    >>> from tracer import np
    >>> error = RMSE()
    >>> error.update([np.array([3, 0])], [np.array([1, 2])])
    >>> error.get()
    ('rmse', 2.0)
    """

    def __init__(self, name: str = "rmse", output_names: Any = None, label_names: Any = None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names)

    def _value(self, total: Any, count: Any) -> Any:
        return float("nan") if count == 0 else math.sqrt(total / count)


@register
class MeanPairwiseDistance(BatchMetric):
    """The mean distance of samples' predictions from their labels, in the p-norm.

    p: the norm's exponent. As in MXNet, differences are raised to it with their signs.

    >>> from tracer import np
    >>> distance = MeanPairwiseDistance()
    >>> distance.update([np.array([[0, 0], [1, 1]])], [np.array([[3, 4], [1, 1]])])
    >>> distance.get()
    ('mpd', 2.5)
    """

    def __init__(self, name: str = "mpd", output_names: Any = None, label_names: Any = None, p: float = 2) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names)
        self.p = p

    def _measure(self, label: Any, pred: Any) -> tuple[Any, int]:
        difference = label.reshape(label.shape[0], -1) - pred.reshape(pred.shape[0], -1)
        return ((difference ** self.p).sum(axis=-1) ** (1.0 / self.p)).sum(), label.shape[0]


@register
class MeanCosineSimilarity(BatchMetric):
    """The mean cosine of the angle between predictions and labels along the last axis.

    eps: the least product of norms.

    >>> from tracer import np
    >>> similarity = MeanCosineSimilarity()
    >>> similarity.update([np.array([[3, 4], [2, 2]])], [np.array([[3, 4], [0, 0]])])
    >>> similarity.get()
    ('cos_sim', 0.5)
    """

    def __init__(self, name: str = "cos_sim", output_names: Any = None, label_names: Any = None,
                 eps: float = 1e-8) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names)
        self.eps = eps

    def _measure(self, label: Any, pred: Any) -> tuple[Any, int]:
        if len(label.shape) == 1:
            label = label.reshape(1, label.shape[0])
        if len(pred.shape) == 1:
            pred = pred.reshape(1, pred.shape[0])
        norms = np.linalg.norm(label, axis=-1) * np.linalg.norm(pred, axis=-1)
        similarity = (label * pred).sum(axis=-1) / np.maximum(norms, self.eps)
        return similarity.sum(), len(label.reshape(-1, label.shape[-1]))
