"""Cached graphs: the graph that a forward pass recorded is cached by its operands, and recorded again without Python.

The first call with given operands runs `forward`; a later one with the same nodes looks up its results. This applies
to a pass that is a function of its operands: arguments, parameters, auxiliary states. Its writes into these, the draws
of its layers and its hooks of a backward are repeated. A pass that reads a value, writes into another array, draws
outside of a layer or uses an array which is not an operand runs as Python every time.
"""
from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tracer.ops.ir.node import Node

from ..core.call_cache import CALL_CACHE
from ..core.flush import living
from ..core.history import Hook, Hooked
from ..core.invoke import Handle, constant, stopped, wrap
from ..core.trace import Trace, Value, current, effects


class Result(NamedTuple):
    """A result of a forward pass.

    node: its node.
    flavour: the class of its handle.
    recorded: whether it has a history.
    hooks: the numbers of the hooks that a backward from it passes.
    """

    node: Node
    flavour: type
    recorded: bool
    hooks: tuple[int, ...]


class CachedHook(NamedTuple):
    """A hook of a forward pass.

    run: its function.
    operands: the numbers of the operands that the function is called with.
    nodes: the nodes of the new values for them.
    """

    run: Callable[[Sequence[Any], Sequence[Any]], None]
    operands: tuple[int, ...]
    nodes: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class CachedGraph:
    """A cached forward pass.

    results: its arrays.
    nesting: the structure of lists and tuples that these are returned in.
    numbers: the Python numbers that it used.
    plain: whether it has no draws, writes or hooks.
    draws: the functions that draw its random numbers, in order.
    entered: the numbers of the draws that are leaves, in the leaves' order.
    writes: the numbers of the operands that it writes to, with the nodes of their new values.
    hooks: its hooks of a backward.
    """

    results: tuple[Result, ...]
    nesting: Any
    numbers: tuple[float | int, ...]
    plain: bool
    draws: tuple[Callable[[], np.ndarray], ...]
    entered: tuple[int, ...]
    writes: tuple[tuple[int, Node], ...]
    hooks: tuple[CachedHook, ...]


#: The cache entry of a pass that draws: its nodes depend on the number of earlier leaves, which extends its key.
DRAWS = "draws"


class Capture(Trace):
    """The trace during a forward pass: it shares the outer trace's state, and notes draws, hooks and foreign arrays.

    outside: the trace outside.
    open: whether the pass uses an array that is neither an operand nor a draw.
    draws: the drawn values, each with the function that draws it.
    entered: the numbers of the draws that are leaves.
    hooks: the histories with hooks.
    """

    __slots__ = ("outside", "open", "draws", "entered", "hooks")

    def __init__(self, outside: Trace, nodes: dict[Value, Node]) -> None:
        for name in Trace.__slots__:
            setattr(self, name, getattr(outside, name))
        self.outside = outside
        self.nodes = nodes
        self.limit = sys.maxsize  # a pass is cached as a whole
        self.open = False
        self.draws: dict[Value, Callable[[], np.ndarray]] = {}
        self.entered: list[int] = []
        self.hooks: list[Hooked] = []

    def enter(self, value: Value) -> Node:
        """The node of a value from outside the pass."""
        node = self.nodes.get(value)
        if node is None:
            if value in self.draws:
                self.entered.append(list(self.draws).index(value))
            else:
                self.open = True
            node = self.nodes[value] = self.outside.node_of(value)
        return node

    def note_draw(self, value: Value, draw: Callable[[], np.ndarray]) -> None:
        """Note the function that draws `value`."""
        self.draws[value] = draw

    def note_hook(self, history: Hooked) -> None:
        """Note a history with a hook."""
        self.hooks.append(history)

    def close(self) -> None:
        """Make the trace outside the current one again, with the pending values that are alive."""
        outside = self.outside
        self.pending[:] = living(self.pending)
        for v in self.pending:
            if v.trace is self:
                v.trace = outside
        for name in ("last", "marks", "updated", "recording", "training"):
            setattr(outside, name, getattr(self, name))
        current().trace = outside


def call(identity: Any, forward: Callable[..., Any], args: tuple, parameters: Sequence[Handle]) -> Any:
    """The result of `forward(*args)`, from the cache if `identity` was called with these operands before.

    parameters: the arrays that `forward` uses besides its arguments.
    """
    operands: list[Handle] = []
    nesting = _flatten(args, operands)
    if nesting is None:
        return forward(*args)
    operands += parameters
    trace = current().trace
    recording = trace.recording
    history: list[Any] = [None]
    flags: list[bool] = []
    nodes: list[Node] = []
    for x in operands:
        value = x._value
        if recording and value.history:
            history.append(value.history)
            flags.append(True)
            nodes.append(trace.recorded_node_of(value))
        else:
            flags.append(False)
            nodes.append(trace.node_of(value))
    if len(history) > 1:
        nodes = stopped(trace, operands, nodes)
    scalars = trace.scalars
    key = (identity, nesting, recording, trace.training, len(scalars), *(flags + nodes))
    known = CALL_CACHE.get(key)
    if known is DRAWS:
        known = CALL_CACHE.get(key + (len(trace.leaves),))
    if known is None:
        return _run(key, forward, args, operands, nodes)
    scalars += known.numbers
    hooks = () if known.plain else _repeat(known, operands, history)
    handles = []
    for node, flavour, recorded, passed in known.results:
        own: Any = None
        if recorded:
            own = history.copy()
            for i in passed:
                own.append(hooks[i])
        handles.append(wrap(flavour, trace.new(node, own, None)))
    return handles[0] if known.nesting == "array" else _nest(known.nesting, iter(handles))


def _repeat(known: CachedGraph, operands: Sequence[Any], history: list[Any]) -> list[Hooked]:
    """Repeat the draws and writes of a cached pass, and return new histories with its hooks."""
    trace = current().trace
    drawn = [constant(draw()) for draw in known.draws]
    for i in known.entered:
        trace.enter(drawn[i])
    for i, node in known.writes:
        operands[i]._rebind(trace.new(node, None, None))
    return [Hooked(history, Hook(run, [operands[i] for i in numbers],
                                 [wrap(Handle, trace.new(node, None, None)) for node in nodes]))
            for run, numbers, nodes in known.hooks]


def _run(key: tuple, forward: Callable[..., Any], args: tuple, operands: list[Handle], nodes: list[Node]) -> Any:
    """The result of `forward(*args)`, which is cached under `key` if it is a function of the operands."""
    trace = current().trace
    values = [x._value for x in operands]
    inside = Capture(trace, dict(zip(values, nodes)))
    before, numbers, leaves = next(effects), len(trace.scalars), len(trace.leaves)
    current().trace = inside
    try:
        result = forward(*args)
    finally:
        if current().trace is inside:
            inside.close()
    written = [i for i, (x, old) in enumerate(zip(operands, values)) if x._value is not old]
    if current().trace is trace and not inside.open and next(effects) == before + 1 + len(written):
        graph = _remembered(result, inside, operands, nodes, written, tuple(trace.scalars[numbers:]))
        if graph is not None and graph.draws:
            CALL_CACHE[key] = DRAWS
            CALL_CACHE[(*key, leaves)] = graph
        elif graph is not None:
            CALL_CACHE[key] = graph
    return result


def _remembered(result: Any, inside: Capture, operands: list[Handle], nodes: list[Node], written: list[int],
                numbers: tuple[float | int, ...]) -> CachedGraph | None:
    """The cached form of the pass that returned `result`; None if it is no function of the operands."""
    trace = inside.outside
    handles: list[Handle] = []
    nesting = _flatten((result,), handles)
    if nesting is None:
        return None
    places = {id(x): i for i, x in enumerate(operands)}
    hooks = []
    for history in inside.hooks:
        hook = history.hook
        if any([id(x) not in places for x in hook.handles]):
            return None
        hooks.append(CachedHook(hook.run, tuple([places[id(x)] for x in hook.handles]),
                                    tuple([_node_in(trace, x) for x in hook.values])))
    writes = tuple([(i, _node_in(trace, operands[i])) for i in written])
    results = tuple([Result(_node_in(trace, x), type(x), bool(x._value.history), _passed(x, inside.hooks, operands))
                     for x in handles])
    made = [n for _, n in writes] + [r.node for r in results] + [n for h in hooks for n in h.nodes]
    if None in made or any([r.node in nodes for r in results]):
        return None
    if any([x._value.history and x._value.variable is None for x in [operands[i] for i in written]]):
        return None  # an operand has a new history, of this pass
    draws = tuple(inside.draws.values())
    return CachedGraph(results, nesting[1][0], numbers, not (draws or writes or hooks), draws, tuple(inside.entered),
                       writes, tuple(hooks))


def _node_in(trace: Trace, x: Handle) -> Any:
    return x._value.node if x._value.trace is trace else None


def _passed(x: Handle, hooks: list[Hooked], operands: list[Handle]) -> tuple[int, ...]:
    """The numbers of the hooks between the operands and `x`."""
    if not hooks or not x._value.history:
        return ()
    seen = {id(operand._value.history) for operand in operands}
    stack: list[Any] = [x._value.history]
    for history in stack:
        if isinstance(history, list) and id(history) not in seen:
            seen.add(id(history))
            stack += history
    return tuple([i for i, hook in enumerate(hooks) if id(hook) in seen])


def _flatten(x: Any, into: list[Handle]) -> Any:
    """The nesting of the arrays of `x`, which are appended to `into`; None if `x` contains anything but arrays."""
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
