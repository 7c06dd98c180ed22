"""Timing: while it is on, each step of a program runs and is timed by itself. Off, it costs a look at `on` a run.

Who wants the times says so with `switch`. What a step took is added to `ENTRIES`, by its name and the user's line
that made it run; and each slice of time, of steps and of what contains them (a program's run, planning, compiling a
kernel), goes to the `LISTENERS`. Times are in nanoseconds of `time.perf_counter_ns`.
"""
from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from time import perf_counter_ns as now
from typing import Any, NamedTuple

from tracer.ops.ir.node import Node, scalar_op

from .counters import NOWHERE, Place, make_room


class Slice(NamedTuple):
    """A stretch of one thread's time.

    kind: "sync", a program's run; "plan", "compile", "load", what prepares it; "kernel", "library", "numpy", its steps.
    """

    kind: str
    name: str
    start: int
    end: int
    args: dict[str, Any]


@dataclass
class Entry:
    """What all runs of one step took that one line of the user's caused: nanoseconds, and bytes of its values."""

    name: str
    place: Place
    runs: int = 0
    total: int = 0
    read: int = 0
    written: int = 0

    def add(self, runs: int, total: int, read: int, written: int) -> None:
        """Count some more runs."""
        self.runs += runs
        self.total += total
        self.read += read
        self.written += written


on = False
ENTRIES: dict[tuple[str, Place], Entry] = {}
LISTENERS: list[Callable[[Slice], None]] = []
_wanted: set[Hashable] = set()
_place: Place = NOWHERE


def switch(who: Hashable, wanted: bool) -> None:
    """Timing is on while anybody wants it.

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
    """Tell the listeners of a slice."""
    for listen in tuple(LISTENERS):
        listen(Slice(kind, name, start, end, args))


def _entry(name: str, place: Place) -> Entry:
    return ENTRIES.setdefault((name, place), Entry(name, place))


def _forget_line(key: tuple, entry: Entry) -> None:
    _entry(entry.name, NOWHERE).add(entry.runs, entry.total, entry.read, entry.written)


def timed(kind: str, name: str, run: Callable[..., Any], read: int, written: int) -> Callable[..., Any]:
    """`run`, a step that reads and writes so many bytes, made to measure itself. A run that raises counts for none."""

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
    """`run`, which runs a program for a reason at a line of the user's, as the slice that its steps lie in."""

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
    """Bytes of the distinct arrays among `values`: numbers and a kernel's own partial results count for none."""
    arrays = {v for v in values if isinstance(v, Node) and v.op is not scalar_op}
    return sum(a.nbytes for v in arrays for a in (v.aval if isinstance(v.aval, tuple) else (v.aval,)))
