"""A progress bar on standard error: the share done, the current work, the time left."""
from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO


class Progress:
    """The progress of `total` units of work: a bar on a terminal, elsewhere one line for each case."""

    def __init__(self, total: int, out: TextIO | None = None) -> None:
        self.begin(total)
        self._out = sys.stderr if out is None else out
        self._live = self._out.isatty()
        self._said = ""

    def begin(self, total: int) -> None:
        """Start the clock, with `total` units to come."""
        self._total, self._done, self._start = total, 0, time.monotonic()

    def show(self, case: str, doing: str) -> None:
        """Show the case and the work being done on it."""
        if self._live:
            width = shutil.get_terminal_size().columns
            line = f"{self._bar()} {case} · {doing}"
            self._out.write("\r" + line[:width - 1].ljust(width - 1))
        elif case != self._said:
            self._out.write(f"{self._bar()} {case}\n")
            self._said = case
        self._out.flush()

    def advance(self, units: int = 1) -> None:
        """Count `units` more as done."""
        self._done += units

    def close(self) -> None:
        """Clear the bar's line."""
        if self._live:
            self._out.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            self._out.flush()

    def _bar(self) -> str:
        spent = time.monotonic() - self._start
        share = min(1.0, self._done / max(1, self._total))
        filled = round(20 * share)
        left = f"{_clock(spent / share - spent)} left" if share > 0.02 else "estimating"
        return f"[{'█' * filled}{'·' * (20 - filled)}] {share:4.0%} {left:>10}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"
