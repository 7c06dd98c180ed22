"""Wrong files and arguments of mx.io.LibSVMIter; its batches are in MXNet's answers."""
from __future__ import annotations

import pytest

from tracer import io
from tracer.base import MXNetError


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "data"
    file.write_text("1 0:0.5 2:1.5\n-2\n3 1:4\n")
    return str(file)


@pytest.mark.parametrize("wrong, message", [
    ({"data_shape": (2, 2)}, r"dimension of data_shape is expected to be 1, not \(2, 2\)"),
    ({"data_shape": (2,)}, "has a column 2, where the shape has 2: columns are counted from 0"),
    ({"data_shape": None}, "Required parameter data_shape is not presented"),
    ({"label_shape": (3,)}, r"label_shape is expected to be \(1,\) without label_libsvm, not \(3,\)"),
    ({"num_parts": 0}, "number of parts should be positive, not 0"),
    ({"num_parts": 2, "part_index": 2}, "part_index 2 of num_parts 2"),
    ({"part_index": -1}, "part_index -1 of num_parts 1"),
    ({"batch_size": 7}, "number of input must be bigger than batch size: 3 rows, batches of 7"),
    ({"round_batch": False}, "round_batch == false"),
    ({"dtype": "float64"}, "dtype='float64': numbers are float32"),
])
def test_wrong_arguments(path, wrong, message):
    with pytest.raises(MXNetError, match=message):
        io.LibSVMIter(**{"data_libsvm": path, "data_shape": (3,), "batch_size": 2, **wrong})


@pytest.mark.parametrize("text, message", [
    ("1 0:1\n2 1\n", "row 1: b'2 1' is no label with pairs column:number"),
    ("1 0:1 2:\n", "row 0: b'1 0:1 2:' is no label"), ("", "there is no text in "),
    ("one 0:1\n", "could not convert string to float"), ("1 x:1\n", "invalid literal for int"), ("1 -1:1", "column -1"),
    ("1 99999999999999999999:1", "too large|out of|invalid"), ("1 0:\xff\n", "could not convert")])
def test_broken_files(tmp_path, text, message):
    file = tmp_path / "data"
    file.write_bytes(text.encode("latin1"))
    with pytest.raises(MXNetError, match=message):
        io.LibSVMIter(data_libsvm=str(file), data_shape=(3,), batch_size=1)


def test_labels_in_a_file(path, tmp_path):
    labels = tmp_path / "labels"
    labels.write_text("1 0:1\n2\n")
    settings = {"data_libsvm": path, "data_shape": (3,), "batch_size": 2, "label_libsvm": str(labels)}
    with pytest.raises(MXNetError, match="3 rows in .*, 2 in "):
        io.LibSVMIter(label_shape=(2,), **settings)
    with pytest.raises(MXNetError, match="label_shape is not expected"):
        io.LibSVMIter(**settings)


def test_one_batch_again_and_again(path):
    batches = io.LibSVMIter(data_libsvm=path, data_shape=(3,), batch_size=1)
    batches.debug_skip_load()
    found = [float(batch.label[0].asscalar()) for batch, _ in zip(batches, range(5))]
    assert found == [1] * 5 and [x.shape for x in batches.getitems()] == [(1, 3), (1,)]


def test_files_of_a_folder_in_the_order_of_their_names(tmp_path):
    for name, text in (("b", "7 0:1"), ("a", "8 1:1\n9 2:1"), ("c", "")):
        (tmp_path / name).write_text(text)
    batches = io.LibSVMIter(data_libsvm=str(tmp_path), data_shape=(3,), batch_size=1)
    assert [int(batch.label[0].asscalar()) for batch in batches] == [8, 9, 7]
    assert batches.getdata().asnumpy().tolist() == [[1, 0, 0]] and batches.getdata().stype == "csr"
