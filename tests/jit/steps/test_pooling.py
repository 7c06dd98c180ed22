"""Native maxima of windows: equal numbers, NaN, infinities, windows that overlap or do not, elements in none."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

from tracer.ops.npx.window_reductions import Windows, _put

WINDOWS = [
    ((3, 4, 8, 8), (2, 2), (2, 2), (0, 0)), ((2, 3, 9, 7), (2, 2), (2, 2), (0, 0)),
    ((2, 3, 11, 10), (2, 3), (3, 3), (0, 0)), ((2, 3, 9, 9), (3, 3), (3, 3), (0, 0)),
    ((1, 2, 5, 71), (1, 2), (1, 2), (0, 0)), ((2, 3, 9, 9), (3, 3), (2, 2), (1, 1)),
    ((2, 3, 12, 15), (6, 5), (6, 5), (0, 0)), ((2, 3, 40), (2,), (2,), (0,)),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("shape, kernel, stride, pad", WINDOWS, ids=str)
def test_the_first_of_equal_numbers_gets_the_cotangent(shape, kernel, stride, pad, dtype):
    rng = np.random.RandomState(sum(shape))
    x = rng.randint(0, 4, shape).astype(dtype)
    x.flat[rng.choice(x.size, x.size // 20, replace=False)] = np.nan
    x.flat[rng.choice(x.size, 5, replace=False)] = [np.inf, -np.inf, np.inf, -np.inf, np.nan]
    x[0, 0], x[0, 1] = np.nan, -np.inf
    attrs = kernel, stride, pad, "valid"
    g = rng.randint(1, 9, (*shape[:2], *Windows(*attrs).counts(shape[2:]))).astype(dtype)  # sums of these are exact
    leaves = graphs.leaves([g, x])
    node = _put(*leaves, attrs=attrs)
    assert graphs.fallbacks([node]) == []
    made, = graphs.run([node], [g, x], "always")
    expected, = graphs.run([node], [g, x], "never")
    np.testing.assert_array_equal(made, expected)
