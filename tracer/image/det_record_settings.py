"""The settings of `mx.io.ImageDetRecordIter`'s augmentation, and the augmentation of a picture and its boxes by them.

Draws are from a NumPy generator of each picture, as in record_settings.py.
"""
from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError
from tracer.ops.npx.pictures import colours

from .record_settings import Settings, resized, shortened

__all__: list[str] = []

#: The settings with a number for each crop sampler.
_EACH = ("min_crop_scales", "max_crop_scales", "min_crop_aspect_ratios", "max_crop_aspect_ratios", "min_crop_overlaps",
         "max_crop_overlaps", "min_crop_sample_coverages", "max_crop_sample_coverages", "min_crop_object_coverages",
         "max_crop_object_coverages", "max_crop_trials")
#: A picture that grows less than this is not padded.
_LEAST_PAD = 1.05


@dataclass
class DetSettings:
    """MXNet's parameters of the augmentation, with its names and defaults. MXNetError for wrong ones."""

    resize: int = -1
    rand_crop_prob: float = 0.0
    min_crop_scales: Any = 0.0
    max_crop_scales: Any = 1.0
    min_crop_aspect_ratios: Any = 1.0
    max_crop_aspect_ratios: Any = 1.0
    min_crop_overlaps: Any = 0.0
    max_crop_overlaps: Any = 1.0
    min_crop_sample_coverages: Any = 0.0
    max_crop_sample_coverages: Any = 1.0
    min_crop_object_coverages: Any = 0.0
    max_crop_object_coverages: Any = 1.0
    num_crop_sampler: int = 1
    crop_emit_mode: str = "center"
    emit_overlap_thresh: float = 0.3
    max_crop_trials: Any = 25
    rand_pad_prob: float = 0.0
    max_pad_scale: float = 1.0
    max_random_hue: int = 0
    random_hue_prob: float = 0.0
    max_random_saturation: int = 0
    random_saturation_prob: float = 0.0
    max_random_illumination: int = 0
    random_illumination_prob: float = 0.0
    max_random_contrast: float = 0.0
    random_contrast_prob: float = 0.0
    rand_mirror_prob: float = 0.0
    fill_value: int = 127
    inter_method: int = 1
    resize_mode: str = "force"

    def __post_init__(self) -> None:
        for name, words in (("crop_emit_mode", ("center", "overlap")), ("resize_mode", ("force", "shrink", "fit")),
                            ("inter_method", (0, 1, 2, 3, 4, 9, 10))):
            if getattr(self, name) not in words:
                raise MXNetError(f"ImageDetRecordIter({name}={getattr(self, name)!r}): must be one of {words}")
        for name in _EACH:
            numbers = np.ravel(getattr(self, name)).tolist()
            if len(numbers) == 1:
                numbers *= max(self.num_crop_sampler, 1)
            if self.num_crop_sampler > 0 and len(numbers) != self.num_crop_sampler:
                raise MXNetError(f"ImageDetRecordIter: {len(numbers)} numbers in {name}, and num_crop_sampler is "
                                 f"{self.num_crop_sampler}")
            setattr(self, name, numbers)
        for low, high in zip(_EACH[::2], _EACH[1::2]):
            for least, most in zip(getattr(self, low), getattr(self, high)):
                if least > most or low == "min_crop_scales" and not 0 <= least < most <= 1 or \
                        low == "min_crop_aspect_ratios" and least < 0:
                    raise MXNetError(f"ImageDetRecordIter: {low} {least} and {high} {most} are no interval")
        if self.emit_overlap_thresh < 0:
            raise MXNetError(f"ImageDetRecordIter: emit_overlap_thresh {self.emit_overlap_thresh} is negative")


NAMES = frozenset(field.name for field in fields(DetSettings))


def augmented(picture: np.ndarray, label: np.ndarray, height: int, width: int, given: DetSettings, draw: Any
              ) -> tuple[np.ndarray, np.ndarray]:
    """A picture, uint8 (rows, columns, channels), and its label as the settings change them.

    label: the length of its head and the numbers of a box, the rest of the head, and the boxes: class, x1, y1, x2, y2
        as shares of the width and height, and others. MXNetError for another form. Empty boxes are dropped.
    height, width: the size of the result, or the one that it fits in.
    draw: a `numpy.random.Generator`.
    """
    method = Settings(inter_method=given.inter_method)
    if given.resize != -1:
        picture = shortened(picture, given.resize, method, draw)
    head, boxes = _parts(label)
    picture = _coloured(picture, given, draw)
    if draw.uniform() < given.rand_mirror_prob:
        boxes[:, [1, 3]] = 1 - boxes[:, [3, 1]]
        picture = picture[:, ::-1]
    if given.max_pad_scale > 1 and draw.uniform() < given.rand_pad_prob:
        picture, boxes = _padded(picture, boxes, given, draw)
    if draw.uniform() < given.rand_crop_prob:
        picture, boxes = _cropped(picture, boxes, given, draw)
    if given.resize_mode != "force":
        ratio = min(height / picture.shape[0], width / picture.shape[1])
        ratio = min(ratio, 1) if given.resize_mode == "shrink" else ratio
        height, width = (max(int(np.float32(ratio) * side), 1) for side in picture.shape[:2])
    if picture.shape[:2] != (height, width):
        picture = resized(picture, height, width, method, draw)
    return picture, np.concatenate([head, boxes.ravel()])


def _parts(label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The head of a label, and its boxes (boxes, numbers)."""
    head, width = (int(label[0]), int(label[1])) if len(label) > 1 else (0, 0)
    if len(label) < 7 or not 2 <= head <= len(label) or width < 5 or (len(label) - head) % width:
        raise MXNetError(f"ImageDetRecordIter: a label of {len(label)} numbers with a head of {head} and boxes of "
                         f"{width}")
    boxes = label[head:].reshape(-1, width)
    return label[:head], boxes[(boxes[:, 3] > boxes[:, 1]) & (boxes[:, 4] > boxes[:, 2])]


def _coloured(picture: np.ndarray, given: DetSettings, draw: Any) -> np.ndarray:
    """The picture with another hue, saturation, lightness and contrast."""
    if max(given.random_hue_prob, given.random_saturation_prob, given.random_illumination_prob,
           given.random_contrast_prob) <= 0:
        return picture
    by = [draw.uniform(-1, 1) * most if draw.uniform() < probability else 0 for most, probability in (
        (given.max_random_hue, given.random_hue_prob), (given.max_random_saturation, given.random_saturation_prob),
        (given.max_random_illumination, given.random_illumination_prob),
        (given.max_random_contrast, given.random_contrast_prob))]
    turns = [int(n) for n in by[:3]]
    if any(turns):
        picture = colours.turned(picture, *turns)
    if abs(by[3]) > 1e-3:
        picture = np.clip(np.rint(picture * np.float32(1 + by[3])), 0, 255).astype(np.uint8)
    return picture


def _projected(boxes: np.ndarray, x: float, y: float, width: float, height: float) -> np.ndarray:
    """The boxes as shares of a part, cut at its border."""
    made = boxes.copy()
    made[:, [1, 3]] = (boxes[:, [1, 3]] - x) / width
    made[:, [2, 4]] = (boxes[:, [2, 4]] - y) / height
    made[:, 1:3] = np.maximum(made[:, 1:3], 0)
    made[:, 3:5] = np.minimum(made[:, 3:5], 1)
    return made


def _padded(picture: np.ndarray, boxes: np.ndarray, given: DetSettings, draw: Any) -> tuple[np.ndarray, np.ndarray]:
    """The picture at a random place of a larger one, and its boxes there."""
    scale = draw.uniform(1, given.max_pad_scale)
    if scale < _LEAST_PAD:
        return picture, boxes
    x, y = draw.uniform(0, scale - 1), draw.uniform(0, scale - 1)
    rows, columns = picture.shape[:2]
    edges = [(int(before * size), int((scale - before - 1) * size)) for before, size in ((y, rows), (x, columns))]
    made = np.pad(picture, (*edges, (0, 0)), constant_values=given.fill_value)
    return made, _projected(boxes, -x, -y, scale, scale)


def _cropped(picture: np.ndarray, boxes: np.ndarray, given: DetSettings, draw: Any) -> tuple[np.ndarray, np.ndarray]:
    """A random part of the picture that one of the samplers accepts, and the boxes in it; or both as they are."""
    rows, columns = picture.shape[:2]
    for i in draw.permutation(max(given.num_crop_sampler, 0)):
        for _ in range(int(given.max_crop_trials[i])):
            x, y, width, height = part = _part(int(i), given, draw, columns / rows)
            found = _shown(boxes, part, int(i), given)
            if found is None:
                continue
            left, top = int(x * columns), int(y * rows)
            right, bottom = left + max(int(width * columns), 1), top + max(int(height * rows), 1)
            return picture[top:bottom, left:right], found
    return picture, boxes


def _part(i: int, given: DetSettings, draw: Any, shape: float) -> tuple[float, float, float, float]:
    """A random part (x, y, width, height), in shares; `shape` is the picture's width by its height."""
    scale = draw.uniform(given.min_crop_scales[i], given.max_crop_scales[i]) + 1e-12
    low = max(given.min_crop_aspect_ratios[i] / shape, scale * scale)
    high = min(given.max_crop_aspect_ratios[i] / shape, 1 / (scale * scale))
    ratio = (low + (high - low) * draw.uniform()) ** 0.5  # the ends may be in the wrong order, as in MXNet
    width, height = min(1.0, scale * ratio), min(1.0, scale / ratio)
    return draw.uniform(0, 1 - width), draw.uniform(0, 1 - height), width, height


def _shown(boxes: np.ndarray, part: tuple[float, float, float, float], i: int, given: DetSettings
           ) -> np.ndarray | None:
    """The boxes that stay in a part, as shares of it; None if none does, or if the sampler does not accept the part."""
    if not len(boxes):
        return boxes
    x, y, width, height = part
    low = np.maximum(boxes[:, 1:3], (x, y))
    high = np.minimum(boxes[:, 3:5], (x + width, y + height))
    shared = np.where((low < high).all(1), (high - low).prod(1), 0)
    areas = (boxes[:, 3:5] - boxes[:, 1:3]).prod(1)
    accepted = np.ones(len(boxes), bool)
    for name, share in (("overlaps", shared / (areas + width * height - shared)),
                        ("sample_coverages", shared / (width * height)), ("object_coverages", shared / areas)):
        least, most = getattr(given, f"min_crop_{name}")[i], getattr(given, f"max_crop_{name}")[i]
        if least > 0 or most < 1:
            accepted &= (least <= share) & (share <= most)
    if given.crop_emit_mode == "center":
        middle = (boxes[:, 1:3] + boxes[:, 3:5]) / 2
        kept = ((x, y) <= middle).all(1) & (middle < (x + width, y + height)).all(1)
    else:
        kept = shared / areas > given.emit_overlap_thresh
    return _projected(boxes[kept], *part) if accepted.any() and kept.any() else None
