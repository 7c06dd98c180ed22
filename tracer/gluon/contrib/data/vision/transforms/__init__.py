"""`mx.gluon.contrib.data.vision.transforms`: transforms of pictures with boxes."""
from . import bbox
from .bbox import *  # noqa: F403

__all__ = ["bbox", *bbox.__all__]
