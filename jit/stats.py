"""What has been compiled, run, cut and interpreted, for `explain()` and for the tests."""
from __future__ import annotations

import collections
from dataclasses import asdict, dataclass, field
from types import CodeType

#: file and line of the user's own code
Place = tuple[str, int]

#: The same as it is found at once: the code that runs there, and its instruction.
Line = tuple[CodeType, int]


@dataclass(slots=True)
class Counters:
    """Totals of this process.

    programs: planned (a new graph); program_hits: runs of a known one; kernels_compiled, kernels_loaded (from
    disk), kernel_hits; interpreted: runs by the interpreter tier; native: by the native tier; hot_seconds: what it
    took to make, or load, machine code for what Python does at each step.
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
    hot_seconds: float = 0.0

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
            kind = self.last = self.kinds.setdefault(key, Sync(cause, line)) if found is None else found
        kind.count += 1


@dataclass
class Log:
    """Why things happened: sync points by cause and line, fallbacks to NumPy, and why programs were new."""

    syncs: Syncs = field(default_factory=Syncs)
    fallbacks: collections.Counter = field(default_factory=collections.Counter)
    misses: collections.deque = field(default_factory=lambda: collections.deque(maxlen=200))


COUNTERS = Counters()
LOG = Log()
