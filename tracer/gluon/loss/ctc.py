"""Connectionist temporal classification as a loss."""
from __future__ import annotations

from typing import Any

from . import functions
from .loss import Loss, _apply_weighting

__all__ = ["CTCLoss"]


class CTCLoss(Loss):
    """The CTC loss: -log of each label's probability, over all alignments of its letters with the steps of a sequence.

    layout: "NTC" or "TNC", the order of samples, steps and classes in pred.
    label_layout: "NT" or "TN", the order of samples and letters in label.
    weight: a number that multiplies the loss; None: 1.

    The call takes pred, before softmax, whose last class is the blank; label, numbers of classes, padded with -1;
    pred_lengths and label_lengths, of shape (batch,), or None; sample_weight, which broadcasts to (batch,). The
    result has the shape (batch,). AssertionError for other layouts.

    Graves et al., Connectionist Temporal Classification, 2006.
    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/loss/index.html#mxnet.gluon.loss.CTCLoss

    >>> from tracer import nd
    >>> CTCLoss()(nd.zeros((1, 1, 4)), nd.array([[2]])).exp().asnumpy().tolist()
    [4.0]
    """

    def __init__(self, layout: str = "NTC", label_layout: str = "NT", weight: float | None = None,
                 **kwargs: Any) -> None:
        assert layout in ("NTC", "TNC"), f"Only 'NTC' and 'TNC' layouts for pred are supported. Got: {layout}"
        assert label_layout in ("NT", "TN"), f"Only 'NT' and 'TN' layouts for label are supported. Got: {label_layout}"
        self._layout = layout
        self._label_layout = label_layout
        super().__init__(weight, label_layout.find("N"), **kwargs)

    def hybrid_forward(self, F: Any, pred: Any, label: Any, pred_lengths: Any = None,
                       label_lengths: Any = None, sample_weight: Any = None) -> Any:
        """The loss of each sample."""
        f = functions.of(F, pred)
        if self._layout == "NTC":
            pred = f.swapaxes(pred, 0, 1)
        if self._batch_axis == 1:
            label = f.swapaxes(label, 0, 1)
        loss = f.CTCLoss(pred, label, pred_lengths, label_lengths, use_data_lengths=pred_lengths is not None,
                         use_label_lengths=label_lengths is not None, blank_label="last")
        return _apply_weighting(F, loss, self._weight, sample_weight)
