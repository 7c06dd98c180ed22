"""Algebra on graphs: a pass from outputs to equal outputs that are cheaper to run.

Nothing here changes a result beyond rounding, NaN, infinities and signed zeros included: `x * 0` and `x + 0` stay.
"""
from __future__ import annotations

from collections.abc import Sequence

from tracer.ops.arithmetic import cast, cast_op
from tracer.ops.linalg import product
from tracer.ops.movement import broadcast_to, reshape, transpose
from tracer.ops.node import Node, const_op, const_value, make, mark_op, stop_op, toposort
from tracer.ops.op import ELEMENTWISE
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
    name = n.op.name
    if n.op is stop_op or n.op is mark_op:
        return n.inputs[0]
    if n.op is cast_op:
        return _cast(n)
    if name == "multiply":
        x, y = n.inputs
        for one, other in ((x, y), (y, x)):
            if _number(one) == 1:
                return broadcast_to(other, n.shape)
    if name == "divide" and _number(n.inputs[1]) == 1:
        return broadcast_to(n.inputs[0], n.shape)
    if name == "negative" and n.inputs[0].op.name == "negative":
        return n.inputs[0].inputs[0]
    if n.op.kind == ELEMENTWISE and n.inputs:
        return _implicit_broadcast(n)
    if name == "reshape":
        x = n.inputs[0]
        return reshape(x.inputs[0], n.shape) if x.op.name == "reshape" else n
    if name == "transpose":
        x = n.inputs[0]
        if x.op.name == "transpose":
            return transpose(x.inputs[0], tuple(x.attrs[0][p] for p in n.attrs[0]))
        return n
    if name == "broadcast_to":
        x = n.inputs[0]
        return broadcast_to(x.inputs[0], n.shape) if x.op.name == "broadcast_to" else n
    if name.startswith("reduce_"):
        x, axes = n.inputs[0], n.attrs[0]
        if x.size and all(x.shape[a] == 1 for a in axes):
            return reshape(x, n.shape)
    if name == "matmul":
        return _fold_transposes(n)
    return n


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


