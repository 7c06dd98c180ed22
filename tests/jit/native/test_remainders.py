"""Floor quotients and remainders: native code equals NumPy bit for bit in every dtype; with MXNet's 0 where the
divisor is 0."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

from tracer.jit.runtime import denormals
from tracer.ops.primitive.arithmetic import floor_divide, fmod, mod

OPS = [floor_divide, mod, fmod]
FLOATS = [0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 0.1, -0.1, 2.5, 7.0, 1e-30, -1e30, 65000.0, 1e300, -5e-324, 2.0**-1022,
          1.7e308, np.inf, -np.inf, np.nan]


@pytest.fixture(autouse=True)
def _denormals_as_in_numpy():
    denormals.set_flush(False)
    yield
    denormals.set_flush(True)


def compare(x: np.ndarray, y: np.ndarray) -> None:
    leaves = graphs.leaves([x, y])
    outputs = [op(*leaves) for op in OPS]
    assert graphs.fallbacks(outputs) == []
    with np.errstate(all="ignore"):
        want = [np.floor_divide(x, y), *(np.where(y == 0, x.dtype.type(0), f(x, y)) for f in (np.mod, np.fmod))]
    for op, got, w in zip(("floor_divide", "mod", "fmod"), graphs.run(outputs, [x, y], "always"), want, strict=True):
        assert got.dtype == w.dtype
        np.testing.assert_array_equal(got, w, op)
        if w.dtype.kind == "f":
            kept = ~np.isnan(w)
            np.testing.assert_array_equal(np.signbit(got[kept]), np.signbit(w[kept]), op)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_special_floats(dtype):
    with np.errstate(over="ignore", under="ignore"):
        values = np.array(FLOATS).astype(dtype)
    compare(*np.meshgrid(values, values))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_any_floats(dtype):
    rng = np.random.default_rng(5)
    size = np.dtype(dtype).itemsize * 8
    x, y = (rng.integers(0, 2**size, 20_000, dtype=f"uint{size}").view(dtype) for _ in range(2))
    compare(x, y)
    near = rng.uniform(-100, 100, (2, 20_000)).astype(dtype)
    compare(*near)
    compare(np.round(near[0]), np.round(near[1] / 10))
    with np.errstate(over="ignore"):
        compare(near[1] * np.round(near[0]), near[1])  # quotients near integers


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
def test_integers(dtype):
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(6)
    values = [0, 1, 2, 3, 7, 10, limits.max, limits.max - 1, limits.min, limits.min + 1, limits.max // 3]
    if limits.min < 0:
        values += [-1, -2, -3, -7, -10]
    compare(*np.meshgrid(np.array(values, dtype), np.array(values, dtype)))
    compare(*rng.integers(limits.min, limits.max, (2, 5000), dtype, endpoint=True))
    compare(rng.integers(limits.min, limits.max, 5000, dtype), rng.integers(0, 20, 5000).astype(dtype))


def test_in_a_kernel_with_others():
    x, y = np.arange(-50, 50, dtype="float32"), np.float32(7) * np.ones(100, "float32")
    a, b = graphs.leaves([x, y])
    total = fmod(mod(a, b), floor_divide(b, a))
    np.testing.assert_array_equal(graphs.run([total], [x, y], "always")[0], graphs.run([total], [x, y])[0])
