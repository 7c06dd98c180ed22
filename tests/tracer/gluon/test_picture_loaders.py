"""gluon.contrib.data.vision: loaders of pictures with and without boxes. The transforms are in MXNet's answers."""
from __future__ import annotations

import numpy as onp
import pytest

import tracer as mx
from tracer import nd, recordio
from tracer.gluon import nn
from tracer.gluon.contrib.data import vision
from tracer.gluon.contrib.data.vision.transforms.bbox import utils
from tracer.gluon.data.vision import transforms
from tracer.picture_files import encode

pytestmark = pytest.mark.native_sample(8)

#: A picture's label: a head of 2 numbers, and boxes of 5.
BOXES = [[2, 5, 7, 0.25, 0.5, 0.75, 1], [2, 5, 8, 0, 0, 1, 1, 9, 0.5, 0.5, 1, 1], [2, 5, 1, 0, 0, 0.5, 0.5]]


@pytest.fixture
def folder(tmp_path):
    """Three pictures of 16 x 12 in files, lists and records."""
    draw = onp.random.RandomState(0)
    records = recordio.MXIndexedRecordIO(str(tmp_path / "all.idx"), str(tmp_path / "all.rec"), "w")
    lines = []
    for i, boxes in enumerate(BOXES):
        picture = draw.randint(0, 256, (12, 16, 3)).astype("u1")
        (tmp_path / f"{i}.png").write_bytes(encode(picture, ".png"))
        records.write_idx(i, recordio.pack_img((0, boxes, i, 0), picture, quality=9, img_fmt=".png"))
        lines.append("\t".join([str(n) for n in [i, *boxes]] + [f"{i}.png"]) + "\n")
    records.close()
    (tmp_path / "boxes.lst").write_text("".join(lines))
    (tmp_path / "all.lst").write_text("".join([f"{i}\t{i + 5}\t{i}.png\n" for i in range(3)]))
    return tmp_path


@pytest.mark.parametrize("source", ["imglist", "path_imglist", "path_imgrec"])
def test_pictures(folder, source):
    given = {"imglist": [[i + 5, f"{i}.png"] for i in range(3)], "path_imglist": "all.lst",
             "path_imgrec": str(folder / "all.rec")}
    loader = vision.ImageDataLoader(3, (3, 8, 10), path_root=str(folder), **{source: given[source]},
                                    batchify_fn=lambda samples: samples)
    samples, = loader
    assert len(loader) == 1 and [x.shape for x, _ in samples] == [(3, 8, 10)] * 3
    first = onp.asarray(mx.image.imread(str(folder / "0.png")).asnumpy())[2:10, 3:13]
    assert abs(samples[0][0].asnumpy() - first.transpose(2, 0, 1) / 255).max() < 1e-6
    if source != "path_imgrec":
        assert [float(label.asscalar()) for _, label in samples] == [5, 6, 7]


def test_options_of_loaders(folder):
    given = {"imglist": [[i + 5, f"{i}.png"] for i in range(3)], "path_root": str(folder)}
    found = vision.ImageDataLoader(2, (3, 8, 10), num_parts=3, part_index=1, **given)
    assert [label.asnumpy().ravel().tolist() for _, label in found] == [[6]]
    assert len(vision.ImageDataLoader(2, (3, 8, 10), last_batch="discard", **given)) == 1
    every = {"resize": 11, "rand_crop": True, "rand_resize": True, "rand_mirror": True, "mean": True, "std": True,
             "brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1, "pca_noise": 0.1, "rand_gray": 0.5,
             "inter_method": 10, "shuffle": True}
    (data, _), = vision.ImageDataLoader(3, (3, 8, 10), **every, **given)
    assert data.shape == (3, 3, 8, 10) and data.dtype == onp.float32
    (data, _), = vision.ImageDataLoader(3, (3, 8, 10), aug_list=[transforms.Resize((4, 6))], **given)
    assert data.shape == (3, 6, 4, 3)
    with pytest.raises(ValueError, match="aug_list must be a list of Blocks or Block"):
        vision.ImageDataLoader(3, (3, 8, 10), aug_list=3, **given)
    with pytest.raises(AssertionError, match="must be provided"):
        vision.ImageDataLoader(3, (3, 8, 10))


@pytest.mark.parametrize("source", ["imglist", "path_imglist", "path_imgrec"])
def test_pictures_with_boxes(folder, source):
    given = {"imglist": [[*boxes, f"{i}.png"] for i, boxes in enumerate(BOXES)], "path_imglist": "boxes.lst",
             "path_imgrec": str(folder / "all.rec")}
    (data, boxes), = vision.ImageBboxDataLoader(3, (3, 24, 32), path_root=str(folder), **{source: given[source]})
    assert data.shape == (3, 3, 24, 32) and boxes.shape == (3, 2, 5)
    assert boxes.asnumpy().tolist() == [[[8, 12, 24, 24, 7], [-1] * 5], [[0, 0, 32, 24, 8], [16, 12, 32, 24, 9]],
                                        [[0, 0, 16, 12, 1], [-1] * 5]]


def test_boxes_changed_at_random(folder):
    every = {"rand_crop": 0.5, "rand_pad": 0.5, "rand_gray": 0.1, "rand_mirror": True, "mean": True,
             "std": [1.1, 1.03, 1.05], "brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "pca_noise": 0.1,
             "hue": 0.1, "inter_method": 10, "max_aspect_ratio": 5, "area_range": (0.3, 4.0)}
    for _ in range(5):
        loader = vision.ImageBboxDataLoader(3, (3, 24, 32), str(folder / "all.rec"), shuffle=True, **every)
        (data, boxes), = loader
        found = boxes.asnumpy()
        assert data.shape == (3, 3, 24, 32)
        real = found[found[..., 4] >= 0]
        assert (real[:, :2] < real[:, 2:4]).all() and (real[:, :4] >= 0).all() and (real[:, 2:4] <= (32, 24)).all()


def test_lists_of_blocks_of_boxes(folder):
    blocks = [vision.ImageBboxCrop((0, 0, 8, 10)), vision.ImageBboxResize(4, 4)]
    (data, _), = vision.ImageBboxDataLoader(3, (3, 9, 9), str(folder / "all.rec"), aug_list=blocks)
    assert data.shape == (3, 4, 4, 3)
    net = nn.Sequential()
    net.add(vision.ImageBboxRandomExpand(p=1, max_ratio=2, fill=3))
    out, boxes = net(nd.zeros((4, 4, 3)), nd.array([[0, 0, 4, 4]]))
    x1, y1, x2, y2 = boxes.asnumpy()[0].astype(int)
    assert (x2 - x1, y2 - y1) == (4, 4) and (out[y1:y2, x1:x2].asnumpy() == 0).all()
    assert int((out.asnumpy() == 3).sum()) == 3 * (out.shape[0] * out.shape[1] - 16)


def test_boxes_are_cut_in_columns():
    """MXNet returns the columns of an array one after the other."""
    found = utils.bbox_clip_xyxy(onp.array([[-1.0, 2, 30, 4], [1, 1, 2, 2]]), 10, 4)
    assert found.tolist() == [[0, 2, 9, 3], [1, 1, 2, 2]]
