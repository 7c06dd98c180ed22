"""Checks of an estimator's metrics and losses."""
from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .... import metric as first
from ....generation import is_2
from ... import metric as second
from ...loss import SoftmaxCrossEntropyLoss

#: The classes of metrics of both generations: `mx.gluon.metric`'s derive from `mx.metric`'s.
COMPOSITE, LOSS = first.CompositeEvalMetric, first.Loss


def metrics_of_generation() -> Any:
    """The module of the metrics that an estimator makes itself: `mx.gluon.metric` in MXNet 2 mode."""
    return second if is_2() else first


def _check_metrics(metrics: Any) -> Any:
    """The metrics as a list, those of composite ones one by one. ValueError for an object that is no metric."""
    if isinstance(metrics, COMPOSITE):
        return [m for metric in metrics.metrics for m in _check_metrics(metric)]
    if isinstance(metrics, first.EvalMetric):
        return [metrics]
    metrics = metrics or []
    if not all([isinstance(metric, first.EvalMetric) for metric in metrics]):
        raise ValueError(f"metrics must be a Metric or a list of Metric (mx.metric.EvalMetric), got: {metrics}")
    return metrics


def _check_handler_metric_ref(handler: Any, known_metrics: set[Any]) -> None:
    """Check the metrics that a handler has in attributes with "metric" in their names."""
    for attribute in dir(handler):
        if "metric" in attribute:
            reference = getattr(handler, attribute)
            if not reference:
                continue
            for metric in reference if isinstance(reference, list) else [reference]:
                _check_metric_known(handler, metric, known_metrics)


def _check_metric_known(handler: Any, metric: Any, known_metrics: set[Any]) -> None:
    """Raise ValueError for a metric that the estimator does not update."""
    if metric not in known_metrics:
        raise ValueError(f"Event handler {type(handler).__name__} refers to {metric}, which is not among the metrics "
                         "of the estimator, so it is never updated. Use those of estimator.train_metrics and "
                         "estimator.val_metrics")


def _suggest_metric_for_loss(loss: Any) -> Any:
    """The metric that goes with a loss: the accuracy for the cross entropy of a softmax, else None."""
    return metrics_of_generation().Accuracy() if isinstance(loss, SoftmaxCrossEntropyLoss) else None


def improvement(monitor: Any, mode: str, owner: str) -> Any:
    """The comparison by which a metric's new value is better: `np.less` for the mode "min", `np.greater` for "max".

    For "auto" it is `np.greater` whatever the metric, as in MXNet, with a warning that says so.
    """
    if mode not in ("auto", "min", "max"):
        warnings.warn(f"{owner} mode {mode} is unknown, auto is used: a larger value counts as an improvement",
                      RuntimeWarning, stacklevel=3)
    if mode in ("min", "max"):
        return np.less if mode == "min" else np.greater
    warnings.warn(f"{owner}: a larger value of {monitor.get()[0]} counts as an improvement. Give mode='min' if a "
                  "smaller one does, or mode='max' to get no warning", stacklevel=3)
    return np.greater


def worst(better: Any) -> float:
    """The value that every other one is better than."""
    return float("inf") if better is np.less else -float("inf")
