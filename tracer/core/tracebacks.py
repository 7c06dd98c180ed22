"""Tracebacks without tracer's own frames: the last frame is the user's line. TRACER_TRACEBACK=full shows all frames.

A function that the user calls leaves out the frames below it when an exception passes (`leave_out`). For functions
that do not, the frames are left out when the traceback is shown (`begin`): by `sys.excepthook`, `threading.excepthook`
and IPython.
"""
from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any

from tracer.jit import settings

from .user_lines import OURS

#: Libraries whose frames are left out where tracer called them, besides Python's own.
_LIBRARIES = frozenset((*sys.stdlib_module_names, "numpy", "numba", "llvmlite"))


def without_ours(tb: TracebackType | None) -> TracebackType | None:
    """A traceback without tracer's frames, and without those of libraries that tracer called; None if none is left."""
    kept: list[TracebackType] = []
    inside = False
    while tb is not None:
        space = tb.tb_frame.f_globals
        if OURS[space.get("__package__")]:
            inside = True
        elif not inside or str(space.get("__name__")).partition(".")[0] not in _LIBRARIES:
            inside = False
            kept.append(tb)
        tb = tb.tb_next
    for entry in reversed(kept):
        tb = TracebackType(tb, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return tb


def leave_out() -> None:
    """Leave tracer's frames out of the traceback of the exception that is being handled, before it is raised again."""
    error = sys.exc_info()[1]
    if error is not None:
        if raised_here(error):
            vars(error)["_raised_by"] = "tracer"  # its frames no longer tell
        if settings.traceback == "user":
            error.__traceback__ = without_ours(error.__traceback__)


def raised_here(error: BaseException) -> bool:
    """Whether tracer raised an exception, not the user's code that it called."""
    if "_raised_by" in vars(error):
        return True
    tb, last = error.__traceback__, None
    while tb is not None:
        tb, last = tb.tb_next, tb
    return last is not None and OURS[last.tb_frame.f_globals.get("__package__")]


def _shorten(error: BaseException | None) -> None:
    """Leave tracer's frames out of the tracebacks of an exception and of those that led to it."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        error = waiting.pop()
        if error is not None and id(error) not in seen:
            seen.add(id(error))
            error.__traceback__ = without_ours(error.__traceback__) or error.__traceback__
            waiting += [error.__cause__, error.__context__]


def begin() -> None:
    """Have uncaught exceptions shown without tracer's frames, in programs, threads and IPython's cells."""
    if settings.traceback == "full":
        return
    shown, thread_shown = sys.excepthook, threading.excepthook

    def show(kind: type[BaseException], error: BaseException, tb: TracebackType | None) -> None:
        error.__traceback__ = tb
        _shorten(error)
        shown(kind, error, error.__traceback__)

    def show_in_thread(args: Any) -> None:
        _shorten(args.exc_value)
        tb = None if args.exc_value is None else args.exc_value.__traceback__
        thread_shown(threading.ExceptHookArgs((args.exc_type, args.exc_value, tb, args.thread)))

    sys.excepthook, threading.excepthook = show, show_in_thread
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is not None and not shell.custom_exceptions:
        shell.set_custom_exc((Exception,), _show_in_cell)


def _show_in_cell(shell: Any, kind: type[BaseException], error: BaseException, tb: TracebackType | None,
                  tb_offset: int | None = None) -> None:
    """IPython's handler of an exception in a cell."""
    error.__traceback__ = tb
    _shorten(error)
    shell.showtraceback((kind, error, error.__traceback__), tb_offset=tb_offset)
