"""The functions of `mx.nd.sparse` that make arrays."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.ops.ir.aval import aval

from ..array.nd_array import NDArray
from ..base import integer_types
from ..context import current_context, key_of
from ..core.invoke import constant, wrap
from .arrays import CSRNDArray, RowSparseNDArray, from_dense
from .base import BaseSparseNDArray, sparse_array
from .forms import Cells, Rows, array_of

_INT64 = np.dtype("int64")


def zeros(stype: str, shape: Any, ctx: Any = None, dtype: Any = None, **kwargs: Any) -> Any:
    """An array of zeros, none of which is stored.

    stype: "row_sparse", "csr" or "default". ValueError for another.

    >>> zeros("csr", (1, 2))
    <BLANKLINE>
    <CSRNDArray 1x2 @cpu(0)>
    """
    sizes = _shape(shape)
    of = aval(sizes, np.dtype(dtype or np.float32), key_of(current_context() if ctx is None else ctx))
    if stype == "default":
        return array_of(np.zeros(of.shape, of.dtype), of.device)
    if stype == "row_sparse":
        rows = Rows(array_of(np.zeros((0, *sizes[1:]), of.dtype), of.device), array_of(np.zeros(0, _INT64), of.device))
        return sparse_array(RowSparseNDArray, rows, of)
    if stype != "csr":
        raise ValueError(f"unknown storage type{stype}")
    if len(sizes) != 2:
        raise ValueError(f"invalid shape: a csr array has two axes, got {sizes}")
    nothing = array_of(np.zeros(0, _INT64), of.device)
    starts = array_of(np.zeros(sizes[0] + 1, _INT64), of.device)
    return sparse_array(CSRNDArray, Cells(array_of(np.zeros(0, of.dtype), of.device), nothing, starts, nothing), of)


def empty(stype: str, shape: Any, ctx: Any = None, dtype: Any = None) -> Any:
    """An array of which nothing is stored. Exception for an unknown storage type."""
    assert stype is not None
    if stype not in ("csr", "row_sparse"):
        raise Exception(f"unknown stype : {stype}")
    return zeros(stype, shape, ctx, dtype)


def array(source_array: Any, ctx: Any = None, dtype: Any = None) -> Any:
    """A copy of a sparse array, or of a matrix of SciPy's class csr_matrix.

    dtype: None: the source's.

    ValueError for another source. AssertionError for a dense NDArray, which has the method `tostype`.
    """
    ctx = current_context() if ctx is None else ctx
    if isinstance(source_array, NDArray):
        assert isinstance(source_array, BaseSparseNDArray), \
            "Please use `tostype` to create RowSparseNDArray or CSRNDArray from an NDArray"
        return source_array.astype(source_array.dtype if dtype is None else dtype)._on(key_of(ctx))
    if _is_scipy(source_array, "csr"):
        found = source_array.sorted_indices()
        found.sum_duplicates()
        return csr_matrix((found.data, found.indices, found.indptr), found.shape, ctx, dtype or source_array.dtype)
    if isinstance(source_array, (np.ndarray, np.generic)):
        raise ValueError("Please use mx.nd.array to create an NDArray with source_array of type ", type(source_array))
    raise ValueError("Unexpected source_array type: ", type(source_array))


def csr_matrix(arg1: Any, shape: Any = None, ctx: Any = None, dtype: Any = None) -> Any:
    """A matrix of storage type csr.

    arg1: (data, indices, indptr), the components; (data, (row, column)), elements and their places, of which equal
        ones are added up; a shape, for zeros; or a matrix: a CSRNDArray, one of SciPy's class csr_matrix, a dense one.
    shape: its shape; None: as large as the indices need. ValueError if it is not that of `arg1`.
    ctx, dtype: None: the current context; the dtype of `arg1`, or float32.

    >>> csr_matrix(([1, 2, 3], [1, 0, 2], [0, 1, 2, 2, 3]), shape=(4, 3)).asnumpy()
    array([[0., 1., 0.],
           [2., 0., 0.],
           [0., 0., 0.],
           [0., 0., 3.]], dtype=float32)
    """
    if isinstance(arg1, tuple):
        if len(arg1) == 3:
            return _from_cells(*arg1, shape, ctx, dtype)
        if len(arg1) != 2:
            raise ValueError(f"Unexpected length of input tuple: {len(arg1)}")
        if isinstance(arg1[1], tuple) and len(arg1[1]) == 2:
            return _from_places(arg1[0], *arg1[1], shape, ctx, dtype)
        _check_shape(arg1, shape)
        return empty("csr", arg1, ctx, dtype)
    if isinstance(arg1, CSRNDArray) or _is_scipy(arg1, "csr"):
        _check_shape(arg1.shape, shape)
        return array(arg1, ctx, dtype)
    if isinstance(arg1, RowSparseNDArray):
        raise ValueError("Unexpected input type: RowSparseNDArray")
    return _from_whole(arg1, "csr", shape, ctx, dtype)


def row_sparse_array(arg1: Any, shape: Any = None, ctx: Any = None, dtype: Any = None) -> Any:
    """An array of storage type row_sparse.

    arg1: (data, indices), rows and their numbers in ascending order; a shape, for zeros; a RowSparseNDArray; or a dense
        array.
    shape, ctx, dtype: as in `csr_matrix`.

    >>> row_sparse_array(([[1, 2]], [1]), shape=(3, 2)).asnumpy()
    array([[0., 0.],
           [1., 2.],
           [0., 0.]], dtype=float32)
    """
    if isinstance(arg1, tuple):
        if len(arg1) < 2:
            raise ValueError(f"Unexpected length of input tuple: {len(arg1)}")
        if len(arg1) > 2 or all([isinstance(n, integer_types) for n in arg1]):
            _check_shape(arg1, shape)
            return empty("row_sparse", arg1, ctx, dtype)
        return _from_rows(arg1[0], arg1[1], shape, ctx, dtype)
    if isinstance(arg1, RowSparseNDArray):
        _check_shape(arg1.shape, shape)
        return array(arg1, ctx, dtype)
    if isinstance(arg1, CSRNDArray):
        raise ValueError("Unexpected input type: CSRNDArray")
    return _from_whole(arg1, "row_sparse", shape, ctx, dtype)


# ---- parts ---------------------------------------------------------------------------------------

def _shape(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, integer_types) else tuple([int(n) for n in shape])


def _check_shape(found: Any, wanted: Any) -> None:
    if wanted is not None and tuple(found) != tuple(wanted):
        raise ValueError(f"Shape mismatch detected. s1 = {tuple(found)}, s2 = {tuple(wanted)}")


def _is_scipy(x: Any, form: str) -> bool:
    """Whether `x` is a matrix of SciPy's, in its form of this name."""
    return type(x).__module__.startswith("scipy.sparse") and getattr(x, "format", "") == form


def _dtype_of(source: Any, dtype: Any) -> np.dtype:
    """The dtype that is given, or that of an array, or float32."""
    if dtype is None:
        dtype = source.dtype if isinstance(source, (NDArray, np.ndarray, np.generic)) else np.float32
    return np.dtype(dtype)


def _component(source: Any, dtype: np.dtype, device: Any) -> NDArray:
    """An array of NumPy, of MXNet or of Python's lists as a component."""
    if isinstance(source, NDArray):
        made = source.astype(dtype)  # type: ignore[attr-defined]
        return made.as_in_context(current_context()) if device is None else made
    return array_of(np.array(source).astype(dtype), device)


def _from_cells(data: Any, indices: Any, indptr: Any, shape: Any, ctx: Any, dtype: Any) -> Any:
    device = key_of(current_context() if ctx is None else ctx)
    parts = [_component(data, _dtype_of(data, dtype), device), _component(indices, _INT64, device),
             _component(indptr, _INT64, device)]
    if shape is None:
        if not parts[1].shape[0]:
            raise ValueError("invalid shape")
        shape = parts[2].shape[0] - 1, int(parts[1].asnumpy().max()) + 1
    if [x.ndim for x in parts] != [1, 1, 1] or not parts[2].shape[0] or len(shape) != 2:
        raise ValueError("invalid shape")
    return sparse_array(CSRNDArray, Cells(*parts), aval(_shape(shape), parts[0]._value.aval.dtype, device))


def _from_places(data: Any, row: Any, column: Any, shape: Any, ctx: Any, dtype: Any) -> Any:
    """A csr array of elements given with their places; those at equal places are added up."""
    values, rows, columns = [x.asnumpy() if isinstance(x, NDArray) else np.asarray(x) for x in (data, row, column)]
    if shape is None:
        if not rows.size:
            raise ValueError("cannot infer dimensions from zero sized index arrays")
        shape = int(rows.max()) + 1, int(columns.max()) + 1
    if rows.size and (min(rows.min(), columns.min()) < 0 or rows.max() >= shape[0] or columns.max() >= shape[1]):
        raise ValueError(f"row or column index out of range of a matrix of shape {tuple(shape)}")
    flat, places = np.unique(rows.astype(_INT64) * shape[1] + columns, return_inverse=True)
    sums = np.zeros(flat.size, values.dtype)
    np.add.at(sums, places.reshape(-1), values)
    starts = np.searchsorted(flat, np.arange(shape[0] + 1) * shape[1])
    return _from_cells(sums, flat % max(shape[1], 1), starts, shape, ctx, values.dtype if dtype is None else dtype)


def _from_rows(data: Any, indices: Any, shape: Any, ctx: Any, dtype: Any) -> Any:
    device = key_of(current_context() if ctx is None else ctx)
    rows, places = _component(data, _dtype_of(data, dtype), device), _component(indices, _INT64, device)
    if shape is None:
        if not places.shape[0]:
            raise ValueError("invalid shape")
        shape = int(places.asnumpy()[-1]) + 1, *rows.shape[1:]
    if rows.ndim != len(shape) or places.ndim != 1 or not math.prod(shape[1:]):
        raise ValueError("invalid shape")
    return sparse_array(RowSparseNDArray, Rows(rows, places), aval(_shape(shape), rows._value.aval.dtype, device))


def _from_whole(source: Any, stype: str, shape: Sequence[int] | None, ctx: Any, dtype: Any) -> Any:
    wanted = _dtype_of(source, dtype)
    if isinstance(source, NDArray):
        dense: Any = source.astype(wanted)  # type: ignore[attr-defined]
    else:
        dense = wrap(NDArray, constant(np.array(source).astype(wanted)))
    dense = dense.as_in_context(current_context() if ctx is None else ctx)
    _check_shape(dense.shape, shape)
    return from_dense(dense, stype)
