"""Hybridized blocks: what a forward pass recorded is remembered by its operands, and recorded again without Python.

The first call with given operands runs `forward`; a later one with the same nodes looks its results up. That holds
only for a pass that is a function of its operands: one that reads a value, writes into an array, draws random
numbers or uses an array which it was not given is run as Python every time.
"""
from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tracer.jit.cpython.collector import untrack
from tracer.ops.ir.node import Node

from ..core.call_cache import MEMO
from ..core.flush import living
from ..core.invoke import Handle, operand_node, stopped, wrap
from ..core.trace import VARIABLE, Trace, Value, current, effects


@dataclass(frozen=True, eq=False)
class Recorded:
    """What a pass left in the trace: its results, as (node, flavour, whether it is recorded), how they are nested,
    and the Python numbers that it used."""

    results: tuple[tuple[Node, type, bool], ...]
    nesting: Any
    numbers: tuple[float | int, ...]


class Capture(Trace):
    """The trace during a pass: the same as the one outside, but it notices what enters besides the operands."""

    __slots__ = ("outside", "open")

    def __init__(self, outside: Trace, nodes: dict[Value, Node]) -> None:
        for name in Trace.__slots__:
            setattr(self, name, getattr(outside, name))
        self.outside = outside
        self.nodes = nodes
        self.limit = sys.maxsize  # a pass is remembered whole
        self.open = False

    def enter(self, value: Value) -> Node:
        """The node of a value from outside."""
        node = self.nodes.get(value)
        if node is None:
            self.open = True
            outside = self.outside
            node = value.node if value.trace is outside else outside.enter(value)
            assert node is not None
            self.nodes[value] = node
        return node

    def close(self) -> None:
        """Go on outside, with what is still alive."""
        outside = self.outside
        self.pending[:] = living(self.pending)
        for v in self.pending:
            if v.trace is self:
                v.trace = outside
        for name in ("last", "marks", "updated", "recording", "training"):
            setattr(outside, name, getattr(self, name))
        current().trace = outside


def call(identity: Any, forward: Callable[..., Any], args: tuple) -> Any:
    """`forward(*args)`, or what it recorded when `identity` last met these operands."""
    operands: list[Handle] = []
    nesting = _flatten(args, operands)
    if nesting is None:
        return forward(*args)
    trace = current().trace
    recording = trace.recording
    lineage: list[Any] = [None]
    flags: list[bool] = []
    nodes: list[Node] = []
    for x in operands:
        value = x._value
        recorded = True if recording and (value.recorded or value.variable is not None) else False
        if recorded:
            lineage.append(value.recorded or VARIABLE)
        flags.append(recorded)
        nodes.append(operand_node(trace, value, recorded))
    if len(lineage) > 1:
        nodes = stopped(trace, operands, nodes)
    numbers = len(trace.scalars)
    key = (identity, nesting, recording, trace.training, numbers, *(flags + nodes))
    known = MEMO.get(key)
    if known is None:
        return _run(key, forward, args, dict(zip([x._value for x in operands], nodes)))
    scalars = trace.scalars
    scalars += known.numbers
    handles = []
    for node, flavour, recorded in known.results:
        value = Value(node.aval, node, trace, lineage.copy() if recorded else None, None)
        untrack(value)
        trace.pending.append(value)
        handles.append(wrap(flavour, value))
    return handles[0] if known.nesting == "array" else _nest(known.nesting, iter(handles))


def _run(key: tuple, forward: Callable[..., Any], args: tuple, operands: dict[Value, Node]) -> Any:
    """`forward(*args)`, to be remembered by `key` if it is a function of its operands."""
    trace = current().trace
    nodes = list(operands.values())
    inside = Capture(trace, operands)
    before, numbers = next(effects), len(trace.scalars)
    current().trace = inside
    try:
        result = forward(*args)
    finally:
        if current().trace is inside:
            inside.close()
    if current().trace is trace and not inside.open and next(effects) == before + 1:
        _remember(key, result, trace, nodes, numbers)
    return result


def _remember(key: tuple, result: Any, trace: Trace, operands: list[Node], numbers: int) -> None:
    handles: list[Handle] = []
    nesting = _flatten((result,), handles)
    if nesting is None or any(h._value.trace is not trace for h in handles):
        return
    results = tuple([(h._value.node, type(h), bool(h._value.recorded)) for h in handles])
    if not any(n in operands for n, _, _ in results):
        MEMO[key] = Recorded(results, nesting[1][0], tuple(trace.scalars[numbers:]))  # type: ignore[arg-type]


def _flatten(x: Any, into: list[Handle]) -> Any:
    """How the arrays of `x` are nested, which go `into` a list; None when there is anything but arrays in it."""
    if isinstance(x, Handle):
        into.append(x)
        return "array"
    if not isinstance(x, (list, tuple)):
        return None
    inner = tuple([_flatten(i, into) for i in x])
    return None if None in inner else (type(x), inner)


def _nest(nesting: Any, handles: Any) -> Any:
    if nesting == "array":
        return next(handles)
    kind, inner = nesting
    return kind([_nest(i, handles) for i in inner])
