"""Losses of regression: distances between numbers that are predicted and numbers that are wanted."""
from __future__ import annotations

import math
from typing import Any

from ...numpy import ndarray
from . import functions
from .loss import Loss, _apply_weighting, _batch_mean, _reshape_like

__all__ = ["HuberLoss", "L1Loss", "L2Loss", "PoissonNLLLoss"]


class L2Loss(Loss):
    """Half of the mean squared error: the mean of (label - pred)² / 2 over each sample.

    weight: a number that multiplies the loss.
    batch_axis: the axis of the samples.

    The call takes pred, of any shape; label, with as many elements; sample_weight, an array that broadcasts to pred's
    shape. The result has one element for each sample.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/loss/index.html#mxnet.gluon.loss.L2Loss

    >>> from tracer import nd
    >>> L2Loss()(nd.array([[1, 2], [3, 4]]), nd.array([[1, 4], [3, 4]])).asnumpy().tolist()
    [1.0, 0.0]
    """

    def __init__(self, weight: float = 1., batch_axis: int = 0, **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss of each sample."""
        loss = functions.of(F, pred).square(_reshape_like(F, label, pred) - pred)
        loss = _apply_weighting(F, loss, self._weight / 2, sample_weight)
        return _batch_mean(loss, self._batch_axis)


class L1Loss(Loss):
    """The mean absolute error: the mean of |label - pred| over each sample.

    weight: a number that multiplies the loss; None: 1.
    batch_axis: the axis of the samples.

    The call takes pred, of any shape; label, with as many elements; sample_weight, an array that broadcasts to pred's
    shape. The result has one element for each sample.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/loss/index.html#mxnet.gluon.loss.L1Loss

    >>> from tracer import nd
    >>> L1Loss()(nd.array([[1, 2], [3, 4]]), nd.array([[1, 4], [3, 4]])).asnumpy().tolist()
    [1.0, 0.0]
    """

    def __init__(self, weight: float | None = None, batch_axis: int = 0, **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss of each sample."""
        loss = functions.of(F, pred).abs(_reshape_like(F, label, pred) - pred)
        return self._weighted(F, loss, sample_weight)


class HuberLoss(Loss):
    """The smoothed L1 loss: with d = |label - pred| the mean of d² / (2 rho) where d <= rho, and of d - rho / 2 beyond.

    rho: the distance from which on the loss is linear.
    weight: a number that multiplies the loss; None: 1.
    batch_axis: the axis of the samples.

    The call takes pred, label and sample_weight as that of `L1Loss`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/loss/index.html#mxnet.gluon.loss.HuberLoss

    >>> from tracer import nd
    >>> HuberLoss()(nd.array([[1], [3]]), nd.array([[1.5], [5]])).asnumpy().tolist()
    [0.125, 1.5]
    """

    def __init__(self, rho: float = 1, weight: float | None = None, batch_axis: int = 0, **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._rho = rho

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss of each sample."""
        f = functions.of(F, pred)
        distance = f.abs(_reshape_like(F, label, pred) - pred)
        loss = f.where(distance > self._rho, distance - 0.5 * self._rho, (0.5 / self._rho) * f.square(distance))
        return self._weighted(F, loss, sample_weight)


class PoissonNLLLoss(Loss):
    """The negative log likelihood of counts under Poisson distributions whose rates are predicted.

    weight: a number that multiplies the loss; None: 1.
    from_logits: whether pred is the logarithm of the rate.
    batch_axis: the axis of the samples.
    compute_full: whether log(target!) is added where target > 1, by Stirling's formula.

    The call takes pred, of any shape; target, with as many elements; sample_weight, an array that broadcasts to pred's
    shape; epsilon, a number added to the rate before its logarithm is taken. The result is the mean of all elements
    (shape (1,)); for arrays of np, as in MXNet 2.0, that of each sample.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/loss/index.html#mxnet.gluon.loss.PoissonNLLLoss

    >>> from tracer import nd
    >>> PoissonNLLLoss(from_logits=False)(nd.array([1, 1]), nd.array([0, 2])).asnumpy().tolist()
    [1.0]
    """

    def __init__(self, weight: float | None = None, from_logits: bool = True, batch_axis: int = 0,
                 compute_full: bool = False, **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._from_logits = from_logits
        self._compute_full = compute_full

    def hybrid_forward(self, F: Any, pred: Any, target: Any, sample_weight: Any = None,
                       epsilon: float = 1e-08) -> Any:
        """The mean loss, or for arrays of np the loss of each sample."""
        f = functions.of(F, pred)
        target = _reshape_like(F, target, pred)
        if self._from_logits:
            loss = f.exp(pred) - target * pred
        else:
            loss = pred - target * f.log(pred + epsilon)
        if self._compute_full:
            stirling = target * f.log(target) - target + 0.5 * f.log(2 * target * math.pi)
            loss = loss + stirling * (target > 1)
        loss = _apply_weighting(F, loss, self._weight, sample_weight)
        return _batch_mean(loss, self._batch_axis) if isinstance(loss, ndarray) else loss.mean()
