"""Sync points: all pending values of a trace that are still alive run as one program."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from sys import getrefcount
from types import CodeType
from typing import Any
from weakref import ref

import numpy as np

from tracer.jit.cpython.collector import track
from tracer.jit.plan.plan import Plan
from tracer.jit.process import forks, interrupts
from tracer.jit.process.interrupts import Paused
from tracer.jit.program import RUN_LOCK, ExecutionError, Program, find_program, wait_to_run
from tracer.jit.report import timing
from tracer.jit.report.counters import COUNTERS, LOG
from tracer.jit.report.misses import why_new
from tracer.jit.runtime.buffers import Buffer, allocate, from_array
from tracer.ops.ir.aval import aval
from tracer.ops.ir.errors import MXNetError
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, forget_all, table_full

from .recipe import Reduced, reduced
from .segment import KEPT, Kept, Segment, keeps
from .trace import Trace, Value, computed, current
from .user_lines import format_line, place_of, user_line

SYNCS = LOG.syncs

_NEW: Any = object()  # the default of look-ups in a cache that holds None

def _counts(pending: list[Value]) -> list[int]:
    """The reference counts of pending values, with as many references as in `living`."""
    return [getrefcount(v) for v in pending]


def _leaf_counts(leaves: list[Value], index: int) -> tuple[int, int]:
    """The reference counts of a leaf and of its memory, with as many references as in `_donated`."""
    value = leaves[index]
    buffer = value.buffer
    return getrefcount(value), getrefcount(buffer)


def _sample() -> Value:
    return computed(aval((), np.dtype(bool)), allocate(1))


def _calibrate() -> tuple[int, tuple[int, int]]:
    """The counts of a value that only the trace owns, and of a leaf and its memory that only the trace owns.

    They are measured, as they vary with Python's version. Where counts do not reflect owners, the result is such that
    every value is computed and no memory is donated.
    """
    held = _sample()
    buffer = held.buffer
    unowned, owned = _counts([_sample(), held])
    dead, alive = _leaf_counts([_sample()], 0), _leaf_counts([held], 0)
    del buffer
    return (unowned if owned == unowned + 1 else 0,
            dead if alive == (dead[0] + 1, dead[1] + 1) else (0, 0))


_UNOWNED, (_DEAD_LEAF, _DEAD_MEMORY) = _calibrate()


def sync(value: Value, cause: str) -> Buffer:
    """The buffer of `value`; if it is pending, its trace runs first. A forward pass that reads it is not cached."""
    trace = current().trace
    if trace.captures:
        trace.note_read()
    if value.buffer is None:
        compute(value, cause)
    return value.buffer  # type: ignore[return-value]


def compute(value: Value, cause: str = "another thread") -> None:
    """Compute `value`, or raise the error of its computation.

    KeyboardInterrupt if this thread is interrupted meanwhile: then the value can still be computed later.
    """
    trace = current().trace
    if value.error is None and value.trace is trace:
        flush(cause)
    late = value.late
    if late is not None:
        late(value)
    recipe = value.recipe
    if recipe is not None and value.buffer is None:
        value.buffer = recipe.follow()
        value.recipe = None
    while value.buffer is None and value.error is None:
        _compute_left(value)
    if value.error is not None:
        raise value.error.with_traceback(None)


def flush(cause: str) -> None:
    """Run the pending values of this thread's trace that are alive, and begin a new trace.

    If this thread is interrupted meanwhile, the run stops unfinished, and `compute` finishes it for its values.
    """
    trace = current().trace
    if trace.trying:
        trace.refuse("reads values")
    if not trace.pending:
        if not trace.limit:
            current().trace = Trace(trace.recording, trace.training)
        return
    if not RUN_LOCK.acquire(False) and not wait_to_run():
        return
    try:
        current().trace = Trace(trace.recording, trace.training)
        alive = find_living(trace.pending)
        if alive:
            _run(trace, alive, cause)
        if table_full():
            forget_all()
    finally:
        # A dead value refers to its trace: without this, the cycle would keep both and all leaves alive.
        trace.pending.clear()
        RUN_LOCK.release()


def flush_all() -> None:
    """Run the pending values of this thread's trace, and finish all unfinished runs."""
    flush("waitall")
    if LEFT:
        _finish_left()


def _finish_left() -> None:
    for rest in [found for reference in [*LEFT] if (found := reference()) is not None]:
        value = rest.alive[0]
        while value.rest is not None:
            _compute_left(value)


def living(pending: list[Value]) -> list[Value]:
    """The pending values that have an owner besides this list and its caller's."""
    return [v for v in pending if getrefcount(v) > _UNOWNED and v.buffer is None]


#: Finds the values to compute: `living`, or `_count` of native_recording.py, which also counts them.
find_living = living


def _run(trace: Trace, alive: list[Value], cause: str, ends: bool = True) -> None:
    """Compute the values `alive`.

    ends: whether the trace has ended, so that nothing will refer to their nodes.
    """
    for v in alive:
        track(v)  # from here on it may become part of a cycle through the tape
    outputs: tuple[Node, ...] = tuple([v.node for v in alive])  # type: ignore[misc]
    kept = program = None
    if trace.targets:
        # A target is on the tape already; another value with the same node (a reshape to its own shape) is not.
        targets = trace.targets
        flags = tuple([v.variable is None and targets.get(v.node) is not v  # type: ignore[arg-type]
                       if v.history else False for v in alive])
        if any(flags):
            key = outputs, flags, tuple(targets)
            kept = KEPT.get(key, _NEW)
            if kept is _NEW:
                kept = keeps(key)
    less = reduced(outputs, alive, trace) if kept is None and ends and trace.gradients else None
    if less is not None:
        outputs = less.outputs
        program = less.program
        if program is None:
            program = less.program = find_program(outputs)
        else:
            COUNTERS.program_hits += 1
    elif kept is None:
        program = find_program(outputs)
    else:
        outputs += kept.saved
        program = kept.forward
        if program is None:
            program = kept.forward = find_program(outputs)
        else:
            COUNTERS.program_hits += 1
    line = user_line()
    SYNCS.note(cause, line)
    if not program.known:
        program.known = True
        LOG.misses.append((place_of(line), why_new(outputs)))
    donated = None if kept or not ends else _donated(program, trace, less.leaves if less is not None else ())
    leaves: list[Any] = [sync(v, "another thread") if trace.late else v.buffer for v in trace.leaves]
    try:
        if timing.on:
            buffers = timing.watched(program.run, cause, place_of(line))(leaves, trace.scalars, donated)
        else:
            buffers = program.run(leaves, trace.scalars, donated)
        if program.unlogged:
            _log_fallbacks(program, trace)
        _settle(trace, alive, kept or less, buffers, ends)
    except BaseException as failure:
        _recover(failure, Rest(program, leaves, donated, trace, alive, kept or less, cause, ends))


def _settle(trace: Trace, alive: list[Value], kept: Kept | Reduced | None, buffers: list[Any], ends: bool) -> None:
    """Store a run's buffers in its values, and make the tape entry if a backward may need one."""
    if isinstance(kept, Reduced):
        buffers = kept.settle(trace, alive, buffers)
    elif kept is not None:
        segment = Segment(trace, kept, buffers)
        for v, slot in zip(alive, kept.slots):
            if slot is not None:
                v.entry = segment
                v.slot = slot
                segment.histories.append(v.history)
                if v.retained is not None:
                    segment.retained[slot] = v
    for v, buffer in zip(alive, buffers):
        v.buffer = buffer
        if ends:
            v.node = None
            v.trace = None
        if v.history and v.entry is None and v.variable is None:
            v.history = None


@dataclass(eq=False)
class Rest:
    """An unfinished run, with all that is needed to finish it.

    go_on: finishes the run and returns its outputs.
    plan: the plan that the run uses until then.
    """

    program: Program
    leaves: list[Any]
    donated: dict[int, Buffer] | None
    trace: Trace
    alive: list[Value]
    kept: Kept | Reduced | None
    cause: str
    ends: bool
    go_on: Callable[[], list[Buffer]] | None = None
    plan: Plan | None = None

    def finish(self) -> None:
        """Finish the run and settle its values."""
        assert self.go_on is not None
        try:
            _settle(self.trace, self.alive, self.kept, self.go_on(), self.ends)
        except BaseException as failure:
            self._end()  # first: the run has overwritten its inputs, and cannot be restarted
            _recover(failure, self)
        else:
            self._end()
            self.program.restore(self.plan)

    def _end(self) -> None:
        LEFT.discard(ref(self))
        for v in self.alive:
            v.rest = None


#: The unfinished runs one of whose values is alive. No WeakSet: its test for emptiness, which each waitall() makes,
#: takes a microsecond.
LEFT: set[ref[Rest]] = set()


def _recover(failure: BaseException, rest: Rest) -> None:
    """Restore a consistent state after `failure` ended a run: each value can be computed, or raises an error when read.

    A run that was paused is resumed by the first read of one of its values. After other failures the values are
    recomputed, which needs the leaves: where donated memory may have been overwritten, the values are lost.
    """
    if isinstance(failure, ExecutionError):
        _fail(failure, rest.trace, rest.alive, rest.cause, rest.ends)
    elif isinstance(failure, Paused):
        if rest.plan is None:
            rest.plan = rest.program.renew()
        if rest.ends:
            rest.go_on = failure.go_on or partial(rest.program.run, rest.leaves, rest.trace.scalars, rest.donated)
            LEFT.add(ref(rest, LEFT.discard))
            for v in rest.alive:
                v.rest = rest
        if failure.interrupted:
            interrupts.put_back()
    else:
        if rest.donated is not None and not rest.donated:
            for v in rest.alive:
                if v.buffer is None:
                    v.error = MXNetError(f"{type(failure).__name__} ended the computation of this array while memory "
                                         "that it is computed from was being written over")
        raise failure


def _fail(failure: ExecutionError, trace: Trace, alive: list[Value], cause: str, ends: bool) -> None:
    """Set the error on the values that depend on the node that failed, and compute the others without it.

    A value without elements gets no error: as in MXNet, reading it does not wait.
    """
    error = _explain(failure, trace)
    broken = alive if len(alive) == 1 else [v for v in alive if failure.node in toposort([v.node])]  # type: ignore
    for v in broken:
        if v.aval.size:
            v.error = error
        else:
            _settle(trace, [v], None, [from_array(np.empty(v.aval.shape, v.aval.dtype))], ends)
    rest = [v for v in alive if v.error is None and v.buffer is None]
    # A node that a pass has made is in no value's graph: then each value is computed by itself.
    for part in ([rest] if broken else [[v] for v in rest]):
        if part:
            _run(trace, part, cause, ends)


def _donated(program: Program, trace: Trace, held: tuple[int, ...]) -> dict[int, Buffer] | None:
    """Buffers of leaves that will not be read again, by the number of the output that may be written over each.

    held: the numbers of leaves that will be read by recipes.
    """
    donations = program.donations
    if not donations:
        return None
    trace.nodes.clear()
    trace.targets.clear()
    leaves = trace.leaves
    holding = [leaves[i] for i in held]
    given: dict[int, Buffer] = {}
    for output, candidates in donations:
        for index in candidates:
            value = leaves[index]
            buffer = value.buffer
            if getrefcount(value) == _DEAD_LEAF and buffer is not None and buffer.parent is None \
                    and getrefcount(buffer) == _DEAD_MEMORY:
                given[output] = buffer  # and so it is not given away twice
                break
    holding.clear()
    return given or None


def _compute_left(value: Value) -> None:
    """Compute a value that no flush of this thread's trace computes: one of an unfinished run, or another thread's.

    In another thread's trace, which goes on, only this value is computed, and it stays differentiable.
    """
    if interrupts.wanted():
        interrupts.deliver()
    forks.stand_back()
    if not RUN_LOCK.acquire(False) and not wait_to_run():
        return
    try:
        if value.rest is not None:
            value.rest.finish()
        elif value.buffer is None and value.error is None:
            assert value.trace is not None
            _run(value.trace.snapshot(), [value], "another thread", False)
    finally:
        RUN_LOCK.release()


def _lines_of(nodes: set[Node], trace: Trace) -> dict[Node, tuple[CodeType, int] | None]:
    """The user's lines that recorded `nodes`, or the nodes that these were simplified from; one walk of the trace."""
    found: dict[Node, tuple[CodeType, int] | None] = {}
    seen: set[Node] = set()
    for v in trace.pending:
        if v.node is not None and v.node not in seen:
            for n in toposort([v.node], seen):
                if n in nodes and n not in seen:
                    found[n] = v.line
                seen.add(n)
    return found


def _log_fallbacks(program: Program, trace: Trace) -> None:
    lines = _lines_of({node for node, _ in program.unlogged}, trace)
    for node, what in program.unlogged:
        line = lines.get(node)
        LOG.fallbacks.note(what, place_of(line))
    program.unlogged = []


def _explain(failure: ExecutionError, trace: Trace) -> MXNetError:
    """The error of a failed flush, with the op and the user's line that recorded it."""
    line = format_line(_lines_of({failure.node}, trace).get(failure.node))
    error = MXNetError(f"{failure.node.op.name}: {failure.cause} (recorded at {line}; operands "
                       f"{', '.join(map(repr, (i.aval for i in failure.node.inputs)))})")
    error.__cause__ = failure.cause
    return error


Trace.compute_foreign = staticmethod(compute)
