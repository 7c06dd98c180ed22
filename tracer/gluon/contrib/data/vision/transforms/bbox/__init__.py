"""`mx.gluon.contrib.data.vision.transforms.bbox`: blocks that change a picture and its boxes, and their functions."""
from . import bbox, utils  # noqa: F401
from .bbox import *  # noqa: F403
from .bbox import __all__ as _blocks

__all__ = list(_blocks)
