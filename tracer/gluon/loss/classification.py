"""Losses of classification: cross entropies between classes or probabilities and predictions."""
from __future__ import annotations

from typing import Any

from ...numpy import ndarray
from . import functions
from .loss import Loss, _apply_weighting, _batch_mean, _batch_sum, _reshape_like

__all__ = ["KLDivLoss", "SigmoidBCELoss", "SigmoidBinaryCrossEntropyLoss", "SoftmaxCELoss", "SoftmaxCrossEntropyLoss"]


class SigmoidBinaryCrossEntropyLoss(Loss):
    """The binary cross entropy, also called `SigmoidBCELoss`: the mean of -label log p - (1 - label) log(1 - p).

    from_sigmoid: whether pred is the probability p; else p is sigmoid(pred), and no infinities occur.
    weight: a number that multiplies the loss; None: 1.
    batch_axis: the axis of the samples.

    The call takes pred, of any shape; label in [0, 1], with as many elements; sample_weight, an array that broadcasts
    to pred's shape; pos_weight, an array that broadcasts likewise and multiplies the terms of positive labels. The
    result has one element for each sample.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/loss/index.html#mxnet.gluon.loss.SigmoidBinaryCrossEntropyLoss

    >>> from tracer import nd
    >>> SigmoidBCELoss()(nd.array([[-200], [100]]), nd.array([[0], [0]])).asnumpy().tolist()
    [0.0, 100.0]
    """

    def __init__(self, from_sigmoid: bool = False, weight: float | None = None, batch_axis: int = 0,
                 **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._from_sigmoid = from_sigmoid

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None,
                       pos_weight: Any = None) -> Any:
        """The loss of each sample."""
        f = functions.of(F, pred)
        label = _reshape_like(F, label, pred)
        loss = (_of_probabilities if self._from_sigmoid else _of_logits)(f, pred, label, pos_weight)
        return self._weighted(F, loss, sample_weight)


def _of_logits(f: Any, pred: Any, label: Any, pos_weight: Any) -> Any:
    """The binary cross entropies of log odds, from log(1 + exp(-|pred|)), which neither overflows nor vanishes."""
    small = f.Activation(-f.abs(pred), act_type="softrelu")
    if pos_weight is None:
        return f.relu(pred) - pred * label + small
    return pred - pred * label + (1 + f.broadcast_mul(pos_weight - 1, label)) * (small + f.relu(-pred))


def _of_probabilities(f: Any, pred: Any, label: Any, pos_weight: Any) -> Any:
    """The binary cross entropies of probabilities, to which 1e-12 is added."""
    positive = f.log(pred + 1e-12) * label
    if pos_weight is not None:
        positive = f.broadcast_mul(positive, pos_weight)
    return -(positive + f.log(1. - pred + 1e-12) * (1. - label))


SigmoidBCELoss = SigmoidBinaryCrossEntropyLoss


class SoftmaxCrossEntropyLoss(Loss):
    """The softmax cross entropy, also called `SoftmaxCELoss`: the mean of -log softmax(pred) at each label.

    axis: the axis of the classes.
    sparse_label: whether labels are numbers of classes; else they are probabilities.
    from_logits: whether pred is the logarithm of probabilities; else its log_softmax is taken.
    weight: a number that multiplies the loss; None: 1.
    batch_axis: the axis of the samples.

    The call takes pred, of any shape; label, of pred's shape without the axis of the classes, or with as many elements
    as pred if labels are probabilities; sample_weight, an array that broadcasts to pred's shape, with 1 for the axis of
    the classes. The result has one element for each sample.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/loss/index.html#mxnet.gluon.loss.SoftmaxCrossEntropyLoss

    >>> from tracer import nd
    >>> SoftmaxCELoss()(nd.array([[0, 100], [100, 0]]), nd.array([0, 1])).asnumpy().tolist()
    [100.0, 100.0]
    """

    def __init__(self, axis: int = -1, sparse_label: bool = True, from_logits: bool = False,
                 weight: float | None = None, batch_axis: int = 0, **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._axis = axis
        self._sparse_label = sparse_label
        self._from_logits = from_logits

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss of each sample."""
        f = functions.of(F, pred)
        if not self._from_logits:
            pred = f.log_softmax(pred, axis=self._axis)
        if self._sparse_label:
            loss = -f.pick(pred, label, axis=self._axis, keepdims=True)
        else:
            loss = -f.sum(pred * _reshape_like(F, label, pred), axis=self._axis, keepdims=True)
        return self._weighted(F, loss, sample_weight)


SoftmaxCELoss = SoftmaxCrossEntropyLoss


class KLDivLoss(Loss):
    """The Kullback-Leibler divergence: label (log label - log p), summed over each sample.

    from_logits: whether pred is log p; else log p is log_softmax(pred).
    axis: the axis of the classes.
    weight: a number that multiplies the loss; None: 1.
    batch_axis: the axis of the samples.

    The call takes pred, of any shape; label, probabilities that broadcast with it; sample_weight, an array that
    broadcasts likewise. The result has one element for each sample; for arrays of np it is the mean of the sample's
    elements, as in MXNet 2.0.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/loss/index.html#mxnet.gluon.loss.KLDivLoss

    >>> from tracer import nd
    >>> KLDivLoss()(nd.array([[-1, -2]]), nd.array([[0, 1]])).asnumpy().tolist()
    [2.0]
    """

    def __init__(self, from_logits: bool = True, axis: int = -1, weight: float | None = None, batch_axis: int = 0,
                 **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._from_logits = from_logits
        self._axis = axis

    def hybrid_forward(self, F: Any, pred: Any, label: Any, sample_weight: Any = None) -> Any:
        """The loss of each sample."""
        f = functions.of(F, pred)
        if not self._from_logits:
            pred = f.log_softmax(pred, axis=self._axis)
        loss = label * (f.log(label + 1e-12) - pred)
        loss = _apply_weighting(F, loss, self._weight, sample_weight)
        return (_batch_mean if isinstance(loss, ndarray) else _batch_sum)(loss, self._batch_axis)
