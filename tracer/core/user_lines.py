"""User lines: the line of the user's own code that records or reads a value."""
from __future__ import annotations

import os
import sys
from types import CodeType, FrameType

from tracer.jit.report.counters import NOWHERE, Line, Place


class _Ours(dict[str | None, bool]):
    """Whether the frames of a package are tracer's own, so never the user's line; decided by the top package's name."""

    def __missing__(self, package: str | None) -> bool:
        ours = self[package] = package is not None and package.partition(".")[0] == "tracer"
        return ours


OURS = _Ours()


def user_frame(depth: int = 1) -> FrameType | None:
    """The innermost frame that is not tracer's own, starting `depth` callers up."""
    frame: FrameType | None = sys._getframe(depth + 1)
    while frame is not None and OURS[frame.f_globals.get("__package__")]:
        frame = frame.f_back
    return frame


def user_line() -> Line | None:
    """The user's line that is running, as its code object and instruction offset, which is cheap to find."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and OURS[frame.f_globals.get("__package__")]:
        frame = frame.f_back
    return None if frame is None else (frame.f_code, frame.f_lasti)


def place_of(line: Line | None) -> Place:
    """The file name and line number of a line."""
    return NOWHERE if line is None else (line[0].co_filename, line_number(*line))


def line_number(code: CodeType, lasti: int) -> int:
    """The line number of an instruction."""
    for start, end, line in code.co_lines():
        if start <= lasti < end and line is not None:
            return line
    return code.co_firstlineno


def format_line(line: Line | None) -> str:
    """A line as text, such as `train.py:31`, or `?` for None."""
    if line is None:
        return "?"
    return f"{os.path.basename(line[0].co_filename)}:{line_number(*line)}"


def where(depth: int = 1) -> Place:
    """The file name and line number of the user's line that is running; the first `depth` callers are tracer's."""
    frame = user_frame(depth + 1)
    return NOWHERE if frame is None else (frame.f_code.co_filename, frame.f_lineno)
