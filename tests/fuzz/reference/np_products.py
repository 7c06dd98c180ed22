"""`np`'s products, all as einsum."""
from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arrays import Array
from .movement import move
from .np_elementwise import BOOL, FUNCTIONS
from .products import Einsum
from .values import NoAnswer, apply


def contract(terms: Sequence[str], out: str, operands: Sequence[Any]) -> Any:
    """The einsum of operands of one dtype."""
    dtype = operands[0].dtype
    if any(o.dtype != dtype for o in operands):
        raise NoAnswer("two dtypes")
    values, names = [], []
    sizes: dict[str, int] = {}
    for term, operand in zip(terms, operands, strict=True):
        x = operand.value
        if any(sizes.setdefault(c, n) != n for c, n in zip(term, x.shape, strict=True)):
            raise NoAnswer("sizes")  # NumPy would broadcast a 1
        if len(set(term)) < len(term):  # take the diagonal first
            thin = "".join(dict.fromkeys(term))
            x, term = move(lambda a, t=term, s=thin: np.einsum(f"{t}->{s}", a), [x], dtype), thin
        values.append(x)
        names.append(term)
    if dtype == BOOL:
        raise NoAnswer("a product of bools")
    return type(operands[0]).of(apply(Einsum(tuple(names), out), values, dtype))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    if isinstance(axes, int):
        axes = (range(a.ndim - axes, a.ndim), range(axes))
    left, right = ([i % x.ndim for i in ([ax] if isinstance(ax, int) else ax)]
                   for x, ax in zip((a, b), axes, strict=True))
    if [a.shape[i] for i in left] != [b.shape[i] for i in right]:
        raise NoAnswer("shapes")
    names = list(string.ascii_lowercase[:a.ndim]), list(string.ascii_uppercase[:b.ndim])
    for i, j in zip(left, right, strict=True):
        names[1][j] = names[0][i]
    out = [c for i, c in enumerate(names[0]) if i not in left] + [c for j, c in enumerate(names[1]) if j not in right]
    return contract(["".join(names[0]), "".join(names[1])], "".join(out), [a, b])


def dot(a: Any, b: Any) -> Any:
    if not isinstance(b, Array) or not a.ndim or not b.ndim:
        return FUNCTIONS["multiply"](a, b)
    return tensordot(a, b, ([a.ndim - 1], [max(b.ndim - 2, 0)]))


def matmul(a: Any, b: Any) -> Any:
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[max(b.ndim - 2, 0)]:
        raise NoAnswer("shapes")
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    batch = string.ascii_uppercase[:len(lead)]
    left, right = "mk"[2 - min(a.ndim, 2):], "kn"[:min(b.ndim, 2)]
    a2 = FUNCTIONS["broadcast_to"](a, (*lead, *a.shape[-2:])) if a.ndim > 1 else a
    b2 = FUNCTIONS["broadcast_to"](b, (*lead, *b.shape[-2:])) if b.ndim > 1 else b
    out = batch + ("m" if a.ndim > 1 else "") + ("n" if b.ndim > 1 else "")
    return contract([(batch if a.ndim > 1 else "") + left, (batch if b.ndim > 1 else "") + right], out, [a2, b2])


def outer(a: Any, b: Any) -> Any:
    return contract(["i", "j"], "ij", [FUNCTIONS["ravel"](a), FUNCTIONS["ravel"](b)])


def inner(a: Any, b: Any) -> Any:
    return tensordot(a, b, ([-1], [-1])) if a.ndim and b.ndim else FUNCTIONS["multiply"](a, b)


def vdot(a: Any, b: Any) -> Any:
    return contract(["i", "i"], "", [FUNCTIONS["ravel"](a), FUNCTIONS["ravel"](b)])


def kron(a: Any, b: Any) -> Any:
    rank = max(a.ndim, b.ndim)
    left, right = (x.reshape((1,) * (rank - x.ndim) + x.shape) for x in (a, b))
    names = string.ascii_lowercase[:rank], string.ascii_uppercase[:rank]
    made = contract(names, "".join(x for pair in zip(*names, strict=True) for x in pair), [left, right])
    return made.reshape(tuple(m * n for m, n in zip(left.shape, right.shape, strict=True)))


def einsum(subscripts: str, *operands: Any) -> Any:
    terms, arrow, out = subscripts.replace(" ", "").partition("->")
    names = terms.split(",")
    if not arrow:
        out = "".join(sorted(c for c in set(terms) - {","} if terms.count(c) == 1))
    return contract(names, out, operands)


FUNCTIONS.update(tensordot=tensordot, dot=dot, matmul=matmul, outer=outer, inner=inner, vdot=vdot, kron=kron,
                 einsum=einsum)
