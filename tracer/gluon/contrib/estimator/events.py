"""The events of a training loop: a handler derives from the classes of those events that it handles."""
from __future__ import annotations

from typing import Any

__all__ = ["BatchBegin", "BatchEnd", "EpochBegin", "EpochEnd", "EventHandler", "TrainBegin", "TrainEnd"]


class EventHandler:
    """The base class of all handlers. One with a number `priority` is called after those with a smaller one (0)."""


class TrainBegin(EventHandler):
    """A handler of the beginning of `fit`."""

    def train_begin(self, estimator: Any, *args: Any, **kwargs: Any) -> Any:
        """Called before the first epoch."""


class TrainEnd(EventHandler):
    """A handler of the end of `fit`."""

    def train_end(self, estimator: Any, *args: Any, **kwargs: Any) -> Any:
        """Called after the last epoch."""


class EpochBegin(EventHandler):
    """A handler of the beginning of an epoch, in `fit` and `evaluate`."""

    def epoch_begin(self, estimator: Any, *args: Any, **kwargs: Any) -> Any:
        """Called before the first batch."""


class EpochEnd(EventHandler):
    """A handler of the end of an epoch, in `fit` and `evaluate`."""

    def epoch_end(self, estimator: Any, *args: Any, **kwargs: Any) -> Any:
        """Called after the last batch; True ends the training."""
        return False


class BatchBegin(EventHandler):
    """A handler of the beginning of a batch."""

    def batch_begin(self, estimator: Any, *args: Any, **kwargs: Any) -> Any:
        """Called with the keyword `batch`."""


class BatchEnd(EventHandler):
    """A handler of the end of a batch."""

    def batch_end(self, estimator: Any, *args: Any, **kwargs: Any) -> Any:
        """Called with the keywords `batch`, `pred`, `label` and `loss`; True ends the epoch."""
        return False


def _check_event_handlers(handlers: Any) -> list[Any]:
    """The handlers as a list. ValueError if one is no EventHandler."""
    if isinstance(handlers, EventHandler):
        return [handlers]
    handlers = handlers or []
    if not all([isinstance(handler, EventHandler) for handler in handlers]):
        raise ValueError(f"handlers must be an EventHandler or a list of EventHandler, got: {handlers}")
    return handlers
