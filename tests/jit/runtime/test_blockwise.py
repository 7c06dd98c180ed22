"""Reductions of the interpreter tier with operands computed block by block."""
from __future__ import annotations

import tracemalloc

import graphs
import numpy as onp
import pytest

from tracer import np
from tracer.jit.runtime import blockwise

pytestmark = pytest.mark.tierless

FUNCTIONS = {
    "sum": lambda x, axis: (np.sum(x, axis, "int64"), onp.sum(x.asnumpy(), axis, onp.int64)),
    "prod": lambda x, axis: (np.prod(x % 2 * 0.5 + 0.75, axis, "float64"),
                             onp.prod(x.asnumpy() % 2 * 0.5 + 0.75, axis, onp.float64)),
    "mean": lambda x, axis: (np.mean(x, axis), onp.mean(x.asnumpy(), axis, onp.float64)),
    "var": lambda x, axis: (np.var(x, axis), onp.var(x.asnumpy(), axis, onp.float64)),
    "std": lambda x, axis: (np.std(x, axis), onp.std(x.asnumpy(), axis, onp.float64)),
    "max": lambda x, axis: (np.max(x.astype("float64") * 2, axis), onp.max(x.asnumpy().astype(float) * 2, axis)),
    "centred": lambda x, axis: ((x.astype("float64") - np.arange(x.shape[-1], dtype="float64")).sum(axis),
                                (x.asnumpy() - onp.arange(x.shape[-1])).sum(axis)),
    "scaled": lambda x, axis: ((x.astype("float64") * x[:1] * x[..., :1]).sum(axis),
                               (x.asnumpy().astype(float) * x.asnumpy()[:1] * x.asnumpy()[..., :1]).sum(axis)),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize("shape, axis", [
    ((1000,), None), ((1000,), 0), ((1, 1000), 1), ((1000, 1), 0), ((1000, 1), 1), ((7, 300), 0), ((7, 300), 1),
    ((300, 7), (0, 1)), ((3, 50, 9), (0, 2)), ((3, 1, 50, 9), 2), ((2, 3, 400), (0, 1))])
def test_blocks_give_what_the_whole_gives(monkeypatch, function, shape, axis):
    monkeypatch.setattr(blockwise, "LARGE", 64)
    monkeypatch.setattr(blockwise, "BLOCK", 96)
    x = np.array(onp.random.randint(-100, 100, shape), dtype="int8")
    with graphs.jit_mode("never"):
        found, want = function(x, axis)
        assert found.shape == want.shape
        onp.testing.assert_allclose(found.asnumpy(), want, rtol=2e-5, atol=1e-4)


@pytest.mark.parametrize("what", ["sum", "mean", "var"])
def test_narrow_elements_are_not_widened_as_a_whole(what):
    """A copy of 2**26 int8 elements as int64 has 512 MiB, one as float32 256 MiB."""
    x = np.array(onp.arange(1 << 26).astype("int8"), dtype="int8")
    x.wait_to_read()
    with graphs.jit_mode("never"):
        tracemalloc.start()
        try:
            found = {"sum": lambda: np.sum(x, dtype="int64"), "mean": lambda: np.mean(x, dtype="float64"),
                     "var": lambda: np.var(x, dtype="float64")}[what]().item()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert found == pytest.approx({"sum": -(1 << 25), "mean": -0.5, "var": (256**2 - 1) / 12}[what], rel=1e-9)
    assert peak < 96 << 20


def test_float16_is_summed_as_wide_as_before(monkeypatch):
    """A sum per block would be rounded to float16: 49158 to 49152."""
    monkeypatch.setattr(blockwise, "LARGE", 64)
    monkeypatch.setattr(blockwise, "BLOCK", 96)
    x = np.array([2048.0, 0.25] * 24 + [-2048.0, 0.25] * 24, dtype="float16")
    with graphs.jit_mode("never"):
        total = (x * 1).sum().item()  # an assert would keep `x * 1`: an output is not computed in blocks
    assert total == 12


@pytest.mark.parametrize("shape, axis", [
    ((100_000, 3), 0), ((3, 100_000), 1), ((100_000,), 0), ((10, 10_000, 2), (0, 1))])
def test_sums_of_float32_lose_nothing_to_their_length(shape, axis):
    """As real MXNet 1.9.1, which compensates for rounding; NumPy is off by 1.4e-4 where the axis is not the last."""
    x = onp.full(shape, 0.1, "float32")
    with graphs.jit_mode("never"):
        found = np.array(x).sum(axis=axis).asnumpy()
    assert found.dtype == "float32"
    onp.testing.assert_allclose(found, x.sum(axis=axis, dtype="float64"), rtol=6e-8)
