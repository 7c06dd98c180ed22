"""Wrong files and arguments of mx.io.CSVIter; its batches are in MXNet's answers."""
from __future__ import annotations

import pytest

from tracer import io
from tracer.base import MXNetError


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "data.csv"
    file.write_text("0,1\n2,3\n\n4,5\n")
    return str(file)


@pytest.mark.parametrize("wrong, message", [
    ({"data_shape": (3,)}, r"specified shape=\[3\], the csv row-length=2 in row 0"),
    ({"batch_size": 7}, "number of input must be bigger than batch size: 3 rows"),
    ({"data_csv": None}, "Required parameter data_csv is not presented"),
    ({"dtype": "float16"}, "must be one of float32, int32, int64"),
])
def test_wrong_arguments(path, wrong, message):
    with pytest.raises(MXNetError, match=message):
        io.CSVIter(**{"data_csv": path, "data_shape": (2,), "batch_size": 2, **wrong})


def test_labels_are_as_many_as_rows(path, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("0\n1\n")
    with pytest.raises(MXNetError, match="3 rows in .*, 2 in "):
        io.CSVIter(data_csv=path, data_shape=(2,), label_csv=str(labels), batch_size=2)


def test_parts_of_a_batch(path):
    batches = io.CSVIter(data_csv=path, data_shape=(1, 2), batch_size=2)
    assert batches.iter_next()
    assert batches.getdata().asnumpy().tolist() == [[[0, 1]], [[2, 3]]]
    assert (batches.getlabel().asnumpy().tolist(), batches.getpad(), batches.getindex().tolist()) == ([0, 0], 0, [0, 1])


def test_broken_files(tmp_path):
    file = tmp_path / "data.csv"
    for text, message in (("1,a\n", "could not convert string to float"), ("", "there is no row in ")):
        file.write_text(text)
        with pytest.raises(MXNetError, match=message):
            io.CSVIter(data_csv=str(file), data_shape=(2,), batch_size=1)
    with pytest.raises(FileNotFoundError) as caught:
        io.CSVIter(data_csv=str(tmp_path / "nowhere"), data_shape=(2,), batch_size=1)
    assert isinstance(caught.value, MXNetError)
