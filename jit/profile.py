"""Timing: while it is on, each step of a program runs and is timed by itself. Off, it costs a look at `on` a run.

Who wants the times says so with `switch`. What a step took is added to `ENTRIES`, by its name and the user's line
that made it run; and each slice of time, of steps and of what contains them (a program's run, planning, compiling a
kernel), goes to the `LISTENERS`. Times are in nanoseconds of `time.perf_counter_ns`.
"""
from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import perf_counter_ns as now
from typing import Any, NamedTuple

from .stats import Place


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


on = False
ENTRIES: dict[tuple[str, Place], Entry] = {}
LISTENERS: list[Callable[[Slice], None]] = []
_wanted: set[Hashable] = set()
_place: Place = ("?", 0)


def switch(who: Hashable, wanted: bool) -> None:
    """Timing is on while anybody wants it.

    >>> from tracer.jit import profile
    >>> profile.switch("me", True)
    >>> profile.on
    True
    >>> profile.switch("me", False)
    """
    global on
    (_wanted.add if wanted else _wanted.discard)(who)
    on = bool(_wanted)


def event(kind: str, name: str, start: int, end: int, **args: Any) -> None:
    """Tell the listeners of a slice."""
    for listen in tuple(LISTENERS):
        listen(Slice(kind, name, start, end, args))


def timed(kind: str, name: str, run: Callable[..., Any], read: int, written: int) -> Callable[..., Any]:
    """`run`, a step that reads and writes so many bytes, made to measure itself. A run that raises counts for none."""

    def step(*args: Any) -> Any:
        start = now()
        result = run(*args)
        end = now()
        entry = ENTRIES.get((name, _place))
        if entry is None:
            entry = ENTRIES.setdefault((name, _place), Entry(name, _place))
        entry.runs += 1
        entry.total += end - start
        entry.read += read
        entry.written += written
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
