"""Where in the user's own files something was recorded or read."""
from __future__ import annotations

import os
import sys
from types import CodeType, FrameType

from tracer.jit.report.counters import NOWHERE, Line, Place


class _Ours(dict[str | None, bool]):
    """Whether frames of a package are tracer's own, and never the user's line: by the package's top name."""

    def __missing__(self, package: str | None) -> bool:
        ours = self[package] = package is not None and package.partition(".")[0] == "tracer"
        return ours


OURS = _Ours()


def user_frame(depth: int = 1) -> FrameType | None:
    """The innermost frame, from `depth` callers up, that is not tracer's own."""
    frame: FrameType | None = sys._getframe(depth + 1)
    while frame is not None and OURS[frame.f_globals.get("__package__")]:
        frame = frame.f_back
    return frame


def user_line() -> Line | None:
    """Where the user's own code is now, cheaply."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and OURS[frame.f_globals.get("__package__")]:
        frame = frame.f_back
    return None if frame is None else (frame.f_code, frame.f_lasti)


def place_of(line: Line | None) -> Place:
    """The file and number of a line."""
    return NOWHERE if line is None else (line[0].co_filename, line_number(*line))


def line_number(code: CodeType, lasti: int) -> int:
    """The line of an instruction."""
    for start, end, line in code.co_lines():
        if start <= lasti < end and line is not None:
            return line
    return code.co_firstlineno


def format_line(line: Line | None) -> str:
    """`train.py:31`, or `?`."""
    if line is None:
        return "?"
    return f"{os.path.basename(line[0].co_filename)}:{line_number(*line)}"


def where(depth: int = 1) -> Place:
    """File and number of the user's line that is running now; the first `depth` callers are known to be tracer's."""
    frame = user_frame(depth + 1)
    return NOWHERE if frame is None else (frame.f_code.co_filename, frame.f_lineno)
