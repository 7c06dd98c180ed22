"""Random inputs of tests: their shapes, ranges and elements."""
from __future__ import annotations

import numpy
import pytest

from tracer import nd
from tracer import test_utils as tu

pytestmark = pytest.mark.tierless


def test_uniform_arrays():
    a, b = tu.random_uniform_arrays((50,), (2, 3), low=2, high=3, dtype="float16")
    assert a.dtype == numpy.float16 and b.shape == (2, 3) and 2 <= a.min() and a.max() <= 3
    assert tu.random_uniform_arrays((2,))[0].dtype == numpy.float32
    with pytest.raises(TypeError, match="unexpected"):
        tu.random_uniform_arrays((2,), seed=1)


def test_samples():
    numbers = list(range(20))
    found = tu.random_sample(numbers, 15)
    assert len(set(found)) == 15 and set(found) <= set(numbers) and numbers == list(range(20))
    with pytest.raises(AssertionError, match="5 of 3"):
        tu.random_sample([1, 2, 3], 5)
    x, y = tu.rand_coord_2d(0, 3, 5, 6)
    assert 0 <= x < 3 and y == 5 and x.dtype == numpy.int64


def test_columns_in_random_order():
    csr = nd.sparse.csr_matrix(nd.ones((2, 30))).asscipy() if hasattr(nd.sparse.CSRNDArray, "asscipy") else None
    if csr is None:
        pytest.skip("needs SciPy")
    tu.shuffle_csr_column_indices(csr)
    for row in (csr.indices[:30], csr.indices[30:]):
        assert sorted(row) == list(range(30)) and row.tolist() != list(range(30))
