"""Plans: a layout (layout.py) as a table that one native call runs, with memory for the values between steps.

A plan's `bind` array holds, slot by slot, what differs between runs: addresses of leaves and outputs, and numbers;
then the addresses of values between steps, which live in one arena, places reused as values die.
"""
from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tracer.ops.ir.node import Node, leaf_op, scalar_op

from .. import settings
from ..process import calls, interrupts
from ..process.interrupts import Paused
from ..report import timing
from ..runtime import driver, packed
from ..runtime.buffers import Buffer, allocate, pool_of
from ..runtime.denormals import computed
from ..runtime.interpreter import ExecutionError
from ..runtime.launch import Launch, filler, launcher
from . import poison
from .cache.shape_templates import layout_of
from .describe import name_of, traffic
from .layout import ByNumPy, Check, Run, Source
from .memory import arrange
from .pipeline import plan_graph
from .planner import PlanState, items_of

#: The most bytes of an arena that a plan keeps between runs.
SMALL_ARENA = 1 << 12

if settings.poison:
    poison.install()

#: Functions called with each new plan: tests, and TRACER_JIT=compare, enter the verifier here.
CHECKS: list[Callable[[Plan], None]] = []


class Plan:
    """The executable form of a graph: `run` maps leaves and numbers to output buffers."""

    def __init__(self, outputs: Sequence[Node]) -> None:
        self._outputs = tuple(outputs)
        self.layout, self._planning = layout_of(self._outputs)
        layout = self.layout
        self.bind = np.zeros(layout.slots + 1, np.int64)
        self.address = self.bind.ctypes.data
        self.objects: dict[Node, Any] = {}
        between = dict(layout.between)
        places, self.arena_bytes = arrange(layout.touched, poison.padded(between) if settings.poison else between)
        self.arena_at = -1
        self.arena: Buffer | None = None
        self.places = np.array(list(places), np.int64)
        self.starts = np.array(list(places.values()), np.int64)
        self.fill = filler(layout.inputs)
        self.pools = [pool_of(n) for n in layout.nbytes]
        self.direct = [a for a, _ in layout.results] == list(range(len(layout.nbytes)))
        self.donations = layout.donations
        self.timed_runs: list[Callable[[], None]] | None = None  # as `runs`, with one call a step
        self.tables: list[driver.Table] = []  # the native loop reads their memory
        self.runs = poison.runs_of(self) if settings.poison else [self.runner(run) for run in layout.runs]
        self.launch = self._launcher()
        for check in CHECKS:
            check(self)

    @property
    def planning(self) -> PlanState:
        """The state that the passes left, for reports and tests; planned anew where the layout was known."""
        if self._planning is None:
            self._planning = plan_graph(self._outputs)
        return self._planning

    def runner(self, run: Run) -> Callable[[], None]:
        """The function that does a part of a run."""
        if isinstance(run, ByNumPy):
            return self._by_numpy(run)
        if isinstance(run, Check):
            return self._check(run)
        table = driver.Table(run)
        self.tables.append(table)
        return partial(table.run, self.address)

    def _launcher(self) -> Launch | None:
        """The launch function of a program that is one native call with a small arena; None for others."""
        if not self.direct or len(self.runs) != 1 or not self.tables or self.arena_bytes > SMALL_ARENA \
                or self.layout.packings:
            return None
        if self.arena_bytes:
            self.arena = allocate(self.arena_bytes)
            self._move_arena(self.arena)
        return launcher(self.layout.inputs, self.pools, self.bind, self.runs[0])

    def _move_arena(self, arena: Buffer) -> None:
        self.bind[self.places] = self.starts + arena.addr
        self.arena_at = arena.addr

    # ---- NumPy steps -----------------------------------------------------------------------------

    def _reader(self, source: Source) -> Callable[[], Any]:
        """The function that reads a value as a NumPy array."""
        node, slot, of = source.node, source.slot, source.node.aval
        if node.op is scalar_op:
            kind = np.int64 if of.dtype.kind == "i" else np.float64
            return lambda: self.bind[slot:slot + 1].view(kind)[0]
        if slot >= 0:
            if isinstance(of, tuple):
                return lambda: self.objects[node]
            return lambda: _array_at(int(self.bind[slot]), of)
        if not node.inputs:
            value = node.op.ref([], node.attrs)
            return lambda: value
        sources, op, attrs = [self._reader(s) for s in source.sources], node.op, node.attrs
        return lambda: op.ref([s() for s in sources], attrs)

    def _by_numpy(self, run: ByNumPy) -> Callable[[], None]:
        found = [(v.node, v.slot, [self._reader(s) for s in v.sources], calls.may_be_long(v.node)) for v in run.values]

        def call(first: int = 0, begun: calls.LongCall | None = None) -> None:
            for at, (node, slot, sources, long) in enumerate(found[first:], first):
                try:
                    interrupts.check()
                    if long and begun is None:
                        begun = calls.begin(computed, node, [s() for s in sources])
                    if begun is not None:
                        begun.wait()
                except Paused as left:
                    left.go_on = partial(call, at, begun)
                    raise
                try:
                    result = begun.result() if begun else computed(node, [s() for s in sources])
                except Exception as cause:
                    raise ExecutionError(node, cause) from cause
                begun = None
                if isinstance(node.aval, tuple):
                    self.objects[node] = result
                else:
                    _array_at(int(self.bind[slot]), node.aval)[...] = result

        return call

    def _check(self, check: Check) -> Callable[[], None]:
        """The function that raises a failure noted by a native step, as NumPy does: by doing the step again."""
        slot, node = check.slot, check.value.node
        sources = [self._reader(s) for s in check.value.sources]

        def call() -> None:
            if self.bind[slot]:
                self.bind[slot] = 0
                try:
                    node.op.ref([s() for s in sources], node.attrs)
                except IndexError as cause:
                    raise ExecutionError(node, cause) from cause

        return call

    # ---- running ---------------------------------------------------------------------------------

    def run(self, leaves: Sequence[Buffer], scalars: Sequence[float | int],
            donated: dict[int, Buffer] | None) -> list[Buffer]:
        """Compute the outputs.

        donated: the buffers to use for some outputs, by their numbers; emptied before these buffers are written to.
        """
        if self.launch is not None and not donated and not timing.on:
            try:
                return self.launch(leaves, scalars)
            except Paused as left:
                self._leave(left, [], 0, self.arena, (), left.outputs, leaves, scalars)
                raise left
        if donated:
            buffers = [donated.get(i) or pool.take() for i, pool in enumerate(self.pools)]
        else:
            buffers = [pool.take() for pool in self.pools]
        self.fill(self.bind, leaves, scalars, buffers)
        arena = None
        if self.arena_bytes:
            arena = self.arena or allocate(self.arena_bytes)
            if arena.addr != self.arena_at or self.layout.packings:
                self._move_arena(arena)
                if self.arena_bytes <= SMALL_ARENA:
                    self.arena = arena
        held: Sequence[packed.Form] = ()
        if self.layout.packings:
            held = packed.enter(self.layout.packings, self.bind, leaves)
        if donated:
            packed.forget(donated.values())
            donated.clear()
        return self._finish(self._timed() if timing.on else self.runs, arena, held, buffers, leaves, scalars)

    def _timed(self) -> list[Callable[[], None]]:
        """The calls of `runs`, with one measured call for each step; made at the first request.

        The steps of a chain whose values have memory for a band only are one call.
        """
        if self.timed_runs is None:
            self.timed_runs, planning = [], self.planning
            for chain in planning.chains:
                if chain.start in planning.areas:
                    self._add_timed(chain, "library", tuple(items_of(planning, [chain])))
                    continue
                for i in chain:
                    work = planning.rows[i][0]
                    run = tuple(work) if isinstance(work, list) else work
                    kind = "numpy" if isinstance(run, ByNumPy) else "kernel" if i in planning.by_step else "library"
                    self._add_timed([i], kind, run)
                    self.timed_runs += [self.runner(check) for check in planning.checks_of(i)]
        return self.timed_runs

    def _add_timed(self, at: Sequence[int], kind: str, run: Run) -> None:
        """Add the measured call that does the steps of these numbers."""
        planning, names, read, written = self.planning, [], 0, 0
        for i in at:
            step, (_, reads, writes), made = planning.steps[i], planning.rows[i], planning.by_step.get(i)
            names.append(name_of(step, kind != "numpy", made.source if made else None))
            one = traffic(step, reads, writes)
            read, written = read + one[0], written + one[1]
        assert self.timed_runs is not None
        self.timed_runs.append(timing.timed(kind, " > ".join(names), self.runner(run), read, written))

    def _finish(self, runs: list[Callable[[], Any]], arena: Buffer | None, held: Sequence[packed.Form],
                buffers: list[Buffer], leaves: Sequence[Buffer], scalars: Sequence[float | int]) -> list[Buffer]:
        """Do these parts of a run, and return the outputs."""
        try:
            for at, run in enumerate(runs):  # noqa: B007  (`at` is used below)
                run()
        except BaseException as left:
            self._leave(left, runs, at, arena, held, buffers, leaves, scalars)
            raise left
        if held:
            packed.leave(held)
        if self.direct:
            return buffers
        return [_copy(leaves, node, scalars) if node is not None else buffers[i] for i, node in self.layout.results]

    def _leave(self, left: BaseException, runs: list[Callable[[], Any]], at: int, *rest: Any) -> None:
        """Keep a run's memory for calls under way; the `go_on` of a paused part then does the parts after it too.

        Until that is done no other run may use this plan.
        """
        calls.keep(rest)
        if isinstance(left, Paused):
            assert left.go_on is not None
            left.go_on = partial(self._finish, [left.go_on, *runs[at + 1:]], *rest)


def _copy(leaves: Sequence[Buffer], node: Node, scalars: Any) -> Buffer:
    if node.op is leaf_op:
        return leaves[node.attrs[1]]  # values are immutable: a leaf that is an output shares its buffer
    out = allocate(8)
    out.view(node.aval)[...] = scalars[node.attrs[1]]
    return out


def _array_at(address: int, of: Any) -> np.ndarray:
    if of.size == 0:
        return np.empty(of.shape, of.dtype)
    raw = (ctypes.c_char * of.nbytes).from_address(address)
    return np.ndarray(of.shape, of.dtype, raw)
