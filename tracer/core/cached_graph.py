"""Cached graphs: the graph that a pass recorded is cached by its operands, and recorded again without its Python.

The first call with given operands runs the function; a later one with the same nodes looks up its results. This applies
to a pass that is a function of its operands: arguments, parameters, auxiliary states. Its writes into these, its draws
of random numbers and its hooks of a backward are repeated. A pass that reads a value, writes into another array or uses
an array which is not an operand runs as Python every time, and `explain()` says why; so does one that calls an
operation whose own code is a user's Python.

A pass may also be given numbers that change from call to call, such as learning rates. Those that it hands to
operations as they are become run-time scalars of the cached graph.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tracer.jit.report.counters import LOG
from tracer.ops.ir.node import Node

from .call_cache import CALL_CACHE, Identity
from .capture import Capture, foreign
from .history import Hook, Hooked
from .invoke import Composite, Handle, constant, stopped, wrap
from .nesting import ARRAY, as_lists, flatten, nest
from .trace import Trace, Value, current, effects
from .user_lines import place_of, user_line


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
    nesting: the structure of lists that these are returned in.
    scalars: the Python numbers that it used.
    numbers: the numbers that it was given, if any.
    places: for each of these that it used as an operand, its index, and that of the scalar.
    free: the numbers that may differ: a second pass with others has recorded the same with these in their places.
    plain: whether it has no draws, writes or hooks.
    draws: the functions that draw its random numbers, in order.
    entered: the leaves that are no operands, in order: numbers of draws, and constants.
    writes: the numbers of the operands that it writes to, with the nodes of their new values.
    hooks: its hooks of a backward.
    """

    results: tuple[Result, ...]
    nesting: Any
    scalars: tuple[float | int, ...]
    numbers: tuple[float, ...]
    places: tuple[tuple[int, int], ...]
    free: frozenset[int]
    plain: bool
    draws: tuple[Callable[[], np.ndarray], ...]
    entered: tuple[int | Value, ...]
    writes: tuple[tuple[int, Node], ...]
    hooks: tuple[CachedHook, ...]


#: The cache entry of a pass with leaves that are no operands: its nodes depend on the number of earlier leaves, which
#: extends its key.
LEAVES = "leaves"

def call(identity: Identity, variant: tuple, forward: Callable[..., Any], args: tuple, parameters: Sequence[Handle],
         numbers: tuple[float, ...] = (), others: list[Value] | None = None) -> Any:
    """The result of `forward(*args)`, from the cache if it was called with these operands before.

    identity, variant: the pass, and what it depends on besides its operands and the numbers.
    args: the positional arguments and the keywords, of which arrays, None, numbers and strings, in lists, tuples and
        dictionaries, can be looked up.
    parameters: the arrays that `forward` uses besides its arguments.
    numbers: float objects, each of which occurs once, that `forward` hands to operations as they are; another call may
        have others.
    others: receives the values that the pass uses besides all these, because of which it is not cached.
    """
    operands: list[Handle] = []
    nesting = flatten(args, operands)
    if nesting is None:
        return _uncached("an argument is no array, number or string", forward(*args))
    operands += parameters
    trace = current().trace
    recording = trace.recording
    history: list[Any] = [None]
    recorded: list[Any] = []
    nodes: list[Node] = []
    for x in operands:
        try:
            value = x._value
        except AttributeError:  # as in `invoke`: asking costs no time this way
            return _uncached("an argument is a sparse array", forward(*args))
        if recording and value.history:
            history.append(value.history)
            recorded.append(len(nodes))
            nodes.append(trace.recorded_node_of(value))
        elif value.trace is trace:
            nodes.append(value.node)  # type: ignore[arg-type]
        else:
            nodes.append(trace.enter(value))
    if len(history) > 1:
        nodes = stopped(trace, operands, nodes)
    scalars = trace.scalars
    key = (identity.number, variant, nesting, recording, trace.training, len(scalars), *(recorded + nodes))
    known = CALL_CACHE.get(key)
    if known is LEAVES:
        known = CALL_CACHE.get(key + (len(trace.leaves),))
    if known is None:
        return _run(identity, key, forward, args, operands, nodes, numbers, others)
    if numbers:
        if not _fits(known, numbers):
            return _run(identity, key, forward, args, operands, nodes, numbers, others, known)
        found = list(known.scalars)
        for i, at in known.places:
            found[at] = numbers[i]
        scalars += found
    else:
        scalars += known.scalars
    hooks = () if known.plain else _repeat(known, operands, history)
    handles = []
    for node, flavour, recorded, passed in known.results:
        own: Any = None
        if recorded:
            own = history.copy()
            for i in passed:
                own.append(hooks[i])
        handles.append(wrap(flavour, trace.new(node, own, None)))
    return handles[0] if known.nesting == ARRAY else nest(known.nesting, iter(handles))


def _repeat(known: CachedGraph, operands: Sequence[Any], history: list[Any]) -> list[Hooked]:
    """Repeat the draws and writes of a cached pass, and return new histories with its hooks."""
    trace = current().trace
    trace.refuse("draws random numbers, or writes into arrays")
    drawn = [constant(draw()) for draw in known.draws]
    for i in known.entered:
        trace.enter(drawn[i] if type(i) is int else i)  # type: ignore[arg-type]
    _write(known.writes, operands, trace)
    return [Hooked(history, Hook(run, [operands[i] for i in numbers],
                                 [wrap(Handle, trace.new(node, None, None)) for node in nodes]))
            for run, numbers, nodes in known.hooks]


def _write(writes: tuple[tuple[int, Node], ...], operands: Sequence[Any], trace: Trace) -> None:
    """Write pending values into operands."""
    for i, node in writes:
        x = operands[i]
        if x._base is None:
            x._bind(trace.new(node, None, None), True)
        else:
            x._rebind(trace.new(node, None, None))


def _fits(known: CachedGraph, numbers: tuple[float, ...]) -> bool:
    """Whether a cached pass serves for these numbers, which differ in none but the free ones."""
    free = known.free
    pairs = enumerate(zip(known.numbers, numbers))
    return known.numbers == numbers or all([a == b or i in free for i, (a, b) in pairs])


def _run(identity: Identity, key: tuple, forward: Callable[..., Any], args: tuple, operands: list[Handle],
         nodes: list[Node], numbers: tuple[float, ...], others: list[Value] | None,
         earlier: CachedGraph | None = None) -> Any:
    """The result of `forward(*args)`, which is cached under `key` if it is a function of the operands.

    others: as in `call`.
    earlier: the same pass with other numbers, if it is known.
    """
    trace = current().trace
    values = [x._value for x in operands]
    inside = Capture(trace, dict(zip(values, nodes)), numbers)
    before, scalars, leaves = next(effects), len(trace.scalars), len(trace.leaves)
    flags = trace.recording, trace.training
    current().trace = inside
    try:
        result = forward(*args)
    finally:
        if current().trace is inside:
            inside.close()
    written = [i for i, (x, old) in enumerate(zip(operands, values)) if x._value is not old]
    if inside.python is not None:
        return _uncached(f"it calls {inside.python}, which runs Python", result)
    if inside.reads or current().trace is not trace:
        return _uncached("it reads values", result)
    found = foreign(inside)
    if found:
        if others is not None:
            others += found
        return _uncached("it uses an array that is neither an argument nor a parameter", result)
    if next(effects) != before + 1 + len(written):
        return _uncached("it writes into an array that is neither an argument nor a parameter", result)
    if (trace.recording, trace.training) != flags:
        return _uncached("it changes autograd's modes", result)
    result = as_lists(result)
    graph = _remembered(result, inside, operands, nodes, written, scalars, numbers, earlier)
    if graph is None:
        return _uncached("its results are no functions of its operands", result)
    if graph.draws or graph.entered:
        CALL_CACHE[key] = LEAVES
        identity.keys.add(key)
        key = (*key, leaves)
    identity.keys.add(key)
    CALL_CACHE[key] = graph
    return result


def _uncached(reason: str, result: Any) -> Any:
    """The result of a pass that is not cached; `explain()` tells the reason."""
    LOG.uncached.note(reason, place_of(user_line()))
    return as_lists(result)


def _remembered(result: Any, inside: Capture, operands: list[Handle], nodes: list[Node], written: list[int],
                scalars: int, numbers: tuple[float, ...], earlier: CachedGraph | None) -> CachedGraph | None:
    """The cached form of the pass that returned `result`; None if it is no function of the operands."""
    trace = inside.outside
    handles: list[Handle] = []
    nesting = flatten(result, handles)
    if nesting is None or any([isinstance(x, Composite) for x in handles]):
        return None
    places = {id(x): i for i, x in enumerate(operands)}
    hooks = []
    for history in inside.hooks:
        hook = history.hook
        if hook is None or any([id(x) not in places for x in hook.handles]):
            return None
        hooks.append(CachedHook(hook.run, tuple([places[id(x)] for x in hook.handles]),
                                    tuple([_node_in(trace, x) for x in hook.values])))
    order = {v: at for at, v in enumerate(trace.pending)}  # a repeated pass makes its values in the same order
    written = sorted(written, key=lambda i: order.get(operands[i]._value, 0))
    writes = tuple([(i, _node_in(trace, operands[i])) for i in written])
    results = tuple([Result(_node_in(trace, x), type(x), bool(x._value.history), _passed(x, inside.hooks, operands))
                     for x in handles])
    made = [n for _, n in writes] + [r.node for r in results] + [n for h in hooks for n in h.nodes]
    if None in made or any([r.node in nodes for r in results]):
        return None
    if any([x._value.history and x._value.variable is None for x in [operands[i] for i in written]]):
        return None  # an operand has a new history, of this pass
    # They become the latest pending values, as in a repeated pass: a program's outputs have the order of recording.
    last = dict.fromkeys([x._value for x in handles])
    trace.pending[:] = [v for v in trace.pending if v not in last] + list(last)
    drawn = inside.draws_for([*[r.node for r in results], *made])
    draws = tuple([inside.draws[v] for v in drawn])
    numbered = {v: i for i, v in enumerate(drawn)}
    entered = tuple([numbered.get(v, v) for v in inside.entered])
    at_scalars = tuple([(i, at - scalars) for i, at in inside.places])
    used = tuple(trace.scalars[scalars:])
    return CachedGraph(results, nesting, used, numbers, at_scalars, _free(earlier, used, at_scalars, numbers),
                       not (entered or draws or writes or hooks), draws, entered, writes, tuple(hooks))


def _free(earlier: CachedGraph | None, scalars: tuple, places: tuple, numbers: tuple[float, ...]) -> frozenset[int]:
    """The numbers that are free: those by which two passes differ that are equal in all else."""
    if earlier is None or earlier.places != places or len(earlier.scalars) != len(scalars):
        return frozenset()
    at = {place for _, place in places}
    if not all([i in at or a == b for i, (a, b) in enumerate(zip(earlier.scalars, scalars))]):
        return frozenset()
    used = {i for i, _ in places}
    return earlier.free | {i for i, (a, b) in enumerate(zip(earlier.numbers, numbers)) if a != b and i in used}


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
