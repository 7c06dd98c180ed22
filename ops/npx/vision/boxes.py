"""Boxes: their overlaps, and the offsets from anchors that networks learn. As in MXNet, these have no gradient.

A box is (left, top, right, bottom), "corner", or (x, y, width, height), "center".
"""
from __future__ import annotations

from ...declare.public import public
from ...ir.errors import MXNetError
from ...ir.node import Node
from ...ir.shapes import check_choice
from ...primitive.arithmetic import (
    add,
    cast,
    div,
    greater,
    in_single,
    less,
    less_equal,
    like,
    logical_or,
    maximum,
    minimum,
    mul,
    sub,
    where,
)
from ...primitive.elementary import exp, log, without_gradient
from ...primitive.gather_scatter import gather
from ...primitive.iota import counts
from ...primitive.linear import broadcast_to, concatenate, part, reshape
from ...primitive.promotion import INT64, floating

FORMATS = ("center", "corner")


def coordinates(boxes: Node) -> list[Node]:
    """The four coordinates of boxes along the last axis, each with that axis left out."""
    last = boxes.ndim - 1
    return [reshape(part(boxes, last, i, 1), boxes.shape[:-1]) for i in range(4)]


def joined(lines: list[Node]) -> Node:
    """The inverse of `coordinates`."""
    return concatenate([reshape(line, (*line.shape, 1)) for line in lines], lines[0].ndim)


def half(x: Node) -> Node:
    """x / 2."""
    return mul(x, like(x, 0.5))


def _extents(boxes: Node, form: str) -> tuple[list[tuple[Node, Node]], Node]:
    """The bounds of boxes along each axis, and their areas; 0 for boxes of negative length."""
    a, b, c, d = coordinates(boxes)
    width, height = (c, d) if form == "center" else (sub(c, a), sub(d, b))
    sides = [(a, c), (b, d)]
    if form == "center":
        sides = [(sub(x, half(length)), add(x, half(length))) for x, length in sides]
    turned = logical_or(less(width, like(width, 0)), less(height, like(height, 0)))
    return sides, where(turned, like(width, 0), mul(width, height))


def _check_boxes(x: Node, name: str, what: str) -> None:
    if x.ndim < 2 or x.shape[-1] != 4:
        raise MXNetError(f"{what}: {name} must have dim >= 2, and its last dimension must be 4; got {x.shape}")


@public("nd.contrib.box_iou")
@public("npx.box_iou")
def box_iou(lhs: Node, rhs: Node, format="corner") -> Node:
    """The overlap of all boxes of `lhs` with all of `rhs`: the area of the intersection divided by that of the union.

    lhs, rhs: boxes along the last axis; the result has the other axes of `lhs`, then those of `rhs`.

    The derivative is 0. MXNetError for shapes that don't fit, and for dtypes other than floats.

    >>> from tracer import nd
    >>> nd.contrib.box_iou(nd.array([[0, 0, 2, 2]]), nd.array([[1, 0, 3, 2]])).asnumpy().round(4).tolist()
    [[0.33329999446868896]]
    """
    check_choice(format, FORMATS)
    for x, name in ((floating(lhs), "lhs"), (floating(rhs), "rhs")):
        _check_boxes(x, name, "box_iou")
    if lhs.dtype != rhs.dtype:
        raise MXNetError(f"box_iou: lhs is {lhs.dtype.name}, rhs {rhs.dtype.name}; they must agree")
    flat = reshape(lhs, (lhs.size // 4, 1, 4)), reshape(rhs, (1, rhs.size // 4, 4))
    return reshape(without_gradient(_overlap(*flat, format)), (*lhs.shape[:-1], *rhs.shape[:-1]))


@in_single
def _overlap(lhs: Node, rhs: Node, form: str) -> Node:
    (left, left_area), (right, right_area) = _extents(lhs, form), _extents(rhs, form)
    common = None
    for (low, high), (start, end) in zip(left, right, strict=True):
        length = sub(minimum(high, end), maximum(low, start))
        length = maximum(length, like(length, 0))
        common = length if common is None else mul(common, length)
    assert common is not None
    union = sub(add(left_area, right_area), common)
    apart = less_equal(common, like(common, 0))
    return where(apart, like(common, 0), div(common, where(apart, like(union, 1), union)))


# ---- offsets from anchors ------------------------------------------------------------------------

def _centred(boxes: Node) -> tuple[Node, Node, Node, Node]:
    """The centres, widths and heights of boxes that are given by their corners."""
    a, b, c, d = coordinates(boxes)
    width, height = sub(c, a), sub(d, b)
    return add(a, half(width)), add(b, half(height)), width, height


@public("nd.contrib.box_encode")
@public("npx.box_encode")
def box_encode(samples: Node, matches: Node, anchors: Node, refs: Node, means: Node, stds: Node) -> list[Node]:
    """The offsets of boxes from their anchors, (offset - mean) / std, and masks; derivatives are 0.

    samples: (batch, anchors), above 0.5 for those that count.
    matches: (batch, anchors), the number of the box of each anchor.
    anchors: (batch, anchors, 4), corners.
    refs: (batch, boxes, 4), corners.
    means, stds: (4,).

    Returns the offsets, 0 for anchors that do not count, and masks of 1 and 0, both (batch, anchors, 4). MXNetError for
    shapes that don't fit, and for dtypes other than floats.
    """
    for x, name in ((floating(anchors), "anchors"), (floating(refs), "refs")):
        if x.ndim != 3 or x.shape[-1] != 4:
            raise MXNetError(f"box_encode: {name} of shape {x.shape}; it must be (batch, count, 4)")
    if samples.shape != anchors.shape[:2] or matches.shape != samples.shape or refs.shape[0] != anchors.shape[0] or (
            means.shape, stds.shape) != ((4,), (4,)):
        raise MXNetError(f"box_encode: samples {samples.shape}, matches {matches.shape}, means {means.shape} and stds "
                         f"{stds.shape} for anchors {anchors.shape} and refs {refs.shape}")
    number = cast(matches, INT64)
    last = like(number, refs.shape[1] - 1)
    which = broadcast_to(counts(refs.shape[0], 2, 0), number.shape)
    place = minimum(maximum(number, like(number, 0)), last)
    matched = gather(refs, (which, place), (("i", 0), ("i", 1), ("s", 0, 4, 1)), True)
    counted = broadcast_to(reshape(greater(samples, like(samples, 0.5)), (*samples.shape, 1)), anchors.shape)
    targets = _encoded(matched, anchors, means, stds)
    return [without_gradient(where(counted, targets, like(targets, 0))), cast(counted, anchors.dtype)]


@in_single
def _encoded(boxes: Node, anchors: Node, means: Node, stds: Node) -> Node:
    (x, y, width, height), (ax, ay, across, down) = _centred(boxes), _centred(anchors)
    offsets = joined([div(sub(x, ax), across), div(sub(y, ay), down), log(div(width, across)), log(div(height, down))])
    return div(sub(offsets, means), stds)


@public("nd.contrib.box_decode")
@public("npx.box_decode")
def box_decode(data: Node, anchors: Node, std0=1.0, std1=1.0, std2=1.0, std3=1.0, clip=-1.0,
               format="center") -> Node:
    """The corners of boxes at offsets from anchors: the inverse of `box_encode` with means 0; derivatives are 0.

    data: (batch, anchors, 4), offsets, which are multiplied by std0 … std3.
    anchors: (1, anchors, 4).
    clip: the bound of the offsets of width and height (0 and less: none).
    format: that of the anchors, "center" or "corner".

    MXNetError for shapes that don't fit, and for dtypes other than floats.
    """
    check_choice(format, FORMATS)
    if floating(data).ndim != 3 or data.shape[2] != 4 or anchors.shape != (1, *data.shape[1:]):
        raise MXNetError(f"box_decode: data {data.shape} and anchors {anchors.shape}; they must be (batch, count, 4) "
                         "and (1, count, 4)")
    return without_gradient(_decoded(data, anchors, (std0, std1, std2, std3), float(clip), format))


@in_single
def _decoded(data: Node, anchors: Node, stds: tuple[float, ...], bound: float, form: str) -> Node:
    ax, ay, across, down = _centred(anchors) if form == "corner" else coordinates(anchors)
    x, y, wide, high = (mul(line, like(line, std)) for line, std in zip(coordinates(data), stds, strict=True))
    if bound > 0:
        wide, high = (where(less(line, like(line, bound)), line, like(line, bound)) for line in (wide, high))
    x, y = add(mul(x, across), ax), add(mul(y, down), ay)
    half_width, half_height = half(mul(exp(wide), across)), half(mul(exp(high), down))
    return joined([sub(x, half_width), sub(y, half_height), add(x, half_width), add(y, half_height)])
