"""0-d arrays beside Python numbers: an array keeps its dtype, a number gives way to it, in both tiers.

The dtypes are real MXNet 2.0.0b1's for `np`.
"""
from __future__ import annotations

import graphs
import pytest

from tracer import autograd, np

MAKERS = {"zeros": lambda dtype: np.zeros((), dtype=dtype), "full": lambda dtype: np.full((), 2, dtype=dtype),
          "cast": lambda dtype: np.ones((), dtype="int32").astype(dtype),
          "reshaped": lambda dtype: np.ones((1,), dtype=dtype).reshape(()),
          "array": lambda dtype: np.array(3, dtype=dtype)}


@pytest.mark.parametrize("mode", ["never", "always"])
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("dtype, factor, want", [
    ("float32", 1, "float32"), ("float16", 2.5, "float16"), ("float64", 2, "float64"), ("int32", 2, "int32"),
    ("int8", 2.5, "float64"), ("int32", 2.5, "float64")])
def test_beside_a_number(make, dtype, factor, want, mode):
    with graphs.jit_mode(mode):
        x = make(dtype)
        value = float(x)
        for product in (x * factor, factor * x):
            assert product.dtype == want
            assert float(product) == value * factor


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("dtype, other, want", [
    ("float64", "float32", "float64"), ("float16", "float32", "float32"), ("float16", "int64", "float16"),
    ("int64", "int8", "int64")])
def test_beside_an_array(make, dtype, other, want):
    x, y = make(dtype), np.ones((3,), dtype=other)
    assert (x * y).dtype == want and (y * x).dtype == want
    assert (x * y).asnumpy().tolist() == [float(x)] * 3


def test_a_gradient_that_no_backward_has_written_keeps_its_dtype():
    x = np.array(2.0)
    x.attach_grad()
    assert (x.grad * 1).dtype == "float32"
    with autograd.record():
        y = x * x
    y.backward()
    assert (x.grad * 0.5).dtype == "float32" and float(x.grad * 0.5) == 2.0


def test_powers_of_literal_exponents():
    for dtype in ("float16", "float32", "int32"):
        x = np.full((), 3, dtype=dtype)
        assert (x ** 2).dtype == dtype and float(x ** 2) == 9
    assert (np.full((), 3, dtype="float32") ** np.full((), 2, dtype="float64")).dtype == "float64"
