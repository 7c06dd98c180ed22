"""The matrix products of `mx.nd`, and the functions of `mx.nd.linalg`."""
from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from ..declare.public import Nodes, public
from ..ir.errors import MXNetError
from ..ir.node import Node, const
from ..ir.shapes import normalize_axis
from ..np.creation import tril, triu
from ..np.factorizations import cholesky, det, eigh, inv, qr, slogdet, solve
from ..np.movement import diagonal, moveaxis
from ..primitive.arithmetic import (
    add,
    cast,
    equal,
    floor_divide,
    greater_equal,
    less,
    like,
    minimum,
    mul,
    neg,
    sub,
    where,
)
from ..primitive.elementary import absolute, log, sqrt
from ..primitive.factorizations import transposed
from ..primitive.gather_scatter import gather, scatter_add
from ..primitive.iota import counts
from ..primitive.linear import broadcast_to, reduce_sum, reshape
from ..primitive.matmul import product
from ..primitive.promotion import FLOAT32, FLOAT64, INT64
from ..primitive.scans import argmax, take_along
from .indexing import rows_of
from .reductions import left


def _same_dtype(a: Node, b: Node, name: str) -> None:
    if a.dtype != b.dtype:
        raise MXNetError(f"Incompatible attr in node at 1-th input of {name}: expected {a.dtype.name}, "
                         f"got {b.dtype.name}")


def _square(A: Node, name: str) -> Node:
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise MXNetError(f"No square matrix as input to {name}: {A.shape}")
    return A


def _linalg(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A declaration of `nd.linalg.<name>`, which raises MXNetError unless its matrices are float32 or float64."""
    def declare(build: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(build)
        def checked(*matrices: Node, **settings: Any) -> Any:
            for dtype in (x.dtype for x in matrices if isinstance(x, Node)):
                if dtype not in (FLOAT32, FLOAT64):
                    raise MXNetError(f"This operation only supports 32-bit and 64-bit floating point, not {dtype.name}")
            return build(*matrices, **settings)
        return public(f"nd.linalg_{name}", f"nd.linalg.{name}")(checked)
    return declare


@public("nd.dot", "nd.NDArray.dot")
def dot(lhs: Node, rhs: Node, transpose_a=False, transpose_b=False, forward_stype=None) -> Node:
    """The sum of products over the last axis of `lhs` and the first axis of `rhs`. MXNetError if shapes don't fit.

    transpose_a: whether to use the first axis of `lhs`.
    transpose_b: whether to use the last axis of `rhs`.
    """
    _same_dtype(lhs, rhs, "dot")
    if lhs.ndim == 1 and rhs.ndim == 1:
        if lhs.shape != rhs.shape:
            raise MXNetError(f"dot shape error: {lhs.shape} X {rhs.shape}")
        return reshape(reduce_sum(mul(lhs, rhs), (0,)), (1,))
    rest_a = lhs.shape[1:] if transpose_a else lhs.shape[:-1]
    rest_b = rhs.shape[:-1] if transpose_b else rhs.shape[1:]
    k = lhs.shape[0 if transpose_a else -1]
    if k != rhs.shape[-1 if transpose_b else 0]:
        raise MXNetError(f"dot shape error: {lhs.shape} X {rhs.shape}")
    m, n = math.prod(rest_a), math.prod(rest_b)
    a = reshape(lhs, (k, m) if transpose_a else (m, k))
    b = reshape(rhs, (n, k) if transpose_b else (k, n))
    out = reshape(product(a, b, bool(transpose_a), bool(transpose_b)), rest_a + rest_b)
    return out if out.ndim else reshape(out, (1,))


@public("sparse.matrix_rows")
def matrix_rows(data: Node, taken: Node, dense: Node) -> Node:
    """The rows `data[k] * dense[taken[k]]`, which make the product of a sparse matrix when they are added up."""
    rows = gather(dense, (taken,), rows_of(dense.shape))
    return mul(rows, reshape(data, (data.size,) + (1,) * (rows.ndim - 1)))


@public("sparse.dot")
def sparse_dot(data: Node, taken: Node, added: Node, dense: Node, count) -> Node:
    """The product of a sparse matrix of `count` rows with a dense array, over the latter's first axis.

    data: the elements of the matrix; taken: their columns; added: their rows (exchanged for the transposed matrix).

    The gradient by `dense` is a sum of rows at `taken`.
    """
    rows = matrix_rows(data, taken, dense)
    shape = (count, *dense.shape[1:])
    return scatter_add(rows, (added,), rows_of(shape), shape)


@public("nd.batch_dot")
def batch_dot(lhs: Node, rhs: Node, transpose_a=False, transpose_b=False, forward_stype=None) -> Node:
    """The products of the matrices in the last two axes. MXNetError unless the leading axes agree."""
    _same_dtype(lhs, rhs, "batch_dot")
    if lhs.ndim < 3 or lhs.shape[:-2] != rhs.shape[:-2]:
        raise MXNetError(f"batch_dot shape error: {lhs.shape} X {rhs.shape}: the leading axes must agree")
    return product(lhs, rhs, bool(transpose_a), bool(transpose_b))


@_linalg("gemm2")
def gemm2(A: Node, B: Node, transpose_a=False, transpose_b=False, alpha=1.0, axis=-2) -> Node:
    """alpha * op(A) op(B) for the matrices in the axes `axis` and -1; op transposes if transpose_a or transpose_b.

    MXNetError for shapes that don't fit.
    """
    _same_dtype(A, B, "linalg_gemm2")
    rows = _rows_axis(A, axis)
    out = product(_rows_moved(A, rows), _rows_moved(B, rows), bool(transpose_a), bool(transpose_b))
    out = _rows_moved(out, rows, back=True)
    return out if alpha == 1 else mul(out, like(out, alpha))


def _rows_axis(A: Node, axis: int) -> int:
    rows = normalize_axis(axis, A.ndim)
    if rows == A.ndim - 1:
        raise MXNetError(f"linalg_gemm: axis={axis} of {A.ndim} is the axis of the columns, which comes last")
    return rows


def _rows_moved(x: Node, rows: int, back: bool = False) -> Node:
    """`x` with the axis `rows` moved before the last one; `back`: the inverse of that."""
    return x if rows == x.ndim - 2 else moveaxis(x, *((-2, rows) if back else (rows, -2)))


@_linalg("gemm")
def gemm(A: Node, B: Node, C: Node, transpose_a=False, transpose_b=False, alpha=1.0, beta=1.0,
         axis=-2) -> Node:
    """alpha * op(A) op(B) + beta * C for the matrices in the axes `axis` and -1; op as in linalg_gemm2."""
    out = gemm2(A, B, transpose_a, transpose_b, alpha, axis)
    if out.shape != C.shape:
        raise MXNetError(f"linalg_gemm: C has shape {C.shape}, the product {out.shape}")
    return add(out, C if beta == 1 else mul(C, like(C, beta)))


@_linalg("syrk")
def syrk(A: Node, transpose=False, alpha=1.0) -> Node:
    """alpha * A A^T, or alpha * A^T A (transpose), for the matrices in the last two axes."""
    return gemm2(A, A, transpose, not transpose, alpha)


@_linalg("sumlogdiag")
def sumlogdiag(A: Node) -> Node:
    """The sums of the logarithms of the diagonals of the matrices in the last two axes."""
    line = diagonal(_square(A, "sumlogdiag"), 0, -2, -1)
    return left(reduce_sum(log(line), (line.ndim - 1,)), line.shape, (line.ndim - 1,), False)


@_linalg("extractdiag")
def extractdiag(A: Node, offset=0) -> Node:
    """The diagonals of the matrices in the last two axes."""
    return diagonal(_square(A, "extractdiag"), offset, -2, -1)


@public("nd.khatri_rao", star=True, keywords="engine")
def khatri_rao(args: Nodes) -> Node:
    """The column-wise Kronecker product of matrices. MXNetError unless they have equally many columns."""
    out = args[0]
    for x in args[1:]:
        if x.ndim != 2 or x.shape[1] != out.shape[1]:
            raise MXNetError(f"khatri_rao: shapes {out.shape} and {x.shape} differ in columns")
        wide = mul(reshape(out, (out.shape[0], 1, out.shape[1])), reshape(x, (1, *x.shape)))
        out = reshape(wide, (out.shape[0] * x.shape[0], out.shape[1]))
    return out


# ---- factorizations ------------------------------------------------------------------------------

def _triangle(A: Node, lower: bool, name: str) -> Node:
    return tril(_square(A, name)) if lower else triu(_square(A, name))


@_linalg("potrf")
def potrf(A: Node, lower=True) -> Node:
    """The Cholesky factor of symmetric positive definite matrices: L of L L^T, or (lower=False) U of U^T U.

    Only that triangle of A is read. MXNetError for other matrices, when the result is read.
    """
    return cholesky(A) if lower else transposed(cholesky(transposed(A)))


@_linalg("potri")
def potri(A: Node, lower=True) -> Node:
    """The inverse of a matrix, from its factor A by `potrf`, of which only the triangle is read."""
    inverse = inv(_triangle(A, lower, "potri"))
    return product(inverse, inverse, bool(lower), not lower)


@_linalg("trmm")
def trmm(A: Node, B: Node, transpose=False, rightside=False, lower=True, alpha=1.0) -> Node:
    """alpha * op(A) B, or alpha * B op(A) (rightside), with A triangular."""
    a = _triangle(A, lower, "trmm")
    out = product(B, a, False, bool(transpose)) if rightside else product(a, B, bool(transpose), False)
    return out if alpha == 1 else mul(out, like(out, alpha))


@_linalg("trsm")
def trsm(A: Node, B: Node, transpose=False, rightside=False, lower=True, alpha=1.0) -> Node:
    """The solution X of op(A) X = alpha * B, or of X op(A) = alpha * B (rightside), with A triangular."""
    a = _triangle(A, lower, "trsm")
    b = B if alpha == 1 else mul(B, like(B, alpha))
    if rightside:
        return transposed(solve(a if transpose else transposed(a), transposed(b)))
    return solve(transposed(a) if transpose else a, b)


@_linalg("det")
def nd_det(A: Node) -> Node:
    """The determinants of the matrices in the last two axes."""
    out = det(A)
    return out if out.ndim else reshape(out, (1,))


@_linalg("slogdet")
def nd_slogdet(A: Node) -> list[Node]:
    """The signs and the logarithms of the absolute values of the determinants of the matrices in the last two axes."""
    return [x if x.ndim else reshape(x, (1,)) for x in slogdet(A)]


@_linalg("inverse")
def nd_inverse(A: Node) -> Node:
    """The inverses of the matrices in the last two axes."""
    return inv(A)


@_linalg("syevd")
def syevd(A: Node) -> list[Node]:
    """The eigenvectors and the eigenvalues, ascending, of symmetric matrices.

    The eigenvectors are rows, with the sign that makes their element of largest magnitude positive.
    """
    values, vectors = eigh(A)
    rows = transposed(vectors)
    largest = argmax(absolute(rows), rows.ndim - 1)
    sign = take_along(rows, reshape(largest, (*largest.shape, 1)), rows.ndim - 1)
    turned = broadcast_to(less(sign, like(sign, 0)), rows.shape)
    return [where(turned, neg(rows), rows), values]


@_linalg("gelqf")
def gelqf(A: Node) -> list[Node]:
    """The matrices Q, with orthonormal rows, and L, lower triangular, of A = L @ Q.

    MXNetError for a matrix with more rows than columns.
    """
    if A.ndim < 2 or A.shape[-2] > A.shape[-1]:
        raise MXNetError(f"Input A shape wrong: Last dimension must be >= than second to last, got {A.shape}")
    q, r = qr(transposed(A))
    return [transposed(q), transposed(r)]


# ---- diagonals and triangles as vectors -----------------------------------------------------------

def _from(A: Node, place: Node, inside: Node) -> Node:
    """The elements of the last axis of A at the positions `place`, 0 where these are not `inside`."""
    place = where(inside, place, like(place, 0))
    lead = A.shape[:-1]
    template = (*(("s", 0, n, 1) for n in lead), ("i", 0))
    found = gather(A, (place,), template, True)
    return where(inside, found, like(found, 0))


@_linalg("makediag")
def makediag(A: Node, offset=0) -> Node:
    """The matrices with the vectors in the last axis on their `offset`-th diagonals."""
    n = A.shape[-1] + abs(offset)
    rows, columns = (broadcast_to(counts(n, 2, i), (n, n)) for i in (0, 1))
    on = equal(sub(columns, rows), like(rows, offset))
    return _from(A, minimum(rows, columns), on)


def _triangle_place(n: int, offset: int, lower: bool) -> tuple[Node, Node]:
    """For each element of an n x n matrix: its place in the vector of a triangle's elements, and whether it is there.

    The triangle below the diagonal is read by rows, the one above by columns.
    """
    rows, columns = (broadcast_to(counts(n, 2, i), (n, n)) for i in (0, 1))
    if offset > 0 or (offset == 0 and not lower):
        rows, columns = columns, rows
    rows = sub(rows, like(rows, abs(offset)))
    before = floor_divide(mul(rows, add(rows, like(rows, 1))), like(rows, 2))
    return add(before, columns), greater_equal(rows, columns)


@_linalg("maketrian")
def maketrian(A: Node, offset=0, lower=True) -> Node:
    """The matrices with the vectors in the last axis as the triangle that begins at the `offset`-th diagonal.

    offset: below 0 for a triangle below the diagonal, above 0 for one above it.
    lower: whether with `offset` 0 the triangle is the lower one.

    MXNetError unless the vectors have as many elements as a triangle.
    """
    count = A.shape[-1] if A.ndim else 0
    size = (math.isqrt(8 * count + 1) - 1) // 2
    if size * (size + 1) // 2 != count or not count:
        raise MXNetError(f"linalg_maketrian: vectors of {count} elements; a triangle has n * (n + 1) / 2")
    return _from(A, *_triangle_place(size + abs(offset), offset, lower))


@_linalg("extracttrian")
def extracttrian(A: Node, offset=0, lower=True) -> Node:
    """The triangles that begin at the `offset`-th diagonals, as vectors: the inverse of `linalg.maketrian`."""
    n = _square(A, "linalg_extracttrian").shape[-1]
    if abs(offset) >= n:
        raise MXNetError(f"linalg_extracttrian: offset={offset} is outside of matrices of shape {A.shape}")
    size = n - abs(offset)
    places = counts(size * (size + 1) // 2, 1, 0)
    root = sqrt(add(mul(cast(places, FLOAT64), const(8, FLOAT64)), const(1, FLOAT64)))
    row = cast(mul(sub(root, const(1, FLOAT64)), const(0.5, FLOAT64)), INT64)
    column = sub(places, floor_divide(mul(row, add(row, like(row, 1))), like(row, 2)))
    index = [add(row, like(row, abs(offset))), column]
    if offset > 0 or (offset == 0 and not lower):
        index.reverse()
    return gather(A, tuple(index), (*(("s", 0, d, 1) for d in A.shape[:-2]), ("i", 0), ("i", 1)), True)

