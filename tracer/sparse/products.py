"""Sparse forms of products: those of a csr matrix, or of its transpose, with a dense array."""
from __future__ import annotations

from typing import Any

from tracer.ops.ir.aval import aval
from tracer.ops.ir.errors import MXNetError

from ..array.nd_array import NDArray
from ..array.views import internal
from ..core.invoke import invoke
from .arrays import RowSparseNDArray
from .base import BaseSparseNDArray, sparse_array
from .forms import Sums
from .rules import rule

_DOT, _MATRIX_ROWS = internal("sparse.dot"), internal("sparse.matrix_rows")


@rule("nd.dot", "c[dr]")
def _sparse_dense(operands: tuple, statics: dict[str, Any]) -> Any:
    """The product of a csr matrix with an array; of a transposed one it is row_sparse, unless forward_stype says else.

    The gradient by the array is a sum of rows.
    """
    matrix, other = operands
    if statics["transpose_b"]:
        return _in(None, operands, statics, "default")
    wanted = statics["forward_stype"]
    dense = other.dense() if isinstance(other, BaseSparseNDArray) else other
    form, at = matrix._components(), bool(statics["transpose_a"])
    count, inner = matrix.shape[::-1] if at else matrix.shape
    _check(matrix, dense, inner)
    taken, added = (form.rows, form.indices) if at else (form.indices, form.rows)
    if at and wanted in (None, "row_sparse"):
        rows = invoke(_MATRIX_ROWS, NDArray, (form.data, taken, dense), ())
        of = aval((count, *dense.shape[1:]), matrix._aval.dtype, matrix._aval.device)
        return sparse_array(RowSparseNDArray, Sums(rows, added), of)
    made = invoke(_DOT, NDArray, (form.data, taken, added, dense), (count,))
    return made if wanted in (None, "default") else made.tostype(wanted)


@rule("nd.dot", "dc")
def _dense_sparse(operands: tuple, statics: dict[str, Any]) -> Any:
    """The product of an array with a csr matrix: a csr matrix, unless forward_stype says else."""
    dense, matrix = operands
    inferred = "default" if statics["transpose_a"] else "csr"
    if dense.ndim != 2 or statics["transpose_a"]:
        return _in(None, operands, statics, inferred)
    form, at = matrix._components(), bool(statics["transpose_b"])
    count, inner = matrix.shape if at else matrix.shape[::-1]
    _check(matrix, dense.T, inner)
    taken, added = (form.indices, form.rows) if at else (form.rows, form.indices)
    made = invoke(_DOT, NDArray, (form.data, taken, added, dense.T), (count,)).T
    return _in(made, operands, statics, inferred)


@rule("nd.dot", "[rcd][rcd]")
def _by_dense(operands: tuple, statics: dict[str, Any]) -> Any:
    """The product of any arrays of which one is sparse, computed on dense ones."""
    return _in(None, operands, statics, "default")


def _in(made: Any, operands: tuple, statics: dict[str, Any], inferred: str) -> Any:
    """A product, or that of the operands as dense arrays, in the wanted storage type or the inferred one."""
    if made is None:
        dense = [x.dense() if isinstance(x, BaseSparseNDArray) else x for x in operands]
        made = invoke(internal("nd.dot"), NDArray, tuple(dense), tuple(statics.values()))
    wanted = statics["forward_stype"] or inferred
    return made if wanted == "default" else made.tostype(wanted)


def _check(matrix: BaseSparseNDArray, dense: NDArray, inner: int) -> None:
    if dense.shape[:1] != (inner,):
        raise MXNetError(f"dot shape error: {matrix.shape} X {dense.shape}")
    if dense.dtype != matrix.dtype:
        raise MXNetError(f"Incompatible attr in node at 1-th input of dot: expected {matrix._aval.dtype.name}, "
                         f"got {dense._value.aval.dtype.name}")

