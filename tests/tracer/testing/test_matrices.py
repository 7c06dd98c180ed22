"""Arrays with a given structure: counting arrays, matrices by their eigenvalues, functions of elements."""
from __future__ import annotations

import numpy
import pytest

from tracer import test_utils as tu

pytestmark = pytest.mark.tierless


def test_counting_arrays():
    x = tu.create_2d_tensor(2, 3)
    assert x.asnumpy().tolist() == [[0, 0, 0], [1, 1, 1]] and x.dtype == numpy.int64
    y = tu.create_2d_np_tensor(2, 1, dtype="float32")
    assert y.asnumpy().tolist() == [[0], [1]] and y.dtype == numpy.float32 and hasattr(y, "as_nd_ndarray")
    assert tu.create_vector(3).asnumpy().tolist() == [0, 1, 2]
    assert tu.get_identity_mat(2).asnumpy().tolist() == [[1, 0], [0, 1]]
    assert tu.get_identity_mat_batch(2).asnumpy().tolist() == [[[1, 0], [0, 1]]] * 2


def test_functions_of_elements():
    x = numpy.array([[1, 2], [3, 4]])
    assert tu.assign_each(x, lambda v: v * 2).tolist() == [[2.0, 4.0], [6.0, 8.0]]
    assert tu.assign_each2(x, x.T, lambda v, w: v - w).tolist() == [[0, -1], [1, 0]]
    copy = tu.assign_each(x, None)
    assert copy is not x and copy.tolist() == tu.assign_each2(x, x, None).tolist() == x.tolist()
    with pytest.raises(AssertionError, match="shapes"):
        tu.assign_each2(x, x[:1], lambda v, w: v)


@pytest.mark.parametrize("axis, keepdims", [(1, False), ([0, 2], True), (None, False), (None, True), ((0, 1), False)])
def test_reductions(axis, keepdims):
    x = numpy.arange(24.0).reshape(2, 3, 4)
    want = numpy.max(x, tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims)
    found = tu.np_reduce(x, axis, keepdims, numpy.max)
    assert found.shape == want.shape and (found == want).all()


def test_eigenvalues():
    for a in tu.new_matrix_with_real_eigvals_nd((2, 3, 3)):
        values = numpy.linalg.eigvals(a)
        assert abs(values.imag).max() < 1e-6 and abs(values).max() <= 10 + 1e-6
    symmetric = tu.new_sym_matrix_with_real_eigvals_nd((2, 2, 3, 3))
    assert symmetric.shape == (2, 2, 3, 3) and numpy.allclose(symmetric, symmetric.swapaxes(-1, -2))
    assert numpy.allclose(abs(numpy.linalg.eigvalsh(symmetric)).clip(10), 10)
    q = tu.new_orthonormal_matrix_2d(4)
    assert numpy.allclose(q @ q.T, numpy.eye(4))
