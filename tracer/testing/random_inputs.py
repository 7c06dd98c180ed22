"""Random arrays for `mx.test_utils`: shapes, NumPy arrays, ordinary and sparse arrays."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ndarray as nd
from ..array.nd_array import NDArray
from ..context import current_context
from ..ndarray import sparse, zeros

__all__ = ["create_sparse_array", "create_sparse_array_zd", "default_dtype", "rand_coord_2d", "rand_ndarray",
           "rand_shape_2d", "rand_shape_3d", "rand_shape_nd", "rand_sparse_ndarray", "random_arrays", "random_sample",
           "random_uniform_arrays", "shuffle_csr_column_indices"]


def default_dtype() -> Any:
    """The default dtype, float32."""
    return np.float32


# ---- shapes and NumPy arrays ---------------------------------------------------------------------

def rand_shape_nd(num_dim: int, dim: int = 10, allow_zero_size: bool = False) -> tuple[int, ...]:
    """A random shape of `num_dim` axes, each of at most `dim`."""
    return tuple(np.random.randint(0 if allow_zero_size else 1, dim + 1, size=num_dim).tolist())


def rand_shape_2d(dim0: int = 10, dim1: int = 10, allow_zero_size: bool = False) -> tuple[int, int]:
    """A random shape of two axes of at most the given sizes."""
    low = 0 if allow_zero_size else 1
    return int(np.random.randint(low, dim0 + 1)), int(np.random.randint(low, dim1 + 1))


def rand_shape_3d(dim0: int = 10, dim1: int = 10, dim2: int = 10,
                  allow_zero_size: bool = False) -> tuple[int, int, int]:
    """A random shape of three axes of at most the given sizes."""
    low = 0 if allow_zero_size else 1
    return (*rand_shape_2d(dim0, dim1, allow_zero_size), int(np.random.randint(low, dim2 + 1)))


def random_arrays(*shapes: tuple[int, ...]) -> Any:
    """A list of float32 NumPy arrays of normal numbers, one for each shape; for a single shape, the array itself."""
    arrays = [np.random.randn(*s).astype(default_dtype()) if s else np.array(np.random.randn(), default_dtype())
              for s in shapes]
    return arrays[0] if len(arrays) == 1 else arrays


def random_uniform_arrays(*shapes: Sequence[int], low: float = 0.0, high: float = 1.0,
                          dtype: Any = np.float32) -> list[np.ndarray]:
    """A list of NumPy arrays of uniform random numbers in [low, high), one for each shape."""
    return [np.random.uniform(low, high, size=shape).astype(dtype) for shape in shapes]


def random_sample(population: Any, k: int) -> Any:
    """A sequence of `k` elements of a sequence, without repetition and in random order."""
    assert 0 <= k <= len(population), f"{k} of {len(population)} elements"
    shuffled = population[:]
    np.random.shuffle(shuffled)
    return shuffled[:k]


def rand_coord_2d(x_low: int, x_high: int, y_low: int, y_high: int) -> tuple[Any, Any]:
    """A random pair of int64 numbers, in [x_low, x_high) and [y_low, y_high)."""
    return np.random.randint(x_low, x_high, dtype=np.int64), np.random.randint(y_low, y_high, dtype=np.int64)


# ---- ordinary and sparse arrays --------------------------------------------------------------------

def rand_ndarray(shape: tuple[int, ...], stype: str = "default", density: Any = None, dtype: Any = None,
                 modifier_func: Any = None, shuffle_csr_indices: bool = False, distribution: Any = None,
                 ctx: Any = None) -> NDArray:
    """An NDArray of uniform random numbers in [-1, 1); a sparse one is made as by `rand_sparse_ndarray`."""
    if stype != "default":
        return rand_sparse_ndarray(shape, stype, density, dtype, distribution, modifier_func=modifier_func,
                                   shuffle_csr_indices=shuffle_csr_indices, ctx=ctx)[0]
    array = np.random.uniform(-1, 1, shape)
    if modifier_func is not None:
        array = np.vectorize(modifier_func)(array)
    return nd.array(array, dtype=dtype or default_dtype())


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


def create_sparse_array(shape: tuple[int, int], stype: str, data_init: Any = None, rsp_indices: Any = None,
                        dtype: Any = None, modifier_func: Any = None, density: float = .5,
                        shuffle_csr_indices: bool = False) -> NDArray:
    """A sparse array, as by `rand_sparse_ndarray`; a csr one without a value given to `data_init` has ones."""
    if stype == "row_sparse":
        if rsp_indices is not None:
            rsp_indices = np.array(rsp_indices)
        return rand_sparse_ndarray(shape, stype, density, dtype, None, data_init, rsp_indices, modifier_func)[0]
    return rand_sparse_ndarray(shape, stype, density, dtype, None, 1.0 if data_init is None else data_init,
                               modifier_func=modifier_func, shuffle_csr_indices=shuffle_csr_indices)[0]


def create_sparse_array_zd(shape: tuple[int, int], stype: str, density: float, data_init: Any = None,
                           rsp_indices: Any = None, dtype: Any = None, modifier_func: Any = None,
                           shuffle_csr_indices: bool = False) -> NDArray:
    """A sparse array, as by `create_sparse_array`, of which a row_sparse one of density 0 stores nothing."""
    if stype == "row_sparse":
        density = 0.0
        if rsp_indices is not None:
            assert len(rsp_indices) <= shape[0]
    return create_sparse_array(shape, stype, data_init, rsp_indices, dtype, modifier_func, density, shuffle_csr_indices)


def shuffle_csr_column_indices(csr: Any) -> None:
    """Put the column numbers of each row of SciPy's csr matrix in random order; the values stay in theirs."""
    for first, last in zip(csr.indptr, csr.indptr[1:]):
        row = np.array(csr.indices[first:last])
        np.random.shuffle(row)
        csr.indices[first:last] = row


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
