"""Metrics of MXNet 2.0 made of others and of functions, and `create`."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...metric import composition as first
from ...metric.running import as_np
from .evaluation import EvalMetric, alias, create_registered, register


def create(metric: Any, *args: Any, **kwargs: Any) -> EvalMetric:
    """A metric by its name, configuration or function; a metric as it is.

    metric: a registered name in any case; a configuration (`get_config`), also as JSON; a function of labels and
    predictions; or a list of these, for a composite. AssertionError for an unknown name.
    args, kwargs: the constructor's arguments.

    >>> create("acc", name="training").get()
    ('training', nan)
    """
    if callable(metric):
        return CustomMetric(metric, *args, **kwargs)
    if isinstance(metric, list):
        return CompositeEvalMetric([create(child, *args, **kwargs) for child in metric])
    return create_registered(metric, *args, **kwargs)


@register
@alias("composite")
class CompositeEvalMetric(first.CompositeEvalMetric, EvalMetric):
    """Several metrics that are updated together.

    >>> CompositeEvalMetric(["acc", "mae"]).get()
    (['accuracy', 'mae'], [nan, nan])
    """

    _create = staticmethod(create)


@register
class CustomMetric(first.CustomMetric, EvalMetric):
    """A metric computed by a function of arrays of `np`, averaged over batches.

    >>> from tracer import np
    >>> largest = CustomMetric(lambda label, pred: (pred - label).max(), name="largest")
    >>> largest.update([np.array([1, 2])], [np.array([1, 4])])
    >>> largest.get()
    ('largest', 2.0)
    """

    def _operands(self, label: Any, pred: Any) -> tuple[Any, Any]:
        return as_np(label), as_np(pred).to_device(label.device)


def np(numpy_feval: Callable[..., Any], name: Any = None, allow_extra_outputs: bool = False) -> CustomMetric:
    """A metric of a function of arrays of `np`.

    numpy_feval: a function of a label and a prediction that returns a number.
    name: None: that of the function.
    allow_extra_outputs: allow more predictions than labels.

    >>> np(lambda label, pred: abs(label - pred).mean(), name="distance").get()
    ('distance', nan)
    """
    return CustomMetric(first.renamed(numpy_feval), name, allow_extra_outputs)
