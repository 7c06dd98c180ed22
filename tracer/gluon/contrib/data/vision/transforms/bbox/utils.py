"""Functions of boxes: NumPy arrays (boxes, 4 or more), whose rows begin with x1, y1, x2, y2; what follows stays."""
from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["bbox_clip_xyxy", "bbox_crop", "bbox_flip", "bbox_iou", "bbox_random_crop_with_constraints", "bbox_resize",
           "bbox_translate", "bbox_xywh_to_xyxy", "bbox_xyxy_to_xywh"]

_CONSTRAINTS = ((0.1, None), (0.3, None), (0.5, None), (0.7, None), (0.9, None), (None, 1))


def _check_bbox_shape(bbox: Any) -> None:
    """AssertionError for an array of another shape than (N, 4 or more)."""
    assert len(bbox.shape) == 2 and bbox.shape[1] >= 4, f"bbox requires shape of (N, 4+), given: {bbox.shape}"


def _check_pair(name: str, size: Sequence[Any]) -> None:
    if len(size) != 2:
        raise ValueError(f"{name} requires length 2 tuple, given {len(size)}")


def bbox_crop(bbox: np.ndarray, crop_box: Sequence[Any] | None = None, allow_outside_center: bool = True
              ) -> np.ndarray:
    """The boxes in a part of a picture, cut at its border; those of which nothing is left are dropped.

    crop_box: (x, y, width, height) of the part, where None is the border of the picture; ValueError unless four.
    allow_outside_center: whether boxes are kept whose middle is outside.

    >>> bbox_crop(np.array([[1., 2., 5., 6., 7.]]), (2, 2, 9, 9)).tolist()
    [[0.0, 0.0, 3.0, 4.0, 7.0]]
    """
    bbox = bbox.copy()
    if crop_box is None:
        return bbox
    if len(crop_box) != 4:
        raise ValueError(f"Invalid crop_box parameter, requires length 4, given {crop_box}")
    if all(side is None for side in crop_box):
        return bbox
    x, y, width, height = crop_box
    low = np.array((x or 0, y or 0))
    high = low + np.array((width or np.inf, height or np.inf))
    kept = np.ones(len(bbox), bool)
    if not allow_outside_center:
        middle = (bbox[:, :2] + bbox[:, 2:4]) / 2
        kept = ((low <= middle) & (middle < high)).all(axis=1)
    bbox[:, :2] = np.maximum(bbox[:, :2], low) - low
    bbox[:, 2:4] = np.minimum(bbox[:, 2:4], high) - low
    return bbox[kept & (bbox[:, :2] < bbox[:, 2:4]).all(axis=1)]


def bbox_flip(bbox: np.ndarray, size: Sequence[float], flip_x: bool = False, flip_y: bool = False) -> np.ndarray:
    """The boxes of a picture with its columns (flip_x) or rows (flip_y) reversed.

    size: the picture's width and height; ValueError unless two.
    """
    _check_pair("size", size)
    bbox = bbox.copy()
    for axis, flipped in enumerate((flip_x, flip_y)):
        if flipped:
            bbox[:, [axis, axis + 2]] = size[axis] - bbox[:, [axis + 2, axis]]
    return bbox


def bbox_resize(bbox: np.ndarray, in_size: Sequence[float], out_size: Sequence[float]) -> np.ndarray:
    """The boxes of a picture of another size, float64.

    in_size, out_size: the old and the new width and height; ValueError unless two.
    """
    _check_pair("in_size", in_size)
    _check_pair("out_size", out_size)
    bbox = bbox.astype(float)
    for axis in (0, 1):
        bbox[:, [axis, axis + 2]] *= out_size[axis] / in_size[axis]
    return bbox


def bbox_translate(bbox: np.ndarray, x_offset: float = 0, y_offset: float = 0) -> np.ndarray:
    """The boxes moved to the right and down."""
    bbox = bbox.copy()
    bbox[:, :4] += (x_offset, y_offset, x_offset, y_offset)
    return bbox


def bbox_iou(bbox_a: np.ndarray, bbox_b: np.ndarray, offset: float = 0) -> np.ndarray:
    """The areas that each two boxes share, divided by those that they cover together: (boxes in a, boxes in b).

    offset: what is added to widths and heights: 1 where the last pixel belongs to a box.

    IndexError for boxes of fewer than four numbers.

    >>> bbox_iou(np.array([[0., 0., 2., 2.]]), np.array([[1., 0., 3., 2.], [5., 5., 6., 6.]])).tolist()
    [[0.3333333333333333, 0.0]]
    """
    if min(bbox_a.shape[1], bbox_b.shape[1]) < 4:
        raise IndexError("Bounding boxes axis 1 must have at least length 4")
    low = np.maximum(bbox_a[:, None, :2], bbox_b[:, :2])
    high = np.minimum(bbox_a[:, None, 2:4], bbox_b[:, 2:4])
    shared = np.prod(high - low + offset, axis=2) * (low < high).all(axis=2)
    area_a, area_b = (np.prod(x[:, 2:4] - x[:, :2] + offset, axis=1) for x in (bbox_a, bbox_b))
    return shared / (area_a[:, None] + area_b - shared)


def _columns(boxes: Any, name: str) -> tuple[Any, ...]:
    """The four numbers of a box, or the columns of boxes. IndexError for other sizes, TypeError for other objects."""
    if isinstance(boxes, (tuple, list)):
        if len(boxes) != 4:
            raise IndexError(f"Bounding boxes must have 4 elements, given {len(boxes)}")
        return tuple(boxes)
    if isinstance(boxes, np.ndarray):
        if boxes.size % 4:
            raise IndexError(f"Bounding boxes must have n * 4 elements, given {boxes.shape}")
        return tuple([boxes[:, i] for i in range(4)])
    raise TypeError(f"Expect input {name} a list, tuple or numpy.ndarray, given {type(boxes)}")


def _like(boxes: Any, columns: tuple[Any, ...]) -> Any:
    """A tuple for one box, an array (boxes, 4) for an array."""
    return np.stack(columns, axis=1) if isinstance(boxes, np.ndarray) else columns


def bbox_xywh_to_xyxy(xywh: Any) -> Any:
    """Boxes (x1, y1, width, height) as (x1, y1, x2, y2), where the last pixel belongs to a box.

    xywh: a tuple or list, or an array (boxes, 4).

    >>> [int(x) for x in bbox_xywh_to_xyxy((2, 3, 4, 5))]
    [2, 3, 5, 7]
    """
    x, y, width, height = _columns(xywh, "xywh")
    return _like(xywh, (x, y, x + np.maximum(width - 1, 0), y + np.maximum(height - 1, 0)))


def bbox_xyxy_to_xywh(xyxy: Any) -> Any:
    """Boxes (x1, y1, x2, y2) as (x1, y1, width, height), where the last pixel belongs to a box.

    xyxy: a tuple or list, or an array (boxes, 4).
    """
    x1, y1, x2, y2 = _columns(xyxy, "xyxy")
    return _like(xyxy, (x1, y1, x2 - x1 + 1, y2 - y1 + 1))


def bbox_clip_xyxy(xyxy: Any, width: float, height: float) -> Any:
    """Boxes (x1, y1, x2, y2) cut at the border of a picture, whose last column is `width - 1`.

    xyxy: a tuple or list, or an array (boxes, 4), of which MXNet returns the columns one after the other.
    """
    x1, y1, x2, y2 = _columns(xyxy, "xyxy")
    return _like(xyxy, tuple([np.minimum(size - 1, np.maximum(0, side))
                              for side, size in ((x1, width), (y1, height), (x2, width), (y2, height))]))


def bbox_random_crop_with_constraints(bbox: np.ndarray, size: tuple[int, int], min_scale: float = 0.3,
                                      max_scale: float = 1, max_aspect_ratio: float = 2, constraints: Any = None,
                                      max_trial: int = 50) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """A random part of a picture that shows enough of its boxes: the boxes in it, and (x, y, width, height).

    size: the picture's width and height.
    min_scale, max_scale: the interval of the square root of the part's share.
    max_aspect_ratio: the largest ratio of its sides, compared with the picture's.
    constraints: pairs of the least and largest `bbox_iou` of the part with all boxes; None: no limit. One part is found
        for each, and one of them, or the whole picture, is taken.
    max_trial: the number of parts that are tried for each pair.

    The numbers are from Python's and NumPy's global generators.

    Liu et al., SSD: Single Shot MultiBox Detector, ECCV 2016.
    """
    width, height = size
    candidates = [(0, 0, width, height)]
    for least, most in _CONSTRAINTS if constraints is None else constraints:
        for _ in range(max_trial):
            part = _random_part(width, height, min_scale, max_scale, max_aspect_ratio)
            if len(bbox) == 0:
                return bbox, part
            x, y, w, h = part
            shares = bbox_iou(bbox, np.array([[x, y, x + w, y + h]]))
            if (least is None or least <= shares.min()) and (most is None or shares.max() <= most):
                candidates.append(part)
                break
    while candidates:
        part = candidates.pop(np.random.randint(0, len(candidates)))
        found = bbox_crop(bbox, part, allow_outside_center=False)
        if found.size:
            return found, part
    return bbox, (0, 0, width, height)


def _random_part(width: int, height: int, min_scale: float, max_scale: float, max_ratio: float
                 ) -> tuple[int, int, int, int]:
    """A part (x, y, width, height) of random size, shape and place."""
    scale = random.uniform(min_scale, max_scale)
    ratio = random.uniform(max(1 / max_ratio, scale * scale), min(max_ratio, 1 / (scale * scale)))
    h, w = int(height * scale / np.sqrt(ratio)), int(width * scale * np.sqrt(ratio))
    y = random.randrange(height - h)
    x = random.randrange(width - w)
    return x, y, w, h
