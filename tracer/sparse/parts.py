"""Sparse forms of operations that take parts of arrays, or join them: slices, rows, retained rows."""
from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops.ir.aval import aval
from tracer.ops.ir.errors import MXNetError

from ..array.nd_array import NDArray
from ..core.surface import engine
from .arrays import CSRNDArray, RowSparseNDArray
from .base import sparse_array
from .forms import Cells, Rows, array_of, joined, read, take_rows
from .rules import rule


def _cells_at(x: Any, form: Cells, chosen: np.ndarray, rows: np.ndarray, columns: np.ndarray, shape: Any) -> Any:
    """A csr array of `shape` with the chosen elements of another one, which are in order, at new rows and columns."""
    device = x._aval.device
    starts = np.searchsorted(rows, np.arange(shape[0] + 1))
    places = [array_of(part.astype(np.int64), device) for part in (columns, starts, rows)]
    return sparse_array(CSRNDArray, Cells(take_rows(form.data, array_of(chosen)), *places),
                        aval(tuple(shape), x._aval.dtype, device))


@rule("nd.slice", "c")
def _slice(operands: tuple, statics: dict[str, Any]) -> Any:
    """The elements in a range of rows, and of columns, without steps."""
    x, = operands
    begin, end, step = [v if isinstance(v, (tuple, list)) else (v,) for v in statics.values()]
    if any([by not in (None, 1) for by in step]) or len(begin) > 2:
        return None
    ranges = [slice(a, b).indices(n)[:2] for a, b, n in zip(begin, end, x.shape)]
    (first, last), (left, right) = (*ranges, (0, x.shape[1]))[:2]
    form = x._components()
    rows, columns = read(form.rows), read(form.indices)
    inside = (rows >= first) & (rows < last) & (columns >= left) & (columns < right)
    chosen = np.flatnonzero(inside)
    return _cells_at(x, form, chosen, rows[chosen] - first, columns[chosen] - left,
                     (max(last - first, 0), max(right - left, 0)))


@rule("nd.take", "cd")
def _take(operands: tuple, statics: dict[str, Any]) -> Any:
    """The rows at given numbers, of one axis, which are clipped or wrapped. Reading these is a sync point."""
    x, indices = operands
    if statics["axis"] != 0 or indices.ndim != 1:
        return None
    ids = read(indices).astype(np.int64)
    ids = np.mod(ids, x.shape[0]) if statics["mode"] == "wrap" else np.clip(ids, 0, x.shape[0] - 1)
    form = x._components()
    starts, columns = read(form.indptr), read(form.indices)
    chosen = [np.arange(starts[i], starts[i + 1]) for i in ids]
    rows = np.repeat(np.arange(ids.size), [part.size for part in chosen])
    places = np.concatenate([*chosen, np.zeros(0, np.int64)]).astype(np.int64)
    return _cells_at(x, form, places, rows, columns[places], (ids.size, x.shape[1]))


@rule("nd.concat", "c+")
def _concat(operands: tuple, statics: dict[str, Any]) -> Any:
    """Matrices one below the other."""
    if statics["dim"] != 0 or len({x.shape[1] for x in operands}) > 1:
        return None
    forms = [x._components() for x in operands]
    lengths = np.cumsum([0, *[x.shape[0] for x in operands]])
    rows = np.concatenate([read(form.rows) + start for form, start in zip(forms, lengths)])
    starts = np.searchsorted(rows, np.arange(lengths[-1] + 1))
    device = operands[0]._aval.device
    cells = Cells(joined([f.data for f in forms]), joined([f.indices for f in forms]), array_of(starts, device))
    return sparse_array(CSRNDArray, cells,
                        aval((int(lengths[-1]), operands[0].shape[1]), operands[0]._aval.dtype, device))


@engine
def retain(data: Any, indices: Any, out: Any = None) -> Any:
    """The stored rows of an array of storage type row_sparse that have the given numbers. A sync point.

    data: the array. MXNetError for one of another storage type.
    indices: the numbers, in one axis. All of them are stored in the result, with zeros where the array has no row; but
        none if the array stores nothing.
    """
    if not isinstance(data, RowSparseNDArray):
        raise MXNetError("Operator _sparse_retain: data must be of storage type row_sparse, got "
                         f"{getattr(data, 'stype', type(data).__name__)}")
    wanted = (read(indices) if isinstance(indices, NDArray) else np.asarray(indices)).astype(np.int64).reshape(-1)
    form = data._components()
    stored = read(form.indices)
    if not stored.size:  # as in MXNet
        return data.copy() if out is None else data.copyto(out)
    order = np.argsort(stored, kind="stable")
    at = np.searchsorted(stored, wanted, sorter=order)
    found = np.flatnonzero((at < stored.size) & (stored[order[np.minimum(at, stored.size - 1)]] == wanted))
    rows = take_rows(form.data, array_of(order[at[found]])) if found.size else form.data[:0]
    ids = array_of(wanted, data._aval.device)
    if found.size < wanted.size:
        whole = Rows(rows, array_of(found)).dense(aval((wanted.size, *data.shape[1:]), data._aval.dtype))
        rows = whole
    made = data._like(Rows(rows, ids))
    return made if out is None else made.copyto(out)
