"""`__mx_handle__` of datasets in files: what MXNet 2's backend reads; others are in MXNet's answers."""
from __future__ import annotations

import pickle

import numpy as onp
import pytest

import tracer as mx
from tracer import gluon, nd, recordio
from tracer.gluon.data import DataLoader, _internal
from tracer.gluon.data.vision import transforms
from tracer.picture_files import encode

vision = gluon.data.vision

pytestmark = pytest.mark.tierless

PICTURES = [onp.full((4, 5, 3), 10 * i, "u1") for i in range(3)]


@pytest.fixture
def folder(tmp_path):
    """A record file, and a folder for each of two classes."""
    records = recordio.MXIndexedRecordIO(str(tmp_path / "a.idx"), str(tmp_path / "a.rec"), "w")
    for i, picture in enumerate(PICTURES):
        label = float(i) if i < 2 else [1.0, 2.0, 3.0]
        records.write_idx(i, recordio.pack_img((0, label, i, 0), picture, quality=9, img_fmt=".png"))
    records.close()
    for name, picture in zip("ab", PICTURES[1:]):
        (tmp_path / "f" / name).mkdir(parents=True)
        (tmp_path / "f" / name / "1.png").write_bytes(encode(picture, ".png"))
    return tmp_path


def test_records(folder):
    path = str(folder / "a.rec")
    raw = gluon.data.RecordFileDataset(path)
    found = raw.__mx_handle__()[1]
    assert found.dtype == onp.int8 and found.asnumpy().tobytes() == raw[1]
    pictures = vision.ImageRecordDataset(path).__mx_handle__()
    picture, label = pictures[1]
    assert (picture.shape, picture.dtype, int(picture.asnumpy().max())) == ((4, 5, 3), onp.uint8, 10)
    assert type(label) is onp.ndarray and label.shape == () and label == 1
    assert type(pictures[2][1]) is nd.NDArray and pictures[2][1].asnumpy().tolist() == [1, 2, 3]
    assert vision.ImageRecordDataset(path, flag=0).__mx_handle__()[0][0].shape == (4, 5, 1)
    assert pickle.loads(pickle.dumps(pictures))[1][1] == 1


def test_an_index_of_another_file(folder):
    (folder / "a.idx").write_text(f"0\t{(folder / 'a.rec').stat().st_size}\n")
    with pytest.raises(mx.MXNetError, match="a.rec ends before the record of key 0"):
        gluon.data.RecordFileDataset(str(folder / "a.rec")).__mx_handle__()[0]


def test_folders_and_lists(folder):
    picture, label = vision.ImageFolderDataset(str(folder / "f")).__mx_handle__()[1]
    assert label == 1 and (picture.asnumpy() == 20).all()
    for labels, shape in (([[3], [4]], (1,)), ([[3, 5], [4, 6]], (2,))):
        listed = [[*one, f"{name}/1.png"] for one, name in zip(labels, "ab")]
        picture, label = vision.ImageListDataset(str(folder / "f"), listed).__mx_handle__()[1]
        assert label.shape == shape and float(label[0] if shape == (1,) else label[0].asscalar()) == 4
    paths = "|".join([str(folder / "f" / name / "1.png") for name in "ab"])
    assert _internal.ImageSequenceDataset(img_list=paths, flag=0)[1].shape == (4, 5, 1)


@pytest.mark.parametrize("workers", [0, 2])
def test_loaders_of_transformed_records(folder, workers):
    handle = vision.ImageRecordDataset(str(folder / "a.rec")).take(2).transform_first(transforms.ToTensor()) \
        .__mx_handle__()
    batches = list(DataLoader(handle, 1, num_workers=workers))
    assert [float(labels.asscalar()) for _, labels in batches] == [0, 1]
    assert [x.shape for x, _ in batches] == [(1, 3, 4, 5)] * 2 and abs(batches[1][0].asnumpy() - 10 / 255).max() < 1e-7


def test_transforms_of_whole_items():
    class Sum(gluon.HybridBlock):
        def hybrid_forward(self, F, x, y):
            return x + y, y

    rows = gluon.data.ArrayDataset(nd.ones((3, 2)), nd.array([[1, 2]] * 3))
    first, second = rows.transform(Sum()).__mx_handle__()[0]
    assert (first.asnumpy().tolist(), second.asnumpy().tolist()) == ([2, 3], [1, 2])
    with pytest.raises(NotImplementedError, match="don't support backend"):
        rows.__mx_handle__().transform(Sum()).__mx_handle__()


def test_missing_and_unknown_parameters():
    for function in (_internal.IndexedDataset, _internal.RecordFileDataset, _internal.ImageRecordFileDataset,
                     _internal.LazyTransformDataset, _internal.GroupDataset, _internal.ImageSequenceDataset,
                     _internal.GroupBatchify):
        with pytest.raises(mx.MXNetError, match=f"{function.__name__}: Required parameter .* is not presented"):
            function(junk=1)
    with pytest.raises(mx.MXNetError, match="2 functions for samples of 1 elements"):
        _internal.GroupBatchify(functions=[_internal.StackBatchify()] * 2)([nd.ones(1)])
