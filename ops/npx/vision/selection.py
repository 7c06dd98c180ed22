"""Boxes and pairs chosen by their scores: non-maximum suppression, and matching."""
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
from ...primitive.arithmetic import add, greater_equal, less, like, maximum, sub, where
from ...primitive.elementary import without_gradient
from ...primitive.gather_scatter import gather
from ...primitive.iota import counts
from ...primitive.linear import broadcast_to, concatenate, part, reshape
from ...primitive.promotion import floating
from .boxes import FORMATS, coordinates, half, joined

# ---- non-maximum suppression ---------------------------------------------------------------------

def overlaps(box: np.ndarray, others: np.ndarray, areas: tuple[Any, np.ndarray], form: str) -> np.ndarray:
    """The overlaps of boxes with others, broadcast, of these areas."""
    if form == "center":
        box, others = (np.concatenate([b[..., :2] - b[..., 2:] / 2, b[..., :2] + b[..., 2:] / 2], -1)
                       for b in (box, others))
    size = np.minimum(box[..., 2:], others[..., 2:]) - np.maximum(box[..., :2], others[..., :2])
    common = np.maximum(size, 0).prod(-1, dtype=box.dtype)
    with np.errstate(all="ignore"):
        return common / (areas[0] + areas[1] - common)


def _areas(boxes: np.ndarray, form: str) -> np.ndarray:
    size = boxes[:, 2:] if form == "center" else boxes[:, 2:] - boxes[:, :2]
    return np.where((size < 0).any(1), 0, size.prod(1, dtype=boxes.dtype))


#: The number of boxes that are compared with all others at a time.
_BLOCK = 256


def _survivors(boxes: np.ndarray, threshold: Any, form: str) -> np.ndarray:
    """Whether boxes, the best first, overlap no survivor before them by more than the threshold."""
    areas, alive = _areas(boxes, form), np.ones(len(boxes), bool)
    for start in range(0, len(boxes), _BLOCK):
        block = slice(start, start + _BLOCK)
        near = overlaps(boxes[block, None], boxes[None, start:], (areas[block, None], areas[start:]), form) > threshold
        for i, line in enumerate(near):
            if alive[start + i]:
                alive[start + i + 1:] &= ~line[i + 1:]
    return alive


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
        boxes, alive = lines[order, start:start + 4], np.ones(len(order), bool)
        kinds = lines[order, label].astype(np.int64) if label >= 0 and not force else np.zeros(len(order), int)
        for kind in np.unique(kinds):
            same = kinds == kind
            alive[same] = _survivors(boxes[same], data.dtype.type(threshold), form)
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
        made = [half(add(a, c)), half(add(b, d)), sub(c, a), sub(d, b)]
    else:
        made = [sub(a, half(c)), sub(b, half(d)), add(a, half(c)), add(b, half(d))]
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
