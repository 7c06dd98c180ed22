"""Pictures read from files and bytes, resized, and given a border: what MXNet leaves to OpenCV.

These functions compute at once, as their arguments come from files and differ from picture to picture.
"""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError
from tracer.ops.npx.pictures.resampling import resize

from ..array.nd_array import NDArray
from ..core.surface import assign
from ..picture_files import decode
from .arrays import delivered, elements

__all__ = ["copyMakeBorder", "imdecode", "imread", "imresize"]


def _given(values: np.ndarray, out: Any, source: Any = None) -> Any:
    made = delivered(values, source)
    return made if out is None else assign(out, made)


def _check_flag(flag: int, what: str) -> None:
    if flag < 0:
        raise MXNetError(f"{what}: value {flag} for Parameter flag should be greater equal to 0")


def imread(filename: str, flag: int = 1, to_rgb: bool = True, out: Any = None) -> Any:
    """The picture in a file, uint8 (height, width, channels).

    filename: the path of a JPEG, PNG, BMP, TIFF, PPM, WebP or GIF file.
    flag: 1: three channels. 0: one, gray.
    to_rgb: the order of the channels: red, green, blue; otherwise blue, green, red.

    MXNetError for a file that cannot be opened, or that is no picture. ImportError without Pillow and OpenCV.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/mxnet/image/index.html
    """
    _check_flag(flag, "imread")
    try:
        with open(filename, "rb") as file:
            data = file.read()
    except OSError as error:
        raise MXNetError(f"Imread: '{os.fspath(filename)}' couldn't open file: {error.strerror}") from None
    return _given(decode(data, bool(flag), bool(to_rgb), f"imread({os.fspath(filename)!r})"), out)


def imdecode(buf: Any, flag: int = 1, to_rgb: bool = True, out: Any = None) -> Any:
    """The picture in the bytes of a file, uint8 (height, width, channels).

    buf: bytes, or an array of uint8 with them; ValueError for another type.
    flag, to_rgb: as in `imread`.

    MXNetError for bytes that are no picture. ImportError without Pillow and OpenCV.
    """
    if not isinstance(buf, (NDArray, bytes, bytearray, memoryview, np.ndarray)):
        raise ValueError("buf must be of type bytes, bytearray or numpy.ndarray,"
                         "if you would like to input type str, please convert to bytes")
    _check_flag(flag, "imdecode")
    data = buf if isinstance(buf, (bytes, bytearray, memoryview)) else elements(buf)
    if isinstance(data, np.ndarray):
        if data.dtype != np.uint8:
            raise MXNetError(f"imdecode: Input needs to be uint8 buffer, not {data.dtype}")
        data = data.tobytes()
    return _given(decode(data, bool(flag), bool(to_rgb)), out)


def imresize(src: Any, w: int, h: int, interp: int = 1, out: Any = None) -> Any:
    """A picture (height, width, channels) of another size.

    w, h: the new width and height.
    interp: 0 nearest, 1 linear, 2 cubic, 3 area, 4 Lanczos, as OpenCV computes them.

    MXNetError for other dtypes than uint8, float32 and float64.

    >>> from tracer import nd
    >>> imresize(nd.ones((4, 6, 3)), 3, 2).shape
    (2, 3, 3)
    """
    picture = elements(src)
    if picture.dtype.name not in ("uint8", "float32", "float64"):
        raise MXNetError(f"imresize: a picture of {picture.dtype}; uint8, float32 or float64 can be resized")
    return _given(resize(picture, int(h), int(w), int(interp)), out, src)


#: OpenCV's kinds of borders by NumPy's names: constant, replicate, reflect, wrap, reflect without the edge.
_BORDERS: dict[int, Any] = {0: "constant", 1: "edge", 2: "symmetric", 3: "wrap", 4: "reflect"}
_NOT_ISOLATED = 15


def copyMakeBorder(src: Any, top: int, bot: int, left: int, right: int, type: int = 0, value: float = 0.0,
                   values: Sequence[float] = (), out: Any = None) -> Any:
    """A picture (height, width, channels) with a border.

    top, bot, left, right: the border's rows and columns.
    type: OpenCV's number of its kind: 0 of one colour, 1 repeats the edge, 2 and 4 reflect, 3 wraps around.
    value: the number of all channels of the border.
    values: those of each channel.
    """
    picture = elements(src)
    kind = _BORDERS.get(int(type) & _NOT_ISOLATED)
    if kind is None or picture.ndim != 3 or min(top, bot, left, right) < 0:
        raise MXNetError(f"copyMakeBorder: a border ({top}, {bot}, {left}, {right}) of type {type} for a picture of "
                         f"shape {picture.shape}")
    widths = ((top, bot), (left, right), (0, 0))
    if kind != "constant":
        return _given(np.pad(picture, widths, kind), out, src)
    rows, columns, channels = picture.shape
    made = np.empty((rows + top + bot, columns + left + right, channels), picture.dtype)
    colour = np.zeros(max(channels, 4))
    colour[:] = value if not len(values) else 0
    colour[:len(values)] = values
    limits = (0, 255) if picture.dtype == np.uint8 else (-np.inf, np.inf)
    made[...] = np.clip(np.rint(colour[:channels]) if picture.dtype.kind in "iu" else colour[:channels], *limits)
    made[top:top + rows, left:left + columns] = picture
    return _given(made, out, src)
