"""`mx.image.detection`: augmenters and iterators for pictures with boxes under the name of MXNet's file."""
from .det_augmenters import *  # noqa: F403
from .det_augmenters import __all__ as _augmenters
from .det_iter import CreateDetAugmenter, CreateMultiRandCropAugmenter, ImageDetIter

__all__ = ["CreateDetAugmenter", "CreateMultiRandCropAugmenter", "ImageDetIter", *_augmenters]
