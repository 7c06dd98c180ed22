"""Sparse forms of sums and of what counts the stored elements."""
from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops.ir.aval import aval
from tracer.ops.ir.errors import MXNetError

from ..array.nd_array import NDArray
from ..array.views import internal
from ..core.invoke import invoke
from .arrays import CSRNDArray
from .forms import Dense, Rows, array_of, read
from .rules import rule

_NORM = internal("nd.norm")


@rule("nd.norm", "[rc]")
def _norm(operands: tuple, statics: dict[str, Any]) -> Any:
    """The norm of all stored elements."""
    x, = operands
    if statics["axis"] is not None or statics["keepdims"] or isinstance(x._form, Dense):
        return None
    data = x._components().data
    return invoke(_NORM, NDArray, (data,), tuple(statics.values())) if data.size else None


def getnnz(data: Any, axis: int | None = None, out: Any = None) -> Any:
    """The number of stored elements of a csr array, or (axis 1) those of each row, int64. A sync point.

    MXNetError for another storage type; NotImplementedError for axis 0, as in MXNet.
    """
    if not isinstance(data, CSRNDArray):
        raise MXNetError("Operator _contrib_getnnz: data must be of storage type csr")
    if axis not in (None, 1):
        raise NotImplementedError(f"getnnz(axis={axis}): one of None and 1")
    starts = read(data._components().indptr)
    made = array_of(np.diff(starts) if axis == 1 else starts[-1:].astype(np.int64), data._aval.device)
    return made if out is None else made.copyto(out)


def square_sum(data: Any, axis: Any = None, keepdims: bool = False, exclude: bool = False, out: Any = None) -> Any:
    """The sum of squares of a row_sparse array along axis 0 or 1; along axis 1 with `keepdims` it is row_sparse.

    MXNetError for other axes.
    """
    axes = (axis,) if isinstance(axis, int) else axis
    if axes not in ((0,), (1,)):
        raise MXNetError(f"_square_sum(axis={axis}): one of 0 and 1")
    made = (data * data).sum(axis=axes[0], keepdims=keepdims)
    if axes == (1,) and keepdims and data.stype == "row_sparse":
        form = data._components()
        rows = (form.data * form.data).sum(axis=1, keepdims=True)
        made = data._like(Rows(rows, form.indices), aval((data.shape[0], 1), data._aval.dtype, data._aval.device))
    return made if out is None else made.copyto(out)
