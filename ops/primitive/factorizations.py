"""Inverses, determinants, linear solves and factorizations of matrices (the last two axes), by NumPy's LAPACK."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..declare.families import Errors, Samples, call, operands
from ..ir.aval import Aval, Shape, aval
from ..ir.errors import MXNetError
from ..ir.node import Node, items
from ..ir.op import FLOATS
from .arithmetic import add, div, equal, like, mul, neg, sub, where
from .constants import band
from .linear import broadcast_to, reshape, transpose
from .matmul import matmul


def transposed(x: Node) -> Node:
    """The transposes of the matrices in the last two axes."""
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _matrix(x: Aval) -> None:
    if len(x.shape) < 2:
        raise MXNetError(f"an array of shape {x.shape} is no matrix")


def _square(x: Aval) -> None:
    _matrix(x)
    if x.shape[-1] != x.shape[-2]:
        raise MXNetError(f"Input A's last two dimension must be equal, got shape {x.shape}")


def _lapack(f: Callable) -> Callable:
    """NumPy's routine `f`: float16 is computed in float32, LinAlgError becomes MXNetError."""
    def ref(*arrays: Any) -> Any:
        dtype = np.asarray(arrays[0]).dtype
        try:
            out = f(*(np.asarray(a, np.float32) if np.asarray(a).dtype == np.float16 else a for a in arrays))
        except np.linalg.LinAlgError as error:
            raise MXNetError(f"{f.__name__} failed in lapack on cpu: {error}") from error
        return tuple(np.asarray(o).astype(dtype, copy=False) for o in out) if isinstance(out, tuple) else \
            np.asarray(out).astype(dtype, copy=False)

    return ref


def _samples(*tails: Shape, definite: bool = False) -> Samples:
    def samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
        rng = np.random.RandomState(13)
        for batch in [(), (2,)]:
            a = rng.randn(*batch, 3, 3)
            a = a @ np.swapaxes(a, -1, -2) + np.eye(3) if definite else a + 3 * np.eye(3)
            yield [a, *(rng.randn(*batch, *t) for t in tails)], ()

    return samples


def _same(check: Callable[[Aval], None]) -> Callable[[Aval], Aval]:
    def infer(x: Aval) -> Aval:
        check(x)
        return x

    return infer


def _stack_of_numbers(x: Aval) -> Aval:
    _square(x)
    return aval(x.shape[:-2], x.dtype)


def _scaled(g: Node, x: Node) -> Node:
    """Each matrix of `x` times its number in `g`."""
    return mul(reshape(g, (*g.shape, 1, 1)), x)


def _inv_vjp(g: Node, node: Node) -> tuple[Node]:
    y = transposed(node)
    return (neg(matmul(matmul(y, g), y)),)


#: Samples of errors: operands that are not matrices, and matrices that are not square.
_FLAT: Errors = [(operands((3,)), (), MXNetError)]
_OBLONG: Errors = [*_FLAT, (operands((2, 3)), (), MXNetError)]

inverse = call("inv", _same(_square), _lapack(np.linalg.inv), _inv_vjp, samples=_samples(), dtypes=FLOATS,
               errors=_OBLONG)
determinant = call("det", _stack_of_numbers, _lapack(np.linalg.det),
                   lambda g, node: (_scaled(mul(g, node), transposed(inverse(node.inputs[0]))),), samples=_samples(),
                   dtypes=FLOATS, errors=_OBLONG)


def _slogdet_infer(x: Aval) -> tuple[Aval, Aval]:
    out = _stack_of_numbers(x)
    return out, out


sign_and_log = call("slogdet", _slogdet_infer, _lapack(lambda a: tuple(np.linalg.slogdet(a))),
                lambda g, node: (None if g[1] is None else _scaled(g[1], transposed(inverse(node.inputs[0]))),),
                samples=_samples(), dtypes=FLOATS, errors=_OBLONG)


def _solve_infer(a: Aval, b: Aval) -> Aval:
    _square(a)
    if a.dtype != b.dtype or b.shape[:-2] != a.shape[:-2] or b.shape[-2] != a.shape[-1]:
        raise MXNetError(f"solve: shapes {a.shape} and {b.shape} don't fit")
    return b


def _solve_vjp(g: Node, node: Node) -> tuple[Node, Node]:
    a, _ = node.inputs
    gb = solution(transposed(a), g)
    return neg(matmul(gb, transposed(node))), gb


solution = call("solve", _solve_infer, _lapack(np.linalg.solve), _solve_vjp, samples=_samples((3, 2)), dtypes=FLOATS,
                errors=[(operands((2, 3), (3, 1)), (), MXNetError), (operands((3, 3), (2, 1)), (), MXNetError)])


def _halved_lower(x: Node) -> Node:
    """The lower triangle of the matrices, with half the diagonal."""
    shape = x.shape
    diagonal = broadcast_to(band(shape, 0, 0), shape)
    lower = broadcast_to(band(shape, None, 0), shape)
    return where(diagonal, mul(x, like(x, 0.5)), where(lower, x, like(x, 0)))


def _symmetric(x: Node) -> Node:
    return mul(add(x, transposed(x)), like(x, 0.5))


def _cholesky_vjp(g: Node, node: Node) -> tuple[Node]:
    back = inverse(node)
    middle = _halved_lower(matmul(transposed(node), g))
    return (_symmetric(matmul(matmul(transposed(back), middle), back)),)


lower_factor = call("cholesky", _same(_square), _lapack(np.linalg.cholesky), _cholesky_vjp,
                 samples=_samples(definite=True), smooth=False, dtypes=FLOATS, errors=_OBLONG)


def _eigh_infer(x: Aval) -> tuple[Aval, Aval]:
    _square(x)
    return aval(x.shape[:-1], x.dtype), x


def _eigh_vjp(g: Any, node: Node) -> tuple[Node]:
    w, v = items(node)
    n = v.shape[-1]
    columns, rows = reshape(w, (*w.shape[:-1], 1, n)), reshape(w, (*w.shape, 1))
    on_diagonal = broadcast_to(band(v.shape, 0, 0), v.shape)
    inner = like(v, 0)
    if g[0] is not None:
        inner = where(on_diagonal, reshape(g[0], (*w.shape, 1)), inner)
    if g[1] is not None:
        gaps = sub(columns, rows)
        gaps = where(equal(gaps, like(gaps, 0)), like(gaps, 1), gaps)
        turned = div(matmul(transposed(v), g[1]), gaps)
        inner = add(inner, where(on_diagonal, like(v, 0), turned))
    inner = broadcast_to(inner, v.shape)
    return (_symmetric(matmul(matmul(v, inner), transposed(v))),)


eigensystem = call("eigh", _eigh_infer, _lapack(lambda a: tuple(np.linalg.eigh(a))), _eigh_vjp,
             samples=_samples(definite=True), smooth=False, dtypes=FLOATS, errors=_OBLONG)


def _svd_infer(x: Aval) -> tuple[Aval, Aval, Aval]:
    _matrix(x)
    (m, n), batch = x.shape[-2:], x.shape[:-2]
    k = min(m, n)
    return aval((*batch, m, k), x.dtype), aval((*batch, k), x.dtype), aval((*batch, k, n), x.dtype)


def _svd_vjp(g: Any, node: Node) -> tuple[Node]:
    gu, gs, gvt = g
    u, s, vt = items(node)
    k = s.shape[-1]
    columns, rows = reshape(s, (*s.shape[:-1], 1, k)), reshape(s, (*s.shape, 1))
    square_shape = (*s.shape[:-1], k, k)
    on_diagonal = broadcast_to(band(square_shape, 0, 0), square_shape)
    gaps = where(on_diagonal, like(s, 1), sub(mul(columns, columns), mul(rows, rows)))

    def turning(basis: Node, gb: Node) -> Node:
        """The antisymmetric part of a basis's cotangent within the basis's span, divided by the gaps of the values."""
        inside = matmul(transposed(basis), gb)
        return where(on_diagonal, like(s, 0), div(sub(inside, transposed(inside)), gaps))

    def beyond(basis: Node, gb: Node) -> Node:
        """The part of a cotangent outside the basis's span, divided by the singular values."""
        return div(sub(gb, matmul(basis, matmul(transposed(basis), gb))), columns)

    out = like(s, 0) if gs is None else matmul(mul(u, reshape(gs, columns.shape)), vt)
    if gu is not None:
        out = add(out, matmul(add(matmul(u, mul(turning(u, gu), columns)), beyond(u, gu)), vt))
    if gvt is not None:
        v, gv = transposed(vt), transposed(gvt)
        out = add(out, matmul(u, add(matmul(mul(turning(v, gv), rows), vt), transposed(beyond(v, gv)))))
    return (broadcast_to(out, node.inputs[0].shape),)


singular_system = call("svd", _svd_infer, _lapack(lambda a: tuple(np.linalg.svd(a, full_matrices=False))), _svd_vjp,
            samples=_samples(), smooth=False, dtypes=FLOATS, errors=_FLAT)


def singular_values(x: Node) -> Node:
    """The singular values of matrices, largest first."""
    return items(singular_system(x))[1]


def _qr_infer(x: Aval) -> tuple[Aval, Aval]:
    _matrix(x)
    (m, n), batch = x.shape[-2:], x.shape[:-2]
    return aval((*batch, m, min(m, n)), x.dtype), aval((*batch, min(m, n), n), x.dtype)


def _qr_vjp(g: Any, node: Node) -> tuple[Node]:
    q, r = items(node)
    if r.shape[-1] != r.shape[-2]:
        raise NotImplementedError("the gradient of qr for matrices that are wider than high")
    gq, gr = (like(x, 0) if part is None else part for x, part in zip((q, r), g, strict=True))
    gq, gr = broadcast_to(gq, q.shape), broadcast_to(gr, r.shape)
    m = sub(matmul(r, transposed(gr)), matmul(transposed(gq), q))
    lower = _halved_lower(m)
    return (matmul(add(gq, matmul(q, add(lower, transposed(lower)))), transposed(inverse(r))),)


orthogonal_and_upper = call("qr", _qr_infer, _lapack(lambda a: tuple(np.linalg.qr(a))), _qr_vjp, samples=_samples(),
           smooth=False, dtypes=FLOATS, errors=_FLAT)
