"""Parts of pictures: at a place, in the middle, at random; resized by the shorter side; rotated."""
from __future__ import annotations

import math
import random
import warnings
from collections.abc import Sequence
from numbers import Number
from typing import Any

import numpy as np

from tracer.ops.npx.pictures.resampling import resize

from .. import ndarray
from ..base import numeric_types
from .arrays import delivered, differentiated, elements
from .codec import imresize

__all__ = ["center_crop", "color_normalize", "fixed_crop", "imrotate", "random_crop", "random_rotate",
           "random_size_crop", "resize_short", "scale_down"]

nd: Any = ndarray  # its functions are generated

Place = tuple[int, int, int, int]


def scale_down(src_size: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the ratio of `size`, (width, height), that fits in `src_size`, and is not larger than it.

    >>> scale_down((640, 480), (720, 120))
    (640, 106)
    """
    w, h = size
    sw, sh = src_size
    if sh < h:
        w, h = float(w * sh) / h, sh  # type: ignore[assignment]
    if sw < w:
        w, h = sw, float(h * sw) / w  # type: ignore[assignment]
    return int(w), int(h)


def _get_interp_method(interp: int, sizes: Sequence[int] = ()) -> int:
    """OpenCV's number of a method: 9 is chosen by the old and new heights and widths, 10 a random one."""
    if interp == 9:
        if not sizes:
            return 2
        assert len(sizes) == 4
        oh, ow, nh, nw = sizes
        if nh > oh and nw > ow:
            return 2
        return 3 if nh < oh and nw < ow else 1
    if interp == 10:
        return random.randint(0, 4)
    if interp not in (0, 1, 2, 3, 4):
        raise ValueError(f"Unknown interp method {interp}")
    return interp


def resize_short(src: Any, size: int, interp: int = 2) -> Any:
    """A picture (height, width, channels) whose shorter side gets this size; the ratio is kept.

    interp: as in `imresize`; 9: chosen by the sizes; 10: a random one.

    >>> from tracer import nd
    >>> resize_short(nd.ones((6, 9, 3)), 4).shape
    (4, 6, 3)
    """
    h, w, _ = src.shape
    new_h, new_w = (size * h // w, size) if h > w else (size, size * w // h)
    return imresize(src, new_w, new_h, interp=_get_interp_method(interp, (h, w, new_h, new_w)))


def fixed_crop(src: Any, x0: int, y0: int, w: int, h: int, size: tuple[int, int] | None = None,
               interp: int = 2) -> Any:
    """The part of a picture (height, width, channels) of width `w` and height `h` whose first corner is (x0, y0).

    size: the width and height to which it is resized; None: it is not.
    interp: as in `resize_short`.
    """
    if differentiated(src):
        part = src[y0:y0 + h, x0:x0 + w]
        return part if size is None or (w, h) == size else \
            imresize(part, *size, interp=_get_interp_method(interp, (h, w, size[1], size[0])))
    part = elements(src)[y0:y0 + h, x0:x0 + w]
    if size is not None and (w, h) != size:
        part = resize(part, int(size[1]), int(size[0]), _get_interp_method(interp, (h, w, size[1], size[0])))
    return delivered(part, src)


def random_crop(src: Any, size: tuple[int, int], interp: int = 2) -> tuple[Any, Place]:
    """A part of a picture at a random place, and the place (x, y, width, height).

    size: its width and height; from a smaller picture a smaller part of this ratio is taken, and enlarged.
    interp: as in `resize_short`.
    """
    h, w, _ = src.shape
    new_w, new_h = scale_down((w, h), size)
    x0 = random.randint(0, w - new_w)
    y0 = random.randint(0, h - new_h)
    return fixed_crop(src, x0, y0, new_w, new_h, size, interp), (x0, y0, new_w, new_h)


def center_crop(src: Any, size: tuple[int, int], interp: int = 2) -> tuple[Any, Place]:
    """The part in the middle of a picture, and its place; parameters as in `random_crop`.

    >>> from tracer import nd
    >>> center_crop(nd.ones((6, 8, 3)), (4, 4))[1]
    (2, 1, 4, 4)
    """
    h, w, _ = src.shape
    new_w, new_h = scale_down((w, h), size)
    x0 = int((w - new_w) / 2)
    y0 = int((h - new_h) / 2)
    return fixed_crop(src, x0, y0, new_w, new_h, size, interp), (x0, y0, new_w, new_h)


def random_size_crop(src: Any, size: tuple[int, int], area: Any, ratio: tuple[float, float], interp: int = 2,
                     **kwargs: Any) -> tuple[Any, Place]:
    """A part of random place, size and shape, resized, and its place.

    size: the width and height of the result.
    area: the interval of the part's share of the picture, or its lower end.
    ratio: the interval of its width by its height.
    interp: as in `resize_short`.

    If ten random parts don't fit, the one of `center_crop` is taken.
    """
    h, w, _ = src.shape
    src_area = h * w
    if "min_area" in kwargs:
        warnings.warn("`min_area` is deprecated. Please use `area` instead.", DeprecationWarning, stacklevel=2)
        area = kwargs.pop("min_area")
    assert not kwargs, "unexpected keyword arguments for `random_size_crop`."
    if isinstance(area, numeric_types):
        area = (area, 1.0)
    for _ in range(10):
        target_area = random.uniform(area[0], area[1]) * src_area
        new_ratio = math.exp(random.uniform(math.log(ratio[0]), math.log(ratio[1])))
        new_w = int(round(math.sqrt(target_area * new_ratio)))
        new_h = int(round(math.sqrt(target_area / new_ratio)))
        if new_w <= w and new_h <= h:
            x0 = random.randint(0, w - new_w)
            y0 = random.randint(0, h - new_h)
            return fixed_crop(src, x0, y0, new_w, new_h, size, interp), (x0, y0, new_w, new_h)
    return center_crop(src, size, interp)


def color_normalize(src: Any, mean: Any, std: Any = None) -> Any:
    """`src` less `mean`, divided by `std`; an array of floats is changed in place, as in MXNet.

    mean, std: numbers or arrays that broadcast; None: left out.
    """
    if mean is not None:
        src -= mean
    if std is not None:
        src /= std
    return src


def imrotate(src: Any, rotation_degrees: Any, zoom_in: bool = False, zoom_out: bool = False) -> Any:
    """A picture (channels, height, width), or a batch, rotated about its middle; what comes from outside is 0.

    src: of float32 (TypeError).
    rotation_degrees: the angle, or an array with one for each picture of a batch.
    zoom_in: whether it is enlarged so that no corner is empty.
    zoom_out: whether it is made smaller so that nothing is cut off; ValueError for both.
    """
    if zoom_in and zoom_out:
        raise ValueError("`zoom_in` and `zoom_out` cannot be both True")
    if np.dtype(src.dtype) != np.float32:
        raise TypeError("Only `float32` images are supported by this function")
    single = src.ndim == 3
    if single:
        src = src.expand_dims(axis=0)
        if not isinstance(rotation_degrees, Number):
            raise TypeError("When a single image is passed the rotation angle is required to be a scalar.")
    elif src.ndim != 4:
        raise ValueError("Only 3D and 4D are supported by this function")
    ctx = src.context
    if isinstance(rotation_degrees, Number):
        rotation_degrees = nd.array([rotation_degrees] * len(src), ctx=ctx)
    if len(src) != len(rotation_degrees):
        raise ValueError("The number of images must be equal to the number of rotation angles")
    src, kind = src.as_nd_ndarray(), type(src)
    angle = (math.pi * rotation_degrees.as_nd_ndarray().as_in_context(ctx) / 180).reshape((-1, 1, 1))
    h, w = src.shape[2:]
    rows = (nd.arange(h, ctx=ctx) - (h - 1) / 2).reshape((1, h, 1)).broadcast_to((1, h, w))
    columns = (nd.arange(w, ctx=ctx) - (w - 1) / 2).reshape((1, 1, w)).broadcast_to((1, h, w))
    cos, sin = nd.cos(angle), nd.sin(angle)
    x = (nd.broadcast_mul(columns, cos) - nd.broadcast_mul(rows, sin)) / ((w - 1) / 2)
    y = (nd.broadcast_mul(columns, sin) + nd.broadcast_mul(rows, cos)) / ((h - 1) / 2)
    grid = nd.stack(x, y, axis=1)
    if zoom_in or zoom_out:
        grid = nd.broadcast_mul(grid, _zoom(angle, h, w, zoom_out).expand_dims(axis=3))
    made = nd.BilinearSampler(src, grid)
    made = made[0] if single else made
    return made if kind is type(made) else made.as_np_ndarray()


def _zoom(angle: Any, h: int, w: int, out: bool) -> Any:
    """The factor by which the grid of a rotated picture is scaled."""
    diagonal, corner, turn = math.hypot(h, w), math.atan(h / w), nd.abs(angle)
    x = diagonal * nd.maximum(nd.abs(nd.cos(corner + turn)), nd.abs(nd.cos(corner - turn)))
    y = diagonal * nd.maximum(nd.abs(nd.sin(corner + turn)), nd.abs(nd.sin(corner - turn)))
    return nd.maximum(x / w, y / h) if out else nd.minimum(w / x, h / y)


def random_rotate(src: Any, angle_limits: tuple[float, float], zoom_in: bool = False, zoom_out: bool = False) -> Any:
    """`imrotate` by an angle, for each picture of a batch, from NumPy's global generator.

    angle_limits: the interval of the angles, in degrees.
    """
    if src.ndim == 3:
        degrees: Any = np.random.uniform(*angle_limits)
    else:
        degrees = nd.array(np.random.uniform(*angle_limits, size=src.shape[0]))
    return imrotate(src, degrees, zoom_in=zoom_in, zoom_out=zoom_out)
