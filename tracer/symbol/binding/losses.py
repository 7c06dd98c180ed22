"""Losses among the outputs of a pass: values whose gradient does not depend on a cotangent."""
from __future__ import annotations

from tracer.ops.ir.op import VIEW

from ...core.trace import Value


def ignores_head(value: Value) -> bool:
    """Whether the gradient of a pending value ignores its cotangent, as that of MXNet's output layers does."""
    node = value.node
    while node is not None and node.op.kind == VIEW:
        node = node.inputs[0]
    return node is None or not node.inputs or (node.op.seeds is not None and node.op.seeds(node))
