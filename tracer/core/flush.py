"""Sync points: everything pending and still alive in a trace runs as one program."""
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

from .segment import KEPT, Kept, Segment, keeps
from .trace import Trace, Value, computed, current
from .user_lines import format_line, place_of, user_line

SYNCS = LOG.syncs

_NEW: Any = object()  # not in a cache that holds None

def _counts(pending: list[Value]) -> list[int]:
    """The reference counts of pending values, as `living` sees them."""
    return [getrefcount(v) for v in pending]


def _leaf_counts(leaves: list[Value], index: int) -> tuple[int, int]:
    """The reference counts of a leaf and of its memory, as `_donated` sees them."""
    value = leaves[index]
    buffer = value.buffer
    return getrefcount(value), getrefcount(buffer)


def _sample() -> Value:
    return computed(aval((), np.dtype(bool)), allocate(1))


def _calibrate() -> tuple[int, tuple[int, int]]:
    """The counts of a value that only the trace owns, and of a leaf and memory that nobody else does.

    Measured, as they vary with Python's version. Where counts do not tell owners apart, they are such that every value
    is computed and no memory donated.
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
    """The buffer of `value`; if it is pending, everything pending with it runs first."""
    if value.buffer is None:
        compute(value, cause)
    return value.buffer  # type: ignore[return-value]


def compute(value: Value, cause: str = "another thread") -> None:
    """Make `value` computed, or raise the error that its computation met.

    KeyboardInterrupt if this thread is interrupted meanwhile: then the value is still to be had.
    """
    trace = current().trace
    if value.error is None and value.trace is trace:
        flush(cause)
    while value.buffer is None and value.error is None:
        _compute_left(value)
    if value.error is not None:
        raise value.error.with_traceback(None)


def flush(cause: str) -> None:
    """Run what is pending and alive in this thread's trace, and begin a new trace.

    If this thread is interrupted meanwhile, the run is left on its way and its values wait for `compute`.
    """
    trace = current().trace
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
        # A dead value refers to its trace: without this the two would keep each other, and all leaves.
        trace.pending.clear()
        RUN_LOCK.release()


def flush_all() -> None:
    """Run what is pending in this thread's trace, and all that has been left on its way."""
    flush("waitall")
    if LEFT:
        _finish_left()


def _finish_left() -> None:
    for rest in [found for reference in [*LEFT] if (found := reference()) is not None]:
        value = rest.alive[0]
        while value.rest is not None:
            _compute_left(value)


def living(pending: list[Value]) -> list[Value]:
    """Those of the pending values that have an owner besides this list and its caller's."""
    return [v for v in pending if getrefcount(v) > _UNOWNED and v.buffer is None]


#: Finds the values to compute: `living`, or what counts them first (native_recording.py).
find_living = living


def _run(trace: Trace, alive: list[Value], cause: str, ends: bool = True) -> None:
    """Compute the values `alive`; ends: the trace is over, so that nothing will refer to their nodes."""
    for v in alive:
        track(v)  # from here on it may become part of a cycle: of the tape
    outputs: tuple[Node, ...] = tuple([v.node for v in alive])  # type: ignore[misc]
    kept = program = None
    if trace.targets:
        # A target is on the tape already. Another value with its node (a reshape to its own shape) is not.
        targets = trace.targets
        flags = tuple([v.variable is None and targets.get(v.node) is not v  # type: ignore[arg-type]
                       if v.history else False for v in alive])
        key = outputs, flags, tuple(targets)
        kept = KEPT.get(key, _NEW)
        if kept is _NEW:
            kept = keeps(key)
    if kept is None:
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
    donated = None if kept or not ends else _donated(program, trace)
    leaves: list[Any] = [v.buffer for v in trace.leaves]
    try:
        if timing.on:
            buffers = timing.watched(program.run, cause, place_of(line))(leaves, trace.scalars, donated)
        else:
            buffers = program.run(leaves, trace.scalars, donated)
        if program.unlogged:
            _log_fallbacks(program, trace)
        _settle(trace, alive, kept, buffers, ends)
    except BaseException as failure:
        _recover(failure, Rest(program, leaves, donated, trace, alive, kept, cause, ends))


def _settle(trace: Trace, alive: list[Value], kept: Kept | None, buffers: list[Buffer], ends: bool) -> None:
    """Give the values what a run has computed for them."""
    if kept is not None:
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
    """A run that did not come to its end, with all that is needed to finish it.

    go_on: gives its outputs. plan: the one that it uses until then.
    """

    program: Program
    leaves: list[Any]
    donated: dict[int, Buffer] | None
    trace: Trace
    alive: list[Value]
    kept: Kept | None
    cause: str
    ends: bool
    go_on: Callable[[], list[Buffer]] | None = None
    plan: Plan | None = None

    def finish(self) -> None:
        """Do the rest of the run."""
        assert self.go_on is not None
        try:
            _settle(self.trace, self.alive, self.kept, self.go_on(), self.ends)
        except BaseException as failure:
            self._end()  # before: it has written over what it has read, and cannot be begun again
            _recover(failure, self)
        else:
            self._end()
            self.program.restore(self.plan)

    def _end(self) -> None:
        LEFT.discard(ref(self))
        for v in self.alive:
            v.rest = None


#: The runs that are to be finished, as long as somebody has one of their values. A WeakSet takes a microsecond to say
#: that it is empty, and waitall() asks.
LEFT: set[ref[Rest]] = set()


def _recover(failure: BaseException, rest: Rest) -> None:
    """Leave values such that each is right when it is read, or raises an error, after a run that `failure` ended.

    A run that was left on its way can be taken up, by whoever needs one of its values first. Otherwise they are
    computed anew, which needs the leaves: where memory that was donated may be written over, they are lost.
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
    """Give the error to the values that need what failed, and compute the others without it.

    Who reads a value that has no elements waits for nothing, as in MXNet.
    """
    error = _explain(failure, trace)
    broken = alive if len(alive) == 1 else [v for v in alive if failure.node in toposort([v.node])]  # type: ignore
    for v in broken:
        if v.aval.size:
            v.error = error
        else:
            _settle(trace, [v], None, [from_array(np.empty(v.aval.shape, v.aval.dtype))], ends)
    rest = [v for v in alive if v.error is None and v.buffer is None]
    # A node that a pass has made is in no value's graph: each value by itself tells, then.
    for part in ([rest] if broken else [[v] for v in rest]):
        if part:
            _run(trace, part, cause, ends)


def _donated(program: Program, trace: Trace) -> dict[int, Buffer] | None:
    """Buffers of leaves that nobody will read again, for the outputs that the program can write over them."""
    donations = program.donations
    if not donations:
        return None
    trace.nodes.clear()
    trace.targets.clear()
    given: dict[int, Buffer] = {}
    free: dict[int, bool] = {}
    for output, candidates in donations:
        for index in candidates:
            if index not in free:
                value = trace.leaves[index]
                buffer = value.buffer
                free[index] = (getrefcount(value) == _DEAD_LEAF and buffer is not None and buffer.parent is None
                               and getrefcount(buffer) == _DEAD_MEMORY)
            if free[index]:
                free[index] = False
                given[output] = trace.leaves[index].buffer  # type: ignore[assignment]
                break
    return given or None


def _compute_left(value: Value) -> None:
    """Compute a value that no flush of this thread's trace has: one whose run was left, or another thread's.

    Of another thread's trace, which goes on, this value alone is computed; its gradient stays reachable.
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
    """The user's lines that recorded `nodes`, or what they were simplified from: one walk of the trace."""
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
