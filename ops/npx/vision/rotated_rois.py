"""Rotated regions of interest of images, pooled to a fixed size by means of interpolated samples."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ...declare.families import call
from ...declare.public import REQUIRED, public
from ...ir.aval import Aval, aval
from ...ir.errors import MXNetError
from ...ir.node import Node
from ...ir.op import FLOATS
from ...primitive.promotion import floating
from .resizing import check_image, pair

Sizes = tuple[int, int]


def _sides(place: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pixels before and after places along an axis of `n`, and the share of the second."""
    place = np.maximum(place, 0)
    low = np.minimum(place.astype(int), n - 1)
    high = np.minimum(low + 1, n - 1)
    return low, high, np.where(low == high, 0, place - low).astype(place.dtype)


def _samples_of(roi: np.ndarray, image: tuple[int, ...], size: Sizes, scale: float,
                ratio: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Four pixels of each sample of one region: rows, columns, and shares of the part's mean, in arrays (*size, …)."""
    kind = roi.dtype.type
    x, y, width, height = roi[1:5] * kind(scale)
    angle = kind(roi[5] * np.pi / 180.0)
    cosine, sine = np.cos(angle), np.sin(angle)
    lines = []
    for length, count in ((max(height, kind(1)), size[0]), (max(width, kind(1)), size[1])):
        each = length / kind(count)
        grid = ratio if ratio > 0 else int(np.ceil(each))
        inside = (np.arange(grid, dtype=kind) + kind(0.5)) * each / kind(grid)
        lines.append(-length / kind(2) + np.arange(count, dtype=kind)[:, None] * each + inside)
    down, across = lines[0][:, None, :, None], lines[1][None, :, None, :]
    rows, columns = down * cosine - across * sine + y, across * cosine + down * sine + x
    seen = (rows >= -1) & (rows <= image[0]) & (columns >= -1) & (columns <= image[1])
    (top, bottom, below), (left, right, beside) = _sides(rows * seen, image[0]), _sides(columns * seen, image[1])
    samples = kind(rows.shape[2] * rows.shape[3])
    for r, share in ((top, 1 - below), (bottom, below)):
        for c, other in ((left, 1 - beside), (right, beside)):
            yield r, c, np.where(seen, share * other, 0) / samples


def _wide(x: Any) -> np.ndarray:
    """The array, float16 cast to float32."""
    return np.asarray(x, np.float32) if x.dtype == np.float16 else np.asarray(x)


def _pooled_ref(data: Any, rois: Any, size: Sizes, scale: float, ratio: int) -> Any:
    of, data, rois = data.dtype, _wide(data), _wide(rois)
    found = np.zeros((len(rois), data.shape[1], *size), data.dtype)
    for result, roi in zip(found, rois, strict=True):
        if 0 <= int(roi[0]) < len(data):
            for r, c, share in _samples_of(roi, data.shape[2:], size, scale, ratio):
                result += (share * data[int(roi[0])][:, r, c]).sum((3, 4))
    return found.astype(of, copy=False)


def _spread_ref(g: Any, rois: Any, shape: tuple[int, ...], size: Sizes, scale: float, ratio: int) -> Any:
    of, g, rois = g.dtype, _wide(g), _wide(rois)
    found = np.zeros(shape, g.dtype)
    for part, roi in zip(g, rois, strict=True):
        if 0 <= int(roi[0]) < len(found):
            for r, c, share in _samples_of(roi, shape[2:], size, scale, ratio):
                key: Any = (slice(None), r, c)
                np.add.at(found[int(roi[0])], key, share * part[..., None, None])
    return found.astype(of, copy=False)


_ROIS = np.array([[0, 3, 2, 4, 3, 30], [1, 2.2, 1.4, 9, 4, -75], [1, 0, 0, 0.5, 0.5, 0], [5, 1, 1, 2, 2, 0]])
_ATTRS = [((2, 3), 1.0, -1), ((1, 2), 0.5, 2)]


def _samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    for attrs in _ATTRS:
        yield [np.random.RandomState(50).randn(2, 3, 5, 6), _ROIS], attrs


def _spread_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    for attrs in _ATTRS:
        yield [np.random.RandomState(51).randn(4, 3, *attrs[0]), _ROIS], ((2, 3, 5, 6), *attrs)


def _infer(data: Aval, rois: Aval, size: Sizes, scale: float, ratio: int) -> Aval:
    return aval((rois.shape[0], data.shape[1], *size), data.dtype)


_spread: Callable[..., Node]
_pooled = call("rotated_roi_align", _infer, _pooled_ref,
               lambda g, node: (_spread(g, node.inputs[1], attrs=(node.inputs[0].shape, *node.attrs)), None),
               samples=_samples, smooth=False, dtypes=FLOATS)
_spread = call("rotated_roi_align_spread", lambda g, rois, shape, *rest: aval(shape, g.dtype), _spread_ref,
               lambda g, node: (_pooled(g, node.inputs[1], attrs=node.attrs[1:]), None), samples=_spread_samples,
               smooth=False, dtypes=FLOATS)


@public("nd.contrib.RROIAlign")
def rroi_align(data: Node, rois: Node, pooled_size=REQUIRED, spatial_scale=REQUIRED, sampling_ratio=-1) -> Node:
    """Means of samples, interpolated bilinearly, over `pooled_size` parts of each rotated region.

    data: (batch, channels, height, width).
    rois: (regions, 6): the number of the image, x and y of the centre, width, height, and the angle in degrees.
    spatial_scale: multiplies centres and sizes; regions are at least one pixel large.
    sampling_ratio: the samples of a part along each axis; by default as many as it is long in pixels, rounded up.

    Returns (regions, channels, *pooled_size). MXNetError for shapes that don't fit, and for dtypes other than floats.
    MXNet has no derivative of it.

    Ma et al., Arbitrary-Oriented Scene Text Detection via Rotation Proposals, IEEE Transactions on Multimedia 2018.

    >>> from tracer import nd
    >>> x = nd.arange(9).reshape((1, 1, 3, 3))
    >>> turned = nd.array([[0, 1.5, 1, 1, 1, 90]])
    >>> nd.contrib.RROIAlign(x, turned, pooled_size=(1, 1), spatial_scale=1.0).asnumpy().round(3).tolist()
    [[[[4.5]]]]
    """
    check_image(floating(data), "RROIAlign")
    if rois.ndim != 2 or rois.shape[1] != 6:
        raise MXNetError(f"RROIAlign: rois of shape {rois.shape}; bbox should be a 2D tensor of shape [batch, 6]")
    if rois.dtype != data.dtype:
        raise MXNetError(f"RROIAlign: data is {data.dtype.name}, rois {rois.dtype.name}; they must agree")
    if not 0 <= float(spatial_scale) <= 1:
        raise MXNetError(f"RROIAlign: value {spatial_scale} for Parameter spatial_scale exceed bound [0,1]")
    return _pooled(data, rois, attrs=(pair(pooled_size, "pooled_size"), float(np.float32(spatial_scale)),
                                      int(sampling_ratio)))
