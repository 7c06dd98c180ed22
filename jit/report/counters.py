"""Counters and logs of compilations, runs, sync points and fallbacks, for `explain()` and for the tests."""
from __future__ import annotations

import collections
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from types import CodeType
from typing import Any

#: A place in the user's own code: its file and line.
Place = tuple[str, int]

#: The same in the form that is found fastest: the code object that runs there, and its instruction.
Line = tuple[CodeType, int]

#: The place of entries that are counted without one.
NOWHERE: Place = ("?", 0)

#: The most entries by user's line in a table: each cell that a notebook runs is new code, with lines of its own.
BOUND = 1024


def make_room(table: dict, weight: Callable[[Any], int], merge: Callable[[Any, Any], None]) -> None:
    """Halve a table that has reached BOUND: the entries that weigh least are removed and passed to `merge`.

    >>> table = {i: i for i in range(BOUND)}
    >>> make_room(table, lambda value: value, lambda key, value: None)
    >>> len(table), min(table)
    (512, 512)
    """
    if len(table) < BOUND:
        return
    for key, _ in sorted(table.items(), key=lambda item: weight(item[1]))[:len(table) // 2]:
        value = table.pop(key, None)  # as it is now: earlier entries may have been merged into it
        if value is not None:
            merge(key, value)


@dataclass(slots=True)
class Counters:
    """Totals of this process.

    programs: new programs, one for each new graph.
    program_hits: look-ups of known programs.
    kernels_compiled: kernels compiled by this process.
    kernels_loaded: kernels loaded from disk.
    kernel_hits: kernels found in memory.
    interpreted: runs by the interpreter tier.
    native: runs by the native tier.
    """

    programs: int = 0
    program_hits: int = 0
    kernels_compiled: int = 0
    kernels_loaded: int = 0
    kernel_hits: int = 0
    interpreted: int = 0
    native: int = 0
    compile_seconds: float = 0.0
    load_seconds: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """The totals by name."""
        return asdict(self)


class Sync:
    """The count of sync points of one cause on one line."""

    __slots__ = ("count", "cause", "line")

    def __init__(self, cause: str, line: Line | None) -> None:
        self.count = 0
        self.cause = cause
        self.line = line


class Syncs:
    """Counts of sync points by cause and line.

    last: the kind of the latest.
    """

    __slots__ = ("kinds", "last")

    def __init__(self) -> None:
        self.kinds: dict[tuple, Sync] = {}
        self.last = Sync("", None)

    @property
    def total(self) -> int:
        """The number of sync points."""
        return sum(kind.count for kind in self.kinds.values())

    def note(self, cause: str, line: Line | None) -> None:
        """Count a sync point. Code objects are compared by identity: comparing their contents takes a microsecond."""
        kind = self.last
        there = kind.line
        if line is None or there is None or there[0] is not line[0] or there[1] != line[1] or kind.cause is not cause:
            key = (cause,) if line is None else (cause, id(line[0]), line[1])
            found = self.kinds.get(key)
            kind = self.last = self._enter(key, Sync(cause, line)) if found is None else found
        kind.count += 1

    def _enter(self, key: tuple, kind: Sync) -> Sync:
        make_room(self.kinds, lambda kind: kind.count, self._forget_line)
        return self.kinds.setdefault(key, kind)

    def _forget_line(self, key: tuple, kind: Sync) -> None:
        self.kinds.setdefault((kind.cause,), Sync(kind.cause, None)).count += kind.count


class Fallbacks(collections.Counter):
    """Counts of operations that fell back to NumPy, by operation and the user's line."""

    def note(self, what: str, place: Place) -> None:
        """Count a fallback."""
        if (what, place) not in self:
            make_room(self, lambda count: count, self._forget_line)
        self[what, place] += 1

    def _forget_line(self, key: tuple[str, Place], count: int) -> None:
        self[key[0], NOWHERE] += count


@dataclass
class Log:
    """The reasons of events.

    syncs: sync points by cause and line.
    fallbacks: fallbacks to NumPy.
    uncached: calls of hybridized blocks that ran as Python, by the reason.
    misses: the reasons why programs were new.
    refused: the reasons why files of the cache, by path, were not used.
    recording: the recorder in use, Python or compiled, and the reason.
    no_native: the reason why the interpreter runs every new program, if it does.
    shims: the names that NumPy or Python removed and a script used, with its first line that did.
    """

    syncs: Syncs = field(default_factory=Syncs)
    fallbacks: Fallbacks = field(default_factory=Fallbacks)
    uncached: Fallbacks = field(default_factory=Fallbacks)
    misses: collections.deque = field(default_factory=lambda: collections.deque(maxlen=200))
    refused: dict[str, str] = field(default_factory=dict)
    recording: str = ""
    no_native: str = ""
    shims: dict[str, Place] = field(default_factory=dict)


COUNTERS = Counters()
LOG = Log()
