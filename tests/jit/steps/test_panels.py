"""Matrix products of packed operands: blocks, panels and what is left of them, cuts, factors, NaN and infinity."""
from __future__ import annotations

import numpy as np
import pytest
from products import close, draw, packed

from tracer.jit.steps.gemm import openblas, packing, panels
from tracer.jit.steps.gemm.sizes import LANES, WIDTH

pytestmark = pytest.mark.skipif(not openblas.has_registers(), reason="needs the vector registers of tiles")
_LAYOUTS = [(False, False), (True, False), (False, True), (True, True)]


@pytest.mark.parametrize("ta, tb", _LAYOUTS)
@pytest.mark.parametrize("m, n, k", [
    (1, 1, 1), (7, WIDTH, LANES), (panels.HEIGHTS[0], WIDTH - 1, 3), (13, WIDTH + 1, LANES + 1), (48, 48, 48),
    (53, 61, 49), (31, LANES, 50), (96, 64, panels.BLOCK_DEPTH + 1), (101, 50, panels.BLOCK_DEPTH),
    (panels.BLOCK_ROWS + 1, 49, 65), (panels.BLOCK_ROWS - 1, 70, 300), (800, 48, 48),
    (panels.HEIGHTS[0] * panels.GROUP, 33, 7), (49, 51, 1300), (20, WIDTH * (panels.GROUP + 1) + 3, 40)])
def test_sizes(m, n, k, ta, tb):
    a, b = draw(np.float32, *((k, m) if ta else (m, k))), draw(np.float32, *((n, k) if tb else (k, n)))
    expected = (a.T if ta else a).astype(np.float64) @ (b.T if tb else b).astype(np.float64)
    close(packed(a, b, ta, tb), expected, k)
    onto = draw(np.float32, m, n)
    expected = 2.0 * onto.astype(np.float64) - 0.5 * expected
    close(packed(a, b, ta, tb, onto, alpha=-0.5, beta=2.0), expected, k)


@pytest.mark.parametrize("ta, tb", _LAYOUTS)
def test_any_cut_gives_the_same_bits(ta, tb):
    a, b = draw(np.float32, *((70, 150) if ta else (150, 70))), draw(np.float32, *((90, 70) if tb else (70, 90)))
    whole = packed(a, b, ta, tb)
    for chunk in (1, 12, 37):
        np.testing.assert_array_equal(packed(a, b, ta, tb, chunk=chunk), whole)


@pytest.mark.parametrize("ta, tb", _LAYOUTS)
def test_nothing_is_written_beside_the_result(ta, tb):
    m, n, k = 50, 37, 20
    a, b = draw(np.float32, *((k, m) if ta else (m, k))), draw(np.float32, *((n, k) if tb else (k, n)))
    memory = draw(np.float32, m + 2, n)
    before = memory.copy()
    packed(a, b, ta, tb, memory[1:-1])
    np.testing.assert_array_equal(memory[[0, -1]], before[[0, -1]])


@pytest.mark.parametrize("ta, tb", _LAYOUTS)
def test_nan_and_infinity_pass_through(ta, tb):
    a, b = draw(np.float32, 60, 70), draw(np.float32, 70, 50)
    a[59, 69], a[3, 5], b[7, 49] = np.nan, np.inf, np.inf
    out = packed(np.ascontiguousarray(a.T) if ta else a, np.ascontiguousarray(b.T) if tb else b, ta, tb)
    with np.errstate(invalid="ignore"):
        expected = a.astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(out), np.isinf(expected))


def test_long_sums_are_parts(monkeypatch):
    monkeypatch.setattr(openblas, "LONGEST", 1 << 16)
    a, b = draw(np.float32, 100, 300), draw(np.float32, 300, 70)
    close(packed(a, b, False, False), a.astype(np.float64) @ b.astype(np.float64), 300)
    assert len(openblas.parts_of(packing.multiply(0, 1, 2, 100, 70, 300))) > 1


def test_the_panels_end_where_they_should():
    b = draw(np.float32, 33, 2 * WIDTH + 5)
    laid = np.full(packing.nbytes(*b.shape[::-1]) // 4, np.nan, np.float32)
    packed(draw(np.float32, 4, 33), b, False, False, laid=laid)
    found = laid.reshape(3, 33, WIDTH)
    np.testing.assert_array_equal(found[:2], b[:, :2 * WIDTH].reshape(33, 2, WIDTH).swapaxes(0, 1))
    np.testing.assert_array_equal(found[2, :, :5], b[:, 2 * WIDTH:])
    assert not found[2, :, 5:].any()
