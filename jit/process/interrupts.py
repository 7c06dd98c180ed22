"""Ctrl-C: noted while tracer runs, raised where no operation is half done.

Python raises KeyboardInterrupt between any two instructions. Within tracer that would leave Numba half imported, a
thread that records for ever, a parameter half written over. MXNet's calls are C calls: when KeyboardInterrupt is
raised, each has happened as a whole or not at all. It is the same here: a handler replaces Python's own (any other is
left alone) and finds whose code was interrupted, as trio's does. In the user's code it raises. In tracer's, or in a
library's that tracer called, it notes the interrupt, and has it signalled again when that call returns.

Long operations call `wanted` or `check` at places where they can be left. A program's run that is left there raises
`Paused`, with a function that resumes it: its values stay pending until they are needed (tracer/core/flush.py).
"""
from __future__ import annotations

import ctypes
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

#: Seconds between two checks for an interrupt in a thread that waits.
GLANCE = 0.1

#: Whether the main thread has been interrupted, and KeyboardInterrupt not yet raised.
noted = False

#: Packages that do not decide whose code was interrupted: they run for their caller.
_LIBRARIES = sys.stdlib_module_names | {"numpy", "scipy"}
#: Such packages that import others, whose code is then not the user's.
_COMPILERS = frozenset(("llvmlite", "numba"))

# Trace functions, which are C functions: Python checks for signals in each Python function, in a trace function too.
_TraceFunction = ctypes.PYFUNCTYPE(None, ctypes.py_object, ctypes.py_object, ctypes.py_object)
_signal_again = _TraceFunction(("PyErr_SetInterrupt", ctypes.pythonapi))
_do_nothing = _TraceFunction(("PyErr_Occurred", ctypes.pythonapi))


class Paused(KeyboardInterrupt):
    """The exception for a run that was left at a place where it can be resumed.

    go_on: runs the rest and returns the outputs; None if the run must start from the beginning.
    interrupted: whether it was left because of Ctrl-C; else because another thread is about to fork.
    outputs: the memory that it writes to.
    """

    go_on: Callable[[], Any] | None = None
    interrupted = False
    outputs: Any = None


def wanted() -> bool:
    """Whether this thread has been interrupted, so that it should be left at the next possible place."""
    return noted and threading.current_thread() is threading.main_thread()


def check() -> None:
    """Raise `Paused` if this thread has been interrupted."""
    if noted and wanted():
        raise pause()


def pause() -> Paused:
    """The exception with which to leave a run."""
    made = Paused()
    if wanted():
        made.interrupted = True
        forget()
    return made


def put_back() -> None:
    """Note again an interrupt that `Paused` has carried here, to be raised later."""
    note(sys._getframe(1))


def deliver() -> None:
    """Raise the interrupt that has been noted."""
    forget()
    raise KeyboardInterrupt


def install() -> None:
    """Replace Python's own handler of SIGINT, if that is in force and this is the main thread.

    >>> install()
    """
    if threading.current_thread() is threading.main_thread() and \
            signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _on_interrupt)


def _install_in_cells() -> None:
    """Call `install` in each cell of a notebook: Jupyter puts Python's own handler back before it runs one."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None:
        shell.events.register("pre_run_cell", lambda *_: install())


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    tracing = sys.gettrace()
    if _call_of(frame) is None or tracing is not None and tracing is not _do_nothing:  # a debugger's
        forget()
        signal.default_int_handler(number, frame)
    note(frame)


def note(frame: FrameType | None = None) -> None:
    """Note the interrupt, and have it raised when the call of tracer that has led to `frame` returns."""
    global noted
    noted = True
    call = _call_of(frame)
    if call is not None:
        call.f_trace, call.f_trace_lines = _signal_again, False  # at its return
        sys.settrace(_do_nothing)


def forget() -> None:
    """Clear the noted interrupt."""
    global noted
    noted = False
    if sys.gettrace() is _do_nothing:
        sys.settrace(None)


@contextmanager
def held() -> Iterator[None]:
    """Hold Ctrl-C back in this thread, and in the processes that it starts meanwhile, which call `ignore`."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore() -> None:
    """Ignore Ctrl-C in this process from now on, and one that has been held back or noted."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    forget()
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _call_of(frame: FrameType | None) -> FrameType | None:
    """The call of tracer by the user's innermost code that has led to `frame`; None in the user's own code."""
    found, users = None, False
    while frame is not None:
        name = frame.f_globals.get("__name__")
        package = name.partition(".")[0] if isinstance(name, str) else None
        if package == "tracer":
            if users:
                return None  # the user's code that tracer called, as a block's forward
            found = frame
        elif package in _COMPILERS:
            users = False
        elif package is not None and package not in _LIBRARIES:
            if found is not None:
                break
            users = True
        frame = frame.f_back
    return found


install()
_install_in_cells()
