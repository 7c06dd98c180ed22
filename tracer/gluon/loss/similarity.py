"""Losses of embeddings: samples that belong together must lie nearer to each other than others."""
from __future__ import annotations

from typing import Any

from ...numpy import clip, ndarray
from . import functions
from .classification import KLDivLoss
from .loss import Loss, _apply_weighting, _batch_sum, _reshape_like

__all__ = ["CosineEmbeddingLoss", "SDMLLoss", "TripletLoss"]


class TripletLoss(Loss):
    """The triplet loss: max(0, |positive - pred|² - |negative - pred|² + margin) of each sample.

    margin: the distance by which the negative example must be farther away.
    weight: a number that multiplies the loss; None: 1.
    batch_axis: the axis of the samples.

    The call takes pred, of any shape; positive and negative, with as many elements; sample_weight, which broadcasts to
    the result (MXNet 2.0 has it). The result has one element for each sample.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/loss/index.html#mxnet.gluon.loss.TripletLoss

    >>> from tracer import nd
    >>> TripletLoss()(nd.array([[0], [0]]), nd.array([[1], [2]]), nd.array([[3], [1]])).asnumpy().tolist()
    [0.0, 4.0]
    """

    def __init__(self, margin: float = 1, weight: float | None = None, batch_axis: int = 0, **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = margin

    def hybrid_forward(self, F: Any, pred: Any, positive: Any, negative: Any,
                       sample_weight: Any = None) -> Any:
        """The loss of each sample."""
        f = functions.of(F, pred)
        near, far = (f.square(_reshape_like(F, other, pred) - pred) for other in (positive, negative))
        loss = f.relu(_batch_sum(near - far, self._batch_axis) + self._margin)
        return _apply_weighting(F, loss, self._weight, sample_weight)


class CosineEmbeddingLoss(Loss):
    """The cosine embedding loss: 1 - cos for pairs with label 1, max(0, cos - margin) for those with label -1.

    weight: a number that multiplies the loss; None: 1.
    batch_axis: the axis of the samples.
    margin: the cosine from which on unlike vectors are told apart enough.

    The call takes input1, vectors along the last axis; input2, with as many elements; label, one for each pair of
    vectors; sample_weight, which broadcasts to (pairs, 1). The result has the shape (pairs, 1); for arrays of np
    (pairs,), as in MXNet 2.0.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/loss/index.html#mxnet.gluon.loss.CosineEmbeddingLoss

    >>> from tracer import nd
    >>> x = nd.array([[3, 4], [3, 4]])
    >>> CosineEmbeddingLoss()(x, 2 * x, nd.array([1, -1])).asnumpy().tolist()
    [[0.0], [1.0]]
    """

    def __init__(self, weight: float | None = None, batch_axis: int = 0, margin: float = 0, **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = margin

    def hybrid_forward(self, F: Any, input1: Any, input2: Any, label: Any,
                       sample_weight: Any = None) -> Any:
        """The loss of each pair."""
        f = functions.of(F, input1)
        cosine = self._cosine_similarity(F, _reshape_like(F, input1, input2), input2)
        if f is not F:
            apart = clip(cosine - self._margin, 0, 1 - self._margin)
            loss = f.where(_reshape_like(F, label, cosine) == 1, 1 - cosine, apart)
            return self._weighted(F, loss, sample_weight)
        label = label.reshape((-1, 1))
        apart = (label == -1) * (cosine - self._margin)
        # As in MXNet no gradient flows where the two are equal, which is so for the first operand's 0.
        loss = (1 - cosine) * (label == 1) + f.broadcast_maximum(f.zeros_like(apart), apart)
        return _apply_weighting(F, loss, self._weight, sample_weight)

    def _cosine_similarity(self, F: Any, x: Any, y: Any, axis: int = -1) -> Any:
        """The cosines of the angles between pairs of vectors, of shape (pairs, 1)."""
        f = functions.of(F, x)
        x_norm, y_norm = (f.norm(each, axis=axis).reshape((-1, 1)) for each in (x, y))
        product = f.sum(x * y, axis=axis).reshape((-1, 1))
        return product / f.maximum(x_norm * y_norm, 1e-12)


class SDMLLoss(Loss):
    """The smoothed deep metric loss: each row of x1 must be nearest to the same row of x2, among all rows of a batch.

    smoothing_parameter: the probability that is shared by the other rows.
    weight: no effect, as in MXNet.
    batch_axis: no effect, as in MXNet.

    The call takes x1 and x2, of one shape (batch, length), of float32. The result has the shape (batch,); for arrays of
    np it is divided by the batch's size, as in MXNet 2.0.

    Bonadiman, Kumar and Mittal, Large Scale Question Paraphrase Retrieval with Smoothed Deep Metric Learning, 2019
    (https://arxiv.org/abs/1905.12786).

    >>> from tracer import nd
    >>> x = nd.array([[0, 0], [100, 100]])
    >>> loss = SDMLLoss(smoothing_parameter=0)
    >>> loss(x, x).asnumpy().tolist()
    [0.0, 0.0]
    """

    def __init__(self, smoothing_parameter: float = 0.3, weight: float = 1., batch_axis: int = 0,
                 **kwargs: Any) -> None:
        super().__init__(weight, batch_axis, **kwargs)
        self.kl_loss = KLDivLoss(from_logits=True)
        self.smoothing_parameter = smoothing_parameter

    def _compute_distances(self, x1: Any, x2: Any) -> Any:
        """The squared distances of each row of x1 from each row of x2."""
        if not isinstance(x1, ndarray):
            assert x1.shape == x2.shape, f"SDMLLoss: x1 {x1.shape} and x2 {x2.shape} must have one shape"
        return ((x1.expand_dims(axis=1) - x2.expand_dims(axis=0)) ** 2).sum(axis=2)

    def _compute_labels(self, F: Any, batch_size: int) -> Any:
        """The smoothed identity matrix of a batch."""
        gold = F.eye(batch_size)
        smoothing = self.smoothing_parameter
        return gold * (1 - smoothing) + (1 - gold) * smoothing / (batch_size - 1)

    def _loss(self, F: Any, x1: Any, x2: Any) -> Any:
        """The divergence of the softmax of negative distances from the labels."""
        f = functions.of(F, x1)
        labels = self._compute_labels(f, x1.shape[0])
        log_probabilities = f.log_softmax(-self._compute_distances(x1, x2), axis=1)
        return self.kl_loss(log_probabilities, labels)

    def hybrid_forward(self, F: Any, x1: Any, x2: Any) -> Any:
        """The loss of each row."""
        return self._loss(F, x1, x2)
