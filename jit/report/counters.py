"""What has been compiled, run, cut and interpreted, for `explain()` and for the tests."""
from __future__ import annotations

import collections
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from types import CodeType
from typing import Any

#: file and line of the user's own code
Place = tuple[str, int]

#: The same as it is found at once: the code that runs there, and its instruction.
Line = tuple[CodeType, int]

#: The place of what is counted without one.
NOWHERE: Place = ("?", 0)

#: Entries by the user's line that a table keeps: each cell that a notebook runs is new code, with lines of its own.
BOUND = 1024


def make_room(table: dict, weight: Callable[[Any], int], merge: Callable[[Any, Any], None]) -> None:
    """Halve a table that has reached BOUND: the entries that weigh least are taken out and given to `merge`.

    >>> table = {i: i for i in range(BOUND)}
    >>> make_room(table, lambda value: value, lambda key, value: None)
    >>> len(table), min(table)
    (512, 512)
    """
    if len(table) < BOUND:
        return
    for key, _ in sorted(table.items(), key=lambda item: weight(item[1]))[:len(table) // 2]:
        value = table.pop(key, None)  # what it is now: entries before it may have been merged into it
        if value is not None:
            merge(key, value)


@dataclass(slots=True)
class Counters:
    """Totals of this process.

    programs: planned (a new graph); program_hits: runs of a known one; kernels_compiled, kernels_loaded (from
    disk), kernel_hits; interpreted: runs by the interpreter tier; native: by the native tier.
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
    """Sync points of one cause on one line: how many."""

    __slots__ = ("count", "cause", "line")

    def __init__(self, cause: str, line: Line | None) -> None:
        self.count = 0
        self.cause = cause
        self.line = line


class Syncs:
    """Sync points by cause and line, counted. last: the kind of the latest."""

    __slots__ = ("kinds", "last")

    def __init__(self) -> None:
        self.kinds: dict[tuple, Sync] = {}
        self.last = Sync("", None)

    @property
    def total(self) -> int:
        """How many there were."""
        return sum(kind.count for kind in self.kinds.values())

    def note(self, cause: str, line: Line | None) -> None:
        """One more. Code is told apart by its identity: to compare what it says takes a microsecond."""
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
    """How often NumPy did something, by what it was and the user's line."""

    def note(self, what: str, place: Place) -> None:
        """One more."""
        if (what, place) not in self:
            make_room(self, lambda count: count, self._forget_line)
        self[what, place] += 1

    def _forget_line(self, key: tuple[str, Place], count: int) -> None:
        self[key[0], NOWHERE] += count


@dataclass
class Log:
    """Why things happened: sync points by cause and line, fallbacks to NumPy, why programs were new, why files of the
    cache, by path, were not used, who records and why, and why the interpreter runs every new program."""

    syncs: Syncs = field(default_factory=Syncs)
    fallbacks: Fallbacks = field(default_factory=Fallbacks)
    misses: collections.deque = field(default_factory=lambda: collections.deque(maxlen=200))
    refused: dict[str, str] = field(default_factory=dict)
    recording: str = ""
    no_native: str = ""


COUNTERS = Counters()
LOG = Log()
