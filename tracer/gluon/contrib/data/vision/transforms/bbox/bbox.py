"""Blocks that change a picture (height, width, channels) and its boxes (boxes, 4 or more): x1, y1, x2, y2 in pixels.

What follows the four numbers of a box stays. Random numbers are from Python's and NumPy's global generators. The boxes
are read, as in MXNet.
"""
from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from ....... import ndarray as mx_nd
from ....... import numpy as mx_np
from ....... import numpy_extension as npx
from .......base import numeric_types
from ......block import Block
from . import utils

__all__ = ["ImageBboxCrop", "ImageBboxRandomCropWithConstraints", "ImageBboxRandomExpand",
           "ImageBboxRandomFlipLeftRight", "ImageBboxResize"]

nd: Any = mx_nd  # its functions are generated


def _arrays(x: Any) -> Any:
    """The namespace of arrays of this one's class."""
    return mx_np if isinstance(x, mx_np.ndarray) else nd


def _pictures(x: Any) -> Any:
    """The functions of pictures for arrays of this one's class."""
    return (npx if isinstance(x, mx_np.ndarray) else nd).image


def _cut(img: Any, box: Sequence[int]) -> Any:
    return _pictures(img).crop(img, *box)


def _check_axes(block: Block, img: Any) -> None:
    if len(img.shape) != 3:
        raise NotImplementedError(f"{type(block).__name__} only support images in HWC format, not of shape "
                                  f"{img.shape}")


class ImageBboxRandomFlipLeftRight(Block):
    """A picture and its boxes, at random with the columns reversed.

    p: the probability of it.

    The boxes are changed in place.

    >>> from tracer import nd
    >>> picture, boxes = ImageBboxRandomFlipLeftRight(p=1)(nd.ones((4, 8, 3)), nd.array([[1, 1, 4, 4]]))
    >>> boxes.asnumpy().tolist()
    [[4.0, 1.0, 7.0, 4.0]]
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any, bbox: Any) -> tuple[Any, Any]:
        """The picture and the boxes. AssertionError for boxes of another shape."""
        utils._check_bbox_shape(bbox)
        if self.p <= 0 or self.p < 1 and self.p < random.random():
            return img, bbox
        width = img.shape[-2]
        left, right = width - bbox[:, 2], width - bbox[:, 0]
        bbox[:, 0] = left
        bbox[:, 2] = right
        return _pictures(img).flip_left_right(img), bbox


class ImageBboxCrop(Block):
    """A part of a picture, and the boxes in it; a picture that is not larger stays as it is.

    crop: (x, y, width, height) of the part; AssertionError for negative or empty ones.
    allow_outside_center: whether boxes are kept whose middle is outside.
    """

    def __init__(self, crop: Sequence[int], allow_outside_center: bool = False) -> None:
        super().__init__()
        assert len(crop) == 4, f"expect crop to be (x_min, y_min, width, height), given {crop}"
        self.xmin, self.ymin, self.width, self.height = crop
        assert self.xmin >= 0 and self.ymin >= 0, f"crop {crop} begins outside the picture"
        assert self.width > 0 and self.height > 0, f"crop {crop} is empty"
        self.xmax = self.width + self.xmin
        self.ymax = self.height + self.ymin
        self._allow_outside_center = allow_outside_center

    def forward(self, img: Any, bbox: Any) -> tuple[Any, Any]:
        """The part and its boxes."""
        if self.xmax >= img.shape[-2] or self.ymax >= img.shape[-3]:
            return img, bbox
        part = (self.xmin, self.ymin, self.width, self.height)
        found = utils.bbox_crop(bbox.asnumpy(), part, self._allow_outside_center)
        return _cut(img, part), _arrays(img).array(found)


class ImageBboxRandomCropWithConstraints(Block):
    """At random a part of a picture that shows enough of the boxes, and the boxes in it.

    p: the probability of it.

    Other parameters are those of `bbox_random_crop_with_constraints`.
    """

    def __init__(self, p: float = 0.5, min_scale: float = 0.3, max_scale: float = 1, max_aspect_ratio: float = 2,
                 constraints: Any = None, max_trial: int = 50) -> None:
        super().__init__()
        self.p = p
        self._args = {"min_scale": min_scale, "max_scale": max_scale, "max_aspect_ratio": max_aspect_ratio,
                      "constraints": constraints, "max_trial": max_trial}

    def forward(self, img: Any, bbox: Any) -> tuple[Any, Any]:
        """The part and its boxes, or the picture and its boxes."""
        if random.random() > self.p:
            return img, bbox
        size = (img.shape[-2], img.shape[-3])
        found, part = utils.bbox_random_crop_with_constraints(bbox.asnumpy(), size, **self._args)
        if part == (0, 0, *size):
            return img, bbox
        return _cut(img, part), _arrays(img).array(found)


class ImageBboxRandomExpand(Block):
    """At random a picture at a random place of a larger one, and its boxes there.

    p: the probability of it.
    max_ratio: the largest ratio of the new sides by the old ones; the smallest is 1.
    fill: the number around the picture, or one for each channel (ValueError for another number of them).
    keep_ratio: whether the larger picture has the shape of this one.
    """

    def __init__(self, p: float = 0.5, max_ratio: float = 4, fill: Any = 0, keep_ratio: bool = True) -> None:
        super().__init__()
        self.p = p
        self._max_ratio = max_ratio
        self._fill = fill
        self._keep_ratio = keep_ratio

    def forward(self, img: Any, bbox: Any) -> tuple[Any, Any]:
        """The larger picture and its boxes, or the picture and its boxes. NotImplementedError for a batch."""
        if self._max_ratio <= 1 or random.random() > self.p:
            return img, bbox
        _check_axes(self, img)
        height, width, channels = img.shape
        wider = random.uniform(1, self._max_ratio)
        taller = wider if self._keep_ratio else random.uniform(1, self._max_ratio)
        rows, columns = int(height * taller), int(width * wider)
        y = random.randint(0, rows - height)
        x = random.randint(0, columns - width)
        arrays = _arrays(img)
        made = arrays.zeros((rows, columns, channels), dtype=img.dtype, ctx=img.context)
        if isinstance(self._fill, numeric_types):
            made[:] = self._fill
        else:
            fill = arrays.array(self._fill, dtype=img.dtype, ctx=img.context)
            if fill.size != channels:
                raise ValueError(f"Channel and fill size mismatch, {channels} vs {fill.size}")
            made[:] = fill.reshape((1, 1, channels))
        made[y:y + height, x:x + width, :] = img
        return made, arrays.array(utils.bbox_translate(bbox.asnumpy(), x, y))


class ImageBboxResize(Block):
    """A picture of another size, and its boxes there.

    width, height: the size.
    interp: 0 nearest, 1 linear, 2 cubic, 3 area, 4 Lanczos, as OpenCV computes them; -1: a random one.
    """

    def __init__(self, width: int, height: int, interp: int = 1) -> None:
        super().__init__()
        self._size = (width, height)
        self._interp = interp

    def forward(self, img: Any, bbox: Any) -> tuple[Any, Any]:
        """The resized picture and its boxes. NotImplementedError for a batch."""
        _check_axes(self, img)
        interp = random.randint(0, 5) if self._interp == -1 else self._interp
        interp = 1 if interp == 5 else interp  # OpenCV's other linear method
        found = utils.bbox_resize(bbox.asnumpy(), (img.shape[-2], img.shape[-3]), self._size)
        return _pictures(img).resize(img, self._size, False, interp), _arrays(img).array(found)
