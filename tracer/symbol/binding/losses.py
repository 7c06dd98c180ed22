"""Outputs of a pass as heads of a backward: losses, whose gradient needs no cotangent, and constants."""
from __future__ import annotations

from tracer.ops.ir.devices import place_op
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


def reaches_variables(value: Value) -> bool:
    """Whether a value of a recorded pass has a derivative by some variable."""
    return bool(value.history) and (value.node is None or bool(value.node.reach))
