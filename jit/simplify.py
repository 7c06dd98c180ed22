"""Algebra on graphs: a pass from outputs to equal outputs that are cheaper to run.

Nothing here changes a result beyond rounding, NaN, infinities and signed zeros included: `x * 0` and `x + 0` stay.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence

from tracer.ops.arithmetic import cast, cast_op
from tracer.ops.linalg import product
from tracer.ops.movement import broadcast_to, reshape, transpose
from tracer.ops.node import Node, const_op, const_value, make, mark_op, stop_op, toposort
from tracer.ops.op import ELEMENTWISE, REDUCTION
from tracer.ops.shapes import broadcast


def simplify(outputs: Sequence[Node]) -> list[Node]:
    """`outputs` rewritten; the results have the same avals, in the same order."""
    done: dict[Node, Node] = {}
    for n in toposort(outputs):
        inputs = tuple([done[i] for i in n.inputs])
        done[n] = _rewrite(n if inputs == n.inputs else make(n.op, inputs, n.attrs))
    return [done[o] for o in outputs]


def _number(x: Node) -> float | int | bool | None:
    """The number that all elements of `x` are known to be."""
    while x.op.name in ("broadcast_to", "reshape"):
        x = x.inputs[0]
    return const_value(x) if x.op is const_op else None


def _rewrite(n: Node) -> Node:
    rule = _RULES.get(n.op.name)
    if rule is not None:
        found = rule(n)
        if found is not n:
            return found
    kind = n.op.kind
    if kind == ELEMENTWISE:
        for x in n.inputs:
            if x.op.name == "broadcast_to":
                return _implicit_broadcast(n)
    elif kind == REDUCTION:
        x, axes = n.inputs[0], n.attrs[0]
        if x.size and all([x.shape[a] == 1 for a in axes]):
            return reshape(x, n.shape)
    return n


def _multiply(n: Node) -> Node:
    x, y = n.inputs
    for one, other in ((x, y), (y, x)):
        if _number(one) == 1:
            return broadcast_to(other, n.shape)
    return n


def _divide(n: Node) -> Node:
    return broadcast_to(n.inputs[0], n.shape) if _number(n.inputs[1]) == 1 else n


def _negative(n: Node) -> Node:
    return n.inputs[0].inputs[0] if n.inputs[0].op.name == "negative" else n


def _reshape(n: Node) -> Node:
    x = n.inputs[0]
    return reshape(x.inputs[0], n.shape) if x.op.name == "reshape" else n


def _transpose(n: Node) -> Node:
    x = n.inputs[0]
    if x.op.name == "transpose":
        return transpose(x.inputs[0], tuple(x.attrs[0][p] for p in n.attrs[0]))
    return n


def _broadcast_to(n: Node) -> Node:
    x = n.inputs[0]
    return broadcast_to(x.inputs[0], n.shape) if x.op.name == "broadcast_to" else n


def _cast(n: Node) -> Node:
    x = n.inputs[0]
    if x.dtype == n.dtype:
        return x
    if x.op is const_op:
        return cast(x, n.dtype)
    return n


def _implicit_broadcast(n: Node) -> Node:
    """Elementwise ops broadcast by themselves: an explicit broadcast of an operand is dropped where it can be."""
    inputs = list(n.inputs)
    for i, x in enumerate(inputs):
        if x.op.name == "broadcast_to":
            slim = [*inputs[:i], x.inputs[0], *inputs[i + 1:]]
            if broadcast(*(s.shape for s in slim)) == n.shape:
                inputs = slim
    return n if tuple(inputs) == n.inputs else make(n.op, tuple(inputs), n.attrs)


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


#: By the name of the op.
_RULES: dict[str, Callable[[Node], Node]] = {
    stop_op.name: lambda n: n.inputs[0], mark_op.name: lambda n: n.inputs[0], cast_op.name: _cast,
    "multiply": _multiply, "divide": _divide, "negative": _negative, "reshape": _reshape, "transpose": _transpose,
    "broadcast_to": _broadcast_to, "matmul": _fold_transposes}
