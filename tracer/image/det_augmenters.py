"""Augmenters of pictures with boxes: functions of a picture and its labels, which return both.

Labels are a NumPy array, rows (class, x1, y1, x2, y2, …) with corners as shares of the width and height.
"""
from __future__ import annotations

import logging
import math
import random
import warnings
from typing import Any

import numpy as np

from .. import ndarray
from ..base import numeric_types
from .augmenters import Augmenter
from .codec import copyMakeBorder
from .cropping import fixed_crop

__all__ = ["DetAugmenter", "DetBorrowAug", "DetHorizontalFlipAug", "DetRandomCropAug", "DetRandomPadAug",
           "DetRandomSelectAug"]

nd: Any = ndarray  # its functions are generated


class DetAugmenter(Augmenter):
    """The base class of functions of a picture and its labels: a subclass defines `__call__`."""

    def __call__(self, src: Any, label: Any) -> tuple[Any, Any]:  # type: ignore[override]
        raise NotImplementedError(f"{type(self).__name__} defines no __call__, which returns the picture and labels")


class DetBorrowAug(DetAugmenter):
    """An augmenter of pictures alone, which leaves the boxes as they are.

    augmenter: an `Augmenter`; TypeError for another object.
    """

    def __init__(self, augmenter: Augmenter) -> None:
        if not isinstance(augmenter, Augmenter) or isinstance(augmenter, DetAugmenter):
            raise TypeError("Borrowing from invalid Augmenter")
        super().__init__(augmenter=augmenter.dumps())
        self.augmenter = augmenter

    def dumps(self) -> Any:
        """The class's name, and what the augmenter's `dumps` gives."""
        return [type(self).__name__.lower(), self.augmenter.dumps()]

    def __call__(self, src: Any, label: Any) -> tuple[Any, Any]:  # type: ignore[override]
        return self.augmenter(src), label


class DetRandomSelectAug(DetAugmenter):
    """One of several augmenters, chosen at random.

    aug_list: the augmenters; ValueError if one is no `DetAugmenter`.
    skip_prob: the probability that none is chosen.
    """

    def __init__(self, aug_list: Any, skip_prob: float = 0) -> None:
        super().__init__(skip_prob=skip_prob)
        aug_list = aug_list if isinstance(aug_list, (list, tuple)) else [aug_list]
        for one in aug_list:
            if not isinstance(one, DetAugmenter):
                raise ValueError("Allow DetAugmenter in list only")
        self.aug_list = aug_list
        self.skip_prob = skip_prob if aug_list else 1

    def dumps(self) -> Any:
        """The class's name, and what the augmenters' `dumps` give."""
        return [type(self).__name__.lower(), [one.dumps() for one in self.aug_list]]

    def __call__(self, src: Any, label: Any) -> tuple[Any, Any]:  # type: ignore[override]
        if random.random() < self.skip_prob:
            return src, label
        random.shuffle(self.aug_list)
        return self.aug_list[0](src, label)


class DetHorizontalFlipAug(DetAugmenter):
    """An augmenter that reverses the columns and the boxes; the labels are changed in place.

    p: the probability of it.
    """

    def __init__(self, p: float) -> None:
        super().__init__(p=p)
        self.p = p

    def __call__(self, src: Any, label: Any) -> tuple[Any, Any]:  # type: ignore[override]
        if random.random() < self.p:
            src = nd.flip(src, axis=1)
            label[:, 1], label[:, 3] = 1.0 - label[:, 3], 1.0 - label[:, 1]
        return src, label


class _Ranged(DetAugmenter):
    """An augmenter with an interval of areas and one of ratios of the sides."""

    def __init__(self, least: float, **settings: Any) -> None:
        for name, text in (("aspect_ratio_range", "aspect ratio"), ("area_range", "area range")):
            value = settings[name]
            if not isinstance(value, (tuple, list)):
                assert isinstance(value, numeric_types)
                logging.info("Using fixed %s: %s in %s", text, value, type(self).__name__)
                settings[name] = (value, value)
        self.aspect_ratio_range, self.area_range = settings["aspect_ratio_range"], settings["area_range"]
        super().__init__(**settings)
        self.enabled = False
        if self.area_range[1] <= least or self.area_range[0] > self.area_range[1]:
            warnings.warn(f"Skip {type(self).__name__} due to invalid area_range: {self.area_range}", stacklevel=3)
        elif self.aspect_ratio_range[0] > self.aspect_ratio_range[1] or self.aspect_ratio_range[0] <= 0:
            warnings.warn(f"Skip {type(self).__name__} due to invalid aspect_ratio_range: {self.aspect_ratio_range}",
                          stacklevel=3)
        else:
            self.enabled = True

    def _heights(self, ratio: float, height: int, width: int) -> tuple[int, int]:
        """The least and the largest height of an area of this ratio."""
        least, largest = (int(round(math.sqrt(share * height * width / ratio))) for share in self.area_range)
        return least, largest


class DetRandomCropAug(_Ranged):
    """A random part of the picture that shows enough of the boxes.

    min_object_covered: the least share of each box in the part that must be inside; boxes outside don't count.
    aspect_ratio_range: the interval of its width by its height.
    area_range: the interval of its share of the picture.
    min_eject_coverage: boxes of which less is inside are dropped.
    max_attempts: the number of parts that are tried.
    """

    def __init__(self, min_object_covered: float = 0.1, aspect_ratio_range: Any = (0.75, 1.33),
                 area_range: Any = (0.05, 1.0), min_eject_coverage: float = 0.3, max_attempts: int = 50) -> None:
        super().__init__(0, min_object_covered=min_object_covered, aspect_ratio_range=aspect_ratio_range,
                         area_range=area_range, min_eject_coverage=min_eject_coverage, max_attempts=max_attempts)
        self.min_object_covered = min_object_covered
        self.min_eject_coverage = min_eject_coverage
        self.max_attempts = max_attempts

    def __call__(self, src: Any, label: Any) -> tuple[Any, Any]:  # type: ignore[override]
        found = self._random_crop_proposal(label, src.shape[0], src.shape[1])
        if found:
            x, y, w, h, label = found
            src = fixed_crop(src, x, y, w, h, None)
        return src, label

    @staticmethod
    def _calculate_areas(label: np.ndarray) -> np.ndarray:
        """The areas of boxes (x1, y1, x2, y2, …)."""
        return np.maximum(0, label[:, 3] - label[:, 1]) * np.maximum(0, label[:, 2] - label[:, 0])

    def _check_satisfy_constraints(self, label: np.ndarray, box: tuple[int, int, int, int], height: int,
                                   width: int) -> bool:
        """Whether a part (x1, y1, x2, y2) in pixels shows enough of the boxes."""
        x1, y1, x2, y2 = box
        if (x2 - x1) * (y2 - y1) < 2:
            return False
        areas = self._calculate_areas(label[:, 1:])
        large = areas * width * height > 2
        if not large.any():
            return False
        boxes = label[large, 1:5]
        low = np.maximum(boxes[:, :2], (x1 / width, y1 / height))
        high = np.minimum(boxes[:, 2:], (x2 / width, y2 / height))
        covered = np.where((low < high).all(1), (high - low).prod(1), 0) / areas[large]
        covered = covered[covered > 0]
        return covered.size > 0 and covered.min() > self.min_object_covered

    def _update_labels(self, label: np.ndarray, crop_box: tuple[int, int, int, int], height: int,
                       width: int) -> np.ndarray | None:
        """The boxes as shares of a part (x, y, width, height), without those mostly outside; None if none is left."""
        x, y, w, h = crop_box[0] / width, crop_box[1] / height, crop_box[2] / width, crop_box[3] / height
        found = label.copy()
        found[:, (1, 3)] = (found[:, (1, 3)] - x) / w
        found[:, (2, 4)] = (found[:, (2, 4)] - y) / h
        found[:, 1:5] = np.clip(found[:, 1:5], 0, 1)
        with np.errstate(all="ignore"):
            coverage = self._calculate_areas(found[:, 1:]) * w * h / self._calculate_areas(label[:, 1:])
        kept = (found[:, 3] > found[:, 1]) & (found[:, 4] > found[:, 2]) & (coverage > self.min_eject_coverage)
        return found[kept] if kept.any() else None

    def _random_crop_proposal(self, label: np.ndarray, height: int, width: int) -> tuple[Any, ...]:
        """A part (x, y, width, height) and its labels; () if none was found."""
        if not self.enabled or height <= 0 or width <= 0:
            return ()
        min_area, max_area = (share * height * width for share in self.area_range)
        for _ in range(self.max_attempts):
            ratio = random.uniform(*self.aspect_ratio_range)
            if ratio <= 0:
                continue
            h, max_h = self._heights(ratio, height, width)
            if round(max_h * ratio) > width:
                max_h = int((width + 0.4999999) / ratio)
            max_h = min(max_h, height)
            h = min(h, max_h)
            if h < max_h:
                h = random.randint(h, max_h)
            w = int(round(h * ratio))
            assert w <= width
            if w * h < min_area:
                h += 1
                w = int(round(h * ratio))
            if w * h > max_area:
                h -= 1
                w = int(round(h * ratio))
            if not (min_area <= w * h <= max_area and 0 <= w <= width and 0 <= h <= height):
                continue
            y = random.randint(0, max(0, height - h))
            x = random.randint(0, max(0, width - w))
            if self._check_satisfy_constraints(label, (x, y, x + w, y + h), height, width):
                made = self._update_labels(label, (x, y, w, h), height, width)
                if made is not None:
                    return x, y, w, h, made
        return ()


class DetRandomPadAug(_Ranged):
    """The picture at a random place of a larger one.

    aspect_ratio_range: the interval of the larger one's width by its height.
    area_range: the interval of its area, where that of the picture is 1.
    max_attempts: the number of sizes that are tried.
    pad_val: the colour around the picture.
    """

    def __init__(self, aspect_ratio_range: Any = (0.75, 1.33), area_range: Any = (1.0, 3.0), max_attempts: int = 50,
                 pad_val: Any = (128, 128, 128)) -> None:
        if not isinstance(pad_val, (list, tuple)):
            assert isinstance(pad_val, numeric_types)
            pad_val = (pad_val,)
        super().__init__(1.0, aspect_ratio_range=aspect_ratio_range, area_range=area_range, max_attempts=max_attempts,
                         pad_val=pad_val)
        self.pad_val = pad_val
        self.max_attempts = max_attempts

    def __call__(self, src: Any, label: Any) -> tuple[Any, Any]:  # type: ignore[override]
        height, width, _ = src.shape
        found = self._random_pad_proposal(label, height, width)
        if found:
            x, y, w, h, label = found
            src = copyMakeBorder(src, y, h - y - height, x, w - x - width, 16, values=self.pad_val)
        return src, label

    @staticmethod
    def _update_labels(label: np.ndarray, pad_box: tuple[int, int, int, int], height: int, width: int) -> np.ndarray:
        """The boxes as shares of the larger picture, in which this one has the place (x, y)."""
        found = label.copy()
        found[:, (1, 3)] = (found[:, (1, 3)] * width + pad_box[0]) / pad_box[2]
        found[:, (2, 4)] = (found[:, (2, 4)] * height + pad_box[1]) / pad_box[3]
        return found

    def _random_pad_proposal(self, label: np.ndarray, height: int, width: int) -> tuple[Any, ...]:
        """A place (x, y), the larger picture's width and height, and the labels; () if none was found."""
        if not self.enabled or height <= 0 or width <= 0:
            return ()
        for _ in range(self.max_attempts):
            ratio = random.uniform(*self.aspect_ratio_range)
            if ratio <= 0:
                continue
            h, max_h = self._heights(ratio, height, width)
            if round(h * ratio) < width:
                h = int((width + 0.499999) / ratio)
            h = min(max(h, height), max_h)
            if h < max_h:
                h = random.randint(h, max_h)
            w = int(round(h * ratio))
            if h - height < 2 or w - width < 2:
                continue
            y = random.randint(0, max(0, h - height))
            x = random.randint(0, max(0, w - width))
            return x, y, w, h, self._update_labels(label, (x, y, w, h), height, width)
        return ()
