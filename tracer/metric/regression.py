"""Metrics of numbers: mean errors of each batch, averaged over batches."""
from __future__ import annotations

from typing import Any

import numpy

from .. import numpy as np
from .evaluation import register
from .running import RunningMetric, addend, as_np, sum_of


class MeanError(RunningMetric):
    """A mean over the elements of a batch of a function of labels less predictions, averaged over batches.

    The operands broadcast as NumPy's do, one-dimensional ones as columns (ValueError for shapes that do not fit).
    The sum stays pending until it is read if both are float32 or both are float64. Otherwise each update reads them,
    because NumPy, which MXNet computes these means with, makes float64 of int32 and float32.
    """

    def __init__(self, name: str, output_names: Any = None, label_names: Any = None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)

    def _measure(self, label: Any, pred: Any) -> tuple[Any, int]:
        shapes = [_column(label.shape), _column(pred.shape)]
        try:
            numpy.broadcast_shapes(*shapes)
        except ValueError:
            raise ValueError(f"{type(self).__name__}: labels of shape {shapes[0]} and predictions of shape {shapes[1]} "
                             "could not be broadcast together") from None
        if label.dtype == pred.dtype and label.dtype in (numpy.float32, numpy.float64):
            label, pred = as_np(label), as_np(pred).to_device(label.context)
            return addend(self._mean(np, label.reshape(shapes[0]) - pred.reshape(shapes[1]))), 1
        return float(self._mean(numpy, label.asnumpy().reshape(shapes[0]) - pred.asnumpy().reshape(shapes[1]))), 1

    def _mean(self, xp: Any, difference: Any) -> Any:
        """The mean error, by functions of `np` or of NumPy, `xp`."""
        raise NotImplementedError(f"{type(self).__name__} defines no update")


def _column(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape, 1) if len(shape) == 1 else shape


@register
class MAE(MeanError):
    """The mean absolute error of each batch, averaged over batches.

    >>> from tracer import nd
    >>> error = MAE()
    >>> error.update([nd.array([3, 0, 2, 7])], [nd.array([2.5, 0, 2, 8])])
    >>> error.get()
    ('mae', 0.375)
    """

    def __init__(self, name: str = "mae", output_names: Any = None, label_names: Any = None) -> None:
        super().__init__(name, output_names, label_names)

    def _mean(self, xp: Any, difference: Any) -> Any:
        return sum_of(xp.abs(difference)) / difference.size


@register
class MSE(MeanError):
    """The mean squared error of each batch, averaged over batches.

    >>> from tracer import nd
    >>> error = MSE()
    >>> error.update([nd.array([3, 0, 2, 7])], [nd.array([2.5, 0, 2, 8])])
    >>> error.get()
    ('mse', 0.3125)
    """

    def __init__(self, name: str = "mse", output_names: Any = None, label_names: Any = None) -> None:
        super().__init__(name, output_names, label_names)

    def _mean(self, xp: Any, difference: Any) -> Any:
        return sum_of(difference ** 2.0) / difference.size


@register
class RMSE(MeanError):
    """The root of the mean squared error of each batch, averaged over batches.

    >>> from tracer import nd
    >>> error = RMSE()
    >>> error.update([nd.array([3, 0, 2, 7])], [nd.array([2, 0, 1, 7])])
    >>> error.get()
    ('rmse', 0.7071067690849304)
    """

    def __init__(self, name: str = "rmse", output_names: Any = None, label_names: Any = None) -> None:
        super().__init__(name, output_names, label_names)

    def _mean(self, xp: Any, difference: Any) -> Any:
        return xp.sqrt(sum_of(difference ** 2.0) / difference.size)
