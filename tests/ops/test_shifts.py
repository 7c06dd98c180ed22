"""Shifts by negative counts or by more than an integer's bits: defined, in native code too, where processors differ."""
from __future__ import annotations

import numpy
import pytest

from tracer import np

#: dtype -> (numbers, counts, shifted to the left, to the right): the answers of MXNet 2.0.0b1, which are NumPy's.
ANSWERS = {
    "int32": ([1, 3, 5, -7, 100], [1, 40, 8, 31, -1], [2, 0, 1280, -2147483648, 0], [0, 0, 0, -1, 0]),
    "int64": ([1, 3, 5, -7, 100], [1, 40, 8, 31, -1], [2, 3298534883328, 1280, -15032385536, 0], [0, 0, 0, -1, 0]),
    "uint8": ([1, 3, 5, 200, 100], [1, 40, 8, 31, 255], [2, 0, 0, 0, 0], [0, 0, 0, 0, 0]),
    "int8": ([1, 3, 5, -7, 100], [1, 40, 8, 31, -1], [2, 0, 0, 0, 0], [0, 0, 0, -1, 0]),
}


@pytest.mark.parametrize("repeats", [1, 7], ids=["a few", "vectors"])
@pytest.mark.parametrize("dtype", ANSWERS)
def test_shifts_by_any_count(dtype, repeats):
    numbers, counts, left, right = [numpy.tile(numpy.array(line).astype(dtype), repeats) for line in ANSWERS[dtype]]
    x, by = np.array(numbers, dtype=dtype), np.array(counts, dtype=dtype)
    for _ in range(3):
        numpy.testing.assert_array_equal(np.left_shift(x, by).asnumpy(), left)
        numpy.testing.assert_array_equal(np.right_shift(x, by).asnumpy(), right)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 31, 32, 63, 64, 100, -1])
def test_shifts_of_one_number(dtype, count):
    if dtype == "uint8" and count < 0:
        count = 255
    for number in (1, 3, 127):
        x, by = numpy.array([number], dtype), numpy.array([count]).astype(dtype)
        for _ in range(3):
            for name in ("left_shift", "right_shift"):
                found = getattr(np, name)(np.array(x, dtype=dtype), np.array(by, dtype=dtype))
                numpy.testing.assert_array_equal(found.asnumpy(), getattr(numpy, name)(x, by))
