"""Functions of matrices, `np.linalg`'s and `nd`'s: norms as compositions, factorizations by LAPACK."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from .dense import Dense
from .elementwise import cast
from .layers import euclidean
from .np_elementwise import FUNCTIONS, default_inexact
from .np_movement import moves
from .np_products import einsum, tensordot
from .np_reductions import axes_of, finished
from .values import NoAnswer, Value, apply


def _dense(fn: Any, *arrays: Any, slack: float = 32.0) -> Any:
    dtype = arrays[0].dtype
    if dtype.kind != "f" or any(a.dtype != dtype for a in arrays):
        raise NoAnswer("dtype")
    try:
        return type(arrays[0]).of(apply(Dense(fn, slack), [a.value for a in arrays], dtype))
    except np.linalg.LinAlgError as error:
        raise NoAnswer(str(error)) from error


def _lower(a: np.ndarray) -> np.ndarray:
    """The symmetric matrix of a lower triangle, which is all that Cholesky's factorization reads."""
    low = np.tril(a)
    return low + np.swapaxes(np.tril(a, -1), -1, -2)


def inv(a: Any) -> Any:
    return _dense(np.linalg.inv, a)


def det(a: Any) -> Any:
    return _dense(np.linalg.det, a)


def slogdet(a: Any) -> list[Any]:
    sign = type(a).of(Value(np.asarray(np.linalg.slogdet(a.memory)[0]), a.dtype))
    return [sign, _dense(lambda m: np.linalg.slogdet(m)[1], a)]


def solve(a: Any, b: Any) -> Any:
    return _dense(np.linalg.solve, a, b)


def cholesky(a: Any) -> Any:
    return _dense(lambda m: np.linalg.cholesky(_lower(m)), a)


def eigvalsh(a: Any) -> Any:
    return _dense(lambda m: np.linalg.eigvalsh(_lower(m)), a)


def svdvals(a: Any) -> Any:
    return _dense(lambda m: np.linalg.svd(m, compute_uv=False), a)


def matrix_transpose(a: Any) -> Any:
    return FUNCTIONS["swapaxes"](a, -1, -2)


# ---- norms ---------------------------------------------------------------------------------------

def vector_norm_over(a: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """The norm of vectors over axes."""
    if ord in (None, 2):
        return type(a).of(finished(euclidean(a.value, axes), axes, keepdims))
    size = FUNCTIONS["abs"](a)
    if ord in (math.inf, -math.inf):
        return FUNCTIONS["max" if ord > 0 else "min"](size, axes, keepdims)
    if ord == 0:
        return FUNCTIONS["sum"]((a != 0).astype(a.dtype), axes, None, keepdims)
    if ord == 1:
        return FUNCTIONS["sum"](size, axes, None, keepdims)
    return FUNCTIONS["sum"](size ** float(ord), axes, None, keepdims) ** (1 / ord)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = type(x).of(cast(x.value, default_inexact(x.dtype)))
    axes = axes_of(axis, x.ndim)
    if axis is None and ord is None or len(axes) == 1:
        return vector_norm_over(x, ord if len(axes) == 1 else 2, axes, keepdims)
    if len(axes) != 2:
        raise NoAnswer("axes")
    if ord in (None, "fro"):
        return vector_norm_over(x, 2, axes, keepdims)
    given = axes if axis is None else tuple(i % x.ndim for i in axis)
    row, column = given
    if ord in (1, -1, math.inf, -math.inf):
        over, then = (row, column) if abs(ord) == 1 else (column, row)
        sums = FUNCTIONS["sum"](FUNCTIONS["abs"](x), over, None, True)
        found = FUNCTIONS["max" if ord > 0 else "min"](sums, then, True)
    else:
        s = svdvals(FUNCTIONS["moveaxis"](x, (row, column), (-2, -1)))
        found = {"nuc": FUNCTIONS["sum"], 2: FUNCTIONS["max"], -2: FUNCTIONS["min"]}[ord](s, -1)
        return FUNCTIONS["expand_dims"](found, axes) if keepdims else found
    return type(x).of(finished(found.value, axes, keepdims))


def vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    x = type(x).of(cast(x.value, default_inexact(x.dtype)))
    return vector_norm_over(x, ord, axes_of(axis, x.ndim), keepdims)


def matrix_norm(x: Any, ord: Any = "fro", axis: Any = (-2, -1), keepdims: bool = False) -> Any:
    return norm(x, ord, axis, keepdims)


def vecdot(a: Any, b: Any, axis: int = -1) -> Any:
    return FUNCTIONS["sum"](a * b, axis)


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    if a.ndim < 1 or a.shape[-1] != 3 or b.shape[-1] != 3:
        raise NoAnswer("shape")
    parts = [a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return FUNCTIONS["stack"](parts, -1)


def matrix_power(a: Any, n: int) -> Any:
    base, out = (inv(a) if n < 0 else a), None
    for _ in range(abs(n)):
        out = base if out is None else FUNCTIONS["matmul"](out, base)
    return out


NP_LINALG: dict[str, Any] = {
    "inv": inv, "det": det, "slogdet": slogdet, "solve": solve, "cholesky": cholesky, "eigvalsh": eigvalsh,
    "svdvals": svdvals, "matrix_transpose": matrix_transpose, "norm": norm, "vector_norm": vector_norm,
    "matrix_norm": matrix_norm, "vecdot": vecdot, "cross": cross, "matrix_power": matrix_power,
    "tensordot": tensordot, "outer": FUNCTIONS["outer"], "diagonal": lambda a, offset=0: FUNCTIONS["diagonal"](
        a, offset, -2, -1), "trace": FUNCTIONS["trace"]}  # over the first two axes, as in 2.0.0b1
FUNCTIONS["cross"] = cross


# ---- nd ------------------------------------------------------------------------------------------

def gemm2(A: Any, B: Any, transpose_a: bool = False, transpose_b: bool = False, alpha: float = 1.0) -> Any:
    batch = "xyzuv"[:A.ndim - 2]
    left, right = "km" if transpose_a else "mk", "nk" if transpose_b else "kn"
    out = einsum(f"{batch}{left},{batch}{right}->{batch}mn", A, B)
    return out if alpha == 1 else out * alpha


def gemm(A: Any, B: Any, C: Any, transpose_a: bool = False, transpose_b: bool = False, alpha: float = 1.0,
         beta: float = 1.0) -> Any:
    out = gemm2(A, B, transpose_a, transpose_b, alpha)
    if out.shape != C.shape:
        raise NoAnswer("shape")
    return out + (C if beta == 1 else C * beta)


def syrk(A: Any, transpose: bool = False, alpha: float = 1.0) -> Any:
    return gemm2(A, A, transpose, not transpose, alpha)


def _triangle(A: Any, lower: bool) -> Any:
    return FUNCTIONS["tril" if lower else "triu"](A)


def trmm(A: Any, B: Any, transpose: bool = False, rightside: bool = False, lower: bool = True,
         alpha: float = 1.0) -> Any:
    a = _triangle(A, lower)
    return gemm2(B, a, False, transpose, alpha) if rightside else gemm2(a, B, transpose, False, alpha)


def trsm(A: Any, B: Any, transpose: bool = False, rightside: bool = False, lower: bool = True,
         alpha: float = 1.0) -> Any:
    a = _triangle(A, lower)
    b = B if alpha == 1 else B * alpha
    if rightside:
        return matrix_transpose(solve(a if transpose else matrix_transpose(a), matrix_transpose(b)))
    return solve(matrix_transpose(a) if transpose else a, b)


def potrf(A: Any, lower: bool = True) -> Any:
    return cholesky(A) if lower else matrix_transpose(cholesky(matrix_transpose(A)))


def potri(A: Any, lower: bool = True) -> Any:
    inverse = inv(_triangle(A, lower))
    return gemm2(inverse, inverse, lower, not lower)


def sumlogdiag(A: Any) -> Any:
    found = FUNCTIONS["sum"](FUNCTIONS["log"](FUNCTIONS["diagonal"](A, 0, -2, -1)), -1)
    return found


def extractdiag(A: Any, offset: int = 0) -> Any:
    if A.shape[-1] != A.shape[-2]:
        raise NoAnswer("shape")
    return FUNCTIONS["diagonal"](A, offset, -2, -1)


def makediag(A: Any, offset: int = 0) -> Any:
    n = A.shape[-1] + abs(offset)
    rows = np.arange(A.shape[-1]) + max(-offset, 0)
    columns = np.arange(A.shape[-1]) + max(offset, 0)

    def fn(a: np.ndarray) -> np.ndarray:
        out = np.zeros((*a.shape[:-1], n, n), a.dtype)
        out[..., rows, columns] = a
        return out

    return moves(fn)(A)


ND_LINALG: dict[str, Any] = {
    "gemm2": gemm2, "gemm": gemm, "syrk": syrk, "trmm": trmm, "trsm": trsm, "potrf": potrf, "potri": potri,
    "sumlogdiag": sumlogdiag, "extractdiag": extractdiag, "makediag": makediag, "det": det, "slogdet": slogdet,
    "inverse": inv}
