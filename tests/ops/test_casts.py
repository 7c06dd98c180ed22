"""Floats cast to integers, in both tiers: numbers out of range give the results of real MXNet (and C on x86-64)."""
from __future__ import annotations

import graphs
import numpy as onp
import pytest

from tracer import nd, np

NUMBERS = [-5.0, 300.0, -300.0, 70000.0, 3e9, -3e9, 1e19, -1e19, onp.nan, onp.inf, -onp.inf, -1.5, 2.7, -0.5]
LEAST32, LEAST64 = -2**31, -2**63

#: By dtype, the answers of real MXNet 1.9.1 and 2.0.0b1 for NUMBERS as float32 and float64.
ANSWERS = {
    "uint8": [251, 44, 212, 112, 0, 0, 0, 0, 0, 0, 0, 255, 2, 0],
    "int8": [-5, 44, -44, 112, 0, 0, 0, 0, 0, 0, 0, -1, 2, 0],
    "int32": [-5, 300, -300, 70000, *[LEAST32] * 7, -1, 2, 0],
    "int64": [-5, 300, -300, 70000, 3 * 10**9, -3 * 10**9, *[LEAST64] * 5, -1, 2, 0]}


@pytest.mark.parametrize("mode", ["never", "always"])
@pytest.mark.parametrize("repeated", [1, 9])  # scalar, and vectorized
@pytest.mark.parametrize("source", ["float32", "float64"])
@pytest.mark.parametrize("dtype", ANSWERS)
def test_out_of_range(dtype, source, repeated, mode):
    with graphs.jit_mode(mode):
        x = nd.array(onp.tile(NUMBERS, repeated), dtype=source)
        assert x.astype(dtype).asnumpy().tolist() == ANSWERS[dtype] * repeated
        assert (x * 1).astype(dtype).asnumpy().tolist() == ANSWERS[dtype] * repeated


@pytest.mark.parametrize("mode", ["never", "always"])
def test_half_precision_out_of_range(mode):
    with graphs.jit_mode(mode):
        x = nd.array(onp.array(NUMBERS[:4] + [onp.nan]), dtype="float16")
        assert x.astype("uint8").asnumpy().tolist() == [251, 44, 212, 0, 0]
        assert x.astype("int32").asnumpy().tolist() == [-5, 300, -300, LEAST32, LEAST32]


@pytest.mark.parametrize("mode", ["never", "always"])
@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64"])
def test_in_range_of_the_other_integers(dtype, mode):
    top = onp.iinfo(dtype).max
    numbers = [0.0, -0.5, 2.7, 1000.9, float(top // 2 + 1), float(top // 4 * 3)]
    with graphs.jit_mode(mode):
        found = np.array(numbers, dtype="float64").astype(dtype).asnumpy()
    assert found.tolist() == [int(x) for x in numbers]


def test_a_dtype_with_a_byte_order_written_out_is_the_plain_one():
    """A file's dtype is printed like any other: the first array of a shape and dtype determines its interned aval."""
    written = onp.array([1, 2, 3], onp.dtype("<f4").newbyteorder("<")).reshape(1, 3, 1, 1, 1)
    assert repr(np.array(written, dtype=written.dtype).dtype) == "dtype('float32')"
