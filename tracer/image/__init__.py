"""`mx.image`: pictures read, decoded, resized, cut and changed at random, and iterators over batches of them."""
from . import detection, image
from .detection import *  # noqa: F403
from .image import *  # noqa: F403

det = detection

__all__ = ["det", "detection", "image", *detection.__all__, *image.__all__]
