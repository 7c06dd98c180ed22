"""`mx.gluon.contrib.data.vision`: MXNet 2's loaders of pictures, with and without boxes, and transforms of boxes."""
from . import dataloader, transforms
from .dataloader import *  # noqa: F403
from .transforms import *  # noqa: F403

__all__ = ["dataloader", "transforms", *dataloader.__all__, *transforms.bbox.__all__]
