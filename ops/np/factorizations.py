"""`mx.np.linalg`: inverses, determinants, linear solves and factorizations of matrices (the last two axes)."""
from __future__ import annotations

from ..declare.public import public
from ..ir.node import Node, items
from ..primitive.factorizations import (
    determinant,
    eigensystem,
    inverse,
    lower_factor,
    orthogonal_and_upper,
    sign_and_log,
    singular_system,
    singular_values,
    solution,
    transposed,
)
from ..primitive.linear import reshape
from ..primitive.promotion import np_same


@public("np.linalg.inv")
def inv(a: Node) -> Node:
    """The inverses of the matrices in the last two axes. MXNetError for singular and for non-square matrices."""
    return inverse(a)


@public("np.linalg.det")
def det(a: Node) -> Node:
    """The determinants of the matrices in the last two axes. MXNetError for non-square matrices."""
    return determinant(a)


@public("np.linalg.slogdet")
def slogdet(a: Node) -> tuple[Node, ...]:
    """The signs and the logarithms of the absolute values of determinants. MXNetError for non-square matrices."""
    return items(sign_and_log(a))


@public("np.linalg.solve")
def solve(a: Node, b: Node) -> Node:
    """The solution x of a @ x = b, for square matrices `a` and vectors or matrices `b`."""
    a, b = np_same(a, b)
    if b.ndim == a.ndim - 1:
        return reshape(solution(a, reshape(b, (*b.shape, 1))), b.shape)
    return solution(a, b)


@public("np.linalg.cholesky")
def cholesky(a: Node, upper=False) -> Node:
    """The lower (or upper) triangular Cholesky factor of positive definite matrices; MXNetError for others."""
    return transposed(lower_factor(a)) if upper else lower_factor(a)


@public("np.linalg.eigh")
def eigh(a: Node, UPLO="L", upper=False) -> tuple[Node, ...]:
    """The eigenvalues, ascending, and eigenvectors (columns) of symmetric matrices, of which one triangle is read.

    UPLO: the triangle, "L" or "U" as in NumPy; or a bool, because MXNet 2 has `upper` as the second parameter.
    """
    return items(eigensystem(transposed(a) if upper or UPLO in ("U", True) else a))


@public("np.linalg.eigvalsh")
def eigvalsh(a: Node, UPLO="L", upper=False) -> Node:
    """The eigenvalues of symmetric matrices, ascending."""
    return eigh(a, UPLO, upper)[0]


@public("np.linalg.svd")
def svd(a: Node) -> tuple[Node, ...]:
    """The singular value decomposition: u, s, v with a = (u * s) @ v; thin factors, singular values descending."""
    return items(singular_system(a))


@public("np.linalg.svdvals")
def svdvals(a: Node) -> Node:
    """The singular values of the matrices in the last two axes, descending."""
    return singular_values(a)


@public("np.linalg.qr")
def qr(a: Node, mode="reduced") -> tuple[Node, ...]:
    """The QR decomposition a = q @ r: q with orthonormal columns, r upper triangular."""
    if mode != "reduced":
        raise NotImplementedError(f"np.linalg.qr(mode={mode!r})")
    return items(orthogonal_and_upper(a))


@public("np.linalg.matrix_transpose")
def matrix_transpose(a: Node) -> Node:
    """The transposes of the matrices in the last two axes."""
    return transposed(a)
