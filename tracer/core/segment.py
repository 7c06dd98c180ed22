"""The tape over cuts: a trace that ends leaves a segment for a later backward.

Inside one trace the node graph is the tape. When a trace ends (a sync point under `record()`) while recorded values
are still alive, a `Segment` keeps its graph, its inputs, and results that are expensive to recompute. Its backward is
a cached program of its own, so that a loop of 11 iterations compiles nothing that one of 9 did not.
"""
from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

from tracer.jit.process import forks, interrupts
from tracer.jit.process.interrupts import Paused
from tracer.jit.program import RUN_LOCK, ExecutionError, Program, find_program, wait_to_run
from tracer.jit.report import timing
from tracer.jit.report.counters import COUNTERS
from tracer.jit.runtime.buffers import Buffer
from tracer.ops.control.gradient import gradient
from tracer.ops.ir.errors import MXNetError
from tracer.ops.ir.graph import substitute, toposort
from tracer.ops.ir.node import FORGETTERS, Node, leaf, leaf_op, overwrite_op
from tracer.ops.ir.op import CALL, REDUCTION
from tracer.ops.primitive.arithmetic import add

from . import user_lines
from .trace import Trace, Value, computed, current

_ORDER = itertools.count()


def next_order() -> int:
    """The order of a new tape entry: a number above those of all earlier entries."""
    return next(_ORDER)


# ---- what is kept of an ended trace --------------------------------------------------------------

class Pullback(NamedTuple):
    """The backward program of a segment for some of its heads.

    targets: the numbers of the targets that these heads depend on.
    """

    program: Program
    targets: tuple[int, ...]


@dataclass(eq=False)
class Kept:
    """The facts about an ended trace that its backward needs.

    heads: the outputs that may have cotangents.
    targets: the nodes that gradients are taken by.
    saved: the nodes that are computed only for the backward.
    known: all nodes that the backward need not recompute.
    slots: for each live output its number among the heads, None if it is no head.
    places: the positions of `known` among the outputs.
    uses: the numbers of the leaves that the heads were computed from.
    forward: the program that the trace ran as.
    programs: the programs of the backward, by the heads that have cotangents.
    """

    heads: tuple[Node, ...]
    targets: tuple[Node, ...]
    saved: tuple[Node, ...]
    known: tuple[Node, ...]
    slots: tuple[int | None, ...]
    places: tuple[int, ...]
    uses: frozenset[int]
    forward: Program | None = None
    programs: dict[tuple, Pullback] = field(default_factory=dict)


#: By (live outputs, which of them are recorded, targets): what is kept of such a trace.
KEPT: dict[tuple, Kept | None] = {}


def forget() -> None:
    """Empty the cache; the tape itself stays."""
    KEPT.clear()


FORGETTERS.append(forget)


def keeps(key: tuple[tuple[Node, ...], tuple[bool, ...], tuple[Node, ...]]) -> Kept | None:
    """Add an entry to KEPT for a new key, and return it; None if no backward can reach such a trace."""
    outputs, recorded, all_targets = key
    kept = KEPT[key] = _decide(outputs, recorded, frozenset(all_targets))
    return kept


def _decide(outputs: tuple[Node, ...], recorded: tuple[bool, ...], targets: frozenset[Node]) -> Kept | None:
    heads = tuple(n for n, r in zip(outputs, recorded, strict=True)
                  if r and not targets.isdisjoint(n.reach))
    if not heads:
        return None
    order = toposort(heads)
    passing = toposort([n for n in heads if n.dtype.kind != "b"])  # a gradient does not pass a comparison
    saved = tuple(n for n in passing if n.op.kind in (CALL, REDUCTION) and n not in outputs
                  and not isinstance(n.aval, tuple) and not targets.isdisjoint(n.reach))
    useful = {n for n in order if n not in targets}
    held = outputs + saved
    known = tuple(n for n in dict.fromkeys(held) if n in useful)
    slots = tuple(heads.index(n) if r and n in heads else None for n, r in zip(outputs, recorded, strict=True))
    return Kept(heads, tuple(n for n in order if n in targets), saved, known, slots,
                tuple(held.index(n) for n in known), frozenset(n.attrs[1] for n in order if n.op is leaf_op))


class TapeEntry(Protocol):
    """A tape entry: it maps the cotangents of its outputs to those of its inputs.

    order: its position on the tape.
    histories: the histories of its outputs.
    """

    order: int
    histories: list[Any]

    def release(self) -> None:
        """Drop all references to arrays: no backward will visit the entry."""

    def pull(self, cotangents: dict[int, list[Value]], create_graph: bool) -> list[tuple[Value, Value]]:
        """The inputs, each with its cotangent.

        cotangents: the cotangents of the outputs, by slot.
        create_graph: whether the result will be differentiated in turn.
        """


class Segment:
    """The tape entry of an ended trace.

    leaves: the trace's leaves, None for those that the backward does not need.
    scalars: its run-time scalars.
    targets: the values that gradients are taken by.
    saved: the buffers that the backward need not recompute.
    retained: by slot, the heads whose own gradients are stored on the way.
    """

    __slots__ = ("order", "leaves", "scalars", "kept", "targets", "saved", "histories", "retained", "__weakref__")

    def __init__(self, trace: Trace, kept: Kept, buffers: list[Buffer]) -> None:
        self.order = next(_ORDER)
        uses = kept.uses
        self.leaves: list[Value | None] = trace.leaves  # type: ignore[assignment]
        if len(uses) < len(trace.leaves):  # an unneeded value could keep all of the earlier tape alive
            self.leaves = [v if i in uses else None for i, v in enumerate(trace.leaves)]
        self.scalars = trace.scalars
        self.kept = kept
        self.targets = [trace.targets[n] for n in kept.targets]
        self.saved = [buffers[i] for i in kept.places]
        self.histories: list[Any] = []
        self.retained: dict[int, Any] = {}

    def release(self) -> None:
        """Drop all references to arrays: the histories of all outputs have been consumed."""
        self.leaves, self.scalars, self.targets, self.saved = [], [], [], []

    def pull(self, cotangents: dict[int, list[Value]], create_graph: bool) -> list[tuple[Value, Value]]:
        """The targets, each with its cotangent, computed from those of the outputs by one cached program."""
        given: list[Value] = []
        slots = sorted(cotangents) if len(cotangents) > 1 else cotangents
        for slot in slots:
            given += cotangents[slot]
        counts = tuple([(slot, len(cotangents[slot])) for slot in slots])
        passing = tuple(self.retained)
        key = counts, passing, len(self.leaves)
        pullback = self.kept.programs.get(key)
        if pullback is None:
            pullback = self.kept.programs[key] = self._pullback(counts, passing)
        else:
            COUNTERS.program_hits += 1
        inputs: list[Any] = [v and v.buffer for v in self.leaves]
        inputs += self.saved
        for v in given:
            inputs.append(v.buffer)
        buffers = run_backward(pullback.program, inputs, self.scalars)
        targets = self.targets
        if passing:
            targets = targets + [_sink(v) for v in self.retained.values()]
        return [(t, computed(t.aval, buffer))
                for t, buffer in zip([targets[i] for i in pullback.targets], buffers)]

    def _pullback(self, counts: tuple[tuple[int, int], ...], passing: tuple[int, ...]) -> Pullback:
        kept = self.kept
        heads = [kept.heads[slot] for slot, _ in counts]
        inside = set(toposort(heads)).intersection([kept.heads[i] for i in passing])
        inside.update(n for head in heads for n in head.reach)
        wanted = kept.targets + tuple([kept.heads[i] for i in passing])
        reached = tuple([i for i, n in enumerate(wanted) if n in inside])
        return Pullback(find_program(self.backward_graph(counts, tuple([wanted[i] for i in reached]))), reached)

    def backward_graph(self, counts: tuple[tuple[int, int], ...], targets: tuple[Node, ...]) -> tuple[Node, ...]:
        """The cotangents of `targets` as a graph over the segment's leaves, its saved values and its heads' cotangents.

        counts: (slot, number of cotangents) for each head that has any.
        """
        kept, index = self.kept, len(self.leaves)
        known = {n: leaf(n.aval, index + i) for i, n in enumerate(kept.known)}
        index += len(known)
        heads, sums = [], []
        for slot, count in counts:
            head = kept.heads[slot]
            total = leaf(head.aval, index)
            for i in range(1, count):
                total = add(total, leaf(head.aval, index + i))
            index += count
            heads.append(head)
            sums.append(total)
        return tuple(substitute(gradient(tuple(heads), tuple(sums), targets), known))


def run_backward(program: Program, leaves: list[Buffer], numbers: list[float | int]) -> list[Buffer]:
    """Run a segment's backward program; returns its outputs."""
    go_on = None
    if not RUN_LOCK.acquire(False) and not wait_to_run():
        interrupts.deliver()
    try:
        try:
            if timing.on:
                buffers = timing.watched(program.run, "backward", user_lines.where())(leaves, numbers, None)
            else:
                buffers = program.run(leaves, numbers, None)
        except BaseException as failure:
            go_on = _rest_of(failure, program, leaves, numbers)
    finally:
        RUN_LOCK.release()
    if go_on is not None:
        buffers = _taken_up(go_on, program, leaves, numbers)
    return buffers


def _taken_up(go_on: Callable[[], list[Buffer]], program: Program, leaves: list[Buffer],
              numbers: list[float | int]) -> list[Buffer]:
    """Finish a run that was paused so that another thread could fork; returns its outputs."""
    while True:
        forks.stand_back()
        with RUN_LOCK:
            try:
                return go_on()
            except BaseException as failure:
                go_on = _rest_of(failure, program, leaves, numbers)


def _rest_of(failure: BaseException, program: Program, leaves: list[Buffer],
             numbers: list[float | int]) -> Callable[[], list[Buffer]]:
    """A function that finishes a run which was paused so that another thread could fork; other failures are raised."""
    if isinstance(failure, Paused):
        program.renew()
        if failure.interrupted:
            raise KeyboardInterrupt
        return failure.go_on or partial(program.run, leaves, numbers, None)
    if isinstance(failure, ExecutionError):
        error = MXNetError(f"in the gradient of what was read: {failure}")
        error.__cause__ = failure.cause
        raise error
    raise failure


def _sink(value: Value) -> Value:
    """A variable that receives the gradient of a retained intermediate result."""
    sink = computed(value.aval, None)
    sink.make_variable(value.retained)
    return sink


def written_over(value: Value) -> Value:
    """The recorded value that `value` was written over, if the tape has it, else `value`.

    Thus the tape keeps only the last of several writes over one value.
    """
    trace, entry = current().trace, value.entry
    if value.trace is trace and entry is None:
        node: Node = value.node  # type: ignore[assignment]
        if node.op is overwrite_op:
            return trace.new(node.inputs[1], value.history, value.line)
    elif isinstance(entry, Segment):
        node = entry.kept.heads[value.slot]
        if node.op is overwrite_op and node.inputs[1].op is leaf_op:
            return entry.leaves[node.inputs[1].attrs[1]]
    return value
