"""Losses of binary classifiers whose labels are signs: hinges and the logistic loss."""
from __future__ import annotations

from typing import Any

from . import functions
from .loss import Loss, _reshape_like

__all__ = ["HingeLoss", "LogisticLoss", "SquaredHingeLoss"]


class HingeLoss(Loss):
    """The hinge loss of support vector machines: the mean of max(0, margin - pred label) over each sample.

    margin: the margin.
    weight: a number that multiplies the loss; None: 1.
    batch_axis: the axis of the samples.

    The call takes pred, of any shape; label, -1 or 1, with as many elements; sample_weight, an array that broadcasts
    to pred's shape. The result has one element for each sample.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/loss/index.html#mxnet.gluon.loss.HingeLoss

    >>> from tracer import nd
    >>> HingeLoss()(nd.array([[3], [3]]), nd.array([[1], [-1]])).asnumpy().tolist()
    [0.0, 4.0]
    """

    def __init__(self, margin: float = 1, weight: float | None = None, batch_axis: int = 0, **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = margin

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss of each sample."""
        loss = functions.of(F, pred).relu(self._margin - pred * _reshape_like(F, label, pred))
        return self._weighted(F, loss, sample_weight)


class SquaredHingeLoss(Loss):
    """The squared hinge loss: the mean of max(0, margin - pred label)² over each sample.

    margin: the margin.
    weight: a number that multiplies the loss; None: 1.
    batch_axis: the axis of the samples.

    The call takes pred, label and sample_weight as that of `HingeLoss`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/loss/index.html#mxnet.gluon.loss.SquaredHingeLoss

    >>> from tracer import nd
    >>> SquaredHingeLoss()(nd.array([[3], [3]]), nd.array([[1], [-1]])).asnumpy().tolist()
    [0.0, 16.0]
    """

    def __init__(self, margin: float = 1, weight: float | None = None, batch_axis: int = 0, **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = margin

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss of each sample."""
        f = functions.of(F, pred)
        loss = f.square(f.relu(self._margin - pred * _reshape_like(F, label, pred)))
        return self._weighted(F, loss, sample_weight)


class LogisticLoss(Loss):
    """The logistic loss: the mean of log(1 + exp(-pred label)) over each sample, for labels -1 and 1.

    weight: a number that multiplies the loss; None: 1.
    batch_axis: the axis of the samples.
    label_format: "signed", or "binary" for labels 0 and 1. ValueError for another.

    The call takes pred, label and sample_weight as that of `HingeLoss`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/loss/index.html#mxnet.gluon.loss.LogisticLoss

    >>> from tracer import nd
    >>> LogisticLoss()(nd.array([[200], [200]]), nd.array([[1], [-1]])).asnumpy().tolist()
    [0.0, 200.0]
    """

    def __init__(self, weight: float | None = None, batch_axis: int = 0, label_format: str = "signed",
                 **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._label_format = label_format
        if label_format not in ("signed", "binary"):
            raise ValueError(f"label_format can only be signed or binary, received {label_format}.")

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss of each sample."""
        f = functions.of(F, pred)
        label = _reshape_like(F, label, pred)
        if self._label_format == "signed":
            label = (label + 1.0) / 2.0
        # log(1 + exp(-|pred|)) neither overflows nor vanishes.
        loss = f.relu(pred) - pred * label + f.Activation(-f.abs(pred), act_type="softrelu")
        return self._weighted(F, loss, sample_weight)
