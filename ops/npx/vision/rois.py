"""Regions of interest of images, pooled to a fixed size: the largest pixels, or means of interpolated samples.

A region is a row (image, x1, y1, x2, y2) of coordinates that are multiplied by a scale.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...declare.families import call
from ...declare.public import REQUIRED, public
from ...ir.aval import Aval, aval
from ...ir.errors import MXNetError
from ...ir.node import Node
from ...ir.op import FLOATS
from ...primitive.arithmetic import equal, greater_equal, like, maximum, where
from ...primitive.gather_scatter import gather
from ...primitive.linear import reshape
from ...primitive.promotion import floating
from .resizing import check_image, pair

Sizes = tuple[int, int]
#: The place of the largest pixel of a region's part that has no pixels, and of one whose pixels are all NaN.
_EMPTY, _NOWHERE = -2, -1


def _wide(x: Any) -> np.ndarray:
    """The array, float16 cast to float32."""
    return np.asarray(x, np.float32) if x.dtype == np.float16 else np.asarray(x)


def _check(what: str, data: Node, rois: Node, pooled: Any, scale: Any) -> tuple[Sizes, float]:
    """The size of the result, and the scale; MXNetError for operands that don't fit."""
    check_image(floating(data), what)
    if rois.ndim != 2 or rois.shape[1] != 5:
        raise MXNetError(f"{what}: rois of shape {rois.shape}; bbox should be a 2D tensor of shape [batch, 5]")
    if rois.dtype != data.dtype:
        raise MXNetError(f"{what}: data is {data.dtype.name}, rois {rois.dtype.name}; they must agree")
    if not 0 <= float(scale) <= 1:
        raise MXNetError(f"{what}: value {scale} for Parameter spatial_scale exceed bound [0,1]")
    return pair(pooled, "pooled_size"), float(np.float32(scale))


# ---- the largest pixels --------------------------------------------------------------------------

def _bins(start: int, end: int, count: int, n: int, kind: np.dtype) -> list[tuple[int, int]]:
    """The pixels [low, high) of `count` parts of the region from `start` to `end`, within [0, n)."""
    size = kind.type(max(end - start + 1, 1)) / kind.type(count)
    places = np.arange(count + 1, dtype=kind) * size
    low, high = np.floor(places[:-1]).astype(int) + start, np.ceil(places[1:]).astype(int) + start
    return list(zip(low.clip(0, n).tolist(), high.clip(0, n).tolist(), strict=True))


def _rounded(x: Any) -> int:
    """The nearest integer, halves away from zero."""
    return int(np.trunc(x + np.copysign(x.dtype.type(0.5), x)))


def _place_ref(data: Any, rois: Any, size: Sizes, scale: float) -> Any:
    data, rois = _wide(data), _wide(rois)
    batch, channels, height, width = data.shape
    found = np.full((len(rois), channels, *size), _EMPTY)
    for r, (which, *corners) in enumerate(rois):
        if not 0 <= int(which) < batch:
            continue
        image, base = data[int(which)], int(which) * channels * height * width
        x1, y1, x2, y2 = (_rounded(c * rois.dtype.type(scale)) for c in corners)
        for i, (top, bottom) in enumerate(_bins(y1, y2, size[0], height, data.dtype)):
            for j, (left, right) in enumerate(_bins(x1, x2, size[1], width, data.dtype)):
                if bottom <= top or right <= left:
                    continue
                part = image[:, top:bottom, left:right].reshape(channels, -1)
                part = np.where(np.isnan(part), -np.inf, part)
                best = part.argmax(1)
                row, column = np.divmod(best, right - left)
                place = base + (np.arange(channels) * height + top + row) * width + left + column
                seen = part[np.arange(channels), best] > np.finfo(data.dtype).min
                found[r, :, i, j] = np.where(seen, place, _NOWHERE)
    return found


def _regions() -> np.ndarray:
    return np.array([[0, 1, 0, 5, 3], [1, 2.2, 1.4, 9, 4], [-1, 0, 0, 3, 3], [1, 4, 3, 2, 1], [0, -3, -2, 1.6, 7]])


def _place_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    data = np.random.RandomState(36).randn(2, 3, 5, 6)
    yield [data, _regions()], ((2, 3), 1.0)
    yield [data, _regions()], ((3, 1), 0.5)


def _place_infer(data: Aval, rois: Aval, size: Sizes, scale: float) -> Aval:
    return aval((rois.shape[0], data.shape[1], *size), np.dtype("int64"))


#: The flat place of the largest pixel of each part of each region.
_place = call("roi_place", _place_infer, _place_ref, samples=_place_samples, smooth=False, dtypes=FLOATS)


@public("nd.ROIPooling")
@public("npx.roi_pooling")
def roi_pooling(data: Node, rois: Node, pooled_size=REQUIRED, spatial_scale=REQUIRED) -> Node:
    """The largest pixels of `pooled_size` parts of each region; 0 for parts without pixels, as those of other images.

    data: (batch, channels, height, width).
    rois: (regions, 5): the number of the image, x1, y1, x2, y2; the rounded corners belong to the region.
    spatial_scale: multiplies the corners.

    Returns (regions, channels, *pooled_size). MXNetError for shapes that don't fit, and for dtypes other than floats.

    Girshick, Fast R-CNN, ICCV 2015.

    >>> from tracer import nd
    >>> x = nd.arange(12).reshape((1, 1, 3, 4))
    >>> nd.ROIPooling(x, nd.array([[0, 0, 0, 3, 1]]), pooled_size=(1, 2), spatial_scale=1.0).asnumpy().tolist()
    [[[[5.0, 7.0]]]]
    """
    size, scale = _check("ROIPooling", data, rois, pooled_size, spatial_scale)
    place = _place(data, rois, attrs=(size, scale))
    flat = reshape(data, (data.size,))
    value = gather(flat, (maximum(place, like(place, 0)),), (("i", 0),), True)
    none = where(equal(place, like(place, _NOWHERE)), like(data, -float(np.finfo("float32").max)), like(data, 0))
    return where(greater_equal(place, like(place, 0)), value, none)


# ---- means of interpolated samples ---------------------------------------------------------------

def _shares(low: Any, high: Any, count: int, ratio: int, n: int, aligned: bool) -> np.ndarray:
    """The weights (count, n) of pixels in the mean samples of the parts of a region, along one axis."""
    kind = low.dtype
    length = high - low if aligned else max(high - low, kind.type(1))
    each = length / kind.type(count)
    grid = ratio if ratio > 0 else int(np.ceil(each))
    weights = np.zeros((count, n), kind)
    if not grid:
        return weights
    steps = (np.arange(grid, dtype=kind) + kind.type(0.5)) * each / kind.type(grid)
    at = (low + np.arange(count, dtype=kind) * each)[:, None] + steps
    seen = (at >= -1) & (at <= n)
    at = np.clip(np.where(seen, at, 0), 0, n - 1)
    below = np.floor(at).astype(int)
    share = at - below
    rows = np.broadcast_to(np.arange(count)[:, None], at.shape)
    np.add.at(weights, (rows, below), np.where(seen, 1 - share, 0))
    np.add.at(weights, (rows, np.minimum(below + 1, n - 1)), np.where(seen, share, 0))
    return weights / kind.type(grid)


def _both_shares(roi: np.ndarray, image: tuple[int, ...], size: Sizes, scale: float, ratio: int,
                 aligned: bool) -> tuple[np.ndarray, np.ndarray]:
    """The weights along the rows and along the columns."""
    kind = roi.dtype.type
    x1, y1, x2, y2 = roi[1:] * kind(scale) - kind(0.5 if aligned else 0)
    if aligned and not (x2 > x1 and y2 > y1):
        raise MXNetError(f"ROIAlign(aligned=True): the region {roi.tolist()} has no area")
    return (_shares(y1, y2, size[0], ratio, image[0], aligned), _shares(x1, x2, size[1], ratio, image[1], aligned))


def _used(weights: np.ndarray) -> tuple[slice, np.ndarray]:
    """The pixels from the first to the last with a weight, and the weights of these."""
    seen = np.flatnonzero(weights.any(0))
    part = slice(int(seen[0]), int(seen[-1]) + 1) if len(seen) else slice(0, 0)
    return part, weights[:, part]


def _align_infer(data: Aval, rois: Aval, size: Sizes, scale: float, ratio: int, parted: bool, aligned: bool) -> Aval:
    return aval((rois.shape[0], data.shape[1] // (size[0] * size[1] if parted else 1), *size), data.dtype)


def _align_ref(data: Any, rois: Any, size: Sizes, scale: float, ratio: int, parted: bool, aligned: bool) -> Any:
    of, data, rois = data.dtype, _wide(data), _wide(rois)
    batch, channels, *image = data.shape
    parts = size[0] * size[1] if parted else 1
    found = np.zeros((len(rois), channels // parts, *size), data.dtype)
    for r, roi in enumerate(rois):
        if 0 <= int(roi[0]) < batch and roi[0] >= 0:
            shares = _both_shares(roi, tuple(image), size, scale, ratio, aligned)
            (high, rows), (wide, columns) = map(_used, shares)
            pixels = data[int(roi[0]), :, high, wide]
            if parted:  # channels of their own for each part
                own = pixels.reshape(-1, *size, *pixels.shape[1:])
                found[r] = np.einsum("ph,cpqhw,qw->cpq", rows, own, columns, optimize=True)
            else:
                found[r] = rows @ (pixels @ columns.T)
    return found.astype(of, copy=False)


def _spread_ref(g: Any, rois: Any, shape: tuple[int, ...], size: Sizes, scale: float, ratio: int, parted: bool,
                aligned: bool) -> Any:
    of, g, rois = g.dtype, _wide(g), _wide(rois)
    found = np.zeros(shape, g.dtype)
    for r, roi in enumerate(rois):
        if 0 <= int(roi[0]) < shape[0] and roi[0] >= 0:
            (high, rows), (wide, columns) = map(_used, _both_shares(roi, shape[2:], size, scale, ratio, aligned))
            if parted:
                spread = np.einsum("ph,cpq,qw->cpqhw", rows, g[r], columns, optimize=True)
            else:
                spread = rows.T @ (g[r] @ columns)
            found[int(roi[0]), :, high, wide] += spread.reshape(shape[1], rows.shape[1], columns.shape[1])
    return found.astype(of, copy=False)


def _align_cases() -> Iterable[tuple[np.ndarray, tuple]]:
    draw = np.random.RandomState(37)
    yield draw.randn(2, 1, 3, 4), ((2, 3), 1.0, 2, False, False)
    yield draw.randn(2, 2, 3, 4), ((3, 2), 0.5, -1, False, False)
    yield draw.randn(2, 4, 3, 4), ((2, 2), 0.75, -1, True, False)


def _align_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    for data, attrs in _align_cases():
        yield [data, _regions()], attrs
    areas = _regions()[[0, 1, 2, 4]]
    yield [np.random.RandomState(38).randn(2, 2, 5, 6), areas], ((2, 3), 1.0, -1, False, True)


def _spread_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    draw = np.random.RandomState(39)
    for data, attrs in _align_cases():
        shape = _align_infer(aval(data.shape, data.dtype), aval((5, 5), data.dtype), *attrs).shape
        yield [draw.randn(*shape), _regions()], (data.shape, *attrs)


_spread: Callable[..., Node]
_align = call("roi_align", _align_infer, _align_ref,
              lambda g, node: (_spread(g, node.inputs[1], attrs=(node.inputs[0].shape, *node.attrs)), None),
              samples=_align_samples, smooth=False, dtypes=FLOATS)
_spread = call("roi_align_spread", lambda g, rois, shape, *rest: aval(shape, g.dtype), _spread_ref,
               lambda g, node: (_align(g, node.inputs[1], attrs=node.attrs[1:]), None), samples=_spread_samples,
               smooth=False, dtypes=FLOATS)


@public("nd.contrib.ROIAlign")
def roi_align(data: Node, rois: Node, pooled_size=REQUIRED, spatial_scale=REQUIRED, sample_ratio=-1,
              position_sensitive=False, aligned=False) -> Node:
    """Means of samples, interpolated bilinearly, over `pooled_size` parts of each region; no coordinate is rounded.

    data: (batch, channels, height, width).
    rois: (regions, 5): the number of the image (0 for a region whose number is negative), x1, y1, x2, y2.
    spatial_scale: multiplies the corners.
    sample_ratio: the samples of a part along each axis; by default as many as it is long in pixels, rounded up.
    position_sensitive: whether each part has channels of its own, side by side.
    aligned: whether pixels are half a pixel to the right and below; else regions are at least one pixel large.

    Returns (regions, channels, *pooled_size), channels divided by the parts with position_sensitive. MXNetError for
    shapes that don't fit, for dtypes other than floats, and (aligned) for a region without area.

    He et al., Mask R-CNN, ICCV 2017.

    >>> from tracer import nd
    >>> x = nd.arange(12).reshape((1, 1, 3, 4))
    >>> nd.contrib.ROIAlign(x, nd.array([[0, 0, 0, 2, 2]]), pooled_size=(1, 1), spatial_scale=1.0).asnumpy().tolist()
    [[[[5.0]]]]
    """
    size, scale = _check("ROIAlign", data, rois, pooled_size, spatial_scale)
    if position_sensitive and data.shape[1] % (size[0] * size[1]):
        raise MXNetError("ROIAlign: Input channels should be divided by pooled_size[0]*pooled_size[1] when "
                         f"position_sensitive is true; {data.shape[1]} channels for {size}")
    return _align(data, rois, attrs=(size, scale, int(sample_ratio), bool(position_sensitive), bool(aligned)))
