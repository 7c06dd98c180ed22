"""`BatchProcessor`: how an estimator trains and evaluates one batch."""
from __future__ import annotations

from typing import Any

from .... import autograd
from ...utils import split_and_load

__all__ = ["BatchProcessor"]


class BatchProcessor:
    """The computation of a batch: subclasses may define `fit_batch` and `evaluate_batch` anew."""

    def _get_data_and_label(self, batch: Any, ctx: Any, batch_axis: int = 0) -> tuple[list[Any], list[Any]]:
        """The data and the labels of a batch, each in one part for each context."""
        return (split_and_load(batch[0], ctx_list=ctx, batch_axis=batch_axis),
                split_and_load(batch[1], ctx_list=ctx, batch_axis=batch_axis))

    def evaluate_batch(self, estimator: Any, val_batch: Any, batch_axis: int = 0) -> tuple[list[Any], ...]:
        """Evaluate a batch: its data, labels, predictions and losses, each a list with an entry for each context.

        estimator: the estimator.
        val_batch: the data and the labels.
        batch_axis: the axis along which they are split.
        """
        data, label = self._get_data_and_label(val_batch, estimator.context, batch_axis)
        pred = [estimator.val_net(x) for x in data]
        loss = [estimator.val_loss(y_hat, y) for y_hat, y in zip(pred, label)]
        return data, label, pred, loss

    def fit_batch(self, estimator: Any, train_batch: Any, batch_axis: int = 0) -> tuple[list[Any], ...]:
        """Compute a batch's gradients; returns its data, labels, predictions and losses as `evaluate_batch` does.

        estimator: the estimator.
        train_batch: the data and the labels.
        batch_axis: the axis along which they are split.
        """
        data, label = self._get_data_and_label(train_batch, estimator.context, batch_axis)
        with autograd.record():
            pred = [estimator.net(x) for x in data]
            loss = [estimator.loss(y_hat, y) for y_hat, y in zip(pred, label)]
        for part in loss:
            part.backward()
        return data, label, pred, loss
