"""`ImageDetRecordIter`: batches of the pictures in a record file, with boxes."""
from __future__ import annotations

from typing import Any

import numpy as np

from .. import recordio
from ..base import MXNetError
from ..image.det_record_settings import NAMES, DetSettings, augmented
from .batches import DataDesc
from .image_records import ImageRecordIter

__all__ = ["ImageDetRecordIter"]

_HEAD = 4
#: A deviation of 0, the default, is none.
_DEVIATIONS = ("std_r", "std_g", "std_b", "std_a")


class ImageDetRecordIter(ImageRecordIter):
    """An iterator over batches of pictures with boxes: labels are (batch, 4 + label_pad_width).

    A row: the picture's channels, height, width, the length of its label, the label, and `label_pad_value`. The label
    in the file: the length of its head and the numbers of a box, the rest of the head, and the boxes: class, x1, y1,
    x2, y2 as shares of the width and height, and others.

    path_imgrec, data_shape, batch_size and others: as in `ImageRecordIter`.
    label_width: the length of all labels; -1: each has its own.
    label_pad_width: the length to which labels are filled; 0: the longest one's. MXNetError if one is longer.
    label_pad_value: the number that fills them.
    resize: the size of the shorter side before all changes; -1: it stays.
    max_random_hue, max_random_saturation, max_random_illumination, max_random_contrast: the most by which the colours
        change.
    random_hue_prob, random_saturation_prob, random_illumination_prob, random_contrast_prob: the probabilities of that.
    rand_mirror_prob: the probability that the columns and boxes are reversed.
    rand_pad_prob, max_pad_scale, fill_value: the probability that the picture is put at a random place of a larger one,
        the most by which the sides grow, and the number around it.
    rand_crop_prob: the probability that a random part is cut out.
    num_crop_sampler: the number of samplers that try to find a part, in a random order. The following parameters are a
        number, or one for each sampler.
    min_crop_scales, max_crop_scales, min_crop_aspect_ratios, max_crop_aspect_ratios: the intervals of the root of the
        part's share, and of its width by its height.
    max_crop_trials: the number of parts that are tried.
    min_crop_overlaps, max_crop_overlaps: the interval of what the part shares with a box, divided by what they cover
        together. One box of the picture must be in this interval and the next two.
    min_crop_sample_coverages, max_crop_sample_coverages: the same, divided by the part.
    min_crop_object_coverages, max_crop_object_coverages: the same, divided by the box.
    crop_emit_mode: "center": boxes whose middle is outside the part are dropped; "overlap": those of which a share of
        at most `emit_overlap_thresh` is inside. A part without boxes is not taken.
    resize_mode: "force": the picture gets the size of `data_shape`. "fit": it keeps its ratio, and is at the top left
        of the data. "shrink": the same, and it is not enlarged.
    inter_method: the interpolation: 0 to 4 as in `mx.image.imresize`, 9: chosen by the sizes, 10: a random one.

    MXNetError for labels of another form.
    """

    def __init__(self, *, label_width: int = -1, label_pad_width: int = 0, label_pad_value: float = -1.0,
                 **settings: Any) -> None:
        self._given = DetSettings(**{key: value for key, value in settings.items() if key in NAMES})
        self._pad_value = label_pad_value
        plain = {key: value for key, value in settings.items() if key not in NAMES | {"rand_mirror", "mirror"}}
        super().__init__(**{**plain, **{key: plain.get(key) or 1.0 for key in _DEVIATIONS}})
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
        return augmented(pixels, label, self._shape[1], self._shape[2], self._given, draw)

    def _set_label(self, labels: np.ndarray, i: int, label: np.ndarray, shape: tuple[int, ...]) -> None:
        labels[i] = self._pad_value
        labels[i, :_HEAD] = shape[2], shape[0], shape[1], len(label)
        labels[i, _HEAD:_HEAD + len(label)] = label
