"""`mx.optimizer`: optimizers, functions that update weights by gradients."""
from . import contrib, optimizer
from .optimizer import *  # noqa: F403

__all__ = [*optimizer.__all__, "contrib"]
