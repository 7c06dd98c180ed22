"""Products of all kinds of sizes beside float64: batches of small ones, and single ones on both sides of packing."""
from __future__ import annotations

import graphs
import numpy as np
import pytest
from products import close, draw

from tracer.ops.primitive.matmul import product

_LAYOUTS = [(False, False), (True, False), (False, True), (True, True)]
_BATCHES = [((batch,), m, n, k) for batch in (8, 33, 128, 512) for m in (8, 15, 32, 67, 128) for n in (8, 17, 64, 128)
            for k in (8, 23, 64, 128)]
_SINGLE = [((), m, n, k) for m in (60, 95, 96, 97, 200, 515, 1024) for n in (48, 63, 64, 100, 512, 700)
           for k in (40, 64, 65, 384, 500, 1030)]


@pytest.mark.sweep(sample=24)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ta, tb", _LAYOUTS)
@pytest.mark.parametrize("batch, m, n, k", _BATCHES + _SINGLE)
def test_products(batch, m, n, k, ta, tb, dtype):
    a, b = draw(dtype, *batch, *((k, m) if ta else (m, k))), draw(dtype, *batch, *((n, k) if tb else (k, n)))
    left, right = graphs.leaves([a, b])
    wide = [x.swapaxes(-1, -2) if turned else x for x, turned in ((a, ta), (b, tb))]
    expected = np.matmul(*[x.astype(np.float64) for x in wide])
    [made] = graphs.run([product(left, right, ta, tb)], [a, b], "always")
    close(made, expected, k)
