"""What has been compiled, run, cut and interpreted, for `explain()` and for the tests."""
from __future__ import annotations

import collections
from dataclasses import asdict, dataclass, field

#: file and line of the user's own code
Place = tuple[str, int]


@dataclass
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


@dataclass
class Log:
    """Why things happened: sync points by cause and line, fallbacks to NumPy, and why programs were new."""

    syncs: collections.Counter = field(default_factory=collections.Counter)
    fallbacks: collections.Counter = field(default_factory=collections.Counter)
    misses: collections.deque = field(default_factory=lambda: collections.deque(maxlen=200))


COUNTERS = Counters()
LOG = Log()
