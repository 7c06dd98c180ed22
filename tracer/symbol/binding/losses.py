"""Outputs of a pass as heads of a backward: losses, whose gradient needs no cotangent, and constants."""
from __future__ import annotations

from tracer.ops.ir.aval import Shape
from tracer.ops.ir.devices import place_op
from tracer.ops.ir.node import Node, depend_op, leaf_op, mark_op, stop_op
from tracer.ops.ir.op import VIEW

from ...core.trace import Value


def ignores_head(value: Value) -> bool:
    """Whether the gradient of a pending value ignores its cotangent: that of MXNet's output layers, or none at all."""
    node = value.node
    while node is not None and (node.op.kind == VIEW or node.op is place_op):
        node = node.inputs[0]
    if node is None or not node.inputs or node.op.vjp is None:
        return True
    return node.op.seeds is not None and node.op.seeds(node)


def is_head(value: Value, cotangent: Shape | None) -> bool:
    """Whether a value of a recorded pass is one from which a backward goes, given the shape of its cotangent.

    It is where it has a derivative by some variable. MXNet does not look at the cotangents of others.
    """
    if not value.history or not (value.node is None or value.node.reach):
        return False
    if cotangent is None:
        return value.aval.dtype.kind == "f"
    return cotangent == value.aval.shape or value.node is None or _has_derivative(value.node)


def _has_derivative(node: Node) -> bool:
    """Whether a way from a node to a variable has no op on it whose derivative is 0."""
    seen, left = {node}, [node]
    while left:
        n = left.pop()
        if n.op is leaf_op or n.op is mark_op:
            return True
        if n.op is not stop_op and n.op.vjp is not None:
            new = set(n.inputs[:1] if n.op is depend_op else n.inputs) - seen
            seen |= new
            left += new
    return False
