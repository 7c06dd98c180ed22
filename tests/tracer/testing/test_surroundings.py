"""The process around a test: error output, repetition, features, the path of im2rec.py."""
from __future__ import annotations

import os
import sys

import pytest

from tracer import test_utils as tu

pytestmark = pytest.mark.tierless


def test_error_output_is_lost(capfd, monkeypatch):
    monkeypatch.setattr("sys.stderr", sys.__stderr__)  # descriptor 2, as in a process of its own
    with tu.discard_stderr():
        os.write(2, b"lost")
    os.write(2, b"kept")
    assert capfd.readouterr().err == "kept"
    with pytest.raises(KeyError), tu.discard_stderr():
        raise KeyError
    os.write(2, b"again")
    assert capfd.readouterr().err == "again"


def test_retry():
    calls = []

    @tu.retry(3)
    def fails_twice(x):
        calls.append(x)
        assert len(calls) > 2

    assert fails_twice(1) is None and calls == [1, 1, 1]
    with pytest.raises(AssertionError, match="always"):
        tu.retry(2)(_fail)(calls)
    assert len(calls) == 5


def _fail(calls):
    calls.append(0)
    raise AssertionError("always")


def test_features(monkeypatch):
    assert (tu.is_op_runnable(), tu.has_tvm_ops()) == (True, False)
    assert tu.is_aarch64_run() == (os.uname().machine == "aarch64")
    monkeypatch.setenv("CD_JOB", "1")
    assert tu.is_cd_run()
    monkeypatch.setenv("CD_JOB", "0")
    assert not tu.is_cd_run()


def test_path_of_im2rec(tmp_path, monkeypatch):
    assert os.path.isfile(tu.get_im2rec_path("NO_SUCH_VARIABLE"))
    monkeypatch.setenv("MXNET_HOME", str(tmp_path / "a" / "b"))
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(OSError, match="Could not find path to tools/im2rec.py"):
        tu.get_im2rec_path()
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "im2rec.py").write_text("")
    assert os.path.samefile(tu.get_im2rec_path(), tmp_path / "tools" / "im2rec.py")
