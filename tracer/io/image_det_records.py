"""`ImageDetRecordIter`: batches of the pictures in a record file, with boxes."""
from __future__ import annotations

from typing import Any

import numpy as np

from .. import recordio
from ..base import MXNetError
from ..image.record_settings import Settings, resized
from .batches import DataDesc
from .image_records import ImageRecordIter

__all__ = ["ImageDetRecordIter"]

_HEAD = 4


class ImageDetRecordIter(ImageRecordIter):
    """An iterator over batches of pictures with boxes: labels are (batch, 4 + label_pad_width).

    A row: the picture's channels, height, width, the length of its label, the label, and `label_pad_value`. The label
    in the file: the length of its head and the numbers of a box, the rest of the head, and the boxes: class, x1, y1,
    x2, y2 as shares of the width and height, and others.

    path_imgrec, data_shape, batch_size and others: as in `ImageRecordIter`.
    label_width: the length of all labels; -1: each has its own.
    label_pad_width: the length to which labels are filled; 0: the longest one's. MXNetError if one is longer.
    label_pad_value: the number that fills them.
    resize_mode: "force": the picture gets the size of `data_shape`.
    rand_mirror_prob: the probability that the columns and boxes are reversed.

    NotImplementedError for MXNet's other changes of boxes (rand_crop_prob, rand_pad_prob), other modes, and colours:
    mx.image.ImageDetIter has them.
    """

    def __init__(self, *, label_width: int = -1, label_pad_width: int = 0, label_pad_value: float = -1.0,
                 resize_mode: str = "force", rand_mirror_prob: float = 0.0, inter_method: int = 1,
                 **settings: Any) -> None:
        self._mirror_prob = rand_mirror_prob
        self._pad_value = label_pad_value
        for name in ("rand_crop_prob", "rand_pad_prob", "random_hue_prob", "random_saturation_prob",
                     "random_illumination_prob", "random_contrast_prob"):
            if settings.get(name, 0) > 0:
                raise NotImplementedError(f"ImageDetRecordIter({name}=…); mx.image.ImageDetIter has such augmenters")
        if resize_mode != "force":
            raise NotImplementedError(f"ImageDetRecordIter(resize_mode={resize_mode!r}): only 'force'")
        super().__init__(**{**settings, "rand_mirror": False, "mirror": False})
        self._settings = Settings(inter_method=inter_method)
        longest = self._longest(settings["path_imgrec"], label_width)
        if 0 < label_pad_width < longest:
            raise MXNetError(f"ImageDetRecordIter: label_pad_width: {label_pad_width} smaller than estimated width: "
                             f"{longest}")
        self._label_width = _HEAD + (label_pad_width or longest)
        name = self.provide_label[0].name
        self.provide_label = [DataDesc(name, (self.batch_size, self._label_width))]

    def _longest(self, path: str, width: int) -> int:
        """The length of the longest label: all records are read. MXNetError for one of another length than `width`."""
        if self._labels is not None:
            return max([len(label) for label in self._labels.values()])
        longest, records = 0, recordio.MXRecordIO(path, "r")
        while (record := records.read()) is not None:
            label = np.atleast_1d(recordio.unpack(record)[0].label)
            if width > 0 and len(label) != width:
                raise MXNetError(f"ImageDetRecordIter: label_width={width}, and a record has {len(label)} labels")
            longest = max(longest, len(label))
        return longest

    def _augmented(self, pixels: np.ndarray, label: np.ndarray, draw: Any) -> tuple[np.ndarray, np.ndarray]:
        pixels = resized(pixels, self._shape[1], self._shape[2], self._settings, draw)
        if draw.uniform() < self._mirror_prob and len(label) >= 2:
            head, width = int(label[0]), int(label[1])
            if not 2 <= head <= len(label) or width < 5 or (len(label) - head) % width:
                raise MXNetError(f"ImageDetRecordIter: a label of {len(label)} numbers with a head of {head} and boxes "
                                 f"of {width}")
            label = label.copy()
            boxes = label[head:].reshape(-1, width)
            boxes[:, 1], boxes[:, 3] = 1 - boxes[:, 3], 1 - boxes[:, 1]
            pixels = pixels[:, ::-1]
        return pixels, label

    def _set_label(self, labels: np.ndarray, i: int, label: np.ndarray, shape: tuple[int, ...]) -> None:
        labels[i] = self._pad_value
        labels[i, :_HEAD] = shape[2], shape[0], shape[1], len(label)
        labels[i, _HEAD:_HEAD + len(label)] = label
