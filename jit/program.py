"""Programs: sets of output nodes with the means to compute them, found by one look-up of those nodes.

The policy between the tiers, under `settings.mode` "auto": a program is interpreted the first two times that it
runs, unless it handles more than a million elements; from then on it is native. "always" and "never" force a tier;
"compare" runs both (verify/tiers.py). Where the installed Numba cannot compile, every new program is interpreted.
"""
from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from tracer.ops.ir.errors import CannotCompile
from tracer.ops.ir.node import FORGETTERS, Node

from . import settings
from .native.kernel_cache import KNOWN
from .plan.describe import show
from .plan.plan import Plan
from .process import forks, interrupts
from .report import timing
from .report.counters import COUNTERS, LOG
from .runtime.buffers import Buffer
from .runtime.interpreter import ExecutionError, Interpreter

__all__ = ["RUN_LOCK", "ExecutionError", "Program", "find_program", "wait_to_run"]

#: Runs by the interpreter before a small program is compiled, and the elements from which a program is large.
PATIENCE = 2
LARGE = 1 << 20

#: Serializes launches: a plan's `bind` array is shared by all its runs. A thread that runs a program holds it.
RUN_LOCK = forks.guarded(threading.RLock())

#: Callbacks for each program about to run, with its leaves, its numbers and its donated buffers: for pictures of them.
WATCHERS: list[Callable[[Program, Sequence[Buffer], Sequence[Any], dict[int, Buffer] | None], None]] = []


class Program:
    """The means to compute a set of output nodes: the interpreter, or a plan."""

    __slots__ = ("outputs", "runs", "_interpreter", "_plan", "_large", "known", "unlogged",
                 "donations")

    def __init__(self, outputs: tuple[Node, ...]) -> None:
        self.outputs = outputs
        self.runs = 0
        #: For each output, the leaves whose memory it may be written over when nothing else needs them.
        self.donations: Sequence[tuple[int, Sequence[int]]] = ()
        self._interpreter: Interpreter | None = None
        self._plan: Plan | None = None
        self._large = -1
        self.known = False  # whether it has been logged why it was new
        self.unlogged: list[tuple[Node, str]] = []  # NumPy steps of the native form, not yet logged

    def run(self, leaves: Sequence[Buffer], scalars: Sequence[float | int],
            donated: dict[int, Buffer] | None) -> list[Buffer]:
        """Compute the outputs. Raises ExecutionError, with the node, when one of them cannot be computed."""
        if WATCHERS:
            for watch in tuple(WATCHERS):
                watch(self, leaves, scalars, donated)
        plan = self._plan
        if plan is None or settings.mode == "never":
            plan = self._choose()
        if plan is not None:
            COUNTERS.native += 1
            return plan.run(leaves, scalars, donated)
        COUNTERS.interpreted += 1
        if self._interpreter is None:
            self._interpreter = Interpreter(self.outputs)
        return self._interpreter.run(leaves, scalars)

    def renew(self) -> Plan | None:
        """Give up the plan, and return it: an interrupted run needs it for itself, and the next run makes another."""
        plan, self._plan, self.donations = self._plan, None, ()
        return plan

    def restore(self, plan: Plan | None) -> None:
        """Put back a plan that `renew` returned, once its run has ended: making another may take long."""
        if self._plan is None and plan is not None:
            self._plan, self.donations = plan, plan.donations

    @property
    def plan(self) -> Plan | None:
        """The native form, if there is one yet."""
        return self._plan

    def _choose(self) -> Plan | None:
        """The tier of this run: a plan, made now if it is time, or None for the interpreter."""
        self.runs += 1
        if settings.mode == "never" or LOG.no_native:
            return None
        if settings.mode == "auto" and self.runs <= PATIENCE:
            if self._large < 0:
                if self._interpreter is None:
                    self._interpreter = Interpreter(self.outputs)
                self._large = sum(n.size for n in self._interpreter.nodes if not isinstance(n.aval, tuple))
            if self._large < LARGE:
                return None
        interrupts.install()  # the main thread may not have been the one that imported tracer
        start = timing.now()
        try:
            self._plan = _maker()(self.outputs)
        except CannotCompile as why:
            _give_up(why.reason)
            return None
        timing.event("plan", f"plan of {self._plan.layout.steps} steps", start, timing.now())
        self.unlogged = list(self._plan.layout.fallbacks)
        self.donations = self._plan.donations
        show(self._plan)
        return self._plan


def _maker() -> type[Plan]:
    """The class of a new plan."""
    if settings.mode != "compare":
        return Plan
    from .verify.tiers import Compared

    return Compared


def _give_up(reason: str) -> None:
    """Leave every new program to the interpreter from now on, and print the reason."""
    found = " and ".join([f"{name} {getattr(sys.modules.get(name), '__version__', '(not loaded)')}"
                          for name in ("numba", "llvmlite")])
    LOG.no_native = f"{found} cannot compile ({reason}); known to work: numba {KNOWN[0]} to {KNOWN[1]}"
    print(f"tracer: NumPy runs new programs, as {LOG.no_native}", file=sys.stderr)


def wait_to_run() -> bool:
    """Take RUN_LOCK, once another thread's run is over; False, without it, if this thread has been interrupted."""
    while not RUN_LOCK.acquire(timeout=interrupts.GLANCE):
        if interrupts.wanted():
            return False
    return True


_PROGRAMS: dict[tuple[Node, ...], Program] = {}


def forget() -> None:
    """Drop all programs. Kernels stay."""
    _PROGRAMS.clear()


FORGETTERS.append(forget)


def find_program(outputs: tuple[Node, ...]) -> Program:
    """The program that computes `outputs`, made at the first request."""
    program = _PROGRAMS.get(outputs)
    if program is None:
        COUNTERS.programs += 1
        program = _PROGRAMS.setdefault(outputs, Program(outputs))
    else:
        COUNTERS.program_hits += 1
    return program
