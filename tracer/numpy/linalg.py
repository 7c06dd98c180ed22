"""`mx.np.linalg`: products, norms and factorizations of matrices."""
import sys
from typing import Any

import numpy as _np

from tracer.array.np_array import NP, ndarray
from tracer.core.surface import assign, fill

from . import fallback as _fallback
from .creation import array

fill(sys.modules[__name__], "np.linalg", ndarray)


def trace(a: ndarray, offset: int = 0) -> ndarray:
    """The sum of the diagonal of the first two axes: MXNet's, where the array API standard takes the last two."""
    return NP.trace(a, offset)


def multi_dot(arrays: Any, out: ndarray | None = None) -> ndarray:
    """The product of several matrices, multiplied from left to right."""
    product, *rest = arrays
    for each in rest:
        product = NP.dot(product, each)
    return product if out is None else assign(out, product)


def matrix_power(a: ndarray, n: int) -> ndarray:
    """The n-th power of a square matrix; for a negative n, that of its inverse."""
    if n == 0:
        return NP._eye(a.shape[-1], a.shape[-1], 0, _np.dtype(a.dtype).name) + NP.zeros_like(a)
    base = inv(a) if n < 0 else a  # type: ignore[name-defined]  # noqa: F821 - filled from the declarations
    out = None
    for bit in bin(abs(n))[:1:-1]:
        if bit == "1":
            out = base if out is None else NP.matmul(out, base)
        base = NP.matmul(base, base)
    return out  # type: ignore[return-value]


def lstsq(a: ndarray, b: ndarray, rcond: Any = "warn") -> Any:
    """The least-squares solution x of a x = b, its residuals, and the rank and the singular values of `a`.

    NumPy computes it: it is a sync point without a gradient.

    rcond: the bound, relative to the largest, below which singular values count as 0; "warn": machine precision.
    """
    return _fallback.call("lstsq", _np.linalg.lstsq, (a, b, -1 if rcond == "warn" else rcond), {})


def matrix_rank(M: ndarray, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> ndarray:
    """The rank of matrices, an int64 array: the number of singular values above a bound.

    NumPy computes it: it is a sync point without a gradient.

    tol, rtol: the bound, or its ratio to the largest singular value; None: the larger size times the machine precision.
    hermitian: whether the matrices are symmetric, which is faster.
    """
    relative = {} if rtol is None else {"rtol": rtol}  # NumPy 1 has no such argument
    ranks = _fallback.call("matrix_rank", _np.linalg.matrix_rank, (M, tol, hermitian), relative)
    return ranks if isinstance(ranks, ndarray) else array(ranks, "int64")


def __getattr__(name: str) -> Any:
    return _fallback.attribute(name, _np.linalg, "mxnet.numpy.linalg")
