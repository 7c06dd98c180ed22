"""Boxes: overlaps, non-maximum suppression, matching, and the offsets from anchors that networks learn.

A box is (left, top, right, bottom), "corner", or (x, y, width, height), "center". Boxes have no gradient in MXNet,
except those that `box_nms` selects.
"""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ...declare.families import call
from ...declare.public import REQUIRED, public
from ...ir.aval import Aval, aval
from ...ir.errors import MXNetError
from ...ir.node import Node, items, straight
from ...ir.op import FLOATS
from ...ir.shapes import check_choice
from ...primitive.arithmetic import (
    add,
    cast,
    div,
    greater,
    greater_equal,
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


def _half(x: Node) -> Node:
    return mul(x, like(x, 0.5))


def _extents(boxes: Node, form: str) -> tuple[list[tuple[Node, Node]], Node]:
    """The bounds of boxes along each axis, and their areas; 0 for boxes of negative length."""
    a, b, c, d = coordinates(boxes)
    width, height = (c, d) if form == "center" else (sub(c, a), sub(d, b))
    sides = [(a, c), (b, d)]
    if form == "center":
        sides = [(sub(x, _half(length)), add(x, _half(length))) for x, length in sides]
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


# ---- non-maximum suppression ---------------------------------------------------------------------

def overlaps(box: np.ndarray, others: np.ndarray, areas: tuple[Any, np.ndarray], form: str) -> np.ndarray:
    """The overlaps of a box with others, of these areas."""
    if form == "center":
        box, others = (np.concatenate([b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2], -1)
                       for b in (box, others))
    size = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    common = np.maximum(size, 0).prod(1, dtype=box.dtype)
    with np.errstate(all="ignore"):
        return common / (areas[0] + areas[1] - common)


def _areas(boxes: np.ndarray, form: str) -> np.ndarray:
    size = boxes[:, 2:] if form == "center" else boxes[:, 2:] - boxes[:, :2]
    return np.where((size < 0).any(1), 0, size.prod(1, dtype=boxes.dtype))


def _kept_ref(data: Any, threshold: float, valid: float, most: int, start: int, score: int, label: int,
              background: float, force: bool, form: str) -> Any:
    data = np.asarray(data, np.float32 if data.dtype == np.float16 else data.dtype)
    found = np.full(data.shape[:2], -1)
    for lines, rows in zip(data, found, strict=True):
        seen = lines[:, score] > data.dtype.type(valid)
        if label >= 0:
            seen &= lines[:, label] != background
        order = np.flatnonzero(seen)
        order = order[np.argsort(-lines[order, score], kind="stable")][:most]
        boxes = lines[order, start:start + 4]
        areas, alive = _areas(boxes, form), np.ones(len(order), bool)
        kinds = lines[order, label].astype(np.int64) if label >= 0 and not force else np.zeros(len(order), int)
        for i in range(len(order)):
            if alive[i]:
                near = overlaps(boxes[i], boxes[i + 1:], (areas[i], areas[i + 1:]), form) > data.dtype.type(threshold)
                alive[i + 1:] &= ~(near & (kinds[i + 1:] == kinds[i]))
        kept = order[alive]
        rows[:len(kept)] = kept
    return found


def _kept_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    draw = np.random.RandomState(40)
    corner = draw.randint(0, 8, (2, 12, 2)) / 2
    kinds, scores = draw.randint(0, 3, (2, 12, 1)), np.stack([draw.permutation(12) for _ in range(2)])[:, :, None] / 8
    boxes = np.concatenate([kinds, scores, corner, corner + draw.randint(1, 8, (2, 12, 2)) / 2], 2)
    yield [boxes], (0.3, 0.2, 12, 2, 1, 0, 1.0, False, "corner")
    yield [boxes], (0.3, 0.0, 7, 2, 1, -1, -1.0, False, "center")
    yield [boxes], (0.45, 9.0, 12, 2, 1, 0, -1.0, True, "corner")


#: The rows of the boxes that are kept, by descending score, then -1.
_kept = call("nms_kept", lambda data, *attrs: aval(data.shape[:2], np.dtype("int64")), _kept_ref,
             samples=_kept_samples, smooth=False, dtypes=FLOATS)


def _check_columns(width: int, start: int, score: int, label: int) -> None:
    """MXNetError unless the columns are those of boxes with scores."""
    least = 5 + (label >= 0)
    if width < least:
        raise MXNetError(f"box_nms: the last dimension must have at least {least} elements, {width} provided")
    if not 0 <= start <= width - 4:
        raise MXNetError(f"box_nms: coordinates: ({start}, {start + 3}) out of range:: (0, {width})")
    for name, column in (("score_index", score), ("id_index", label)):
        if column < 0 and name == "id_index":
            continue
        if not 0 <= column < width:
            raise MXNetError(f"box_nms: {name}: {column} out of range: (0, {width})")
        if start <= column <= start + 3 or (name == "id_index" and column == score):
            raise MXNetError(f"box_nms: {name}: {column} conflict with coordinates: ({start}, {start + 3}) or scores")


def _converted(rows: Node, start: int, to: str) -> Node:
    """Boxes in the other format, but those whose first coordinate is negative, as MXNet has it."""
    boxes = part(rows, 2, start, 4)
    a, b, c, d = coordinates(boxes)
    if to == "center":
        made = [_half(add(a, c)), _half(add(b, d)), sub(c, a), sub(d, b)]
    else:
        made = [sub(a, _half(c)), sub(b, _half(d)), add(a, _half(c)), add(b, _half(d))]
    outside = reshape(less(a, like(a, 0)), (*a.shape, 1))
    parts = [part(rows, 2, 0, start), where(outside, boxes, joined(made)),
             part(rows, 2, start + 4, rows.shape[2] - start - 4)]
    return concatenate([p for p in parts if p.shape[2]], 2)


@public("nd.contrib.box_nms", "nd.contrib.box_non_maximum_suppression")
@public("npx.box_nms")
def box_nms(data: Node, overlap_thresh=0.5, valid_thresh=0.0, topk=-1, coord_start=2, score_index=1, id_index=-1,
            background_id=-1, force_suppress=False, in_format="corner", out_format="corner") -> Node:
    """The boxes that overlap no box of a higher score by more than `overlap_thresh`, by descending score; then -1.

    data: (…, boxes, width): the columns of a box are its four coordinates from `coord_start` on, its score
        (score_index), perhaps its class (id_index), and others.
    valid_thresh: only boxes of higher scores count.
    topk: only so many boxes count, those of the highest scores (-1: all; 0: the data are returned).
    background_id: a class whose boxes do not count.
    force_suppress: whether boxes of other classes count, too.
    in_format, out_format: "corner" or "center".

    The derivative is that of the selection. MXNetError for columns that don't fit, and for dtypes other than floats.

    >>> from tracer import nd
    >>> boxes = nd.array([[0, 0.5, 0, 0, 2, 2], [0, 0.9, 0, 0, 2, 3], [1, 0.4, 5, 5, 6, 6]])
    >>> nd.contrib.box_nms(boxes).asnumpy()[:, 2:].tolist()
    [[0.0, 0.0, 2.0, 3.0], [5.0, 5.0, 6.0, 6.0], [-1.0, -1.0, -1.0, -1.0]]
    """
    check_choice(in_format, FORMATS)
    check_choice(out_format, FORMATS)
    if floating(data).ndim < 2:
        raise MXNetError(f"box_nms: input must have dim >= 2, the last two dimensions are num_box and box_width; "
                         f"{data.shape} provided")
    *lead, n, width = data.shape
    _check_columns(width, int(coord_start), int(score_index), int(id_index))
    most = n if topk < 0 else min(n, int(topk))
    if most < 1 or not data.size:
        return data
    batch = math.prod(lead)
    lines = reshape(data, (batch, n, width))
    kept = _kept(lines, attrs=(float(overlap_thresh), float(valid_thresh), most, int(coord_start), int(score_index),
                               int(id_index), float(background_id), bool(force_suppress), in_format))
    which = broadcast_to(counts(batch, 2, 0), kept.shape)
    rows = gather(lines, (which, maximum(kept, like(kept, 0))), (("i", 0), ("i", 1), ("s", 0, width, 1)), True)
    seen = reshape(greater_equal(kept, like(kept, 0)), (batch, n, 1))
    rows = where(seen, rows, like(rows, -1))
    if in_format != out_format:
        rows = straight(_converted(rows, int(coord_start), out_format), rows)
    return reshape(rows, data.shape)


# ---- matching ------------------------------------------------------------------------------------

def _match_ref(scores: Any, ascending: bool, threshold: float, most: int) -> tuple[Any, Any]:
    scores = np.asarray(scores)
    batch, rows, columns = scores.shape
    bound = scores.dtype.type(threshold)
    row_of, column_of = np.full((batch, rows), -1.0), np.full((batch, columns), -1.0)
    for b, line in enumerate(scores.reshape(batch, rows * columns)):
        count = 0
        for place in np.argsort(line if ascending else -line, kind="stable"):
            r, c = divmod(int(place), columns)
            if row_of[b, r] != -1 or column_of[b, c] != -1:
                continue
            if not (line[place] < bound if ascending else line[place] > bound):
                break
            row_of[b, r], column_of[b, c] = c, r
            count += 1
            if 0 < most < count:  # MXNet counts one too many
                break
    return row_of.astype(scores.dtype), column_of.astype(scores.dtype)


def _match_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    draw = np.random.RandomState(41)
    scores = np.stack([draw.permutation(12).reshape(3, 4) for _ in range(2)]) / 8
    yield [scores], (False, 0.3, -1)
    yield [scores], (True, 1.1, 1)


def _match_infer(x: Aval, *attrs: Any) -> tuple[Aval, Aval]:
    return aval(x.shape[:2], x.dtype), aval((x.shape[0], x.shape[2]), x.dtype)


_match = call("bipartite_match", _match_infer, _match_ref, samples=_match_samples, smooth=False, dtypes=FLOATS)


@public("nd.contrib.bipartite_matching")
@public("npx.bipartite_matching")
def bipartite_matching(data: Node, is_ascend=False, threshold=REQUIRED, topk=-1) -> list[Node]:
    """The pairs of rows and columns found by taking the best scores of those left; derivatives are 0.

    data: (…, rows, columns), scores.
    is_ascend: whether the lowest scores are the best.
    threshold: the bound beyond which no scores are taken.
    topk: at most so many pairs, and one more, as in MXNet (-1: all).

    Returns the column of each row and the row of each column, -1 for those without. MXNetError for data of less than
    two axes, and for dtypes other than floats.
    """
    if floating(data).ndim < 2:
        raise MXNetError(f"bipartite_matching: score matrix must have dim >= 2; {data.shape} provided")
    *lead, rows, columns = data.shape
    found = items(_match(reshape(data, (math.prod(lead), rows, columns)),
                         attrs=(bool(is_ascend), float(threshold), int(topk))))
    return [reshape(without_gradient(x), (*lead, n)) for x, n in zip(found, (rows, columns), strict=True)]


# ---- offsets from anchors ------------------------------------------------------------------------

def _centred(boxes: Node) -> tuple[Node, Node, Node, Node]:
    """The centres, widths and heights of boxes that are given by their corners."""
    a, b, c, d = coordinates(boxes)
    width, height = sub(c, a), sub(d, b)
    return add(a, _half(width)), add(b, _half(height)), width, height


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
    half_width, half_height = _half(mul(exp(wide), across)), _half(mul(exp(high), down))
    return joined([sub(x, half_width), sub(y, half_height), add(x, half_width), add(y, half_height)])
