"""`ImageDetIter`: batches of pictures with boxes; and the usual lists of augmenters for them."""
from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np

from .arrays import elements
from .augmenters import ForceResizeAug, ResizeAug
from .colors import MEAN, STD, color_augmenters
from .det_augmenters import (
    DetAugmenter,
    DetBorrowAug,
    DetHorizontalFlipAug,
    DetRandomCropAug,
    DetRandomPadAug,
    DetRandomSelectAug,
)
from .image_iter import ImageIter

__all__ = ["CreateDetAugmenter", "CreateMultiRandCropAugmenter", "ImageDetIter"]


def CreateMultiRandCropAugmenter(min_object_covered: Any = 0.1, aspect_ratio_range: Any = (0.75, 1.33),
                                 area_range: Any = (0.05, 1.0), min_eject_coverage: Any = 0.3, max_attempts: Any = 50,
                                 skip_prob: float = 0) -> DetRandomSelectAug:
    """One of several `DetRandomCropAug`, chosen at random.

    min_object_covered, aspect_ratio_range, area_range, min_eject_coverage, max_attempts: the parameters of all, or a
        list with one for each.
    skip_prob: the probability that none is chosen.
    """
    given = [one if isinstance(one, list) else [one] for one in
             (min_object_covered, aspect_ratio_range, area_range, min_eject_coverage, max_attempts)]
    count = max(len(one) for one in given)
    for one in given:
        assert len(one) in (1, count), f"lists of {len(one)} and of {count} parameters"
    return DetRandomSelectAug([DetRandomCropAug(*settings) for settings in
                               zip(*[one * (count // len(one)) for one in given])], skip_prob)


def CreateDetAugmenter(data_shape: tuple[int, int, int], resize: int = 0, rand_crop: float = 0, rand_pad: float = 0,
                       rand_gray: float = 0, rand_mirror: bool = False, mean: Any = None, std: Any = None,
                       brightness: float = 0, contrast: float = 0, saturation: float = 0, pca_noise: float = 0,
                       hue: float = 0, inter_method: int = 2, min_object_covered: Any = 0.1,
                       aspect_ratio_range: Any = (0.75, 1.33), area_range: Any = (0.05, 3.0),
                       min_eject_coverage: Any = 0.3, max_attempts: Any = 50,
                       pad_val: Any = (127, 127, 127)) -> list[DetAugmenter]:
    """The usual list of augmenters of pictures with boxes.

    rand_crop: the probability of `CreateMultiRandCropAugmenter`, whose parameters follow.
    rand_pad: the probability of `DetRandomPadAug`.

    Others as in `CreateAugmenter`.
    """
    found: list[DetAugmenter] = []
    if resize > 0:
        found.append(DetBorrowAug(ResizeAug(resize, inter_method)))
    if rand_crop > 0:
        found.append(CreateMultiRandCropAugmenter(min_object_covered, aspect_ratio_range, area_range,
                                                  min_eject_coverage, max_attempts, skip_prob=1 - rand_crop))
    if rand_mirror > 0:
        found.append(DetHorizontalFlipAug(0.5))
    if rand_pad > 0:
        pad = DetRandomPadAug(aspect_ratio_range, (1.0, area_range[1]), max_attempts, pad_val)
        found.append(DetRandomSelectAug([pad], 1 - rand_pad))
    found.append(DetBorrowAug(ForceResizeAug((data_shape[2], data_shape[1]), inter_method)))
    colors = color_augmenters(brightness, contrast, saturation, hue, pca_noise, rand_gray, mean, std)
    return found + [DetBorrowAug(one) for one in colors]


class ImageDetIter(ImageIter):
    """An iterator over batches of pictures and labels (batch, boxes, numbers of a box); missing boxes are -1.

    A picture's label is a header, whose first two numbers are its length and the numbers of a box, and the boxes.
    Parameters as in `ImageIter`; other keywords are those of `CreateDetAugmenter`.
    """

    def __init__(self, batch_size: int, data_shape: tuple[int, int, int], path_imgrec: str | None = None,
                 path_imglist: str | None = None, path_root: str | None = None, path_imgidx: str | None = None,
                 shuffle: bool = False, part_index: int = 0, num_parts: int = 1, aug_list: list[Any] | None = None,
                 imglist: list[Any] | None = None, data_name: str = "data", label_name: str = "label",
                 last_batch_handle: str = "pad", **kwargs: Any) -> None:
        super().__init__(batch_size, data_shape, path_imgrec=path_imgrec, path_imglist=path_imglist,
                         path_root=path_root, path_imgidx=path_imgidx, shuffle=shuffle, part_index=part_index,
                         num_parts=num_parts, aug_list=[], imglist=imglist, data_name=data_name,
                         label_name=label_name, last_batch_handle=last_batch_handle)
        self.auglist = CreateDetAugmenter(data_shape, **kwargs) if aug_list is None else aug_list
        self.label_shape = self._estimate_label_shape()
        self.provide_label = [(label_name, (batch_size, *self.label_shape))]

    def _check_valid_label(self, label: np.ndarray) -> None:
        """Check boxes. RuntimeError if none is valid."""
        if label.ndim != 2 or label.shape[1] < 5:
            raise RuntimeError(f"Label with shape (1+, 5+) required, {label} received.")
        if not ((label[:, 0] >= 0) & (label[:, 3] > label[:, 1]) & (label[:, 4] > label[:, 2])).any():
            raise RuntimeError("Invalid label occurs.")

    def _estimate_label_shape(self) -> tuple[int, int]:
        """The most boxes of a picture, and the numbers of a box: all labels are read."""
        count = width = 0
        self.reset()
        try:
            while True:
                label = self._parse_label(self.next_sample()[0])
                count, width = max(count, label.shape[0]), label.shape[1]
        except StopIteration:
            pass
        self.reset()
        return count, width

    def _parse_label(self, label: Any) -> np.ndarray:
        """The valid boxes in a picture's label. RuntimeError if there is none."""
        raw = elements(label).ravel()
        if raw.size < 7:
            raise RuntimeError(f"Label shape is invalid: {raw.shape}")
        header, width = int(raw[0]), int(raw[1])
        if header < 0 or width < 5 or (raw.size - header) % width:
            raise RuntimeError(f"Label shape {raw.shape} inconsistent with annotation width {width}.")
        found = raw[header:].reshape(-1, width)
        valid = (found[:, 3] > found[:, 1]) & (found[:, 4] > found[:, 2])
        if not valid.any():
            raise RuntimeError("Encounter sample with no valid label.")
        return found[valid]

    def reshape(self, data_shape: Any = None, label_shape: Any = None) -> None:
        """Change the shape of a picture, or that of its labels: (boxes, numbers), which may only grow."""
        if data_shape is not None:
            self.check_data_shape(data_shape)
            self.provide_data = [(self.provide_data[0][0], (self.batch_size, *data_shape))]
            self.data_shape = data_shape
        if label_shape is not None:
            self.check_label_shape(label_shape)
            self.provide_label = [(self.provide_label[0][0], (self.batch_size, *label_shape))]
            self.label_shape = label_shape

    def _empty(self) -> tuple[np.ndarray, np.ndarray]:
        data, label = super()._empty()
        label[:] = -1
        return data, label

    def _checked(self, data: Any, label: Any) -> tuple[Any, Any]:
        """A picture and its boxes as the augmenters change them. RuntimeError for invalid ones, which are left out."""
        self.check_valid_image([data])
        data, boxes = self.augmentation_transform(data, self._parse_label(label))
        self._check_valid_label(boxes)
        return data, boxes

    def _put(self, data: Any, label: Any, batch_data: np.ndarray, batch_label: np.ndarray, i: int) -> None:
        batch_data[i] = elements(self.postprocess_data(data))
        batch_label[i] = -1
        batch_label[i, :len(label)] = label

    def augmentation_transform(self, data: Any, label: Any = None) -> Any:
        """A picture and its labels as the augmenters change them."""
        for one in self.auglist:
            data, label = one(data, label)
        return data, label

    def check_label_shape(self, label_shape: Any) -> None:
        """Check a new shape of labels. ValueError unless it has two axes and is not smaller."""
        if len(label_shape) != 2:
            raise ValueError("label_shape should have length 2")
        if label_shape[0] < self.label_shape[0]:
            raise ValueError(f"Attempts to reduce label count from {self.label_shape[0]} to {label_shape[0]}, "
                             "not allowed.")
        if label_shape[1] != self.provide_label[0][1][2]:
            raise ValueError("label_shape object width inconsistent: "
                             f"{self.provide_label[0][1][2]} vs {label_shape[1]}.")

    def draw_next(self, color: Any = None, thickness: int = 2, mean: Any = None, std: Any = None, clip: bool = True,
                  waitKey: Any = None, window_name: str = "draw_next", id2labels: Any = None) -> Iterator[np.ndarray]:
        """The pictures, uint8 in the order blue, green, red, with their boxes drawn; names and windows are not shown.

        color: that of the boxes, (red, green, blue); None: a random one.
        thickness: of the lines, in pixels.
        mean, std: as in `CreateAugmenter`, to undo `color_normalize`.
        clip: whether numbers are limited to 0 .. 255.
        """
        if waitKey is not None:
            raise NotImplementedError("ImageDetIter.draw_next(waitKey=…): tracer opens no windows")
        while True:
            try:
                label, picture = self.next_sample()
            except StopIteration:
                return
            try:
                boxes = self._parse_label(label)
            except RuntimeError as error:
                logging.debug("Invalid image, skipping:  %s", error)
                continue
            data, boxes = self.augmentation_transform(self.imdecode(picture), boxes)
            image = elements(data).astype(np.float32)
            for value, usual, undo in ((std, STD, np.multiply), (mean, MEAN, np.add)):
                if value is not None:
                    image = undo(image, usual if value is True else elements(value))
            image = np.ascontiguousarray((np.clip(image, 0, 255) if clip else image)[..., ::-1]).astype(np.uint8)
            for box in boxes:
                _draw(image, box, np.random.rand(3) * 255 if not color else color[::-1], thickness)
            yield image

    def sync_label_shape(self, it: Any, verbose: bool = False) -> Any:
        """Give this iterator and another the larger number of boxes of both; returns the other."""
        assert isinstance(it, ImageDetIter), "Synchronize with invalid iterator."
        assert self.label_shape[1] == it.label_shape[1], "object width mismatch."
        count = max(self.label_shape[0], it.label_shape[0])
        for one in (self, it):
            if count > one.label_shape[0]:
                one.reshape(None, (count, one.label_shape[1]))
                if verbose:
                    logging.info("Resized label_shape to (%d, %d).", count, one.label_shape[1])
        return it


def _draw(image: np.ndarray, box: np.ndarray, color: Any, thickness: int) -> None:
    """Draw the lines of a box (class, x1, y1, x2, y2, …)."""
    height, width = image.shape[:2]
    x1, y1, x2, y2 = (int(v * n) for v, n in zip(box[1:5], (width, height, width, height)))
    if x1 < 0:
        return
    half = thickness // 2
    for y in (y1, y2):
        image[max(y - half, 0):max(y - half + thickness, 0), max(x1, 0):x2 + 1] = color
    for x in (x1, x2):
        image[max(y1, 0):y2 + 1, max(x - half, 0):max(x - half + thickness, 0)] = color
