"""mx.io.MNISTIter on small files of MNIST's format."""
from __future__ import annotations

import gzip

import numpy as onp
import pytest

from tracer import io
from tracer.base import MXNetError

IMAGES = onp.arange(5 * 2 * 3, dtype="u1").reshape(5, 2, 3)
LABELS = onp.array([3, 1, 4, 1, 5], "u1")


@pytest.fixture
def files(tmp_path):
    for name, values in (("image", IMAGES), ("label", LABELS)):
        head = onp.array([0x800 + values.ndim, *values.shape], ">u4").tobytes()
        (tmp_path / name).write_bytes(head + values.tobytes())
    return {"image": str(tmp_path / "image"), "label": str(tmp_path / "label"), "batch_size": 2}


def test_images_in_order(files):
    batches = io.MNISTIter(**files, shuffle=False)
    for _ in range(2):
        found = list(batches)
        assert [batch.label[0].asnumpy().tolist() for batch in found] == [[3, 1], [4, 1]]
        assert (found[1].data[0].asnumpy() == IMAGES[2:4, None] / 256).all()
        assert found[1].index.tolist() == [2, 3] and found[1].pad == 0
        batches.reset()
    assert [tuple(one) for one in batches.provide_data + batches.provide_label] == \
        [("data", (2, 1, 2, 3)), ("softmax_label", (2,))]


def test_shuffled_flat_parts_of_compressed_files(files):
    for name in ("image", "label"):
        with open(files[name], "rb") as file:
            text = file.read()
        with open(files[name], "wb") as file:
            file.write(gzip.compress(text))
    seen = []
    for part in range(2):
        for batch in io.MNISTIter(**{**files, "batch_size": 1}, flat=True, seed=7, num_parts=2, part_index=part):
            assert (batch.data[0].asnumpy() == IMAGES[batch.index].reshape(1, 6) / 256).all()
            seen.append(int(batch.index[0]))
    assert sorted(seen) == [0, 1, 2, 3, 4]


def test_wrong_files(files):
    with pytest.raises(MXNetError, match="is no file of MNIST with 1 axes"):
        io.MNISTIter(**{**files, "label": files["image"]})
