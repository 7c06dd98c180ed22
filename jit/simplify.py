"""Algebra on graphs: a pass from outputs to equal outputs that are cheaper to run.

Nothing here changes a result beyond rounding, NaN, infinities and signed zeros included: `x * 0` and `x + 0` stay
where x is a float. (A sum of zeros may be of either sign, as NumPy's: that of [-0.0] is -0.0, of two of them 0.0.)
No rule looks at the value of a number that a kernel would take as an argument, as a mean's divisor: graphs for two
batch sizes come out alike.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tracer.ops.arithmetic import add, cast, cast_op, mul, neg, sub
from tracer.ops.linalg import product
from tracer.ops.movement import broadcast_to, reshape, transpose
from tracer.ops.node import Node, const, const_op, const_value, make, mark_op, stop_op, toposort
from tracer.ops.op import ELEMENTWISE, REDUCTION, VIEW

#: Up to here each integer is a float16: sums of more equal float16 numbers are not written as products.
EXACT_HALF = 2048


def simplify(outputs: Sequence[Node]) -> list[Node]:
    """`outputs` rewritten; the results have the same avals, in the same order."""
    done: dict[Node, Node] = {}
    for n in toposort(outputs):
        inputs = tuple([done[i] for i in n.inputs])
        done[n] = _rewrite(n if inputs == n.inputs else make(n.op, inputs, n.attrs))
    return [done[o] for o in outputs]


def _number(x: Node) -> float | int | bool | None:
    """The number that all elements of `x`, which is simplified, are known to be."""
    if x.op.name == "broadcast_to":
        x = x.inputs[0]
    return const_value(x) if x.op is const_op else None


def _rewrite(n: Node) -> Node:
    """`n`, whose inputs are simplified, by all rules that apply."""
    while True:
        rule = _RULES.get(n.op.name)
        found = n if rule is None else rule(n)
        if found is n:
            rule = _KINDS.get(n.op.kind)
            found = n if rule is None or not n.inputs else rule(n)
        if found is n:
            return n
        n = found


# ---- by kind -------------------------------------------------------------------------------------

def _elementwise(n: Node) -> Node:
    """Numbers are computed here, and what is broadcast is computed before that, once for all its copies.

    Elementwise ops broadcast by themselves: where that gives the shape, no explicit broadcast is left.
    """
    if not any([x.op is const_op or x.op.name == "broadcast_to" for x in n.inputs]):
        return n
    slim = tuple([x.inputs[0] if x.op.name == "broadcast_to" else x for x in n.inputs])
    if all([x.op is const_op for x in slim]):
        with np.errstate(all="ignore"):
            value = n.op.ref([x.op.ref([], x.attrs) for x in slim], n.attrs)
        return broadcast_to(const(np.asarray(value).item(), n.dtype), n.shape)
    if slim == n.inputs:
        return n
    return broadcast_to(_rewrite(make(n.op, slim, n.attrs)), n.shape)


def _reduction(n: Node) -> Node:
    """Of copies, one: a sum over copies is a product with their number, a maximum that of one."""
    x, axes = n.inputs[0], n.attrs[0]
    if not x.size:
        return n
    if all([x.shape[a] == 1 for a in axes]):
        return reshape(x, n.shape)
    if x.op.name != "broadcast_to":
        return n
    x, whole = x.inputs[0], x.shape
    lead = len(whole) - x.ndim
    own = tuple([a - lead for a in axes if a >= lead and x.shape[a - lead] == whole[a]])
    copies = math.prod([whole[a] for a in axes if a - lead not in own])
    summed = n.op.name == "reduce_sum" and n.dtype.kind != "b"
    if copies > 1 and (n.op.name == "reduce_prod" or summed and n.dtype == np.float16 and copies > EXACT_HALF):
        return n
    one = _rewrite(make(n.op, (x,), (own,))) if own else x
    one = _rewrite(reshape(one, tuple([d for a, d in enumerate(x.shape, lead) if a not in axes])))
    if copies > 1 and summed:
        count = np.array(copies).astype(n.dtype).item()  # integers wrap around as their sums do
        one = _rewrite(mul(one, const(count, n.dtype)))
    return broadcast_to(one, n.shape)


def _view(n: Node) -> Node:
    """Any view of copies of one element is such copies."""
    x = n.inputs[0]
    if x.op is const_op:
        return broadcast_to(x, n.shape)
    if x.op.name == "broadcast_to" and x.inputs[0].ndim == 0:
        return broadcast_to(x.inputs[0], n.shape)
    return n


# ---- by name -------------------------------------------------------------------------------------

def _add(n: Node) -> Node:
    x, y = n.inputs
    for one, other in ((x, y), (y, x)):
        if _is_zero(one, -1):
            return broadcast_to(other, n.shape)
        if one.op.name == "negative":
            return sub(other, one.inputs[0])
    return n


def _subtract(n: Node) -> Node:
    x, y = n.inputs
    if _is_zero(y, 1):
        return broadcast_to(x, n.shape)
    return add(x, y.inputs[0]) if y.op.name == "negative" else n


def _is_zero(x: Node, sign: int) -> bool:
    """Whether `x` is the zero of that sign, or an integer's."""
    value = _number(x)
    return value is not None and value == 0 and (x.dtype.kind != "f" or math.copysign(1, value) == sign)


def _multiply(n: Node) -> Node:
    x, y = n.inputs
    for one, other in ((x, y), (y, x)):
        value = _number(one)
        if value is None:
            continue
        if value == 1:
            return broadcast_to(other, n.shape)
        if value == 0 and n.dtype.kind != "f":
            return broadcast_to(one, n.shape)
        if value == -1:
            return broadcast_to(_rewrite(neg(other)), n.shape)
    return _both_negative(n)


def _divide(n: Node) -> Node:
    value = _number(n.inputs[1])
    if value == 1:
        return broadcast_to(n.inputs[0], n.shape)
    if value == -1:
        return broadcast_to(_rewrite(neg(n.inputs[0])), n.shape)
    return _both_negative(n) if n.dtype.kind == "f" else n


def _both_negative(n: Node) -> Node:
    x, y = n.inputs
    both = x.op.name == y.op.name == "negative"
    return make(n.op, (x.inputs[0], y.inputs[0])) if both else n


def _negative(n: Node) -> Node:
    return n.inputs[0].inputs[0] if n.inputs[0].op.name == "negative" else n


def _where(n: Node) -> Node:
    condition, x, y = n.inputs
    chosen = _number(condition)
    if chosen is not None:
        return broadcast_to(x if chosen else y, n.shape)
    return broadcast_to(x, n.shape) if x is y else n


def _reshape(n: Node) -> Node:
    x = n.inputs[0]
    return reshape(x.inputs[0], n.shape) if x.op.name == "reshape" else n


def _transpose(n: Node) -> Node:
    x, perm = n.inputs[0], n.attrs[0]
    if x.op.name == "transpose":
        return transpose(x.inputs[0], tuple(x.attrs[0][p] for p in perm))
    moved = [p for p in perm if x.shape[p] != 1]
    return reshape(x, n.shape) if moved == sorted(moved) else n


def _broadcast_to(n: Node) -> Node:
    x = n.inputs[0]
    if x.op.name == "broadcast_to":
        return broadcast_to(x.inputs[0], n.shape)
    if x.op.name == "reshape":  # a broadcast has leading axes of size 1 by itself
        inner = x.inputs[0]
        if x.shape == (1,) * (x.ndim - inner.ndim) + inner.shape:
            return broadcast_to(inner, n.shape)
    return n


def _cast(n: Node) -> Node:
    x = n.inputs[0]
    if x.dtype == n.dtype:
        return x
    return cast(x.inputs[0], n.dtype) if x.op is cast_op and _holds(x.dtype, x.inputs[0].dtype, n.dtype) else n


def _holds(wide: np.dtype, dtype: np.dtype, then: np.dtype) -> bool:
    """Whether numbers of `dtype` go over `wide` to `then` as they would directly."""
    if not np.can_cast(dtype, wide) or (wide.kind == "f" and dtype.kind in "iu" and dtype.itemsize == 8):
        return False  # not all are numbers of `wide`
    return then == dtype or not (wide.kind == "f" and then.kind in "iu")  # what is out of range is no number there


def _fold_transposes(n: Node) -> Node:
    a, b = n.inputs
    ta, tb = n.attrs

    def swapped(x: Node) -> bool:
        if x.op.name != "transpose":
            return False
        perm = x.attrs[0]
        return perm == (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)

    if swapped(a):
        a, ta = a.inputs[0], not ta
    if swapped(b):
        b, tb = b.inputs[0], not tb
    return n if (a, b) == n.inputs else product(a, b, ta, tb)


#: By the name of the op; then by its kind.
_RULES: dict[str, Callable[[Node], Node]] = {
    stop_op.name: lambda n: n.inputs[0], mark_op.name: lambda n: n.inputs[0],
    "own_gradient": lambda n: n.inputs[0],  # the others matter to derivatives only
    cast_op.name: _cast,
    "add": _add, "subtract": _subtract, "multiply": _multiply, "divide": _divide, "negative": _negative,
    "where": _where, "reshape": _reshape, "transpose": _transpose, "broadcast_to": _broadcast_to,
    "matmul": _fold_transposes}
_KINDS: dict[str, Callable[[Node], Node]] = {ELEMENTWISE: _elementwise, REDUCTION: _reduction, VIEW: _view}
