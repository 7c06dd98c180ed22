"""`explain()`: what was compiled and why, where the program was cut, and what NumPy had to do, by the user's line."""
from __future__ import annotations

import os
from typing import Any

from tracer.jit.stats import COUNTERS, LOG, Counters, Place


def counters() -> Counters:
    """A copy of this process's totals: programs, kernels_compiled, kernels_loaded, program_hits and so on.

    >>> counters().programs >= 0
    True
    """
    return Counters(**COUNTERS.as_dict())  # type: ignore[arg-type]


def _at(place: Place) -> str:
    return f"{os.path.basename(place[0])}:{place[1]}" if place[1] else "?"


def _top(counts: Any, title: str, limit: int = 5) -> list[str]:
    if not counts:
        return []
    rows = [f"  {count:>8}  {what} at {_at(place)}" for (what, place), count in counts.most_common(limit)]
    more = len(counts) - limit
    return [title, *rows, *([f"            and {more} more"] if more > 0 else [])]


def explain() -> str:
    """A report of some fifteen lines: programs, kernels, sync points, fallbacks, and why programs were new."""
    c = COUNTERS
    runs = c.native + c.interpreted
    lines = [
        f"tracer: {runs} runs of {c.programs} programs ({c.native} native, {c.interpreted} interpreted)",
        f"kernels: {c.kernels_compiled} compiled in {c.compile_seconds:.2f} s, {c.kernels_loaded} loaded from disk "
        f"in {c.load_seconds:.2f} s, {c.kernel_hits} reused" + (
            "; nothing had to be compiled" if c.native and not c.kernels_compiled else ""),
    ]
    lines += _top(LOG.syncs, "values were read (each read runs what is pending):")
    lines += _top(LOG.fallbacks, "done by NumPy, not by native code:")
    if LOG.misses:
        lines.append("the newest programs, and why no known one served:")
        lines += [f"  {_at(place)}: {reason}" for place, reason in list(LOG.misses)[-5:]]
    return "\n".join(lines)
