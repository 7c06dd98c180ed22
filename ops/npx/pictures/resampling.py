"""Pictures of another size, as OpenCV's `resize` computes them: the arithmetic of its fixed-point numbers included.

A pixel of uint8 is the sum of its neighbours times weights of 11 bits, rounded once; others are sums in float32.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ...ir.errors import MXNetError

#: OpenCV's numbers of the methods.
NEAREST, LINEAR, CUBIC, AREA, LANCZOS = range(5)
_BITS = 11
_SINGLE = np.float32
_BYTE = np.dtype("uint8")

#: Of each pixel along an axis the places of its neighbours, (size, taps), and their weights in float32.
Taps = tuple[np.ndarray, np.ndarray]


def resize(picture: np.ndarray, height: int, width: int, method: int = LINEAR) -> np.ndarray:
    """The picture (rows, columns, channels) with another number of rows and columns.

    picture: of any dtype; float16 is computed in float32, other integers than uint8 in float64, and rounded.
    method: 0 nearest, 1 linear, 2 cubic, 3 area, 4 Lanczos; MXNetError for another number.

    The numbers are OpenCV's for uint8; for floats they differ in the last digits.

    >>> resize(np.array([[[0], [100]]], "uint8"), 1, 4)[0, :, 0].tolist()
    [0, 25, 75, 100]
    """
    if picture.ndim != 3 or not picture.size or height < 1 or width < 1:
        raise MXNetError(f"resize: a picture of shape {picture.shape} to {height} x {width}")
    rows, columns = picture.shape[:2]
    if (rows, columns) == (height, width):
        return picture.copy()
    kind = picture.dtype
    if method == NEAREST:
        return picture[_nearest(rows, height)][:, _nearest(columns, width)]
    if kind.name not in ("uint8", "float32", "float64"):
        wide = picture.astype(_SINGLE if kind.kind == "f" else np.float64)
        made = resize(wide, height, width, method)
        return (made if kind.kind == "f" else np.rint(made)).astype(kind)
    if method == LINEAR and (rows, columns) == (2 * height, 2 * width):
        method = AREA
    if method == AREA and rows >= height and columns >= width:
        return _means(picture, height, width)
    if method not in _TAPS:
        raise MXNetError(f"resize: Unknown interpolation method {method}; known: 0 nearest, 1 linear, 2 cubic, 3 area, "
                         "4 Lanczos")
    lines = _taps(method, rows, height), _taps(method, columns, width)
    return _fixed(picture, *lines, method) if picture.dtype == _BYTE else _floating(picture, *lines)


def _step(size: int, made: int) -> float:
    """The distance of two new pixels in old ones, as OpenCV rounds it: it is not always `size / made`."""
    return 1 / (made / size)


@lru_cache(256)
def _nearest(size: int, made: int) -> np.ndarray:
    return np.minimum(np.floor(np.arange(made) * _step(size, made)).astype(int), size - 1)


# ---- weighted sums of neighbours -----------------------------------------------------------------

def _linear(size: int, made: int) -> Taps:
    at = ((np.arange(made) + 0.5) * _step(size, made) - 0.5).astype(_SINGLE)
    start = np.floor(at).astype(int)
    return _two(start, at - start.astype(_SINGLE), size)


def _enlarged(size: int, made: int) -> Taps:
    """Those of `AREA` where pixels become more."""
    scale = _step(size, made)
    start = np.floor(np.arange(made) * scale).astype(int)
    part = ((np.arange(made) + 1) - (start + 1) * (made / size)).astype(_SINGLE)
    return _two(start, np.where(part <= 0, _SINGLE(0), part - np.floor(part)), size)


def _two(start: np.ndarray, part: np.ndarray, size: int) -> Taps:
    return _places(start, 2, size), np.stack([_SINGLE(1) - part, part], 1)


def _cubic(size: int, made: int) -> Taps:
    start, x = _split(size, made)
    a, one = _SINGLE(-0.75), _SINGLE(1)
    first = ((a * (x + one) - _SINGLE(5) * a) * (x + one) + _SINGLE(8) * a) * (x + one) - _SINGLE(4) * a
    second = ((a + _SINGLE(2)) * x - (a + _SINGLE(3))) * x * x + one
    third = ((a + _SINGLE(2)) * (one - x) - (a + _SINGLE(3))) * (one - x) * (one - x) + one
    return _places(start - 1, 4, size), np.stack([first, second, third, one - first - second - third], 1)


def _lanczos(size: int, made: int) -> Taps:
    start, x = _split(size, made)
    half = 0.70710678118654752440084436210485
    turns = np.array([(1, 0), (-half, -half), (0, 1), (half, -half), (-1, 0), (half, half), (0, -1), (-half, half)])
    angle = -(x.astype(float) + 3) * np.pi * 0.25
    steps = -(x[:, None].astype(float) + 3 - np.arange(8)) * np.pi * 0.25
    with np.errstate(all="ignore"):
        waves = (turns[:, 0] * np.sin(angle)[:, None] + turns[:, 1] * np.cos(angle)[:, None]) / (steps * steps)
        weights = waves.astype(_SINGLE)
        weights *= _SINGLE(1) / weights.sum(1, keepdims=True, dtype=_SINGLE)
    weights[x < np.finfo(_SINGLE).eps] = np.arange(8) == 3
    return _places(start - 3, 8, size), weights


def _split(size: int, made: int) -> tuple[np.ndarray, np.ndarray]:
    at = ((np.arange(made) + 0.5) * _step(size, made) - 0.5).astype(_SINGLE)
    start = np.floor(at)
    return start.astype(int), at - start


def _places(first: np.ndarray, taps: int, size: int) -> np.ndarray:
    return np.clip(first[:, None] + np.arange(taps), 0, size - 1)


_TAPS: dict[int, Callable[[int, int], Taps]] = {LINEAR: _linear, CUBIC: _cubic, AREA: _enlarged, LANCZOS: _lanczos}


@lru_cache(256)
def _taps(method: int, size: int, made: int) -> Taps:
    return _TAPS[method](size, made)


def _weighted(x: np.ndarray, places: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    """The sums of an array's elements at the places along an axis, times the weights, in the weights' dtype."""
    shape = [1] * x.ndim
    shape[axis] = -1
    total = np.take(x, places[:, 0], axis) * weights[:, 0].reshape(shape)
    for k in range(1, places.shape[1]):
        total += np.take(x, places[:, k], axis) * weights[:, k].reshape(shape)
    return total


def _floating(picture: np.ndarray, rows: Taps, columns: Taps) -> np.ndarray:
    kind = picture.dtype
    wide = _weighted(picture, columns[0], columns[1].astype(kind), 1)
    return _weighted(wide, rows[0], rows[1].astype(kind), 0)


def _fixed(picture: np.ndarray, rows: Taps, columns: Taps, method: int) -> np.ndarray:
    across, down = (np.rint(w * _SINGLE(1 << _BITS)).astype(np.int32) for w in (columns[1], rows[1]))
    wide = _weighted(picture, columns[0], across, 1)
    if method in (LINEAR, AREA):
        wide >>= 4
        shape = (-1, 1, 1)
        made = (wide[rows[0][:, 0]] * down[:, 0].reshape(shape)) >> 16
        made += (wide[rows[0][:, 1]] * down[:, 1].reshape(shape)) >> 16
        made += 2
        made >>= 2
    else:
        made = _weighted(wide, rows[0], down, 0)
        made += 1 << (2 * _BITS - 1)
        made >>= 2 * _BITS
    return np.clip(made, 0, 255).astype(np.uint8)


# ---- means over areas ----------------------------------------------------------------------------

def _means(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    rows, columns, channels = picture.shape
    kind = np.dtype(_SINGLE) if picture.dtype == _BYTE else picture.dtype
    if rows % height == 0 and columns % width == 0:
        down, across = rows // height, columns // width
        parts = picture.reshape(height, down, width, across, channels)
        if picture.dtype == _BYTE:
            total = parts.sum((1, 3), dtype=np.int32)
            if (down, across) == (2, 2):
                return ((total + 2) >> 2).astype(np.uint8)
            return np.rint(total.astype(_SINGLE) * _SINGLE(1 / (down * across))).astype(np.uint8)
        return parts.sum((1, 3), dtype=kind) * kind.type(1 / (down * across))
    wide = _covered(picture.astype(kind), width, 1)
    made = _covered(wide, height, 0)
    return np.clip(np.rint(made), 0, 255).astype(np.uint8) if picture.dtype == _BYTE else made


def _covered(x: np.ndarray, made: int, axis: int) -> np.ndarray:
    """The means over parts of equal length along an axis, whose ends may lie within elements."""
    places, weights = _cells(x.shape[axis], made)
    return _weighted(x, places, weights.astype(x.dtype), axis)


@lru_cache(256)
def _cells(size: int, made: int) -> Taps:
    scale = _step(size, made)
    low = np.arange(made) * scale
    high = low + scale
    width = np.minimum(scale, size - low)
    first, last = np.ceil(low).astype(int), np.minimum(np.floor(high).astype(int), size - 1)
    first = np.minimum(first, last)
    taps = int((last - first).max()) + 2
    places = first[:, None] - 1 + np.arange(taps)
    weights = np.where((places >= first[:, None]) & (places < last[:, None]), 1 / width[:, None], 0)
    before = first - low
    weights[:, 0] = np.where(before > 1e-3, before / width, 0)
    after = high - last
    at = last - first + 1
    weights[np.arange(made), at] = np.where(after > 1e-3, np.minimum(np.minimum(after, 1), width) / width, 0)
    return np.clip(places, 0, size - 1), weights.astype(_SINGLE)
