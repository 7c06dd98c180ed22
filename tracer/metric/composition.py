"""Metrics made of others and of functions, and `create`, which makes a metric of whatever describes one."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base import numeric_types, string_types
from .evaluation import EvalMetric, alias, as_array, check_label_shapes, create_registered, register


def create(metric: Any, *args: Any, **kwargs: Any) -> EvalMetric:
    """A metric by its name, configuration or function; a metric as it is.

    metric: a registered name in any case; a configuration (`get_config`), also as JSON; a function of labels and
    predictions; or a list of these, for a composite. AssertionError for an unknown name.
    args, kwargs: the constructor's arguments.

    >>> create("acc", name="training").get()
    ('training', nan)
    >>> create(["mse", "mae"]).get()
    (['mse', 'mae'], [nan, nan])
    """
    if callable(metric):
        return CustomMetric(metric, *args, **kwargs)
    if isinstance(metric, list):
        composite = CompositeEvalMetric()
        for child in metric:
            composite.add(create(child, *args, **kwargs))
        return composite
    return create_registered(metric, *args, **kwargs)


@register
@alias("composite")
class CompositeEvalMetric(EvalMetric):
    """Several metrics that are updated together.

    metrics: a list of what `create` makes metrics of.

    >>> both = CompositeEvalMetric(["acc", "mae"])
    >>> both.get()
    (['accuracy', 'mae'], [nan, nan])
    """

    #: What makes the metrics; MXNet 2's class has its own.
    _create: Callable[..., Any] = staticmethod(create)

    def __init__(self, metrics: Any = None, name: str = "composite", output_names: Any = None,
                 label_names: Any = None) -> None:
        super().__init__(name, output_names=output_names, label_names=label_names, has_global_stats=True)
        self.metrics = [self._create(metric) for metric in metrics or []]

    def add(self, metric: Any) -> None:
        """Add a metric, or what `create` makes one of."""
        self.metrics.append(self._create(metric))

    def get_metric(self, index: int) -> Any:
        """The metric at a position. Where there is none, a ValueError is returned, not raised, as in MXNet."""
        try:
            return self.metrics[index]
        except IndexError:
            return ValueError(f"Metric index {index} is out of range 0 and {len(self.metrics)}")

    def update_dict(self, labels: Any, preds: Any) -> None:
        """Add a batch whose labels and predictions are dictionaries; other entries than those named are left out."""
        if self.label_names is not None:
            labels = {name: label for name, label in labels.items() if name in self.label_names}
        if self.output_names is not None:
            preds = {name: pred for name, pred in preds.items() if name in self.output_names}
        for metric in self.metrics:
            metric.update_dict(labels, preds)

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch to each metric."""
        for metric in self.metrics:
            metric.update(labels, preds)

    def reset(self) -> None:
        """Forget all batches."""
        for metric in getattr(self, "metrics", ()):  # the base class calls it before there are any
            metric.reset()

    def reset_local(self) -> None:
        """Forget the batches that `get` covers, but not those of `get_global`."""
        for metric in self.metrics:
            metric.reset_local()

    def get(self) -> tuple[list[str], list[Any]]:
        """The metrics' names and values."""
        return _joined(metric.get() for metric in self.metrics)

    def get_global(self) -> tuple[list[str], list[Any]]:
        """The metrics' names and values over all batches since `reset`."""
        return _joined(metric.get_global() for metric in self.metrics)

    def get_config(self) -> dict[str, Any]:
        """The arguments from which `create` makes this metric anew."""
        return {**super().get_config(), "metrics": [metric.get_config() for metric in self.metrics]}


def _joined(pairs: Any) -> tuple[list[str], list[Any]]:
    names: list[str] = []
    values: list[Any] = []
    for name, value in pairs:
        names.extend([name] if isinstance(name, string_types) else name)
        values.extend([value] if isinstance(value, numeric_types) else value)
    return names, values


@register
class CustomMetric(EvalMetric):
    """A metric computed by a function, averaged over batches.

    feval: a function of a label and a prediction, NumPy arrays; it returns a number, or a sum and how many it is of.
    name: None: that of the function.
    allow_extra_outputs: allow more predictions than labels.

    Each update reads the arrays.

    >>> from tracer import nd
    >>> largest = CustomMetric(lambda label, pred: (pred - label).max(), name="largest")
    >>> largest.update([nd.array([1, 2])], [nd.array([1, 4])])
    >>> largest.get()
    ('largest', 2.0)
    """

    def __init__(self, feval: Callable[..., Any], name: Any = None, allow_extra_outputs: bool = False,
                 output_names: Any = None, label_names: Any = None) -> None:
        if name is None:
            name = feval.__name__
            if "<" in name:
                name = f"custom({name})"
        super().__init__(name, feval=feval, allow_extra_outputs=allow_extra_outputs, output_names=output_names,
                         label_names=label_names, has_global_stats=True)
        self._feval = feval
        self._allow_extra_outputs = allow_extra_outputs

    def update(self, labels: Any, preds: Any) -> None:
        """Add a batch: lists of arrays, of one length unless extra outputs are allowed (ValueError otherwise)."""
        if not self._allow_extra_outputs:
            labels, preds = check_label_shapes(labels, preds, True)
        for pred, label in zip(preds, labels):
            found = self._feval(*self._operands(as_array(label), as_array(pred)))
            self._count(*(found if isinstance(found, tuple) else (found, 1)))

    def _operands(self, label: Any, pred: Any) -> tuple[Any, Any]:
        """The operands that the function is called with."""
        return label.asnumpy(), pred.asnumpy()

    def _count(self, total: Any, instances: Any) -> None:
        # A NumPy scalar of float32 would make the sum float32 under NumPy 2; under NumPy 1 it is float64.
        super()._count(float(total) if isinstance(total, numeric_types) else total, instances)

    def get_config(self) -> dict[str, Any]:
        """NotImplementedError: a function has no configuration."""
        raise NotImplementedError("CustomMetric cannot be serialized")


def np(numpy_feval: Callable[..., Any], name: Any = None, allow_extra_outputs: bool = False) -> CustomMetric:
    """A metric of a function of NumPy arrays.

    numpy_feval: a function of a label and a prediction that returns a number.
    name: None: that of the function.
    allow_extra_outputs: allow more predictions than labels.

    >>> np(lambda label, pred: abs(label - pred).mean(), name="distance").get()
    ('distance', nan)
    """
    return CustomMetric(renamed(numpy_feval), name, allow_extra_outputs)


def renamed(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a label and a prediction that calls `function`, under its name."""
    def feval(label: Any, pred: Any) -> Any:
        return function(label, pred)
    feval.__name__ = function.__name__
    return feval
