"""What has been compiled, run, cut and interpreted, for `explain()` and for the tests."""
from __future__ import annotations

import collections
from dataclasses import asdict, dataclass, field
from types import CodeType

#: file and line of the user's own code
Place = tuple[str, int]

#: The same as it is found at once: the code that runs there, and its instruction.
Line = tuple[CodeType, int]


@dataclass
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


class Syncs:
    """Sync points by cause and line, counted. last: the latest; total: how many there were."""

    __slots__ = ("counts", "last", "total")

    def __init__(self) -> None:
        self.counts: dict[tuple, list] = {}
        self.last: tuple[str, Line | None] = ("", None)
        self.total = 0

    def note(self, cause: str, line: Line | None) -> None:
        """One more. Code is told apart by its identity: to compare what it says takes a microsecond."""
        key = (cause,) if line is None else (cause, id(line[0]), line[1])
        self.last = (cause, line)
        self.total += 1
        entry = self.counts.get(key)
        if entry is None:
            self.counts[key] = [1, cause, line]
        else:
            entry[0] += 1


@dataclass
class Log:
    """Why things happened: sync points by cause and line, fallbacks to NumPy, and why programs were new."""

    syncs: Syncs = field(default_factory=Syncs)
    fallbacks: collections.Counter = field(default_factory=collections.Counter)
    misses: collections.deque = field(default_factory=lambda: collections.deque(maxlen=200))


COUNTERS = Counters()
LOG = Log()
