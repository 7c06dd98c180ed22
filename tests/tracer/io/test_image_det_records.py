"""mx.io.ImageDetRecordIter: random changes, in the mean against real MXNet's; wrong parameters and labels.

What is not random is in test_image_records.py.
"""
from __future__ import annotations

import base64
import json

import numpy as onp
import pytest
from oracle import pictures

from tracer import io, recordio
from tracer.base import MXNetError

pytestmark = pytest.mark.tierless

PICTURE = base64.b64decode(json.loads(pictures.DATA.read_text())["files"]["a.jpg"])
LABEL = [2, 5, 7, 0.2, 0.3, 0.6, 0.9, 8, 0.1, 0.1, 0.3, 0.2]
COUNT = 400


def write(path, labels):
    records = recordio.MXRecordIO(str(path), "w")
    for i, label in enumerate(labels):
        records.write(recordio.pack(recordio.IRHeader(0, label, i, 0), PICTURE))
    records.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    made = tmp_path_factory.mktemp("records") / "boxes.rec"
    write(made, [LABEL] * COUNT)
    return made


def iterator(path, **settings):
    return io.ImageDetRecordIter(**{"path_imgrec": str(path), "data_shape": (3, 12, 16), "batch_size": 1, **settings})


#: Settings, and of 4,000 pictures under MXNet 1.9.1: the mean length of the label, and the mean of the first box.
MEANS = [
    ({"rand_pad_prob": 0.7, "max_pad_scale": 2.0}, 12, [0.267, 0.343, 0.580, 0.812]),
    ({"rand_crop_prob": 0.8, "min_crop_scales": 0.3, "max_crop_scales": 0.9}, 9.575, [0.119, 0.239, 0.699, 0.930]),
    ({"rand_crop_prob": 1.0, "min_crop_scales": (0.3, 0.5), "max_crop_scales": (0.6, 1.0),
      "min_crop_aspect_ratios": (0.5, 0.75), "max_crop_aspect_ratios": 2.0, "num_crop_sampler": 2,
      "min_crop_overlaps": (0.1, 0.3)}, 8.254, [0.106, 0.149, 0.729, 0.929]),
    ({"rand_crop_prob": 1.0, "min_crop_scales": 0.3, "max_crop_scales": 0.9, "crop_emit_mode": "overlap",
      "emit_overlap_thresh": 0.5, "min_crop_object_coverages": 0.4}, 9.099, [0.092, 0.225, 0.710, 0.921]),
    ({"rand_crop_prob": 1.0, "min_crop_scales": 0.3, "max_crop_scales": 0.9, "min_crop_sample_coverages": 0.2,
      "max_crop_sample_coverages": 0.6, "rand_pad_prob": 0.5, "max_pad_scale": 3.0, "rand_mirror_prob": 0.5},
     9.824, [0.241, 0.281, 0.750, 0.866]),
]


@pytest.mark.parametrize("settings, length, box", MEANS)
def test_boxes_are_like_real_mxnets_in_the_mean(path, settings, length, box):
    labels = next(iterator(path, batch_size=COUNT, **settings)).label[0].asnumpy()
    error = onp.sqrt(1 / COUNT + 1 / 4000)
    assert abs(labels[:, 3].mean() - length) <= 5 * error * labels[:, 3].std()
    boxes = labels[:, 7:11]
    assert (abs(boxes.mean(0) - box) <= 5 * error * boxes.std(0) + 5e-4).all()
    filled = labels[labels[:, 3] == 7, 11:]
    assert (filled == -1).all()


#: Settings, and of 4,000 pictures under MXNet 1.9.1: the mean of all pixels, and the deviations of a picture's colours.
COLOURS = [
    ({"max_random_hue": 30, "random_hue_prob": 0.5, "max_random_saturation": 40, "random_saturation_prob": 0.6,
      "max_random_illumination": 50, "random_illumination_prob": 0.3}, 118.76, [14.27, 14.80, 18.27]),
    ({"max_random_contrast": 0.5, "random_contrast_prob": 0.5}, 117.89, [21.05, 23.03, 23.20]),
]


@pytest.mark.parametrize("settings, mean, deviations", COLOURS)
def test_colours_are_like_real_mxnets_in_the_mean(path, settings, mean, deviations):
    batch = next(iterator(path, batch_size=COUNT, **settings))
    means = batch.data[0].asnumpy().reshape(COUNT, 3, -1).mean(2)
    assert abs(means.mean() - mean) < 5 * 25 * onp.sqrt(1 / COUNT + 1 / 4000)
    assert (abs(means.std(0) / deviations - 1) < 0.15).all()
    assert (batch.label[0].asnumpy()[:, 4:] == onp.array(LABEL, onp.float32)).all()


@pytest.mark.parametrize("wrong, message", [
    ({"crop_emit_mode": "x"}, "crop_emit_mode='x'"), ({"resize_mode": "x"}, "resize_mode='x'"),
    ({"inter_method": 7}, "inter_method=7"),
    ({"num_crop_sampler": 2, "min_crop_scales": (0.1, 0.2, 0.3)}, "3 numbers in min_crop_scales, and num_crop_sampler"),
    ({"min_crop_scales": (0.1, 0.2)}, "2 numbers in min_crop_scales"),
    ({"max_crop_scales": 1.5}, "max_crop_scales 1.5"),
    ({"min_crop_scales": 0.5, "max_crop_scales": 0.4}, "min_crop_scales 0.5 and max_crop_scales 0.4"),
    ({"min_crop_aspect_ratios": -1.0}, "min_crop_aspect_ratios -1.0"),
    ({"min_crop_overlaps": 0.5, "max_crop_overlaps": 0.4}, "min_crop_overlaps 0.5"),
    ({"emit_overlap_thresh": -1}, "emit_overlap_thresh -1"), ({"path_imgrec": ""}, "Invalid path_imgrec"),
    ({"label_pad_width": 9}, "label_pad_width: 9 smaller than estimated width: 12"),
    ({"label_width": 7}, "label_width=7, and a record has 12")])
def test_wrong_parameters(path, wrong, message):
    with pytest.raises(MXNetError, match=message):
        iterator(path, **wrong)


@pytest.mark.parametrize("label", [[2, 5, 7, 0, 0, 1], [1, 5, 7, 0, 0, 1, 1], [2, 4, 7, 0, 0, 1, 1],
                                   [9, 5, 7, 0, 0, 1, 1], [2, 5, 7, 0, 0, 1, 1, 1], 3.0])
def test_labels_of_another_form(tmp_path, label):
    write(tmp_path / "boxes.rec", [label])
    with pytest.raises(MXNetError, match="ImageDetRecordIter: a label of . numbers"):
        next(iterator(tmp_path / "boxes.rec"))


def test_empty_boxes_are_dropped(tmp_path):
    write(tmp_path / "boxes.rec", [[2, 5, 7, 0.5, 0, 0.5, 1, 8, 0, 0, 1, 1], [2, 5, 7, 0.5, 0, 0.5, 1]])
    labels = next(iterator(tmp_path / "boxes.rec", batch_size=2, rand_crop_prob=1.0)).label[0].asnumpy()
    assert labels[:, 3].tolist() == [7, 2] and labels[0, 6] == 8 and (labels[1, 6:] == -1).all()
