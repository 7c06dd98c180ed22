"""Pictures decoded, resized and changed at random, against real MXNet's answers."""
from __future__ import annotations

import base64
import json

import numpy as onp
import pytest
from oracle import pictures

import tracer

pytestmark = pytest.mark.native_sample(8)

STORED = json.loads(pictures.DATA.read_text())
FILES = {name: base64.b64decode(text) for name, text in STORED["files"].items()}


@pytest.fixture(scope="module")
def found():
    return pictures.answers(tracer, FILES)


def test_each_answer_is_asked_for(found):
    assert found.keys() == STORED["pictures"].keys()


@pytest.mark.parametrize("name", STORED["pictures"])
def test_picture_is_real_mxnets(found, name):
    got, want = found[name], pictures.unpacked(STORED["pictures"][name])
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    distance = abs(got.astype(float) - want.astype(float))
    if want.dtype == onp.uint8:  # the bytes are equal, where no float32 of another order of sums is rounded
        rounds = name.split()[0] in ("random", "lighting") or name.startswith("resize") and name.endswith("2")
        assert distance.max() <= rounds and (distance > 0).mean() < 0.02
    else:
        assert distance.max() <= 2e-6 * abs(want).max()


def test_libraries_are_named_where_they_are_missing(monkeypatch):
    monkeypatch.setattr(tracer.picture_files, "_library", lambda name: None)
    with pytest.raises(ImportError, match=r"mxtracer\[image\]"):
        tracer.image.imdecode(FILES["a.jpg"])


@pytest.mark.parametrize("name", FILES)
def test_truncated_and_changed_files_raise_mxnet_errors(name):
    draw = onp.random.RandomState(len(name))
    for _ in range(12):
        data = bytearray(FILES[name])
        if draw.randint(2):
            del data[draw.randint(len(data)):]
        for at in draw.randint(0, max(len(data), 1), 3) if data else ():
            data[at] = draw.randint(256)
        try:
            picture = tracer.image.imdecode(bytes(data))
        except tracer.MXNetError as error:
            assert "imdecode" in str(error)
        else:
            assert picture.shape[2] == 3


def test_files_that_are_missing_and_other_arguments(tmp_path):
    with pytest.raises(tracer.MXNetError, match="nowhere.jpg' couldn't open file"):
        tracer.image.imread(str(tmp_path / "nowhere.jpg"))
    with pytest.raises(ValueError, match="buf must be of type bytes"):
        tracer.image.imdecode("text")
    with pytest.raises(tracer.MXNetError, match="flag"):
        tracer.image.imdecode(FILES["a.jpg"], flag=-1)
    with pytest.raises(tracer.MXNetError, match="empty buffer"):
        tracer.image.imdecode(b"")
    with pytest.raises(tracer.MXNetError, match="int32"):
        tracer.image.imresize(tracer.nd.ones((4, 4, 3), dtype="int32"), 2, 2)
    with pytest.raises(tracer.MXNetError, match="interpolation method 7"):
        tracer.image.imresize(tracer.nd.ones((4, 4, 3)), 2, 2, interp=7)
