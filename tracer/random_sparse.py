"""Random sparse arrays for tests, of `mx.test_utils`."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .context import current_context
from .ndarray import sparse, zeros


def rand_sparse_ndarray(shape: Sequence[int], stype: str, density: float | None = None, dtype: Any = None,
                        distribution: str | None = None, data_init: Any = None, rsp_indices: Any = None,
                        modifier_func: Callable[[float], float] | None = None, shuffle_csr_indices: bool = False,
                        ctx: Any = None) -> tuple[Any, tuple]:
    """A sparse array of uniform random numbers in [0, 1), and its components.

    stype: "row_sparse" (components: data and indices, of NumPy) or "csr" (indptr, indices and data).
    density: the expected share of stored rows, or the share of stored elements; None: a random one.
    dtype: None: float32.
    distribution: "uniform", or for csr "powerlaw": each row has twice as many elements as the row before.
    data_init: the value of all stored elements.
    rsp_indices: the stored rows.
    modifier_func: a function that is applied to each stored element of a row_sparse array.
    shuffle_csr_indices: whether the columns of each row are in random order.

    ValueError for a density that does not fit. AssertionError for another storage type or distribution.
    """
    ctx = current_context() if ctx is None else ctx
    density = np.random.rand() if density is None else density
    dtype = np.float32 if dtype is None else dtype
    assert distribution in (None, "uniform") or (stype, distribution) == ("csr", "powerlaw"), \
        f"Distribution {distribution} not supported for {stype}"
    if stype == "row_sparse":
        return _rows(tuple(shape), density, dtype, data_init, rsp_indices, modifier_func, ctx)
    assert stype == "csr", f"unknown storage type {stype}"
    rows, columns = shape
    if not 0 <= density <= 1:
        raise ValueError("density has to be between 0 and 1")
    if rows <= 0 or columns <= 0:
        raise ValueError("num_rows or num_cols should be greater than 0")
    counts = _doubling(rows, columns, density) if distribution == "powerlaw" else None
    made = _cells(rows, columns, density, counts, dtype, data_init, shuffle_csr_indices, ctx)
    return made, (made.indptr, made.indices, made.data)


def _rows(shape: tuple[int, ...], density: float, dtype: Any, data_init: Any, rsp_indices: Any, modify: Any,
          ctx: Any) -> tuple[Any, tuple]:
    chosen = np.flatnonzero(np.random.rand(shape[0]) < density) if rsp_indices is None else np.asarray(rsp_indices)
    assert len(chosen) <= shape[0]
    if not len(chosen):
        return zeros(shape, stype="row_sparse", dtype=dtype, ctx=ctx), (np.array([], dtype), np.array([]))
    values = np.random.rand(len(chosen), *shape[1:]).astype(dtype)
    if data_init is not None:
        values.fill(data_init)
    if modify is not None:
        values = np.vectorize(modify)(values)
    return sparse.row_sparse_array((values, chosen), shape=shape, dtype=dtype, ctx=ctx), (values, chosen)


def _doubling(rows: int, columns: int, density: float) -> np.ndarray:
    """The number of elements in each row: one more than in none, then doubled from row to row while there are any."""
    rest = int(rows * columns * density)
    if rest < 2 * rows:
        raise ValueError(f"not supported for this density: {density} for this shape ({rows}, {columns}): it should "
                         "give at least two elements a row")
    counts = np.ones(rows, np.int64)
    rest -= rows
    for row in range(rows):
        more = min(2 ** min(row + 1, 62), columns) - 1
        counts[row] += min(more, rest)
        rest -= min(more, rest)
    if rest:
        raise ValueError(f"not supported for this density: {density} for this shape ({rows},{columns})")
    return counts


def _cells(rows: int, columns: int, density: float, counts: np.ndarray | None, dtype: Any, data_init: Any,
           shuffled: bool, ctx: Any) -> Any:
    """A csr array with the first `counts` elements of each row, or with elements at random places."""
    if counts is None:
        size = int(round(density * rows * columns))
        flat = np.sort(np.random.permutation(rows * columns)[:size])
        at, places = np.divmod(flat, columns)
        values: Any = np.random.rand(size).astype(dtype)
    else:
        at = np.repeat(np.arange(rows), counts)
        places = np.concatenate([np.arange(n) for n in counts])
        values = (1 + np.random.uniform(0.001, 2, places.size)).astype(dtype)
    if data_init is not None:
        values.fill(data_init)
    starts = np.searchsorted(at, np.arange(rows + 1))
    if shuffled:
        for first, last in zip(starts, starts[1:]):
            np.random.shuffle(places[first:last])
    return sparse.csr_matrix((values, places, starts), shape=(rows, columns), dtype=dtype, ctx=ctx)
