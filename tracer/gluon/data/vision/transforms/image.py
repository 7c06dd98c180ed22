"""`mx.gluon.data.vision.transforms.image`: the transforms of pictures under the name of MXNet's file."""
from .colors import (
    Normalize,
    RandomBrightness,
    RandomColorJitter,
    RandomContrast,
    RandomGray,
    RandomHue,
    RandomLighting,
    RandomSaturation,
    ToTensor,
)
from .shapes import (
    CenterCrop,
    CropResize,
    RandomCrop,
    RandomFlipLeftRight,
    RandomFlipTopBottom,
    RandomResizedCrop,
    RandomRotation,
    Resize,
    Rotate,
)
from .spaces import _append_return as _append_return

__all__ = ["CenterCrop", "CropResize", "Normalize", "RandomBrightness", "RandomColorJitter", "RandomContrast",
           "RandomCrop", "RandomFlipLeftRight", "RandomFlipTopBottom", "RandomGray", "RandomHue", "RandomLighting",
           "RandomResizedCrop", "RandomRotation", "RandomSaturation", "Resize", "Rotate", "ToTensor"]
