"""The backward pass: propagates cotangents over the tape and its cuts (segments), from heads to variables."""
from __future__ import annotations

from operator import attrgetter
from typing import Any

from tracer.ops.control.gradient import gradient
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, reach_of

from ..core.flush import sync
from ..core.invoke import ones_value
from ..core.segment import Segment, TapeEntry
from ..core.trace import Trace, Value, current, node_of
from .segment_runs import equal_segments, pull

_order_of = attrgetter("order")


class Backward:
    """One backward pass: propagates cotangents from heads to variables, the latest tape entry first.

    create_graph: whether the gradients will be differentiated in turn.
    waiting: the cotangents of entries that have not been visited, by entry and slot.
    gradients: the cotangents found for each variable.
    visited: the entries that the pass has gone through.
    """

    __slots__ = ("create_graph", "waiting", "gradients", "visited")

    def __init__(self, create_graph: bool = False) -> None:
        self.create_graph = create_graph
        self.waiting: dict[TapeEntry, dict[int, list[Value]]] = {}
        self.gradients: dict[Any, list[Value]] = {}
        self.visited: list[TapeEntry] = []

    def run(self, heads: list[Value], cotangents: list[Value | None]) -> None:
        """Propagate `cotangents` (None: ones) from `heads` until only the variables' gradients are left."""
        self._propagate(heads, cotangents)
        while self.waiting:
            entry = _latest(self.waiting)
            given = self.waiting.pop(entry)
            if type(entry) is Segment:
                for values in given.values():
                    for v in values:
                        if v.buffer is None:
                            sync(v, "backward over a cut")
                stretch = None if self.waiting else equal_segments(entry, given)
                self.visited += stretch or (entry,)
                pairs = pull(stretch, given) if stretch else entry.pull(given, self.create_graph)
                for value, cotangent in pairs:  # all computed: there is no node to propagate through
                    self._accumulate(value, cotangent)
                continue
            self.visited.append(entry)
            pairs = entry.pull(given, self.create_graph)
            self._propagate([v for v, _ in pairs], [g for _, g in pairs])

    def _propagate(self, values: list[Value], cotangents: list[Value | None]) -> None:
        trace = current().trace
        inside: list[Value] = []
        given: list[Value | None] = []
        for value, g in zip(values, cotangents):
            if value.buffer is not None or value.trace is not trace or value.variable is not None:
                self._accumulate(value, g)
            elif value.node in trace.targets:
                self._accumulate(trace.targets[value.node], g)
            elif value.history:
                inside.append(value)
                given.append(g)
        if not inside:
            return
        nodes = tuple([v.node for v in inside])
        cots = tuple([None if g is None else node_of(g) for g in given])
        targets = targets_of(nodes, trace)  # type: ignore[arg-type]
        if trace.retained:
            targets += tuple([n for n in toposort(nodes) if n in trace.retained])  # type: ignore[arg-type]
        if not targets:
            return
        for target, node in zip(targets, gradient(nodes, cots, targets)):  # type: ignore[arg-type]
            value = trace.targets.get(target) or trace.retained[target]
            self._accumulate(value, trace.new(node, None, inside[0].line))

    def _accumulate(self, value: Value, g: Value | None) -> None:
        if g is None:
            g = ones_value(value.aval)
        if value.retained is not None and not isinstance(value.entry, Segment):
            self.gradients.setdefault(value.retained, []).append(g)
        if value.variable is not None:
            self.gradients.setdefault(value.variable, []).append(g)
        elif value.entry is not None:
            self.waiting.setdefault(value.entry, {}).setdefault(value.slot, []).append(g)


def _latest(waiting: dict[TapeEntry, Any]) -> TapeEntry:
    return max(waiting, key=_order_of) if len(waiting) > 1 else next(iter(waiting))


def targets_of(nodes: tuple[Node, ...], trace: Trace) -> tuple[Node, ...]:
    """The nodes of variables and earlier tape values in `trace` that `nodes` depend on."""
    known = trace.targets
    if len(nodes) == 1:
        return tuple([n for n in reach_of(nodes[0]) if n in known])
    found: dict[Node, None] = {}
    for head in nodes:
        for n in reach_of(head):
            if n in known:
                found[n] = None
    return tuple(found)
