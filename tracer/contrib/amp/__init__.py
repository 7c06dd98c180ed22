"""`mx.contrib.amp`: automatic mixed precision, which raises NotImplementedError where it is used."""
from . import amp
from .amp import *  # noqa: F403

__all__ = ["amp", *amp.NAMES]
