"""Region proposals: the anchors of a network that proposes regions, moved by its predictions, the best ones kept.

Ren et al., Faster R-CNN, NeurIPS 2015. All derivatives are 0, as in MXNet.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...declare.families import call
from ...declare.public import public
from ...ir.aval import Aval, aval
from ...ir.errors import MXNetError
from ...ir.node import Node, items
from ...ir.op import FLOATS
from ...primitive.elementary import without_gradient
from .. import parameter_shapes

Floats = tuple[float, ...]
_SINGLE = np.dtype("float32")


def _anchors(stride: int, scales: Floats, ratios: Floats, kind: type) -> np.ndarray:
    """The corners of the anchors at the first position: for each ratio one for each scale."""
    scale: np.ndarray = np.array(scales, kind)
    ratio: np.ndarray = np.array(ratios, kind)[:, None]
    area, middle = kind(stride) * kind(stride), kind(0.5) * kind(stride - 1)
    width = np.floor(np.sqrt(np.floor(area / ratio)) + kind(0.5)) * scale
    height = np.floor(width / scale * ratio + kind(0.5)) * scale
    halves = np.stack([width - kind(1), height - kind(1)], -1).reshape(-1, 2) * kind(0.5)
    return np.concatenate([middle - halves, middle + halves], 1)


def _shifted(anchors: np.ndarray, rows: int, columns: int, stride: int) -> np.ndarray:
    """The anchors of all positions of a map, (rows * columns * anchors, 4)."""
    x, y = np.meshgrid(np.arange(columns, dtype=anchors.dtype) * stride, np.arange(rows, dtype=anchors.dtype) * stride)
    return (np.stack([x, y, x, y], -1)[:, :, None] + anchors).reshape(-1, 4)


def _moved(boxes: np.ndarray, deltas: np.ndarray, corners: bool, height: Any, width: Any) -> np.ndarray:
    """The boxes that are predicted by offsets of the corners, or of the centres and sizes; within the image."""
    kind = boxes.dtype.type
    if corners:
        found = boxes + deltas
    else:
        size = boxes[:, 2:] - boxes[:, :2] + kind(1)
        middle = boxes[:, :2] + kind(0.5) * (size - kind(1))
        middle = deltas[:, :2] * size + middle
        halves = kind(0.5) * (np.exp(deltas[:, 2:]) * size - kind(1))
        found = np.concatenate([middle - halves, middle + halves], 1)
    return np.maximum(np.minimum(found, np.array([width, height, width, height], kind) - kind(1)), kind(0))


def _kept(boxes: np.ndarray, threshold: float, most: int) -> list[int]:
    """The first boxes that overlap none before them by more than the threshold; pixels count, so that 1 is added."""
    kind = boxes.dtype.type
    area = (boxes[:, 2:] - boxes[:, :2] + kind(1)).prod(1)
    left, kept = np.arange(len(boxes)), list[int]()
    while len(left) and len(kept) < most:
        first, left = left[0], left[1:]
        kept.append(int(first))
        low, high = np.maximum(boxes[first, :2], boxes[left, :2]), np.minimum(boxes[first, 2:], boxes[left, 2:])
        common = np.maximum(high - low + kind(1), kind(0)).prod(1)
        with np.errstate(all="ignore"):
            left = left[~(common / (area[first] + area[left] - common) > kind(threshold))]
    return kept


def _wide(x: Any) -> np.ndarray:
    """The array, float16 cast to float32."""
    return np.asarray(x, np.float32) if x.dtype == np.float16 else np.asarray(x)


def _proposed_ref(scores: Any, deltas: Any, info: Any, before: int, after: int, threshold: float, least: int,
                  scales: Floats, ratios: Floats, stride: int, corners: bool) -> tuple[Any, Any]:
    of, (scores, deltas, info) = scores.dtype, (_wide(x) for x in (scores, deltas, info))
    kind, (images, twice, rows, columns) = scores.dtype.type, scores.shape
    each, count = twice // 2, twice // 2 * rows * columns
    before = min(before, count) if before > 0 else count
    boxes = _shifted(_anchors(stride, scales, ratios, kind), rows, columns, stride)
    found, values = np.zeros((images, after, 5), scores.dtype), np.zeros((images, after, 1), scores.dtype)
    for number, (height, width, scale) in enumerate(info):
        real = int(height / stride), int(width / stride)
        if real[0] > rows or real[1] > columns:
            raise MXNetError(f"Proposal: an image of {height} x {width} has more positions, {real}, than the map, "
                             f"{(rows, columns)}, at feature_stride={stride}")
        offsets = deltas[number].reshape(each, 4, rows, columns).transpose(2, 3, 0, 1).reshape(-1, 4)
        score = np.array(scores[number, each:].transpose(1, 2, 0))
        score[real[0]:], score[:, real[1]:] = -1, -1
        score = score.reshape(-1)
        made = _moved(boxes, offsets, corners, height, width)
        smallest = kind(least) * scale
        small = (made[:, 2:] - made[:, :2] + kind(1) < smallest).any(1)
        made[small] += np.array([-1, -1, 1, 1], kind) * (smallest / kind(2))
        score[small] = -1
        order = np.argsort(-score, kind="stable")[:before]
        best = order[_kept(made[order], threshold, min(after, before))]
        chosen = best[np.arange(after) % len(best)]
        found[number, :, 0], found[number, :, 1:], values[number, :, 0] = number, made[chosen], score[chosen]
    return found.reshape(-1, 5).astype(of, copy=False), values.reshape(-1, 1).astype(of, copy=False)


def _samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    draw = np.random.RandomState(47)
    scores, deltas = draw.permutation(2 * 4 * 4 * 5).reshape(2, 4, 4, 5) / 256, draw.randint(-16, 16, (2, 8, 4, 5)) / 32
    info = np.array([[16, 20, 1], [14, 19, 0.5]])
    for more in ((12, 6, 0.7, 3, (1.0,), (0.5, 2.0), 4, False), (0, 50, 0.5, 4, (1.0, 2.0), (1.0,), 4, True)):
        yield [scores, deltas, info], more


def _infer(scores: Aval, *rest: Any) -> tuple[Aval, Aval]:
    count = scores.shape[0] * rest[3]
    return aval((count, 5), scores.dtype), aval((count, 1), scores.dtype)


_proposed = call("region_proposals", _infer, _proposed_ref, samples=_samples, smooth=False, dtypes=FLOATS)


@public("nd.contrib.MultiProposal", shapes=parameter_shapes.proposals)
def multi_proposal(cls_prob: Node, bbox_pred: Node, im_info: Node, rpn_pre_nms_top_n=6000, rpn_post_nms_top_n=300,
                   threshold=0.7, rpn_min_size=16, scales=(4.0, 8.0, 16.0, 32.0), ratios=(0.5, 1.0, 2.0),
                   feature_stride=16, output_score=False, iou_loss=False) -> Node | list[Node]:
    """The regions of images that a network proposes: those of the highest scores that overlap none before them.

    cls_prob: (images, 2 * anchors, height, width), the probabilities of background, then of objects, of anchors.
    bbox_pred: (images, 4 * anchors, height, width), the offsets of regions from anchors.
    im_info: (images, 3): the height and width of each image, and its scale.
    rpn_pre_nms_top_n: the number of regions, those of the highest scores, that are compared (below 1: all).
    rpn_post_nms_top_n: the number of regions for each image; where fewer are left, they are repeated.
    threshold: the overlap above which the worse of two regions is dropped.
    rpn_min_size: regions of fewer pixels at scale 1 come last.
    scales, ratios: of the anchors, in units of feature_stride, and heights by widths.
    feature_stride: the distance of positions in pixels.
    iou_loss: whether the offsets are of corners, in pixels; else of centres and sizes, relative to the anchor.

    Returns rows (image, x1, y1, x2, y2), and their scores with `output_score`. MXNetError for shapes that don't fit,
    images larger than the map, and dtypes other than float32.
    """
    return _regions("MultiProposal", cls_prob, bbox_pred, im_info, rpn_pre_nms_top_n, rpn_post_nms_top_n, threshold,
                    rpn_min_size, scales, ratios, feature_stride, output_score, iou_loss)


@public("nd.contrib.Proposal", shapes=parameter_shapes.proposals)
def proposal(cls_prob: Node, bbox_pred: Node, im_info: Node, rpn_pre_nms_top_n=6000, rpn_post_nms_top_n=300,
             threshold=0.7, rpn_min_size=16, scales=(4.0, 8.0, 16.0, 32.0), ratios=(0.5, 1.0, 2.0),
             feature_stride=16, output_score=False, iou_loss=False) -> Node | list[Node]:
    """`MultiProposal` of one image; MXNetError for several."""
    if cls_prob.ndim == 4 and cls_prob.shape[0] != 1:
        raise MXNetError(f"Proposal: {cls_prob.shape[0]} images: multiple images each device is not implemented; "
                         "MultiProposal takes several")
    return _regions("Proposal", cls_prob, bbox_pred, im_info, rpn_pre_nms_top_n, rpn_post_nms_top_n, threshold,
                    rpn_min_size, scales, ratios, feature_stride, output_score, iou_loss)


def _floats(value: Any) -> Floats:
    return tuple(float(np.float32(v)) for v in (value if isinstance(value, (tuple, list)) else (value,)))


def _regions(what: str, scores: Node, deltas: Node, info: Node, before: Any, after: Any, threshold: Any, least: Any,
             scales: Any, ratios: Any, stride: Any, scored: bool, corners: bool) -> Node | list[Node]:
    """The checks of both functions, and the regions."""
    scales, ratios = _floats(scales), _floats(ratios)
    if scores.ndim != 4 or not scores.size or scores.shape[1] != 2 * len(scales) * len(ratios):
        raise MXNetError(f"{what}: cls_prob of shape {scores.shape}: it must be (images, "
                         f"{2 * len(scales) * len(ratios)}, height, width) for {len(scales)} scales and {len(ratios)} "
                         "ratios")
    images, twice, *size = scores.shape
    for name, x, shape in (("bbox_pred", deltas, (images, 2 * twice, *size)), ("im_info", info, (images, 3))):
        if x.shape != shape:
            raise MXNetError(f"{what}: Shape inconsistent, Provided = {x.shape}, inferred shape={shape} of {name}")
    for x in (scores, deltas, info):
        if x.dtype != _SINGLE:
            raise MXNetError(f"{what} takes float32, not {x.dtype.name}")
    if int(after) < 1:
        raise MXNetError(f"{what}: rpn_post_nms_top_n={after} must be positive")
    found = items(_proposed(scores, deltas, info, attrs=(
        int(before), int(after), float(threshold), int(least), scales, ratios, int(stride), bool(corners))))
    rows, values = (without_gradient(x) for x in found)
    return [rows, values] if scored else rows
