"""mx.io.ImageRecordIter and its kin, against stored answers of real MXNet; orders, parts, broken files."""
from __future__ import annotations

import base64
import json

import numpy as onp
import pytest
from oracle import pictures

import tracer
from tracer import io, nd, recordio
from tracer.base import MXNetError

STORED = json.loads(pictures.DATA.read_text())
FILES = {name: base64.b64decode(text) for name, text in STORED["files"].items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("records")
    pictures.write_pictures(tracer, made, FILES)
    return made


@pytest.mark.parametrize("name", pictures.ITERATORS)
def test_batches_are_real_mxnets(folder, name):
    allowed = pictures.ITERATORS[name][2]
    found = pictures.iterated(tracer, folder, name)
    assert len(found) == len(STORED["batches"][name])
    for (pad, data, label), (real_pad, *real) in zip(found, STORED["batches"][name]):
        real_data, real_label = (pictures.unpacked(one) for one in real)
        assert pad == real_pad and data.dtype == real_data.dtype and data.shape == real_data.shape
        assert label.dtype == real_label.dtype and (label == real_label).all()
        distance = abs(data.astype(float) - real_data.astype(float))
        assert distance.max() <= allowed + 1e-5 and (distance > 1e-5).mean() < 0.1


def iterator(folder, **settings):
    given = {"path_imgrec": str(folder / "labels.rec"), "data_shape": (3, 12, 16), "batch_size": 2, **settings}
    return io.ImageRecordIter(**given)


def epoch(batches):
    found = [n for batch in batches for n in batch.label[0].asnumpy()[:batches.batch_size - batch.pad].tolist()]
    batches.reset()
    return found


@pytest.mark.parametrize("index", [True, False])
def test_shuffled_epochs_and_parts(folder, index):
    more = {"path_imgidx": str(folder / "labels.idx")} if index else {}
    batches = iterator(folder, shuffle=True, seed=3, round_batch=False, **more)
    orders = [epoch(batches) for _ in range(4)]
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in orders) and len(set(map(tuple, orders))) > 1
    again = iterator(folder, shuffle=True, seed=3, round_batch=False, **more)
    assert [epoch(again) for _ in range(4)] == orders
    parts = [epoch(iterator(folder, num_parts=2, part_index=i, round_batch=False, **more)) for i in range(2)]
    assert parts == [[0, 1], [2, 3, 4]]


def test_random_changes_depend_on_the_seed_only(folder):
    settings = {"rand_crop": True, "rand_mirror": True, "brightness": 0.3, "contrast": 0.2, "saturation": 0.2,
                "pca_noise": 0.1, "max_rotate_angle": 20, "max_shear_ratio": 0.1, "random_h": 10, "random_s": 9,
                "random_l": 8, "max_random_contrast": 0.1, "max_random_illumination": 3}
    first, second, other = (
        [b.data[0].asnumpy() for b in iterator(folder, seed_aug=seed, preprocess_threads=threads, **settings)]
        for seed, threads in ((1, 1), (1, 4), (2, 2)))
    assert all(onp.allclose(a, b, 0, 1e-4) for a, b in zip(first, second))  # numbers to 300, computed in two tiers
    assert any(not onp.allclose(a, b, 0, 1) for a, b in zip(first, other))
    area = {"random_resized_crop": True, "min_random_area": 0.3, "max_random_area": 0.9, "max_aspect_ratio": 0.25}
    assert all(b.data[0].shape == (2, 3, 12, 16) for b in iterator(folder, **area))


def test_other_parameters(folder, tmp_path):
    (tmp_path / "all.lst").write_text("".join([f"{i}\t{i + 10}\t{i + 20}\tname\n" for i in range(5)]))
    batches = iterator(folder, path_imglist=str(tmp_path / "all.lst"), label_width=2, data_shape=(1, 12, 16), unknown=3)
    assert next(batches).label[0].asnumpy().tolist() == [[10, 20], [11, 21]]
    assert batches.getdata().shape == (2, 1, 12, 16) and batches.getindex().tolist() == [0, 1] and batches.getpad() == 0
    plain = next(iterator(folder)).data[0].asnumpy()
    nd.save(str(tmp_path / "mean"), {"mean_img": nd.ones((3, 12, 16)) * 5})
    assert (next(iterator(folder, mean_img=str(tmp_path / "mean"))).data[0].asnumpy() == plain - 5).all()
    made = next(iterator(folder, mean_img=str(tmp_path / "made"), batch_size=5)).data[0].asnumpy()
    assert abs(made.mean(0)).max() < 1e-3 and nd.load(str(tmp_path / "made"))["mean_img"].shape == (3, 12, 16)
    assert next(iterator(folder, dtype="float16")).data[0].dtype == onp.float16


@pytest.mark.parametrize(("settings", "text"), [
    ({"path_imgrec": ""}, "path_imgrec"), ({"data_shape": (2, 4, 4)}, "data_shape"), ({"batch_size": 0}, "batch_size"),
    ({"part_index": 2, "num_parts": 2}, "part_index 2"), ({"label_width": 3}, "label_width=3"),
    ({"batch_size": 12}, "bigger than the batch size: 5"), ({"max_crop_size": 30}, "max_crop_size"),
    ({"random_resized_crop": True, "rand_crop": True}, "conflicts")])
def test_wrong_parameters(folder, settings, text):
    with pytest.raises(MXNetError, match=text):
        list(iterator(folder, **settings))


def test_broken_records(folder, tmp_path):
    whole = (folder / "labels.rec").read_bytes()
    path = tmp_path / "broken.rec"
    path.write_bytes(whole[:-30])
    with pytest.raises(MXNetError, match="broken.rec, at byte"):
        list(iterator(folder, path_imgrec=str(path)))
    record = recordio.MXRecordIO(str(path), "w")
    record.write(recordio.pack((0, 1.0, 0, 0), b"no picture"))
    record.close()
    with pytest.raises(MXNetError, match="ImageRecordIter: Decoding failed"):
        list(iterator(folder, path_imgrec=str(path), batch_size=1))
