"""`mx.gluon.contrib.nn`: MXNet 1's place of some layers that MXNet 2 has in `gluon.nn`."""
from .basic_layers import *  # noqa: F403

__all__ = [*basic_layers.__all__]  # type: ignore[name-defined]  # noqa: F405
