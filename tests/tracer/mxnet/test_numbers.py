"""Functions of `mx.nd` on two Python numbers give numbers, as in MXNet 1.9.1, whose answers these are."""
import pytest

from tracer import nd

ANSWERS = {
    "add": [9, 2.5, 1], "subtract": [5, -1.5, 3], "multiply": [14, 1.0, -2], "divide": [3.5, 0.25, -2.0],
    "true_divide": [3.5, 0.25, -2.0], "modulo": [1, 0.5, 0], "power": [49, 0.25, 0.5], "maximum": [7, 2, 2],
    "minimum": [2, 0.5, -1], "equal": [0, 0, 0], "not_equal": [1, 1, 1], "greater": [1, 0, 1],
    "greater_equal": [1, 0, 1], "lesser": [0, 1, 0], "lesser_equal": [0, 1, 0], "logical_and": [1, 1, 1],
    "logical_or": [1, 1, 1], "logical_xor": [0, 0, 0]}


@pytest.mark.parametrize("name", ANSWERS)
def test_numbers_give_numbers(name):
    function = getattr(nd, name)
    found = [function(7, 2), function(0.5, 2), function(2, -1)]
    assert found == ANSWERS[name] and [type(x) for x in found] == [type(x) for x in ANSWERS[name]]
    assert type(function(nd.ones(2), 2)) is nd.NDArray and type(function(2, nd.ones(2))) is nd.NDArray


def test_a_number_over_zero():
    with pytest.raises(ZeroDivisionError):
        nd.divide(1, 0)


def test_classes_of_sparse_arrays_are_there_for_isinstance():
    for name in ("CSRNDArray", "RowSparseNDArray", "BaseSparseNDArray"):
        cls = getattr(nd.sparse, name)
        assert issubclass(cls, nd.NDArray) and not isinstance(nd.ones(2), cls)
        with pytest.raises(NotImplementedError, match=f"{name}.*nd.sparse.csr_matrix"):
            cls((2, 3))
