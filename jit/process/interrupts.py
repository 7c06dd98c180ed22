"""Ctrl-C: noted while tracer is at work, raised where nothing is half done.

Python raises KeyboardInterrupt between any two instructions. In the middle of tracer that would leave Numba half
imported, a thread that records for ever, a parameter half written over. MXNet's calls are C's: each has happened as a
whole when KeyboardInterrupt is raised, or not at all. So it is here: a handler in the place of Python's own (any other
is left alone) looks at whose code was interrupted, as trio's does. In the user's it raises. In tracer's, or in a
library's that tracer called, it notes the interrupt, and has it signalled again when that call returns.

What takes long asks `wanted` or calls `check` at places where it can be left. A program's run that is left so raises
`Paused`, which knows how to go on: the values wait for whoever needs them (tracer/core/flush.py).
"""
from __future__ import annotations

import ctypes
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

#: Seconds between two looks, by who waits, whether he has been interrupted.
GLANCE = 0.1

#: Whether the main thread has been interrupted, and not yet told.
noted = False

#: Packages that do not tell whose code was interrupted: they work for whoever called them.
_LIBRARIES = sys.stdlib_module_names | {"numpy", "scipy"}
#: The same of those that import others, which are then no user's.
_COMPILERS = frozenset(("llvmlite", "numba"))

# Trace functions. Python looks for signals in each function of its own, these too: so they are C's.
_TraceFunction = ctypes.PYFUNCTYPE(None, ctypes.py_object, ctypes.py_object, ctypes.py_object)
_signal_again = _TraceFunction(("PyErr_SetInterrupt", ctypes.pythonapi))
_do_nothing = _TraceFunction(("PyErr_Occurred", ctypes.pythonapi))


class Paused(KeyboardInterrupt):
    """A run was left at a place where it can be taken up again.

    go_on: does the rest of it and gives its outputs; None if it is to be run from the beginning. interrupted: whether
    it was left because of Ctrl-C; else another thread wants to fork. outputs: the memory that it writes to.
    """

    go_on: Callable[[], Any] | None = None
    interrupted = False
    outputs: Any = None


def wanted() -> bool:
    """Whether this thread has been interrupted: it should come to a place where it can be left."""
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
    """An interrupt that `Paused` has brought here is to be raised later on."""
    note(sys._getframe(1))


def deliver() -> None:
    """Raise the interrupt that has been noted."""
    forget()
    raise KeyboardInterrupt


def install() -> None:
    """Take the place of Python's own handler of SIGINT, if that is in force and this is the main thread.

    >>> install()
    """
    if threading.current_thread() is threading.main_thread() and \
            signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _on_interrupt)


def _install_in_cells() -> None:
    """The same in each cell of a notebook: Jupyter puts Python's own handler back before it runs one."""
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
    """Have the interrupt raised when the call of tracer returns that has led to `frame`."""
    global noted
    noted = True
    call = _call_of(frame)
    if call is not None:
        call.f_trace, call.f_trace_lines = _signal_again, False  # at its return
        sys.settrace(_do_nothing)


def forget() -> None:
    """There has been no interrupt."""
    global noted
    noted = False
    if sys.gettrace() is _do_nothing:
        sys.settrace(None)


def _call_of(frame: FrameType | None) -> FrameType | None:
    """The call of tracer by the user's innermost code that has led to `frame`; None in the user's own code."""
    found, users = None, False
    while frame is not None:
        name = frame.f_globals.get("__name__")
        package = name.partition(".")[0] if isinstance(name, str) else None
        if package == "tracer":
            if users:
                return None  # which tracer called, as a block's forward
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
