"""Metrics of MXNet 2.0: the base classes, and the names of metrics."""
from __future__ import annotations

from typing import Any

from ... import metric as first
from ... import numpy as np
from ... import registry
from ...autograd import pause
from ...metric.evaluation import as_array, check_label_shapes
from ...metric.running import as_np, settle

__all__ = ["BatchMetric", "EvalMetric", "alias", "check_label_shapes", "create_registered", "register"]


class EvalMetric(first.EvalMetric):
    """A measure of predictions, summed over batches: the base class of all metrics.

    name: the name under which the value is shown.
    output_names, label_names: the entries that `update_dict` takes, in this order; None: all.
    kwargs: arguments of the subclass, kept for `get_config`.

    Subclasses define `update`, which adds to `sum_metric` and `num_inst`; these may be arrays without axes.

    >>> from tracer import np
    >>> class Largest(EvalMetric):
    ...     def update(self, labels, preds):
    ...         self.sum_metric = self.sum_metric + preds[0].max()
    ...         self.num_inst += 1
    >>> largest = Largest("largest")
    >>> largest.update([], [np.array([1, 2])])
    >>> largest.get()
    ('largest', 2.0)
    """

    def reset(self) -> None:
        """Forget all batches."""
        self.reset_local()

    def _value(self, total: Any, count: Any) -> Any:
        value = super()._value(total, count)
        return value.item() if isinstance(value, np.ndarray) and value.shape == () else value

    def _count(self, total: Any, instances: Any) -> None:
        self.sum_metric = self.sum_metric + total
        self.num_inst = self.num_inst + instances


class BatchMetric(EvalMetric):
    """A metric that measures each output of a batch by itself. Subclasses define `_measure`.

    Sums are pending arrays, in which nothing is recorded for a backward.
    """

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch.

        labels, preds: lists of arrays, one for each output; an array alone counts as a list of one. ValueError when
        their numbers differ, or their shapes do not fit.
        """
        labels, preds = check_label_shapes(labels, preds, True)
        settle(self.sum_metric)
        with pause():
            for label, pred in zip(labels, preds):
                label, pred = as_np(as_array(label)), as_np(as_array(pred))
                self._count(*self._measure(label, pred.to_device(label.device)))

    def _measure(self, label: Any, pred: Any) -> tuple[Any, Any]:
        """The sum over one output's instances, and their number."""
        raise NotImplementedError(f"{type(self).__name__} defines no update")


register = registry.get_register_func(EvalMetric, "metric")
alias = registry.get_alias_func(EvalMetric, "metric")
create_registered = registry.get_create_func(EvalMetric, "metric")
