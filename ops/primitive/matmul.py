"""Matrix products. The primitive is batched; its attributes say which operands are transposed."""
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..declare.families import call, operands
from ..ir.aval import Aval, aval
from ..ir.errors import MXNetError
from ..ir.node import Node
from ..ir.op import FLOATS
from ..ir.shapes import broadcast
from .linear import broadcast_to, reshape

#: The multiplications in a product of matrices from which BLAS may use threads of its own.
_THREADED = 1 << 13


def multiplied(a: Any, b: Any) -> Any:
    """NumPy's product of arrays of matrices, with denormals kept or flushed as this thread's arithmetic does.

    BLAS's own threads may be in another mode of the processor. Where a product may be theirs, this thread multiplies
    the operands and the result by one.
    """
    if a.dtype.kind != "f" or a.shape[-2] * a.shape[-1] * b.shape[-1] < _THREADED:
        return np.matmul(a, b)
    out = np.matmul(a * 1, b * 1)
    return np.multiply(out, 1, out=out)


def _matmul_infer(a: Aval, b: Aval, ta: bool, tb: bool) -> Aval:
    m, k = a.shape[-2:][::-1] if ta else a.shape[-2:]
    k2, n = b.shape[-2:][::-1] if tb else b.shape[-2:]
    if k != k2 or a.shape[:-2] != b.shape[:-2] or a.dtype != b.dtype:
        raise MXNetError(f"matrix product of {a!r}{'ᵀ' * ta} and {b!r}{'ᵀ' * tb}: inner dimensions {k} and {k2}")
    return aval((*a.shape[:-2], m, n), a.dtype)


def _matmul_ref(a: Any, b: Any, ta: bool, tb: bool) -> Any:
    a = np.swapaxes(a, -1, -2) if ta else a
    b = np.swapaxes(b, -1, -2) if tb else b
    if a.dtype == np.float16:
        return multiplied(a.astype(np.float32), b.astype(np.float32)).astype(np.float16)
    return multiplied(a, b)


def _matmul_vjp(g: Node, node: Node) -> tuple[Node, Node]:
    (a, b), (ta, tb) = node.inputs, node.attrs
    ga = product(b, g, tb, True) if ta else product(g, b, False, not tb)
    gb = product(g, a, True, ta) if tb else product(a, g, not ta, False)
    return ga, gb


def _matmul_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(8)
    for ta in (False, True):
        for tb in (False, True):
            yield [rng.randn(*((4, 3) if ta else (3, 4))), rng.randn(*((5, 4) if tb else (4, 5)))], (ta, tb)
    yield [rng.randn(2, 3, 4), rng.randn(2, 4, 5)], (False, False)
    yield [rng.randn(3, 0), rng.randn(0, 2)], (False, False)


_APART = [operands((2, 3), (2, 3)), operands((2, 3, 4), (3, 4, 5)),
          operands((2, 3)) + operands((3, 2), dtype="float64")]
_product = call("matmul", _matmul_infer, _matmul_ref, _matmul_vjp, samples=_matmul_samples, step="gemm",
                may_fail=False, errors=[(given, (False, False), MXNetError) for given in _APART])


def _onto_infer(a: Aval, b: Aval, c: Aval, *rest: Any) -> Aval:
    ta, tb, *_ = rest[-6:]
    made = _matmul_infer(a, b, ta, tb)
    if made is not c:
        raise MXNetError(f"a matrix product {made!r} is not to be added to {c!r}")
    return made


def _onto_ref(a: Any, b: Any, c: Any, *rest: Any) -> Any:
    *numbers, ta, tb, alpha, beta, alpha_at, beta_at = rest
    alpha = alpha * numbers[alpha_at] if alpha_at >= 0 else alpha
    beta = beta * numbers[beta_at] if beta_at >= 0 else beta
    return np.asarray(alpha, c.dtype) * _matmul_ref(a, b, ta, tb) + np.asarray(beta, c.dtype) * c


def _onto_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(9)
    yield [rng.randn(3, 4), rng.randn(4, 5), rng.randn(3, 5)], (False, False, 1.0, 1.0, -1, -1)
    yield [rng.randn(4, 3), rng.randn(5, 4), rng.randn(3, 5)], (True, True, -0.5, 2.0, -1, -1)
    yield [rng.randn(2, 3, 4), rng.randn(2, 4, 5), rng.randn(2, 3, 5)], (False, False, 1.0, -1.0, -1, -1)


# alpha * op(a) @ op(b) + beta * c for floats. Inputs: (a, b, c, *numbers); attrs: (ta, tb, alpha, beta, alpha_at,
# beta_at). alpha is also multiplied by numbers[alpha_at] unless that is -1; beta likewise. There is no vjp: the pass
# jit/graph/fold_matmul.py makes these nodes after differentiation.
call("matmul_onto", _onto_infer, _onto_ref, samples=_onto_samples, step="gemm", may_fail=False, dtypes=FLOATS,
     errors=[(operands((2, 3), (3, 2), (2, 3)), (False, False, 1.0, 1.0, -1, -1), MXNetError)])


def product(a: Node, b: Node, ta: bool = False, tb: bool = False) -> Node:
    """op(a) @ op(b) with equal batch axes; both of one dtype and at least 2-d. ta, tb: whether a, b is transposed."""
    return _product(a, b, attrs=(ta, tb))


def matmul(a: Node, b: Node) -> Node:
    """NumPy's matmul: a 1-d operand is a row on the left, a column on the right; batch axes broadcast."""
    if a.ndim == 0 or b.ndim == 0:
        raise MXNetError("matmul: input operands do not have enough dimensions (0-d is not allowed)")
    x = reshape(a, (1, *a.shape)) if a.ndim == 1 else a
    y = reshape(b, (*b.shape, 1)) if b.ndim == 1 else b
    if x.shape[-1] != y.shape[-2]:
        raise MXNetError(f"matmul: shapes {a.shape} and {b.shape} are not aligned: "
                         f"{x.shape[-1]} (last axis) != {y.shape[-2]}")
    if y.ndim == 2 and x.ndim > 2:  # one tall product instead of a batch of them
        tall = product(reshape(x, (math.prod(x.shape[:-1]), x.shape[-1])), y)
        out = reshape(tall, (*x.shape[:-1], y.shape[-1]))
    else:
        batch = broadcast(x.shape[:-2], y.shape[:-2])
        out = product(broadcast_to(x, batch + x.shape[-2:]), broadcast_to(y, batch + y.shape[-2:]))
    shape = list(out.shape)
    if b.ndim == 1:
        shape.pop(-1)
    if a.ndim == 1:
        shape.pop(-1 if b.ndim == 1 else -2)
    return reshape(out, tuple(shape))

