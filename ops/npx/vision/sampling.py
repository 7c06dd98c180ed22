"""Bilinear sampling of images (batch, channels, height, width) at given places, and grids of places.

The derivative by the places is that of the interpolation between the four pixels around each.
"""
from __future__ import annotations

from typing import NamedTuple

from ...declare.public import public
from ...ir.errors import MXNetError
from ...ir.node import Node, const
from ...ir.shapes import check_choice
from ...primitive.arithmetic import (
    add,
    cast,
    div,
    equal,
    floor,
    greater_equal,
    in_single,
    less,
    less_equal,
    like,
    logical_and,
    minimum,
    mul,
    sub,
    where,
)
from ...primitive.gather_scatter import gather
from ...primitive.iota import counts, iota
from ...primitive.linear import broadcast_to, concatenate, part, reduce_sum, reshape, transpose
from ...primitive.matmul import product
from ...primitive.promotion import INT64, floating
from .resizing import check_image, pair


class Sides(NamedTuple):
    """The two neighbours of places along an axis, in arrays (batch, groups, places, 2).

    at: their positions, in range.
    weight: their shares of the value.
    seen: whether they count.
    """

    at: Node
    weight: Node
    seen: Node


def _weights(share: Node) -> Node:
    """The shares of both neighbours, of that of the second."""
    first = equal(counts(2, 4, 3), const(0, "int64"))
    return where(first, sub(like(share, 1), share), share)


def _column(place: Node) -> Node:
    return reshape(place, (*place.shape, 1))


def zero_outside(place: Node, n: int) -> Sides:
    """The neighbours of places along an axis of `n` pixels beyond which the image is 0."""
    low = floor(_column(place))
    share = sub(_column(place), low)
    at = add(low, counts(2, 4, 3, low.dtype))
    seen = logical_and(greater_equal(at, like(at, 0)), less_equal(at, like(at, n - 1)))
    return Sides(cast(where(seen, at, like(at, 0)), INT64), _weights(share), seen)


def edge_extended(place: Node, n: int) -> Sides:
    """The neighbours of places along an axis of `n` pixels: in [n - 1, n) the last pixel, outside of [0, n) none."""
    place = _column(place)
    seen = logical_and(greater_equal(place, like(place, 0)), less(place, like(place, n)))
    inside = where(seen, place, like(place, 0))
    low = floor(inside)
    share = where(greater_equal(low, like(low, n - 1)), like(low, 0), sub(inside, low))
    at = add(cast(low, INT64), counts(2, 4, 3))
    return Sides(minimum(at, like(at, n - 1)), _weights(share), seen)


def sampled(x: Node, rows: Sides, columns: Sides) -> Node:
    """The values of images at places: a weighted sum of four pixels for each.

    x: (batch, groups, channels, height, width).
    rows, columns: the neighbours of the places.

    Returns (batch, groups, places, channels).
    """
    batch, groups, channels, height, width = x.shape
    pixels = reshape(transpose(x, (0, 1, 3, 4, 2)), (batch, groups, height * width, channels))
    down = [reshape(a, (*a.shape, 1, 1)) for a in rows]
    across = [reshape(a, (*a.shape[:3], 1, a.shape[3], 1)) for a in columns]
    place = add(mul(down[0], like(down[0], width)), across[0])
    place = reshape(place, place.shape[:5])
    which = [broadcast_to(counts(n, 5, axis), place.shape) for axis, n in ((0, batch), (1, groups))]
    template = (("i", 0), ("i", 1), ("i", 2), ("s", 0, channels, 1))
    value = gather(pixels, (*which, place), template, True)
    shares = mul(value, mul(down[1], across[1]))
    return reduce_sum(where(logical_and(down[2], across[2]), shares, like(shares, 0)), (3, 4))


# ---- samplers ------------------------------------------------------------------------------------

def _scaled(line: Node, n: int) -> Node:
    """Places in pixels, of places in [-1, 1]."""
    return mul(mul(add(line, like(line, 1)), like(line, n - 1)), like(line, 0.5))


@in_single
def _at_grid(data: Node, grid: Node) -> Node:
    batch, channels, height, width = data.shape
    rows, columns = grid.shape[2:]
    x, y = (reshape(part(grid, 1, i, 1), (batch, 1, rows * columns)) for i in (0, 1))
    image = reshape(data, (batch, 1, channels, height, width))
    found = sampled(image, zero_outside(_scaled(y, height), height), zero_outside(_scaled(x, width), width))
    return transpose(reshape(found, (batch, rows, columns, channels)), (0, 3, 1, 2))


@public("nd.BilinearSampler")
def bilinear_sampler(data: Node, grid: Node, cudnn_off=None) -> Node:
    """The values of images at the places of `grid`, by bilinear interpolation; 0 outside of the images.

    data: (batch, channels, height, width).
    grid: (batch, 2, rows, columns), the places' x and y, from -1 at the first pixel to 1 at the last.

    MXNetError for shapes that don't fit, and for dtypes other than floats. See `GridGenerator`.

    >>> from tracer import nd
    >>> nd.BilinearSampler(nd.array([[[[1, 3]]]]), nd.zeros((1, 2, 1, 1))).asnumpy().tolist()
    [[[[2.0]]]]
    """
    check_image(data, "BilinearSampler")
    if grid.ndim != 4 or grid.shape[:2] != (data.shape[0], 2):
        raise MXNetError(f"BilinearSampler: a grid of shape {grid.shape} for data of shape {data.shape}; it must be "
                         f"({data.shape[0]}, 2, rows, columns)")
    if grid.dtype != data.dtype:
        raise MXNetError(f"BilinearSampler: data is {data.dtype.name}, grid {grid.dtype.name}; they must agree")
    return _at_grid(floating(data), grid)


def _regular(n: int, m: int, of: Node) -> Node:
    """x, y and 1 of the places of a regular grid of `n` rows, in the order of rows: (3, n * m)."""
    lines = []
    for axis, size in ((1, m), (0, n)):
        step = 2.0 / (size - 1) if size > 1 else 0.0
        line = iota((n, m), axis, of.dtype)
        lines.append(sub(mul(line, like(line, step)), like(line, 1)))
    ones = broadcast_to(like(of, 1), (n, m))
    return concatenate([reshape(line, (1, n * m)) for line in (*lines, ones)], 0)


@in_single
def _affine(data: Node, rows: int, columns: int) -> Node:
    batch = data.shape[0]
    found = product(reshape(data, (batch * 2, 3)), _regular(rows, columns, data))
    return reshape(found, (batch, 2, rows, columns))


@in_single
def _warped(flow: Node) -> Node:
    lines = []
    for at, axis in ((0, 3), (1, 2)):
        n = flow.shape[axis]
        place = add(part(flow, 1, at, 1), counts(n, 4, axis, flow.dtype))
        lines.append(sub(div(place, like(place, (n - 1) / 2)), like(place, 1)))
    return concatenate(lines, 1)


@public("nd.GridGenerator")
def grid_generator(data: Node, transform_type, target_shape=(0, 0)) -> Node:
    """A grid of places for `BilinearSampler`, (batch, 2, rows, columns).

    transform_type: "affine" maps the regular grid of `target_shape` by the 2 x 3 matrices of `data` (batch, 6); "warp"
        moves each pixel by the flow `data` (batch, 2, rows, columns), in pixels.

    MXNetError for shapes that don't fit, and for dtypes other than floats.
    """
    check_choice(transform_type, ("affine", "warp"))
    if transform_type == "warp":
        if data.ndim != 4 or data.shape[1] != 2:
            raise MXNetError(f"GridGenerator(transform_type='warp'): data of shape {data.shape}, not (batch, 2, rows, "
                             "columns)")
        return _warped(floating(data))
    if data.ndim != 2 or data.shape[1] != 6:
        raise MXNetError(f"GridGenerator(transform_type='affine'): data of shape {data.shape}, not (batch, 6)")
    return _affine(floating(data), *pair(target_shape, "target_shape"))


@public("nd.SpatialTransformer")
def spatial_transformer(data: Node, loc: Node, transform_type, sampler_type, target_shape=(0, 0),
                        cudnn_off=None) -> Node:
    """Images sampled on the grid to which the affine maps `loc`, (batch, 6), move the regular one of `target_shape`.

    It is `BilinearSampler` of `GridGenerator`. MXNetError for shapes that don't fit, and for dtypes other than floats.
    """
    check_choice(transform_type, ("affine",))
    check_choice(sampler_type, ("bilinear",))
    return bilinear_sampler(data, grid_generator(loc, "affine", target_shape))
