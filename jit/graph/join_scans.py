"""Joining of scans: one that also keeps values for a derivative takes the place of the one that it repeats."""
from __future__ import annotations

from collections.abc import Sequence

from tracer.ops.control.adjoint import repeated
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node

from .builder import Nodes
from .known_ops import SCAN


def join_scans(outputs: Sequence[Node], nodes: Nodes) -> list[Node]:
    """`outputs` of a graph in which no scan repeats the steps of another one."""
    order = toposort(outputs)
    larger: dict[tuple, Node] = {}
    for n in order:
        if n.op is SCAN:
            body, *rest = n.attrs
            of = repeated(body)
            if of is not None:
                larger[(n.inputs, of, *rest)] = n
    if not larger:
        return list(outputs)
    done: dict[Node, Node] = {}
    for n in order:
        inputs = tuple([done[i] for i in n.inputs])
        aval, attrs = n.aval, n.attrs
        if n.op is SCAN and (n.inputs, *n.attrs) in larger:
            whole = larger[(n.inputs, *n.attrs)]
            aval, attrs = whole.aval, whole.attrs
        done[n] = n if inputs == n.inputs and attrs is n.attrs else nodes.make(n.op, inputs, attrs, aval)
    return [done[o] for o in outputs]
