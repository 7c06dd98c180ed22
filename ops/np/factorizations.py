"""`mx.np.linalg`: inverses, determinants, solutions and factorizations of matrices (the last two axes)."""
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
    """The inverses; MXNetError for singular matrices and for those that are not square."""
    return inverse(a)


@public("np.linalg.det")
def det(a: Node) -> Node:
    """The determinants."""
    return determinant(a)


@public("np.linalg.slogdet")
def slogdet(a: Node) -> tuple[Node, ...]:
    """The signs and the logarithms of the absolute values of the determinants."""
    return items(sign_and_log(a))


@public("np.linalg.solve")
def solve(a: Node, b: Node) -> Node:
    """x with a @ x = b, for vectors or matrices `b`."""
    a, b = np_same(a, b)
    if b.ndim == a.ndim - 1:
        return reshape(solution(a, reshape(b, (*b.shape, 1))), b.shape)
    return solution(a, b)


@public("np.linalg.cholesky")
def cholesky(a: Node, upper=False) -> Node:
    """The lower (or upper) triangular factor of positive definite matrices; MXNetError for others."""
    return transposed(lower_factor(a)) if upper else lower_factor(a)


@public("np.linalg.eigh")
def eigh(a: Node, UPLO="L", upper=False) -> tuple[Node, ...]:
    """The eigenvalues, ascending, and eigenvectors (columns) of symmetric matrices, of which one triangle is read.

    UPLO: "L" or "U", as in NumPy; or, as MXNet 2's `upper` stands in its place, whether it is the upper one.
    """
    return items(eigensystem(transposed(a) if upper or UPLO in ("U", True) else a))


@public("np.linalg.eigvalsh")
def eigvalsh(a: Node, UPLO="L", upper=False) -> Node:
    """The eigenvalues of symmetric matrices, ascending."""
    return eigh(a, UPLO, upper)[0]


@public("np.linalg.svd")
def svd(a: Node) -> tuple[Node, ...]:
    """u, s, v with a = (u * s) @ v: thin factors, singular values descending."""
    return items(singular_system(a))


@public("np.linalg.svdvals")
def svdvals(a: Node) -> Node:
    """The singular values, descending."""
    return singular_values(a)


@public("np.linalg.qr")
def qr(a: Node, mode="reduced") -> tuple[Node, ...]:
    """q with orthonormal columns and r upper triangular, a = q @ r."""
    if mode != "reduced":
        raise NotImplementedError(f"np.linalg.qr(mode={mode!r})")
    return items(orthogonal_and_upper(a))


@public("np.linalg.matrix_transpose")
def matrix_transpose(a: Node) -> Node:
    """The matrices' transposes."""
    return transposed(a)
