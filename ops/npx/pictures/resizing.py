"""Pictures, or batches of them, resized as OpenCV does: whole ones, and parts of them whose places are data."""
from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...declare.families import call
from ...declare.public import public
from ...ir.aval import Aval, aval
from ...ir.errors import MXNetError
from ...ir.node import Node
from ...primitive.elementary import without_gradient
from .resampling import resize
from .tensors import check_picture

_DTYPES = tuple(np.dtype(t) for t in ("uint8", "float32", "float64"))


def _each(data: np.ndarray, height: int, width: int, method: int) -> np.ndarray:
    """One picture resized, or each of a batch."""
    if data.ndim == 3:
        return resize(data, height, width, method)
    return np.stack([resize(picture, height, width, method) for picture in data])


def _cut_ref(data: np.ndarray, place: np.ndarray, height: int, width: int, method: int) -> np.ndarray:
    x, y, columns, rows = place.astype(int).tolist()
    part = data[..., y:y + rows, x:x + columns, :]
    if part.shape[-3:-1] != (rows, columns):
        raise MXNetError(f"a part of {rows} x {columns} at x={x}, y={y} leaves the picture of shape {data.shape}")
    return _each(part, height, width, method)


def _resize_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    draw = np.random.RandomState(5)
    for shape, size, method in (((6, 8, 3), (4, 5), 1), ((2, 5, 4, 1), (7, 6), 2), ((5, 5, 3), (3, 2), 3),
                                ((4, 6, 3), (9, 9), 4), ((3, 3, 1), (2, 5), 0)):
        yield [draw.randint(0, 255, shape)], (*size, method)


def _cut_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    for data, more in _resize_samples():
        yield [*data, np.array([1, 1, 2, 2])], more


def _resized(data: Aval, height: int, width: int, method: int) -> Aval:
    return aval((*data.shape[:-3], height, width, data.shape[-1]), data.dtype)


def _cut(data: Aval, place: Aval, *more: int) -> Aval:
    return _resized(data, *more)


_resize = call("resize_picture", _resized, _each, samples=_resize_samples, smooth=False)
_cut_out = call("cut_picture", _cut, _cut_ref, samples=_cut_samples, smooth=False)


def _check(data: Node, what: str) -> None:
    check_picture(data, (3, 4), what)
    if data.dtype not in _DTYPES:
        raise MXNetError(f"{what}: a picture of {data.dtype.name}; uint8, float32 or float64 can be resized")


@public("nd.image.resize")
@public("npx.image.resize")
def image_resize(data: Node, size=(), keep_ratio=False, interp=1) -> Node:
    """A picture (height, width, channels), or a batch, of another size.

    size: (width, height), or one number for both.
    keep_ratio: whether one number is the smaller side's, and the other side keeps the ratio.
    interp: 0 nearest, 1 linear, 2 cubic, 3 area, 4 Lanczos, as OpenCV computes them.

    MXNetError for other dtypes than uint8, float32 and float64. The derivative is 0.

    >>> from tracer import nd
    >>> nd.image.resize(nd.ones((4, 6, 3)), size=2, keep_ratio=True).shape
    (2, 3, 3)
    """
    _check(data, "resize")
    sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,)
    if len(sizes) not in (1, 2) or any(n < 1 for n in sizes):
        raise MXNetError(f"resize: size is one positive number, or a width and a height, not {size}")
    rows, columns = data.shape[-3:-1]
    width, height = int(sizes[0]), int(sizes[-1])
    if len(sizes) == 1 and keep_ratio:
        if rows > columns:
            height = rows * width // columns
        else:
            width = columns * height // rows
    return without_gradient(_resize(data, attrs=(height, width, int(interp))))


@public("npx._cut_picture")
def cut_picture(data: Node, place: Node, height=1, width=1, interp=1) -> Node:
    """The part of a picture, or of a batch, at `place`, (x, y, width, height) as data, resized."""
    _check(data, "crop")
    return without_gradient(_cut_out(data, place, attrs=(int(height), int(width), int(interp))))
