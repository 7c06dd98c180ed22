"""Position-sensitive regions: each part of a region has channels of its own, whose pixels or samples it averages.

A region is a row (image, x1, y1, x2, y2) of coordinates that are multiplied by a scale.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ...declare.families import call
from ...declare.public import REQUIRED, Optional, public
from ...ir.aval import Aval, aval
from ...ir.errors import MXNetError
from ...ir.node import Node
from ...ir.op import FLOATS
from ...primitive.arithmetic import (
    add,
    cast,
    div,
    floor,
    floor_divide,
    greater_equal,
    in_single,
    less_equal,
    like,
    logical_and,
    maximum,
    minimum,
    mul,
    sub,
    trunc,
    where,
)
from ...primitive.elementary import sign
from ...primitive.gather_scatter import gather
from ...primitive.iota import counts
from ...primitive.linear import broadcast_to, part, reduce_sum, reshape
from ...primitive.promotion import INT64, floating
from ...primitive.rounding import ceil
from .resizing import check_image


def _check(what: str, data: Node, rois: Node, dim: Any, group: Any, scale: Any) -> None:
    """MXNetError for operands and sizes that don't fit."""
    check_image(floating(data), what)
    if rois.ndim != 2 or rois.shape[1] != 5:
        raise MXNetError(f"{what}: rois of shape {rois.shape}; bbox should be a 2D tensor of shape [batch, 5]")
    if rois.dtype != data.dtype:
        raise MXNetError(f"{what}: data is {data.dtype.name}, rois {rois.dtype.name}; they must agree")
    if not 0 <= float(scale) <= 1:
        raise MXNetError(f"{what}: value {scale} for Parameter spatial_scale exceed bound [0,1]")
    if int(dim) < 1 or int(group) < 1 or int(dim) * int(group) ** 2 > data.shape[1]:
        raise MXNetError(f"{what}: output_dim={dim} and group_size={group} need {int(dim) * int(group) ** 2} channels; "
                         f"data have {data.shape[1]}")


# ---- means of pixels: linear in the image, and their derivative is linear, too --------------------

def _wide(x: Any) -> np.ndarray:
    """The array, float16 cast to float32."""
    return np.asarray(x, np.float32) if x.dtype == np.float16 else np.asarray(x)


def _rounded(x: Any) -> Any:
    """The nearest integers, halves away from zero."""
    return np.trunc(x + np.copysign(x.dtype.type(0.5), x))


def _shares(start: Any, end: Any, count: int, n: int, kind: type) -> np.ndarray:
    """1 for each pixel of `n` (second axis) in each of the `count` parts (first axis) from `start` to `end`."""
    each = max(kind(end - start), kind(0.1)) / kind(count)
    low = np.floor(np.arange(count, dtype=kind) * each + start).clip(0, n)
    high = np.ceil(np.arange(1, count + 1, dtype=kind) * each + start).clip(0, n)
    at = np.arange(n)
    return ((at >= low[:, None]) & (at < high[:, None])).astype(kind)


def _parts(roi: np.ndarray, image: tuple[int, ...], size: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """The shares of pixels in the parts' means, along the rows and along the columns."""
    kind = roi.dtype.type
    low, high = _rounded(roi[1:3]) * kind(scale), (_rounded(roi[3:]) + kind(1)) * kind(scale)
    lines = [_shares(low[i], high[i], size, image[1 - i], kind) for i in (1, 0)]
    rows, columns = (line / np.maximum(line.sum(1, keepdims=True), kind(1)) for line in lines)
    return rows, columns


def _channels(dim: int, group: int, size: int) -> np.ndarray:
    """The channel of each part of each output: (dim, size, size)."""
    at = (np.arange(size) * group // size).clip(0, group - 1)
    return (np.arange(dim)[:, None, None] * group + at[:, None]) * group + at


def _pooled_ref(data: Any, rois: Any, scale: float, dim: int, size: int, group: int) -> Any:
    of, data, rois = data.dtype, _wide(data), _wide(rois)
    found = np.zeros((len(rois), dim, size, size), data.dtype)
    channels, (p, q) = _channels(dim, group, size), np.ogrid[:size, :size]
    for r, roi in enumerate(rois):
        if 0 <= int(roi[0]) < len(data):
            rows, columns = _parts(roi, data.shape[2:], size, scale)
            sums = np.matmul(np.matmul(rows, data[int(roi[0])]), columns.T)
            found[r] = sums[channels, p, q]
    return found.astype(of, copy=False)


def _spread_ref(g: Any, rois: Any, shape: tuple[int, ...], scale: float, dim: int, size: int, group: int) -> Any:
    of, g, rois = g.dtype, _wide(g), _wide(rois)
    found = np.zeros(shape, g.dtype)
    channels, (p, q) = _channels(dim, group, size), np.ogrid[:size, :size]
    for r, roi in enumerate(rois):
        if 0 <= int(roi[0]) < shape[0]:
            rows, columns = _parts(roi, shape[2:], size, scale)
            lines = np.zeros((shape[1], size, size), g.dtype)
            lines[channels, p, q] = g[r]
            found[int(roi[0])] += np.matmul(np.matmul(rows.T, lines), columns)
    return found.astype(of, copy=False)


_REGIONS = np.array([[0, 1, 0, 5, 3], [1, 2.2, 1.4, 9, 4], [1, 4, 3, 2, 1], [0, -3, -2, 1.6, 7]])
_ATTRS = [(1.0, 2, 2, 2), (0.5, 1, 3, 2), (0.7, 2, 3, 1)]


def _pooled_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    draw = np.random.RandomState(48)
    for attrs in _ATTRS:
        yield [draw.randn(2, 8, 5, 6), _REGIONS], attrs


def _spread_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    draw = np.random.RandomState(49)
    for attrs in _ATTRS:
        yield [draw.randn(4, attrs[1], attrs[2], attrs[2]), _REGIONS], ((2, 8, 5, 6), *attrs)


def _pooled_infer(data: Aval, rois: Aval, scale: float, dim: int, size: int, group: int) -> Aval:
    return aval((rois.shape[0], dim, size, size), data.dtype)


_spread: Callable[..., Node]
_pooled = call("part_pooling", _pooled_infer, _pooled_ref,
               lambda g, node: (_spread(g, node.inputs[1], attrs=(node.inputs[0].shape, *node.attrs)), None),
               samples=_pooled_samples, smooth=False, dtypes=FLOATS)
_spread = call("part_pooling_spread", lambda g, rois, shape, *rest: aval(shape, g.dtype), _spread_ref,
               lambda g, node: (_pooled(g, node.inputs[1], attrs=node.attrs[1:]), None), samples=_spread_samples,
               smooth=False, dtypes=FLOATS)


@public("nd.contrib.PSROIPooling")
def psroi_pooling(data: Node, rois: Node, spatial_scale=REQUIRED, output_dim=REQUIRED, pooled_size=REQUIRED,
                  group_size=0) -> Node:
    """Means of the pixels of `pooled_size` by `pooled_size` parts of regions; each part has channels of its own.

    data: (batch, output_dim * group_size ** 2, height, width).
    rois: (regions, 5): the number of the image, x1, y1, x2, y2; corners are rounded, then multiplied by
        `spatial_scale`.
    group_size: the number of groups of parts along each axis (0: pooled_size).

    Returns (regions, output_dim, pooled_size, pooled_size); 0 for parts without pixels and regions of other images.
    MXNetError for shapes that don't fit, and for dtypes other than floats.

    Dai et al., R-FCN: Object Detection via Region-based Fully Convolutional Networks, NeurIPS 2016.

    >>> from tracer import nd
    >>> x = nd.arange(4).reshape((1, 4, 1, 1)) * nd.ones((1, 4, 2, 2))
    >>> nd.contrib.PSROIPooling(x, nd.array([[0, 0, 0, 1, 1]]), spatial_scale=1, output_dim=1, pooled_size=2)
    <BLANKLINE>
    [[[[0. 1.]
       [2. 3.]]]]
    <NDArray 1x1x2x2 @cpu(0)>
    """
    group = group_size or pooled_size
    _check("PSROIPooling", data, rois, output_dim, group, spatial_scale)
    if int(pooled_size) < 1:
        raise MXNetError(f"PSROIPooling: pooled_size={pooled_size} must be positive")
    return _pooled(data, rois, attrs=(float(np.float32(spatial_scale)), int(output_dim), int(pooled_size), int(group)))


# ---- means of samples whose places move -----------------------------------------------------------

def _nearest(x: Node) -> Node:
    """The nearest integers, halves away from zero."""
    return trunc(add(x, mul(sign(x), like(x, 0.5))))


def _bounds(rois: Node, axis: int, scale: float) -> tuple[Node, Node]:
    """The start and the length of regions along an axis (0: x), in arrays that broadcast over parts and samples."""
    def line(at: int, more: int) -> Node:
        column = reshape(part(rois, 1, at, 1), (rois.shape[0], 1, 1, 1, 1, 1))
        whole = _nearest(column)
        return sub(mul(add(whole, like(whole, more)), like(whole, scale)), like(whole, 0.5))

    start = line(1 + axis, 0)
    length = sub(line(3 + axis, 1), start)
    return start, maximum(length, like(length, 0.1))


def _clipped(place: Node, n: int) -> tuple[Node, Node]:
    """The places within [0, n - 1], and whether they count: those less than half a pixel outside do."""
    seen = logical_and(greater_equal(place, like(place, -0.5)), less_equal(place, like(place, n - 0.5)))
    inside = where(seen, place, like(place, 0))
    return minimum(maximum(inside, like(place, 0)), like(place, n - 1)), seen


def _shares_of(size: int, count: int, axis: int, ndim: int) -> Node:
    """For each of `size` places along an axis: which of `count` equal ranges it is in."""
    places = counts(size, ndim, axis)
    return floor_divide(mul(places, like(places, count)), like(places, size))


def _shift(trans: Node, axis: int, dim: int, size: int, parts: int) -> Node:
    """The shift of each part of each output along an axis: (regions, dim, size, size, 1, 1)."""
    regions, classes = trans.shape[0], trans.shape[1] // 2
    line = reshape(part(reshape(trans, (regions, classes, 2, parts, parts)), 2, axis, 1),
                   (regions, classes, parts, parts))
    places = counts(dim, 3, 0)
    which = [floor_divide(places, like(places, dim // classes)), *(_shares_of(size, parts, i, 3) for i in (1, 2))]
    found = gather(line, tuple(broadcast_to(i, (dim, size, size)) for i in which),
                   (("s", 0, regions, 1), ("i", 0), ("i", 1), ("i", 2)), True)
    return reshape(found, (*found.shape, 1, 1))


def _neighbours(place: Node) -> list[tuple[Node, Node]]:
    """The two pixels around places along an axis, and their shares of the value."""
    low = floor(place)
    share = sub(place, low)
    return [(cast(low, INT64), sub(like(share, 1), share)), (cast(ceil(place), INT64), share)]


@in_single
def _sampled(data: Node, rois: Node, trans: Node | None, scale: float, dim: int, group: int, size: int, parts: int,
             samples: int, spread: float) -> Node:
    batch, channels, *image = data.shape
    lines = []
    for axis, n in ((1, image[0]), (0, image[1])):
        start, length = _bounds(rois, axis, scale)
        each = div(length, like(length, size))
        place = add(mul(counts(size, 6, 3 - axis, data.dtype), each), start)
        if trans is not None:
            shift = _shift(trans, axis, dim, size, parts)
            place = add(place, mul(mul(shift, like(shift, spread)), length))
        step = div(each, like(each, samples))
        lines.append(_clipped(add(place, mul(counts(samples, 6, 5 - axis, data.dtype), step)), n))
    (y, y_seen), (x, x_seen) = lines
    seen = logical_and(y_seen, x_seen)
    shape = (rois.shape[0], dim, size, size, samples, samples)
    number = cast(reshape(part(rois, 1, 0, 1), (rois.shape[0], 1, 1, 1, 1, 1)), INT64)
    number = minimum(maximum(number, like(number, 0)), like(number, batch - 1))
    channel = mul(counts(dim, 6, 1), like(number, group))
    for axis in (2, 3):
        channel = add(channel, _shares_of(size, group, axis, 6))
        channel = mul(channel, like(channel, group)) if axis == 2 else channel
    corners = []
    for row, down in _neighbours(y):
        for column, across in _neighbours(x):
            index = tuple(broadcast_to(i, shape) for i in (number, channel, row, column))
            value = gather(data, index, (("i", 0), ("i", 1), ("i", 2), ("i", 3)), True)
            corners.append(mul(value, mul(down, across)))
    total = add(add(corners[0], corners[1]), add(corners[2], corners[3]))
    seen = broadcast_to(seen, shape)
    found = reduce_sum(where(seen, total, like(total, 0)), (4, 5))
    count = reduce_sum(cast(seen, data.dtype), (4, 5))
    return div(found, maximum(count, like(count, 1)))


@public("nd.contrib.DeformablePSROIPooling")
def deformable_psroi_pooling(data: Node, rois: Node, trans: Optional = None, spatial_scale=REQUIRED,
                             output_dim=REQUIRED, group_size=REQUIRED, pooled_size=REQUIRED, part_size=0,
                             sample_per_part=1, trans_std=0.0, no_trans=False) -> Node:
    """Means of interpolated samples of `pooled_size` by `pooled_size` parts of regions; each part has its channels.

    data: (batch, output_dim * group_size ** 2, height, width).
    rois: (regions, 5): the number of the image, x1, y1, x2, y2; corners are rounded, then multiplied by
        `spatial_scale`.
    trans: (regions, 2 * classes, part_size, part_size), the shifts of parts along x and y for each class, in lengths of
        the region divided by `trans_std`. Left out with `no_trans`.
    part_size: the number of parts with a shift of their own along each axis (0: pooled_size).
    sample_per_part: the number of samples of a part along each axis.

    Returns (regions, output_dim, pooled_size, pooled_size); samples more than half a pixel outside do not count.
    MXNetError for shapes that don't fit, and for dtypes other than floats.

    Dai et al., Deformable Convolutional Networks, ICCV 2017.
    """
    what, parts = "DeformablePSROIPooling", int(part_size or pooled_size)
    _check(what, data, rois, output_dim, group_size, spatial_scale)
    if min(int(pooled_size), parts, int(sample_per_part)) < 1 or not 0 <= float(trans_std) <= 1:
        raise MXNetError(f"{what}: pooled_size={pooled_size}, part_size={part_size} and "
                         f"sample_per_part={sample_per_part} must be positive, trans_std={trans_std} in [0, 1]")
    if (trans is None) != bool(no_trans):
        raise MXNetError(f"Operator {what} expects {2 if no_trans else 3} inputs with no_trans={bool(no_trans)}")
    if trans is not None:
        classes = trans.shape[1] // 2 if trans.ndim == 4 else 0
        wanted = (rois.shape[0], 2 * classes, parts, parts)
        if not classes or trans.shape != wanted or trans.dtype != data.dtype or int(output_dim) % classes:
            raise MXNetError(f"{what}: trans is {trans.dtype.name} of shape {trans.shape}; it must be "
                             f"{data.dtype.name} of (regions, 2 * classes, {parts}, {parts}), classes a divisor of "
                             f"output_dim={output_dim}")
    return _sampled(data, rois, trans, float(np.float32(spatial_scale)), int(output_dim), int(group_size),
                    int(pooled_size), parts, int(sample_per_part), float(np.float32(trans_std)))
