"""Timing: while it is on, each step of a program runs and is timed by itself. Off, it costs one check of `on` a run.

`switch` turns it on. The time of a step is added to `ENTRIES`, by its name and the user's line that made it run. Each
slice of time, of a step or of a larger unit (a program's run, planning, compiling a kernel), goes to the `LISTENERS`.
Times are in nanoseconds of `time.perf_counter_ns`.
"""
from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from time import perf_counter_ns as now
from typing import Any, NamedTuple

from tracer.ops.ir.node import Node, scalar_op

from .counters import NOWHERE, Place, make_room


class Interval(NamedTuple):
    """An interval of one thread's time.

    kind: "sync" for a program's run; "plan", "compile", "load" for its preparation; "kernel", "library", "numpy" for
        its steps.
    """

    kind: str
    name: str
    start: int
    end: int
    args: dict[str, Any]


@dataclass
class LineTotals:
    """Totals of the runs of one step that one line of the user's caused: nanoseconds, and bytes of its values."""

    name: str
    place: Place
    runs: int = 0
    total: int = 0
    read: int = 0
    written: int = 0

    def add(self, runs: int, total: int, read: int, written: int) -> None:
        """Add some runs to the totals."""
        self.runs += runs
        self.total += total
        self.read += read
        self.written += written


on = False
ENTRIES: dict[tuple[str, Place], LineTotals] = {}
LISTENERS: list[Callable[[Interval], None]] = []
_wanted: set[Hashable] = set()
_place: Place = NOWHERE


def switch(who: Hashable, wanted: bool) -> None:
    """Turn timing on or off for one user of it, `who`. It is on while any of them needs it.

    >>> from tracer.jit.report import timing
    >>> timing.switch("me", True)
    >>> timing.on
    True
    >>> timing.switch("me", False)
    """
    global on
    (_wanted.add if wanted else _wanted.discard)(who)
    on = bool(_wanted)


def event(kind: str, name: str, start: int, end: int, **args: Any) -> None:
    """Pass a slice to the listeners."""
    for listen in tuple(LISTENERS):
        listen(Interval(kind, name, start, end, args))


def _entry(name: str, place: Place) -> LineTotals:
    return ENTRIES.setdefault((name, place), LineTotals(name, place))


def _forget_line(key: tuple, entry: LineTotals) -> None:
    _entry(entry.name, NOWHERE).add(entry.runs, entry.total, entry.read, entry.written)


def timed(kind: str, name: str, run: Callable[..., Any], read: int, written: int) -> Callable[..., Any]:
    """The timed form of `run`, a step that reads and writes so many bytes. A run that raises is not counted."""

    def step(*args: Any) -> Any:
        start = now()
        result = run(*args)
        end = now()
        entry = ENTRIES.get((name, _place))
        if entry is None:
            make_room(ENTRIES, lambda entry: entry.total, _forget_line)
            entry = _entry(name, _place)
        entry.add(1, end - start, read, written)
        if LISTENERS:
            event(kind, name, start, end, read=read, written=written)
        return result

    return step


def watched(run: Callable[..., Any], cause: str, place: Place) -> Callable[..., Any]:
    """The timed form of `run`, which runs a program for a cause at a line of the user's: a slice around its steps."""

    def whole(*args: Any) -> Any:
        global _place
        before, _place = _place, place
        start = now()
        try:
            return run(*args)
        finally:
            _place = before
            event("sync", cause, start, now(), file=place[0], line=place[1])

    return whole


def nbytes(values: Iterable[Any]) -> int:
    """Bytes of the distinct arrays among `values`, without numbers and a kernel's own partial results."""
    arrays = {v for v in values if isinstance(v, Node) and v.op is not scalar_op}
    return sum(a.nbytes for v in arrays for a in (v.aval if isinstance(v.aval, tuple) else (v.aval,)))
