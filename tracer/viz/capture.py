"""Capture: collects the programs that run while a picture is taken."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tracer.jit.program import WATCHERS, Program
from tracer.jit.report.counters import COUNTERS, LOG, Place
from tracer.jit.runtime.buffers import Buffer
from tracer.ops.ir.node import Node

from ..core import user_lines
from ..core.flush import flush
from .names import names_of


@dataclass(eq=False)
class Run:
    """The first run of a program, and the number of its runs.

    cause, place: those of the sync point that ran it.
    numbers: its run-time scalars.
    donated: by output, the leaf that it was written over.
    names, lines: the names and user's lines of its nodes, as far as they are known.
    native: whether native code ran it.
    count: the number of runs.
    """

    program: Program
    cause: str
    place: Place
    numbers: tuple
    donated: dict[int, int]
    names: dict[Node, str]
    lines: dict[Node, str]
    native: bool = False
    count: int = 1


@dataclass
class RunRecorder:
    """A recorder of the programs that run between start() and stop(), in any thread. It holds no arrays.

    variables: arrays by name, besides those in the user's frames.
    runs: the recorded programs.
    """

    variables: dict[str, Any] = field(default_factory=dict)
    runs: dict[Program, Run] = field(default_factory=dict)

    def start(self) -> None:
        """Start recording; pending operations run before, and are not recorded."""
        flush("waitall")
        self.last: Run | None = None
        self.native = 0
        self.syncs = LOG.syncs.total
        WATCHERS.append(self._watch)

    def stop(self, complete: bool = True) -> None:
        """Stop recording.

        complete: run pending operations first, so that they are recorded as well.
        """
        try:
            if complete:
                flush("waitall")
        finally:
            WATCHERS.remove(self._watch)
            self._settle()

    def _settle(self) -> None:
        """Note which tier ran the latest program, once it has run."""
        if self.last is not None and COUNTERS.native > self.native:
            self.last.native = True

    def _watch(self, program: Program, leaves: Sequence[Buffer], scalars: Sequence[Any],
               donated: dict[int, Buffer] | None) -> None:
        self._settle()
        last = LOG.syncs.last
        cause, line = (last.cause, last.line) if LOG.syncs.total > self.syncs else ("backward over a cut", None)
        place = user_lines.where() if line is None else user_lines.place_of(line)
        self.syncs, self.native = LOG.syncs.total, COUNTERS.native
        self.last = self.runs.get(program)
        if self.last is not None:
            self.last.count += 1
            return
        names, lines = names_of(program.outputs, leaves, self.variables)
        over = {output: next(i for i, leaf in enumerate(leaves) if leaf is buffer)
                for output, buffer in (donated or {}).items()}
        self.last = self.runs[program] = Run(program, cause, place, tuple(scalars),
                                             over, names, lines)
