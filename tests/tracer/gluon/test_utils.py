"""gluon.utils: reads, programs, derivatives, downloads. Answers of real MXNet are in test_data_answers.py."""
from __future__ import annotations

import collections
import copy
import hashlib
import http.server
import pickle
import threading

import numpy as onp
import pytest

import tracer as mx
from tracer import autograd, nd
from tracer.core.trace import current
from tracer.gluon import utils
from tracer.jit.report.counters import COUNTERS, LOG

pytestmark = pytest.mark.native_sample(2)

CONTENTS = bytes(range(256)) * 9000  # more than one chunk
SHA1 = hashlib.sha1(CONTENTS).hexdigest()


@pytest.fixture(scope="module")
def server():
    """The address of an HTTP server on this machine, and the paths that were asked of it."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            found = self.path.endswith("/file.bin") or asked.count("/second") == 2
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(CONTENTS if found else b"no")

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_download(server, tmp_path, monkeypatch, capsys):
    address, asked = server
    monkeypatch.chdir(tmp_path)
    asked.clear()
    assert utils.download(f"{address}/file.bin") == "file.bin"
    assert (tmp_path / "file.bin").read_bytes() == CONTENTS and len(asked) == 1
    assert capsys.readouterr().out == f"Downloading file.bin from {address}/file.bin...\n"
    assert utils.download(f"{address}/file.bin", sha1_hash=SHA1) == "file.bin" and len(asked) == 1
    (tmp_path / "file.bin").write_bytes(b"damaged")
    utils.download(f"{address}/file.bin", sha1_hash=SHA1)
    assert utils.check_sha1("file.bin", SHA1) and len(asked) == 2
    utils.download(f"{address}/file.bin", overwrite=True)
    assert len(asked) == 3
    target = utils.download(f"{address}/folder/file.bin", path=str(tmp_path / "a" / "b"))
    assert target == str(tmp_path / "a" / "b") and utils.check_sha1(target, SHA1)
    assert utils.download(f"{address}/folder/file.bin", path=str(tmp_path / "a")) == str(tmp_path / "a" / "file.bin")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert utils.download(f"{address}/file.bin", "~/home.bin") == str(tmp_path / "home.bin")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "file.bin", "home.bin"]


def test_downloads_that_fail(server, tmp_path, capsys):
    address, asked = server
    asked.clear()
    target = str(tmp_path / "x")
    with pytest.raises(ConnectionError, match=f"{address}/none: the server answered 404"):
        utils.download(f"{address}/none", target, retries=3)
    assert len(asked) == 3 and not list(tmp_path.iterdir())
    assert "retrying, 2 attempts left" in capsys.readouterr().out
    assert utils.download(f"{address}/second", target, retries=2) == target
    with pytest.raises(UserWarning, match="content hash does not match"):
        utils.download(f"{address}/file.bin", target, sha1_hash="0" * 40, retries=0)
    with pytest.raises(ConnectionError, match=r"There may be no network; put the file at .*absent"):
        utils.download("http://127.0.0.1:9/absent", str(tmp_path / "absent"), retries=1)
    with pytest.raises(ValueError, match="'file:///x' is not an http or https URL"):
        utils.download("file:///x", str(tmp_path / "absent"))
    with pytest.warns(UserWarning, match="Unverified HTTPS request"):
        utils.download(f"{address}/file.bin", str(tmp_path / "y"), verify_ssl=False)


def test_replace_file(tmp_path):
    (tmp_path / "new").write_text("new")
    (tmp_path / "old").write_text("old")
    utils.replace_file(str(tmp_path / "new"), str(tmp_path / "old"))
    assert [p.name for p in tmp_path.iterdir()] == ["old"] and (tmp_path / "old").read_text() == "new"
    with pytest.raises(OSError, match="Moving downloaded temp file"):
        utils.replace_file(str(tmp_path / "old"), str(tmp_path / "none" / "old"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("max_norm", [1.0, 100])
def test_clip_global_norm(F, dtype, max_norm):
    """As NumPy's; MXNet 1.9.1 takes float32 only."""
    values = [onp.linspace(-2, 3, 6).reshape(2, 3), onp.array([4.0]), onp.ones((1, 2, 1))]
    norm = onp.sqrt(sum((v ** 2).sum() for v in values))
    for check in (True, False):
        arrays = [F.array(v, dtype=dtype) for v in values]
        found = utils.clip_global_norm(arrays, max_norm, check_isfinite=check)
        assert type(found) in ((float, onp.dtype(dtype).type) if check else (type(arrays[0]),))
        if not check:
            assert found.shape == (1,) and onp.dtype(found.dtype) == dtype
            found = found.asnumpy()[0]
        tolerance = 3e-3 if dtype == "float16" else 1e-6
        onp.testing.assert_allclose(found, norm, rtol=tolerance)
        for array, value in zip(arrays, values):
            assert onp.dtype(array.dtype) == dtype
            onp.testing.assert_allclose(array.asnumpy(), value * min(1, max_norm / norm), rtol=tolerance)


def test_clipping_reads_once_or_not_at_all(F):
    """The norm and the scaling are one program, the same one whatever the values are."""
    programs = []
    for i in range(5):
        arrays = [F.array([i, 1]), F.array([[3.0, 2]])]
        reads = LOG.syncs.total
        utils.clip_global_norm(arrays, 1.0 + i, check_isfinite=False)
        assert LOG.syncs.total == reads and current().trace.pending
        utils.clip_global_norm(arrays, 0.5, check_isfinite=True)
        assert LOG.syncs.total == reads + 1 and arrays[1]._value.buffer is not None
        programs.append(COUNTERS.programs)
    assert programs[-1] == programs[1]


def test_a_norm_that_is_not_finite_is_warned_of(F):
    for bad in ("nan", "inf"):
        with pytest.warns(UserWarning, match="nan or inf is detected") as caught:
            utils.clip_global_norm([F.array([float(bad)])], 1.0)
        assert caught[0].filename == __file__


def test_derivatives_go_through_parts(F):
    """As of data parallelism: the gradient of a batch is put together from those of its parts."""
    mx.npx.set_np() if F is mx.np else mx.npx.reset_np()
    x = F.array(onp.arange(10.0).reshape(5, 2))
    x.attach_grad()
    for axis in (0, 1):
        with autograd.record():
            parts = utils.split_and_load(x, [mx.cpu(0), mx.cpu(1)], batch_axis=axis, even_split=False)
            loss = sum([(part * (i + 1)).sum().as_in_context(mx.cpu()) for i, part in enumerate(parts)])
        loss.backward()
        expected = onp.ones((5, 2))
        (expected[3:] if axis == 0 else expected[:, 1:])[:] = 2
        assert x.grad.asnumpy().tolist() == expected.tolist() and [p.context for p in parts] == [mx.cpu(0), mx.cpu(1)]
    mx.npx.reset_np()


def test_contexts_under_two_names():
    assert [p.context for p in utils.split_and_load(nd.ones((2, 1)), device_list=[mx.cpu(1), mx.cpu(2)])] == [
        mx.cpu(1), mx.cpu(2)]
    with pytest.raises(TypeError, match="ctx_list"):
        utils.split_and_load(nd.ones(2))


def test_the_handle_of_a_hook_is_pickled():
    hooks, handle = collections.OrderedDict(), utils.HookHandle()
    handle.attach(hooks, len)
    (again, twin) = copy.deepcopy((hooks, handle))
    twin.detach()
    assert len(hooks) == 1 and len(again) == 0
    alone = pickle.loads(pickle.dumps(handle))
    alone.detach()
    handle.detach()
    assert not hooks


@pytest.mark.tierless
def test_the_parameters_of_a_recurrent_layer_are_split():
    vector = nd.arange(2 * (12 * (2 + 2 + 2) + 2 * 3))
    found = utils.split_rnn_params(vector, "lstm", 1, 2, 3, bidirectional=True, projection_size=2)
    assert [(name, x.shape) for name, x in found.items()] == [
        ("l0_i2h_weight", (12, 2)), ("l0_h2h_weight", (12, 2)), ("l0_h2r_weight", (2, 3)), ("r0_i2h_weight", (12, 2)),
        ("r0_h2h_weight", (12, 2)), ("r0_h2r_weight", (2, 3)), ("l0_i2h_bias", (12,)), ("l0_h2h_bias", (12,)),
        ("r0_i2h_bias", (12,)), ("r0_h2h_bias", (12,))]
    assert onp.concatenate([x.asnumpy().ravel() for x in found.values()]).tolist() == vector.asnumpy().tolist()
