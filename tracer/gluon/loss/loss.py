"""`Loss`, the base of the losses, and what they share: weights, shapes of labels, sums over a sample."""
from __future__ import annotations

from typing import Any

from ... import ndarray, numpy
from ...base import numeric_types
from ...ndarray import NDArray
from ..hybrid_block import HybridBlock
from . import functions

__all__ = ["Loss"]


def _apply_weighting(F: Any, loss: Any = None, weight: Any = None, sample_weight: Any = None) -> Any:
    """The product of a loss with a weight, a number or None, and with a weight of each sample, an array or None.

    F: `mx.nd`. As in MXNet 2.0 it may be left out: (loss, weight, sample_weight).
    sample_weight: an array that broadcasts to the loss's shape.

    AssertionError for a weight that is not a number.
    """
    if isinstance(F, NDArray):
        F, loss, weight, sample_weight = ndarray, F, loss, weight
    if sample_weight is not None:
        loss = functions.of(F, loss).broadcast_mul(loss, sample_weight)
    if weight is not None:
        assert isinstance(weight, numeric_types), "weight must be a number"
        loss = loss * weight
    return loss


def _reshape_like(F: Any, x: Any, y: Any) -> Any:
    """The array `x` in the shape of `y`."""
    if F is ndarray and not isinstance(x, numpy.ndarray):
        return x.reshape(y.shape)
    return functions.of(F, x).reshape_like(x, y)


def _other_axes(loss: Any, batch_axis: int) -> tuple[int, ...]:
    """The axes of an array of `mx.np` without its batch axis. IndexError if it has no such axis."""
    if not -loss.ndim <= batch_axis < loss.ndim:
        raise IndexError(f"batch_axis {batch_axis} is no axis of a loss of shape {loss.shape}")
    return tuple(axis for axis in range(loss.ndim) if axis != batch_axis % loss.ndim)


def _batch_mean(loss: Any, batch_axis: int) -> Any:
    """The mean of each sample: over all axes but the batch axis."""
    if isinstance(loss, numpy.ndarray):
        return numpy.mean(loss, axis=_other_axes(loss, batch_axis))
    return loss.mean(axis=batch_axis, exclude=True)


def _batch_sum(loss: Any, batch_axis: int) -> Any:
    """The sum of each sample: over all axes but the batch axis."""
    if isinstance(loss, numpy.ndarray):
        return numpy.sum(loss, axis=_other_axes(loss, batch_axis))
    return loss.sum(axis=batch_axis, exclude=True)


class Loss(HybridBlock):
    """The base of losses. Subclasses define `hybrid_forward(F, pred, label, ...)`, or `forward(pred, label, ...)`.

    weight: a number that multiplies the loss; None: 1.
    batch_axis: the axis of the samples.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/loss/index.html

    >>> from tracer import nd
    >>> class Cubic(Loss):
    ...     def hybrid_forward(self, F, pred, label):
    ...         return F.mean(F.abs(label - pred) ** 3, axis=self._batch_axis, exclude=True)
    >>> Cubic(None, 0)(nd.array([[1, 2]]), nd.array([[3, 2]])).asnumpy().tolist()
    [4.0]
    """

    def __init__(self, weight: float | None, batch_axis: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._weight: Any = weight
        self._batch_axis = batch_axis

    def __repr__(self) -> str:
        return f"{type(self).__name__}(batch_axis={self._batch_axis}, w={self._weight})"

    def hybrid_forward(self, F: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        """The loss of each sample. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} defines neither hybrid_forward nor forward")

    def _weighted(self, F: Any, loss: Any, sample_weight: Any) -> Any:
        """The mean of each sample of a loss, weighted."""
        return _batch_mean(_apply_weighting(F, loss, self._weight, sample_weight), self._batch_axis)
