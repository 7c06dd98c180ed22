"""`mx.nd.sparse`: sparse arrays, and the functions that have sparse forms."""
from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from tracer.array.nd_array import NDArray
from tracer.array.views import internal
from tracer.core.invoke import invoke
from tracer.sparse import elementwise, products, sums  # noqa: F401  (which declare sparse forms)
from tracer.sparse.arrays import CSRNDArray, RowSparseNDArray
from tracer.sparse.base import BaseSparseNDArray
from tracer.sparse.creation import array, csr_matrix, empty, row_sparse_array, zeros
from tracer.sparse.parts import retain
from tracer.sparse.sums import getnnz, square_sum
from tracer.sparse.updates import adagrad_update, group_adagrad_update

__all__ = ["BaseSparseNDArray", "CSRNDArray", "RowSparseNDArray", "adagrad_update", "add", "array", "csr_matrix",
           "divide", "empty", "getnnz", "group_adagrad_update", "multiply", "retain", "row_sparse_array", "square_sum",
           "subtract",
           "zeros"]

def _operation(name: str, of_numbers: Callable[[Any, Any], Any], doc: str) -> Callable[[Any, Any], Any]:
    """The function of two arrays or numbers: that of arrays of one shape, or the one that broadcasts."""
    strict, broadcasting = internal(f"nd.elemwise_{name}"), internal(f"nd.broadcast_{name}")

    def function(lhs: Any, rhs: Any) -> Any:
        arrays = isinstance(lhs, NDArray) and isinstance(rhs, NDArray)
        if arrays and lhs.shape == rhs.shape:
            return invoke(strict, NDArray, (lhs, rhs), ())
        if arrays or isinstance(lhs, NDArray):
            return invoke(broadcasting, NDArray, (lhs, rhs), ())
        return of_numbers(lhs, rhs)

    function.__doc__ = doc
    return function


add = _operation("add", operator.add, "The elementwise sum of two arrays, or of an array and a number.")
subtract = _operation("sub", operator.sub, "The elementwise difference of two arrays, or of an array and a number.")
multiply = _operation("mul", operator.mul, "The elementwise product of two arrays, or of an array and a number.")
divide = _operation("div", operator.truediv, "The elementwise quotient of two arrays, or of an array and a number.")
for _name, _function in (("add", add), ("subtract", subtract), ("multiply", multiply), ("divide", divide)):
    _function.__name__ = _function.__qualname__ = _name


def _operators(name: str, function: Callable[[Any, Any], Any]) -> None:
    """Make `function` the operator of sparse arrays of this name, and its in-place form."""
    def operate(self: BaseSparseNDArray, other: Any) -> Any:
        return function(self, other)

    def update(self: BaseSparseNDArray, other: Any) -> Any:
        made = function(self, other)
        if made.stype == self.stype:
            made.copyto(self)
        else:
            self[:] = made
        return self

    for form, method in ((f"__{name}__", operate), (f"__i{name}__", update)):
        method.__name__, method.__qualname__ = form, f"BaseSparseNDArray.{form}"
        setattr(BaseSparseNDArray, form, method)


for _name, _function in (("add", add), ("sub", subtract), ("mul", multiply), ("truediv", divide)):
    _operators(_name, _function)
BaseSparseNDArray.retain = retain  # type: ignore[attr-defined]
