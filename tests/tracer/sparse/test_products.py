"""Products of sparse matrices with dense arrays: against SciPy's or NumPy's, and their gradients."""
from __future__ import annotations

import numpy
import pytest

from tracer import autograd, nd
from tracer.test_utils import rand_sparse_ndarray


@pytest.mark.parametrize("rows, columns, width, density", [
    (5, 7, 3, 0.4), (1, 1, 1, 1.0), (4, 3, 2, 0.0), (6, 2, 1, 0.9)])
@pytest.mark.parametrize("transposed", [False, True])
def test_products_are_those_of_dense_matrices(rows, columns, width, density, transposed):
    numpy.random.seed(0)
    x, _ = rand_sparse_ndarray((rows, columns), "csr", density, dtype="float64")
    w = nd.array(numpy.random.randn(rows if transposed else columns, width), dtype="float64")
    w.attach_grad(stype="row_sparse")
    dense = x.asnumpy().T if transposed else x.asnumpy()
    weights = numpy.random.randn(len(dense), width)
    with autograd.record():
        y = nd.dot(x, w, transpose_a=transposed)
    numpy.testing.assert_allclose(y.asnumpy(), dense @ w.asnumpy(), atol=1e-12)
    y.backward(nd.array(weights, dtype="float64"))
    numpy.testing.assert_allclose(w.grad.asnumpy(), dense.T @ weights, atol=1e-12)
    assert w.grad.indices.asnumpy().tolist() == numpy.flatnonzero(dense.any(0)).tolist()


def test_gradients_agree_with_differences():
    x = nd.sparse.csr_matrix(([1, 2, -3], [0, 2, 2], [0, 2, 3]), shape=(2, 3), dtype="float64")
    w = nd.array(numpy.random.RandomState(0).randn(3, 2), dtype="float64")
    w.attach_grad(stype="row_sparse")
    with autograd.record():
        loss = nd.sin(nd.dot(x, w)).sum()
    loss.backward()
    at = w.asnumpy()
    for place in numpy.ndindex(*at.shape):
        sides = []
        for step in (1e-6, -1e-6):
            moved = at.copy()
            moved[place] += step
            sides.append(float(nd.sin(nd.dot(x, nd.array(moved, dtype="float64"))).sum().asscalar()))
        assert abs(w.grad.asnumpy()[place] - (sides[0] - sides[1]) / 2e-6) < 1e-6


def test_a_vector_and_equal_columns():
    x = nd.sparse.csr_matrix(([1, 2, 4], [1, 1, 0], [0, 2, 3]), shape=(2, 2))
    assert nd.dot(x, nd.array([1, 10])).asnumpy().tolist() == [30, 4]  # elements of one place are added up in products
    assert x.asnumpy().tolist() == [[0, 2], [4, 0]]  # and the last counts in the dense array, as in MXNet


def test_out_of_range_indices_are_an_error():
    x = nd.sparse.csr_matrix(([1], [5], [0, 1]), shape=(1, 2))
    with pytest.raises(Exception, match="out of|bounds|index"):
        nd.dot(x, nd.ones((2, 2))).asnumpy()
