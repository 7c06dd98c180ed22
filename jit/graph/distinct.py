"""Distinct results: a pass that gives each result of a graph memory of its own to be written to."""
from __future__ import annotations

from collections.abc import Sequence

from tracer.ops.ir.node import Node
from tracer.ops.ir.op import LEAF

from .builder import Nodes
from .known_ops import DUPLICATE


def distinct(outputs: Sequence[Node], nodes: Nodes) -> list[Node]:
    """`outputs` of a graph, with copies in place of those that are operands, or the same as an earlier one."""
    return [nodes.make(DUPLICATE, (n,), (k,), n.aval) if n.op.kind == LEAF or n in outputs[:k] else n
            for k, n in enumerate(outputs)]
