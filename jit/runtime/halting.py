"""Halting of native runs: about every tenth of a second a run checks whether it must stop.

While a table runs, the thread that started it reads the processor's time stamp after each chunk and each step, in some
10 ns, or where there is none the clock, which takes 50. When a tenth of a second has passed it checks for Ctrl-C, and
for another thread that is about to fork: then no more chunks are begun. The words of the run's `Watch` tell the place
at which it stopped. No Python code runs meanwhile: signal handlers would run too, and their exceptions would be lost.
"""
from __future__ import annotations

import ctypes
import sys
from typing import Any, NamedTuple

from tracer.jit.native.runtime_functions import find_native
from tracer.jit.process import forks

# Words of a watch:
# HALTED: whether the run was halted.
# ROW: the row of the table in which it was.
# FIRST, END: the chunks of that row that were not begun; the pool, if it ran the row, notes them beside its shares.
HALTED, ROW, FIRST, END, ASKED, TIME, _FRACTION, ASK, CLOCK, FORKING, INTERRUPTED, SIGNAL, _WORDS = range(13)

#: The module of the native loops, which is imported only when one of them has to be compiled.
LOOPS = f"{__package__}.native_loops"

#: Time stamps between two checks; processors count 1 to 5 of them in a nanosecond.
CYCLES = 1 << 28

#: The clock writes two words at `TIME`: the first counts SECOND units each, the second single ones. EVERY: the units
#: between two checks.
if sys.platform == "win32":
    _clock: Any = ctypes.WinDLL("kernel32").GetSystemTimeAsFileTime  # one word, in 100 ns
    SECOND, EVERY = 1, 1_000_000
else:
    _clock = ctypes.CDLL(None).gettimeofday  # seconds and microseconds
    SECOND, EVERY = 1_000_000, 100_000


class Watch(NamedTuple):
    """The words of one run, and their address: `words[HALTED]` says afterwards whether it was halted."""

    words: Any
    address: int


#: Watches that no run uses at present; that of a run that has ended comes back here.
FREE: list[Watch] = []


def new_watch() -> Watch:
    """A watch for one run at a time."""
    words = (ctypes.c_int64 * _WORDS)()
    words[ASK], words[CLOCK] = find_native(LOOPS, "ask"), _address(_clock)
    words[FORKING] = ctypes.addressof(forks.asked)
    words[INTERRUPTED], words[SIGNAL] = _address(_interrupted), _address(ctypes.pythonapi.PyErr_SetInterrupt)
    return Watch(words, ctypes.addressof(words))


#: Whether this thread handles signals, and SIGINT has come: a C function of Python's, in a wrapper that native code
#: calls and that takes the interpreter lock.
_interrupted = ctypes.CFUNCTYPE(ctypes.c_int)(
    ctypes.PYFUNCTYPE(ctypes.c_int)(("PyOS_InterruptOccurred", ctypes.pythonapi)))


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0
