"""Matrix products in registers: all layouts, leftover rows and columns, long sums, no writes beside the result."""
from __future__ import annotations

import numpy as np
import pytest
from products import check, draw, run

from tracer.jit.steps.gemm import openblas

pytestmark = [pytest.mark.tierless, pytest.mark.slow_sample(3)]


@pytest.mark.parametrize(("ta", "tb"), [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("m", [1, 3, 4, 12, 17, 36, 53])
@pytest.mark.parametrize(("n", "k"), [(16, 7), (48, 64), (64, 1), (250, 33), (32, 128), (10, 256), (17, 5), (47, 65),
                                    (5, 16), (3, 15), (63, 31), (16, 17)])
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (-0.5, 2.0)])
def test_sizes_that_fill_vectors(m, n, k, ta, tb, alpha, beta):
    check(np.float32, m, n, k, ta, tb, alpha, beta)


@pytest.mark.parametrize("k", [511, 512, 513, 1024])
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
def test_sums_that_are_cut(k, ta, tb):
    check(np.float32, 40, 48, k, ta, tb, 1.0, 0.0)
    check(np.float32, 5, 32, k, ta, tb, 2.0, 0.5)
    check(np.float32, 3, 13, k, ta, tb, 1.0, 0.0)


@pytest.mark.parametrize("chunk", [2, 16, 30, 37])
@pytest.mark.parametrize("tb", [False, True])
def test_any_cut_of_rows_gives_the_same_bits(chunk, tb):
    a, b = draw(np.float32, 90, 70), draw(np.float32, *((64, 70) if tb else (70, 64)))
    whole, cut = np.empty((90, 64), np.float32), np.empty((90, 64), np.float32)
    step = openblas.gemm(np.float32, 0, 1, 2, 90, 64, 70, tb=tb)
    run(step._replace(chunk=0), a, b, whole)
    run(step._replace(chunk=chunk), a, b, cut)
    np.testing.assert_array_equal(whole, cut)


@pytest.mark.parametrize("tb", [False, True])
@pytest.mark.parametrize("n", [10, 32])
def test_nan_and_infinity_pass_through(n, tb):
    a, b = draw(np.float32, 40, 20), draw(np.float32, 20, n)
    a[3, 5], b[7, n - 2] = np.nan, np.inf
    out = np.full((40, n), np.nan, np.float32)
    run(openblas.gemm(np.float32, 0, 1, 2, 40, n, 20, tb=tb), a, np.ascontiguousarray(b.T) if tb else b, out)
    expected = a.astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(out), np.isinf(expected))
