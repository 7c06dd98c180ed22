"""Arrays with a given structure for `mx.test_utils`: matrices by their eigenvalues, counting arrays, reductions."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ndarray as nd

__all__ = ["assign_each", "assign_each2", "create_2d_np_tensor", "create_2d_tensor", "create_vector",
           "get_identity_mat", "get_identity_mat_batch", "new_matrix_with_real_eigvals_2d",
           "new_matrix_with_real_eigvals_nd", "new_orthonormal_matrix_2d", "new_sym_matrix_with_real_eigvals_2d",
           "new_sym_matrix_with_real_eigvals_nd", "np_reduce"]


# ---- elements and reductions in NumPy ------------------------------------------------------------

def assign_each(the_input: np.ndarray, function: Callable[[Any], Any] | None) -> np.ndarray:
    """A float64 array of a function's results for each element; for None, a copy of the array.

    >>> assign_each(np.array([1, 2]), lambda x: x * x)
    array([1., 4.])
    """
    return np.array(the_input) if function is None else _each(function, the_input)


def assign_each2(input1: np.ndarray, input2: np.ndarray, function: Callable[[Any, Any], Any] | None) -> np.ndarray:
    """A float64 array of a function's results for each pair of elements; for None, a copy of the first array."""
    if function is None:
        return np.array(input1)
    assert input1.shape == input2.shape, f"shapes {input1.shape} and {input2.shape}"
    return _each(function, input1, input2)


def _each(function: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    made = np.zeros(arrays[0].shape)
    for place in np.ndindex(*made.shape):
        made[place] = function(*[x[place] for x in arrays])
    return made


def np_reduce(dat: np.ndarray, axis: Any, keepdims: bool, numpy_reduce_func: Callable[..., Any]) -> np.ndarray:
    """An array reduced over one, several (a list) or all axes (None), one after the other from the last.

    numpy_reduce_func: a function such as `np.sum`, of an array and `axis`.

    >>> np_reduce(np.ones((2, 3)), [0, 1], True, np.sum)
    array([[6.]])
    """
    axes = [axis] if isinstance(axis, int) else list(range(dat.ndim) if axis is None else axis)
    reduced = dat
    for one in sorted(axes, reverse=True):
        reduced = numpy_reduce_func(reduced, axis=one)
    if not keepdims:
        return reduced
    shape = list(dat.shape)
    for one in axes:
        shape[one] = 1
    return reduced.reshape(shape)


# ---- MXNet's arrays ------------------------------------------------------------------------------

def create_2d_tensor(rows: int, columns: int, dtype: Any = np.int64) -> Any:
    """A matrix whose elements are the numbers of their rows."""
    return create_vector(rows, dtype).reshape(rows, 1).broadcast_to((rows, columns))


def create_2d_np_tensor(rows: int, columns: int, dtype: Any = np.int64) -> Any:
    """A matrix of the np interface whose elements are the numbers of their rows."""
    return create_2d_tensor(rows, columns, dtype).as_np_ndarray()


def create_vector(size: int, dtype: Any = np.int64) -> Any:
    """A vector of the numbers 0 to size - 1."""
    return nd.arange(0, size, dtype=dtype)


def get_identity_mat(size: int) -> Any:
    """The identity matrix."""
    return nd.array(np.eye(size))


def get_identity_mat_batch(size: int) -> Any:
    """Two identity matrices, (2, size, size)."""
    return nd.array(np.stack([np.eye(size)] * 2))


# ---- matrices by their eigenvalues ---------------------------------------------------------------

def new_orthonormal_matrix_2d(n: int) -> np.ndarray:
    """A random orthogonal matrix of size n.

    >>> q = new_orthonormal_matrix_2d(3)
    >>> bool(np.allclose(q @ q.T, np.eye(3)))
    True
    """
    drawn = np.random.randn(n, n)
    return np.linalg.qr(drawn.T @ drawn)[0]


def _reflected(n: int) -> np.ndarray:
    """A random matrix of condition number below 3: a reflection times a diagonal matrix."""
    while True:
        diagonal = np.random.uniform(-1.0, 1.0, n)
        normal = np.random.uniform(-1.0, 1.0, n)
        normal /= np.linalg.norm(normal)
        made = (np.eye(n) - 2 * np.outer(normal, normal)) * diagonal
        if np.linalg.cond(made, 2) < 3:
            return made


def new_matrix_with_real_eigvals_2d(n: int) -> np.ndarray:
    """A random well-conditioned matrix of size n with real eigenvalues in [-10, 10]."""
    base = _reflected(n)
    return np.linalg.inv(base) @ np.diag(np.random.uniform(-10.0, 10.0, n)) @ base


def new_sym_matrix_with_real_eigvals_2d(n: int) -> np.ndarray:
    """A random symmetric matrix of size n with eigenvalues in [-10, 10]."""
    base = new_orthonormal_matrix_2d(n)
    return base.T @ np.diag(np.random.uniform(-10.0, 10.0, n)) @ base


def _batch(make: Callable[[int], np.ndarray], shape: Sequence[int]) -> np.ndarray:
    count = int(np.prod(shape[:-2])) if len(shape) > 2 else 1
    return np.array([make(shape[-1]) for _ in range(count)]).reshape(shape)


def new_matrix_with_real_eigvals_nd(shape: Sequence[int]) -> np.ndarray:
    """An array of `shape`, (..., n, n), of matrices as by `new_matrix_with_real_eigvals_2d`."""
    return _batch(new_matrix_with_real_eigvals_2d, shape)


def new_sym_matrix_with_real_eigvals_nd(shape: Sequence[int]) -> np.ndarray:
    """An array of `shape`, (..., n, n), of matrices as by `new_sym_matrix_with_real_eigvals_2d`."""
    return _batch(new_sym_matrix_with_real_eigvals_2d, shape)
