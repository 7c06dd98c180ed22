"""The boxes of single-shot detectors: anchors at each position of a map, training targets, and detections.

Liu et al., SSD: Single Shot MultiBox Detector, ECCV 2016. All derivatives are 0, as in MXNet.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...declare.families import call
from ...declare.public import public
from ...ir.aval import Aval, aval
from ...ir.errors import MXNetError
from ...ir.node import Node, depend, items
from ...ir.op import FLOATS
from ...primitive.arithmetic import like, maximum, minimum
from ...primitive.elementary import without_gradient
from ...primitive.promotion import floating
from .selection import overlaps

Numbers = tuple[float, ...]


def _floats(value: Any) -> Numbers:
    """A number, or a sequence of them, as float32 numbers."""
    given = value if isinstance(value, (tuple, list)) else (value,)
    return tuple(float(np.float32(v)) for v in given)


def _single(x: Any) -> np.ndarray:
    """The array, float16 cast to float32."""
    return np.asarray(x, np.float32) if x.dtype == np.float16 else np.asarray(x)


# ---- anchors -------------------------------------------------------------------------------------

def _prior_ref(height: int, width: int, sizes: Numbers, ratios: Numbers, steps: Numbers, offsets: Numbers,
               dtype: str) -> Any:
    f = np.float32
    first = np.sqrt(f(ratios[0]))
    shapes = [(f(s), first) for s in sizes] + [(f(sizes[0]), np.sqrt(f(r))) for r in ratios[1:]]
    halves = np.array([(s * f(height) / f(width) * r / f(2), s / r / f(2)) for s, r in shapes], f)
    y, x = ((np.arange(n, dtype=f) + f(o)) * f(s) for n, o, s in zip((height, width), offsets, steps, strict=True))
    centres = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), -1)[:, :, None]
    boxes = np.concatenate([centres - halves, centres + halves], -1)
    return boxes.reshape(1, -1, 4).astype(dtype)


def _prior_infer(height: int, width: int, sizes: Numbers, ratios: Numbers, *rest: Any) -> Aval:
    return aval((1, height * width * (len(sizes) + len(ratios) - 1), 4), np.dtype(rest[-1]))


def _prior_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    yield [], (2, 3, (0.5, 0.25), (1.0, 2.25, 0.5), (0.5, 0.25), (0.5, 0.5), "float32")
    yield [], (1, 2, (1.0,), (4.0,), (0.125, 0.5), (0.25, 1.0), "float64")


_prior = call("multibox_prior", _prior_infer, _prior_ref, samples=_prior_samples, smooth=False)


@public("nd.contrib.MultiBoxPrior")
@public("npx.multibox_prior")
def multibox_prior(data: Node, sizes=(1.0,), ratios=(1.0,), clip=False, steps=(-1.0, -1.0), offsets=(0.5, 0.5)) -> Node:
    """The anchors at each position of the map `data`, corners in units of the image.

    data: (batch, channels, height, width); only its shape counts.
    sizes, ratios: an anchor for each size with the first ratio of width to height, and one of the first size for each
        other ratio.
    clip: whether corners are limited to [0, 1].
    steps: the distance of positions along y and x; by default 1 / height and 1 / width.
    offsets: the place of the centre at each position, in steps.

    Returns (1, height * width * (sizes + ratios - 1), 4). MXNetError for data that have not four axes, or other than
    two steps and offsets, and for dtypes other than floats.

    >>> from tracer import nd
    >>> nd.contrib.MultiBoxPrior(nd.zeros((1, 1, 1, 2)), sizes=(0.5,)).asnumpy().tolist()
    [[[0.125, 0.25, 0.375, 0.75], [0.625, 0.25, 0.875, 0.75]]]
    """
    if floating(data).ndim < 4 or 0 in data.shape[2:4]:
        raise MXNetError(f"MultiBoxPrior: Input data should be 4D: batch-channel-y-x, not empty; got {data.shape}")
    height, width = data.shape[2:4]
    sizes, ratios, steps, offsets = map(_floats, (sizes, ratios, steps, offsets))
    if not sizes or not ratios or len(steps) != 2 or len(offsets) != 2:
        raise MXNetError(f"MultiBoxPrior: sizes={sizes}, ratios={ratios}; steps={steps} and offsets={offsets} must be "
                         "two numbers: (y, x)")
    if not all(0 <= o <= 1 for o in offsets):
        raise MXNetError(f"MultiBoxPrior: offsets={offsets} must be in [0, 1]")
    if steps[0] * steps[1] < 0:
        raise MXNetError("MultiBoxPrior: Must specify both step_y and step_x")
    if min(steps) <= 0:
        steps = (1 / height, 1 / width)
    made = _prior(attrs=(height, width, sizes, ratios, steps, offsets, data.dtype.name))
    if clip:
        made = minimum(maximum(made, like(made, 0)), like(made, 1))
    return depend(made, data)


# ---- training targets ----------------------------------------------------------------------------

def _overlaps(anchors: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The overlaps of anchors (rows) and boxes (columns); 0 where the union is 0."""
    areas = [(b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (anchors, boxes)]
    found = np.zeros((len(anchors), len(boxes)), np.float32)
    for k, box in enumerate(boxes):
        found[:, k] = np.nan_to_num(overlaps(box, anchors, (areas[1][k], areas[0]), "corner"), nan=0.0)
    return found


def _matched(iou: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each anchor its box, its overlap with that, and whether they match.

    First the best pair of those left, again and again; then each other anchor with its best box, if that overlaps
    enough.
    """
    count, boxes = iou.shape
    which, overlap, positive = iou.argmax(1), iou.max(1), np.zeros(count, bool)
    free = iou.copy()
    for _ in range(boxes):
        anchor, box = np.unravel_index(free.argmax(), free.shape)
        if not free[anchor, box] > np.float32(1e-6):
            break
        which[anchor], overlap[anchor], positive[anchor] = box, iou[anchor, box], True
        free[anchor], free[:, box] = -1, -1
    if threshold > 0:
        positive |= overlap > np.float32(threshold)
    return which, overlap, positive


def _mined(scores: np.ndarray, overlap: np.ndarray, positive: np.ndarray, ratio: float, bound: float) -> np.ndarray:
    """The anchors that count as background: those of the lowest probability of it, `ratio` for each positive."""
    wanted = min(int(positive.sum() * np.float32(ratio)), int((~positive).sum()))
    shifted = np.exp(scores - scores.max(0))
    background = shifted[0] / shifted.sum(0)
    able = np.flatnonzero(~positive & (overlap < np.float32(bound)))
    if wanted > len(able):
        raise MXNetError(f"MultiBoxTarget: {wanted} negative samples are wanted, and only {len(able)} anchors have an "
                         f"overlap below negative_mining_thresh={bound}")
    chosen = np.zeros(len(positive), bool)
    chosen[able[np.argsort(background[able], kind="stable")][:wanted]] = True
    return chosen


def _offsets(anchors: np.ndarray, boxes: np.ndarray, variances: Numbers) -> np.ndarray:
    """The offsets of boxes from anchors, divided by the variances."""
    (a_size, a_mid), (size, mid) = ((b[:, 2:] - b[:, :2], (b[:, :2] + b[:, 2:]) * np.float32(0.5))
                                    for b in (anchors, boxes))
    with np.errstate(all="ignore"):
        return np.concatenate([(mid - a_mid) / a_size, np.log(size / a_size)], 1) / np.array(variances, np.float32)


def _target_ref(anchor: Any, label: Any, scores: Any, threshold: float, ignored: float, ratio: float, bound: float,
                variances: Numbers) -> tuple[Any, Any, Any]:
    of = anchor.dtype
    anchors, label, scores = _single(anchor)[0], _single(label), _single(scores)
    batch, count = len(label), len(anchors)
    offsets, mask = np.zeros((2, batch, count, 4), anchors.dtype)
    classes = np.full((batch, count), ignored, anchors.dtype)
    for b, boxes in enumerate(label):
        ended = np.flatnonzero(boxes[:, 0] == -1)
        boxes = boxes[:ended[0]] if len(ended) else boxes
        if not len(boxes):
            continue
        which, overlap, positive = _matched(_overlaps(anchors, boxes[:, 1:5]), threshold)
        negative = _mined(scores[b], overlap, positive, ratio, bound) if ratio > 0 else ~positive
        chosen = boxes[which[positive]]
        classes[b, negative] = 0
        classes[b, positive] = chosen[:, 0] + 1
        mask[b, positive] = 1
        offsets[b, positive] = _offsets(anchors[positive], chosen[:, 1:5], variances)
    return (offsets.reshape(batch, -1).astype(of), mask.reshape(batch, -1).astype(of), classes.astype(of))


def _target_infer(anchor: Aval, label: Aval, scores: Aval, *attrs: Any) -> tuple[Aval, Aval, Aval]:
    batch, count = label.shape[0], anchor.shape[1]
    wide = aval((batch, count * 4), anchor.dtype)
    return wide, wide, aval((batch, count), anchor.dtype)


def _target_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    draw = np.random.RandomState(42)
    corner = draw.randint(0, 6, (1, 10, 2)) / 8
    anchors = np.concatenate([corner, corner + draw.randint(2, 6, (1, 10, 2)) / 8], 2)
    label = np.array([[[1, 0.125, 0.125, 0.5, 0.5], [0, 0.5, 0.25, 0.875, 1]], [[2, 0, 0, 0.625, 0.75], [-1] * 5]])
    scores = np.stack([draw.permutation(30).reshape(3, 10) for _ in range(2)]) / 8
    yield [anchors, label, scores], (0.4, -1.0, -1.0, 0.5, (0.125, 0.125, 0.25, 0.25))
    yield [anchors, label, scores], (0.55, -2.0, 1.0, 0.5, (1.0, 0.5, 0.25, 1.0))


_target = call("multibox_target", _target_infer, _target_ref, samples=_target_samples, smooth=False, dtypes=FLOATS)


@public("nd.contrib.MultiBoxTarget")
@public("npx.multibox_target")
def multibox_target(anchor: Node, label: Node, cls_pred: Node, overlap_threshold=0.5, ignore_label=-1.0,
                    negative_mining_ratio=-1.0, negative_mining_thresh=0.5, minimum_negative_samples=0,
                    variances=(0.1, 0.1, 0.2, 0.2)) -> list[Node]:
    """Training targets of anchors: the offsets of the boxes that they match, a mask of these, and classes.

    anchor: (1, anchors, 4), corners.
    label: (batch, boxes, 5 or more): class and corners; a class of -1 ends the list.
    cls_pred: (batch, classes, anchors), scores, class 0 being the background.
    overlap_threshold: an anchor also matches its best box if they overlap by more.
    negative_mining_ratio: the number of background anchors for each match; the others get `ignore_label`. By default
        all anchors without a match are background.
    negative_mining_thresh: only anchors that overlap all boxes by less can be background.
    minimum_negative_samples: is not used, as in MXNet.
    variances: the divisors of the four offsets.

    Returns (batch, anchors * 4) twice and (batch, anchors): class + 1 for matches, 0 for the background. MXNetError for
    shapes that don't fit, and for dtypes other than floats.
    """
    what = "MultiBoxTarget"
    if floating(anchor).ndim != 3 or anchor.shape[0] != 1 or not anchor.shape[1] or anchor.shape[2] != 4:
        raise MXNetError(f"{what}: anchors of shape {anchor.shape}; Anchors are shared across batches: (1, anchors, 4)")
    if label.ndim != 3 or not label.shape[1] or label.shape[2] < 5:
        raise MXNetError(f"{what}: Label should be [batch, num_labels, label_width] tensor of width 5 or more; got "
                         f"{label.shape}")
    if cls_pred.ndim != 3 or cls_pred.shape[::2] != (label.shape[0], anchor.shape[1]):
        raise MXNetError(f"{what}: Number of anchors mismatch: predictions {cls_pred.shape} for anchors {anchor.shape} "
                         f"and labels {label.shape}")
    if negative_mining_ratio > 0 and not negative_mining_thresh > 0:
        raise MXNetError(f"{what}: negative_mining_thresh={negative_mining_thresh} must be positive")
    numbers = overlap_threshold, ignore_label, negative_mining_ratio, negative_mining_thresh
    targets = _target(anchor, label, cls_pred, attrs=(*[float(x) for x in numbers], _four(variances, what)))
    return [without_gradient(x) for x in items(targets)]


def _four(variances: Any, what: str) -> Numbers:
    found = _floats(variances)
    if len(found) != 4:
        raise MXNetError(f"{what}: Variance size must be 4, got {found}")
    return found


# ---- detections ----------------------------------------------------------------------------------

def _located(offsets: np.ndarray, anchors: np.ndarray, variances: Numbers, clip: bool) -> np.ndarray:
    """The corners of boxes at offsets from anchors."""
    kind = anchors.dtype.type
    size, middle = anchors[:, 2:] - anchors[:, :2], (anchors[:, :2] + anchors[:, 2:]) / kind(2)
    scale = np.array(variances, anchors.dtype)
    middle = offsets[:, :2] * scale[:2] * size + middle
    half = np.exp(offsets[:, 2:] * scale[2:]) * size / kind(2)
    found = np.concatenate([middle - half, middle + half], 1)
    return np.clip(found, 0, 1) if clip else found


def _suppressed(rows: np.ndarray, threshold: float, force: bool) -> None:
    """Set the class of rows (class, score, box), the best first, to -1 where a better box overlaps enough."""
    boxes = rows[:, 2:]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for i in range(len(rows)):
        if rows[i, 0] < 0:
            continue
        iou = np.nan_to_num(overlaps(boxes[i], boxes[i + 1:], (areas[i], areas[i + 1:]), "corner"), nan=0.0)
        same = force | (rows[i + 1:, 0] == rows[i, 0])
        rows[i + 1:, 0][same & (iou >= np.float32(threshold))] = -1


def _detect_ref(probs: Any, offsets: Any, anchor: Any, clip: bool, threshold: float, nms: float, force: bool,
                variances: Numbers, most: int) -> Any:
    of = probs.dtype
    probs, offsets, anchors = _single(probs), _single(offsets), _single(anchor)[0]
    batch, _, count = probs.shape
    found = np.full((batch, count, 6), -1, probs.dtype)
    for b in range(batch):
        scores = probs[b, 1:]
        best = scores.argmax(0) if len(scores) else np.zeros(count, int)
        score = scores[best, np.arange(count)] if len(scores) else np.full(count, -1)
        seen = np.flatnonzero((score > -1) & ~(score < np.float32(threshold)))
        boxes = _located(offsets[b].reshape(count, 4), anchors, variances, clip)
        rows = np.concatenate([best[seen, None], score[seen, None], boxes[seen]], 1).astype(probs.dtype)
        if len(rows) and 0 < nms <= 1:
            ranked = rows[np.argsort(-rows[:, 1], kind="stable")]
            kept = most if 0 < most < len(rows) else len(rows)
            rows[:kept], rows[kept:, 0] = ranked[:kept], -1
            _suppressed(rows[:kept], nms, force)
        found[b, :len(rows)] = rows
    return found.astype(of)


def _detect_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    draw = np.random.RandomState(43)
    corner = draw.randint(0, 6, (1, 8, 2)) / 8
    anchors = np.concatenate([corner, corner + draw.randint(2, 6, (1, 8, 2)) / 8], 2)
    probs = np.stack([draw.permutation(24).reshape(3, 8) for _ in range(2)]) / 32
    offsets = draw.randint(-4, 5, (2, 32)) / 4
    variances = (0.125, 0.125, 0.25, 0.25)
    yield [probs, offsets, anchors], (True, 0.3, 0.45, False, variances, -1)
    yield [probs, offsets, anchors], (False, 0.05, 0.35, True, variances, 5)
    yield [probs, offsets, anchors], (False, 0.4, -1.0, True, variances, 5)


_detect = call("multibox_detection",
               lambda probs, offsets, anchor, *attrs: aval((probs.shape[0], anchor.shape[1], 6), probs.dtype),
               _detect_ref, samples=_detect_samples, smooth=False, dtypes=FLOATS)


@public("nd.contrib.MultiBoxDetection")
@public("npx.multibox_detection")
def multibox_detection(cls_prob: Node, loc_pred: Node, anchor: Node, clip=True, threshold=0.01, background_id=0,
                       nms_threshold=0.5, force_suppress=False, variances=(0.1, 0.1, 0.2, 0.2), nms_topk=-1) -> Node:
    """The detected boxes: class, score and corners for each anchor, the best first; a class of -1 for the others.

    cls_prob: (batch, classes, anchors), probabilities, class 0 being the background.
    loc_pred: (batch, anchors * 4), offsets, which are multiplied by `variances`.
    anchor: (1, anchors, 4), corners.
    clip: whether corners are limited to [0, 1].
    threshold: the least probability of a detection.
    background_id: is not used, as in MXNet.
    nms_threshold: the overlap from which a box suppresses those of its class with lower scores, or (force_suppress) of
        all classes; outside of (0, 1] no box does, and boxes stay in the anchors' order.
    nms_topk: only so many boxes remain (-1: all).

    Returns (batch, anchors, 6). MXNetError for shapes that don't fit, and for dtypes other than floats.
    """
    what = "MultiBoxDetection"
    if floating(cls_prob).ndim != 3 or loc_pred.ndim != 2 or anchor.ndim != 3 or anchor.shape[2] != 4:
        raise MXNetError(f"{what}: cls_prob {cls_prob.shape}, loc_pred {loc_pred.shape}, anchor {anchor.shape}; they "
                         "must be (batch, classes, anchors), (batch, anchors * 4) and (1, anchors, 4)")
    count = anchor.shape[1]
    if not count or cls_prob.shape[2] != count or loc_pred.shape != (cls_prob.shape[0], count * 4):
        raise MXNetError(f"{what}: Number of anchors mismatch: cls_prob {cls_prob.shape}, loc_pred {loc_pred.shape}, "
                         f"anchor {anchor.shape}")
    attrs = (bool(clip), float(threshold), float(nms_threshold), bool(force_suppress), _four(variances, what),
             int(nms_topk))
    return without_gradient(_detect(cls_prob, loc_pred, anchor, attrs=attrs))
