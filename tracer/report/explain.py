"""`explain()`: a report of compilations and their causes, sync points, and NumPy fallbacks, by the user's line."""
from __future__ import annotations

import os
from collections import Counter
from typing import Any

from tracer.jit.native import kernel_cache
from tracer.jit.report import timing
from tracer.jit.report.counters import COUNTERS, LOG, Counters, Place

from ..core.user_lines import place_of


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


def time_kernels(on: bool = True) -> None:
    """Start (or, with False, stop) to measure each kernel, library call and NumPy step, for `explain()` to list.

    Results are the same, bit for bit; programs run a little slower. Measurements are kept when it stops.

    >>> time_kernels()
    >>> from tracer import np
    >>> print(np.ones(3) * 2)
    [2. 2. 2.]
    >>> "steps by time" in explain()
    True
    >>> time_kernels(False)
    """
    timing.switch(time_kernels, on)


def kernel_source(name: str) -> str:
    """The generated source of a kernel of this process, by the name in `explain()`'s list, `k_3fa2c0d1`.

    A longer or shorter prefix of the name is accepted; KeyError when it fits no kernel, or several.

    >>> kernel_source("k_none")
    Traceback (most recent call last):
    KeyError: "0 of the ... kernels of this process have names that begin with 'k_none'"
    """
    return kernel_cache.source_of(name)


def _times(limit: int = 10) -> list[str]:
    """The lines on the slowest steps."""
    entries = sorted(timing.ENTRIES.values(), key=lambda e: e.total, reverse=True)
    if not entries:
        return []
    shown = entries[:limit]
    lines = [f"steps by time ({sum(e.total for e in entries) / 1e6:.1f} ms in all, while it was measured):",
             "      runs  total ms   mean us   MB read  MB written    GB/s"]
    lines += [f"  {e.runs:>8}{e.total / 1e6:>10.2f}{e.total / e.runs / 1e3:>10.1f}{e.read / 1e6:>10.2f}"
              f"{e.written / 1e6:>12.2f}{(e.read + e.written) / max(e.total, 1):>8.2f}  {e.name} at {_at(e.place)}"
              for e in shown]
    more = entries[limit:]
    if more:
        lines.append(f"            and {len(more)} more in {sum(e.total for e in more) / 1e6:.2f} ms")
    return lines


def explain() -> str:
    """A report of some fifteen lines: programs, kernels, sync points, fallbacks, and why programs were new.

    If steps were measured (`time_kernels`, the profiler, `python -m tracer --report`), it also lists the slowest.
    """
    c = COUNTERS
    runs = c.native + c.interpreted
    lines = [
        f"tracer: {runs} runs of {c.programs} programs ({c.native} native, {c.interpreted} interpreted)",
        f"kernels: {c.kernels_compiled} compiled in {c.compile_seconds:.2f} s, {c.kernels_loaded} loaded from disk "
        f"in {c.load_seconds:.2f} s, {c.kernel_hits} reused" + (
            "; nothing had to be compiled" if c.native and not c.kernels_compiled else ""),
    ]
    if LOG.no_native:
        lines.append(f"native code: none for new programs, NumPy runs them: {LOG.no_native}")
    lines.append(f"recording: {LOG.recording}")
    if LOG.refused:
        lines.append("the cache, or a part of it, is not used:")
        lines += [f"  {path} {reason}" for path, reason in [*LOG.refused.items()][-5:]]
    lines += _times()
    syncs: Counter = Counter()
    for kind in LOG.syncs.kinds.values():
        syncs[kind.cause, place_of(kind.line)] += kind.count
    lines += _top(syncs, "values were read (each read runs what is pending):")
    lines += _top(LOG.fallbacks, "computed by NumPy instead of native code:")
    lines += _top(LOG.uncached, "hybridized blocks whose Python ran, and why:")
    if LOG.shims:
        lines.append("removed from NumPy or Python, supplied again:")
        lines += [f"  {name} at {_at(place)}" for name, place in LOG.shims.items()]
    if LOG.misses:
        lines.append("why recent programs were new:")
        lines += [f"  {_at(place)}: {reason}" for place, reason in list(LOG.misses)[-5:]]
    return "\n".join(lines)
