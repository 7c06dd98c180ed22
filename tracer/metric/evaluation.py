"""Metrics: the base class, the check of labels against predictions, and the names of metrics."""
from __future__ import annotations

from typing import Any

import numpy

from .. import ndarray, registry
from ..core.invoke import Handle


def check_label_shapes(labels: Any, preds: Any, wrap: bool = False, shape: bool = False) -> tuple[Any, Any]:
    """The labels and predictions, once their lengths are found equal (ValueError otherwise).

    wrap: put an array that is not in a list into one.
    shape: compare shapes instead of lengths.

    >>> check_label_shapes([1, 2], [3, 4])
    ([1, 2], [3, 4])
    """
    sizes = (labels.shape, preds.shape) if shape else (len(labels), len(preds))
    if sizes[0] != sizes[1]:
        raise ValueError(f"Shape of labels {sizes[0]} does not match shape of predictions {sizes[1]}")
    return (listed(labels), listed(preds)) if wrap else (labels, preds)


def listed(arrays: Any) -> Any:
    """A list of one array; anything but an array as it is."""
    return [arrays] if isinstance(arrays, (Handle, numpy.ndarray)) else arrays


def as_array(operand: Any) -> Any:
    """A label or prediction as an array of tracer; NumPy's are copied. AttributeError for anything else.

    Real MXNet fails on NumPy arrays too; there is no other meaning that they could have.
    """
    if isinstance(operand, Handle):
        return operand
    if isinstance(operand, numpy.ndarray):
        return ndarray.array(operand, dtype=operand.dtype)
    raise AttributeError(f"{type(operand).__name__!r} object has no attribute 'shape': labels and predictions are "
                         "arrays, or lists with one array for each output")


class EvalMetric:
    """A measure of predictions, summed over batches: the base class of all metrics.

    name: the name under which the value is shown.
    output_names, label_names: the entries that `update_dict` takes, in this order; None: all.
    kwargs: arguments of the subclass, kept for `get_config`. has_global_stats says that the subclass keeps sums over
    all batches besides those since `reset_local`.

    Subclasses define `update`, which adds to `sum_metric` and `num_inst`; the value is their quotient.

    >>> class Count(EvalMetric):
    ...     def update(self, labels, preds):
    ...         self.sum_metric += len(preds)
    ...         self.num_inst += 1
    >>> count = Count("count")
    >>> count.get()
    ('count', nan)
    >>> count.update([], [1, 2])
    >>> count.get()
    ('count', 2.0)
    """

    def __init__(self, name: Any, output_names: Any = None, label_names: Any = None, **kwargs: Any) -> None:
        self.name = str(name)
        self.output_names = output_names
        self.label_names = label_names
        self._has_global_stats = kwargs.pop("has_global_stats", False)
        self._kwargs = kwargs
        self.reset()

    def __str__(self) -> str:
        return f"EvalMetric: {dict(self.get_name_value())}"

    def get_config(self) -> dict[str, Any]:
        """The arguments from which `create` makes this metric anew."""
        return {**self._kwargs, "metric": type(self).__name__, "name": self.name, "output_names": self.output_names,
                "label_names": self.label_names}

    def update_dict(self, label: Any, pred: Any) -> None:
        """Add a batch whose labels and predictions are dictionaries; KeyError for a name that is missing."""
        pred = list(pred.values()) if self.output_names is None else [pred[name] for name in self.output_names]
        label = list(label.values()) if self.label_names is None else [label[name] for name in self.label_names]
        self.update(label, pred)

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch.

        labels, preds: lists of arrays, one for each output of the net.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no update")

    def reset(self) -> None:
        """Forget all batches."""
        self.reset_local()
        self.global_num_inst: Any = 0
        self.global_sum_metric: Any = 0.0

    def reset_local(self) -> None:
        """Forget the batches that `get` covers, but not those of `get_global`."""
        self.num_inst: Any = 0
        self.sum_metric: Any = 0.0

    def get(self) -> tuple[Any, Any]:
        """The name and the value, NaN before the first batch."""
        return self.name, self._value(self.sum_metric, self.num_inst)

    def get_global(self) -> tuple[Any, Any]:
        """The name and the value over all batches since `reset`."""
        if not self._has_global_stats:
            return self.get()
        return self.name, self._value(self.global_sum_metric, self.global_num_inst)

    def _value(self, total: Any, count: Any) -> Any:
        """The value of a sum over `count` instances."""
        return float("nan") if count == 0 else total / count

    def get_name_value(self) -> list[tuple[str, Any]]:
        """Pairs of name and value."""
        return _paired(*self.get())

    def get_global_name_value(self) -> list[tuple[str, Any]]:
        """Pairs of name and value over all batches since `reset`."""
        return _paired(*self.get_global()) if self._has_global_stats else self.get_name_value()

    def _count(self, total: Any, instances: Any) -> None:
        """Add a batch's sum and its number of instances, to those of `get_global` as well."""
        self.sum_metric += total
        self.global_sum_metric += total
        self.num_inst += instances
        self.global_num_inst += instances


def _paired(names: Any, values: Any) -> list[tuple[str, Any]]:
    return list(zip(names if isinstance(names, list) else [names], values if isinstance(values, list) else [values]))


register = registry.get_register_func(EvalMetric, "metric")
alias = registry.get_alias_func(EvalMetric, "metric")
create_registered = registry.get_create_func(EvalMetric, "metric")
