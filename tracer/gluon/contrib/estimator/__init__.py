"""`mx.gluon.contrib.estimator`: training loops with handlers of their events."""
from . import batch_processor, estimator, event_handler, utils
from .batch_processor import BatchProcessor
from .estimator import Estimator
from .event_handler import *  # noqa: F403

__all__ = ["BatchProcessor", "Estimator", *event_handler.__all__, "batch_processor", "estimator", "event_handler",
           "utils"]
