"""How a native run is stopped on its way: about every tenth of a second it looks whether it is to go on.

While a table runs, the thread that started it looks at the processor's time stamp after each chunk and each step, at
the price of some 10 ns, or where there is none at the clock, which takes 50. When it is time it asks whether there has
been Ctrl-C, or another thread wants to fork: then no more chunks are begun. Where the run was left stands in the words
of its `Watch`. No Python code runs meanwhile: it would be that of signal handlers, too, and what they raise would be
lost.
"""
from __future__ import annotations

import ctypes
import sys
from typing import Any, NamedTuple

from tracer.jit.native.runtime_functions import find_native
from tracer.jit.process import forks

# Words of a watch. HALTED: whether the run was left; ROW: the row of the table that it was in; FIRST, END: of that
# row's chunks those that were not begun, unless the pool was running them, which notes them beside its shares.
HALTED, ROW, FIRST, END, ASKED, TIME, _FRACTION, ASK, CLOCK, FORKING, INTERRUPTED, SIGNAL, _WORDS = range(13)

#: The module of the functions that a table runs, which is imported when one has to be compiled.
LOOPS = f"{__package__}.native_loops"

#: Between two questions, in time stamps, of which processors count 1 to 5 in a nanosecond.
CYCLES = 1 << 28

#: The same in the clock's unit of a row of `TIME`: a clock gives SECOND units and a fraction of one.
if sys.platform == "win32":
    _clock: Any = ctypes.WinDLL("kernel32").GetSystemTimeAsFileTime  # one word, in 100 ns
    SECOND, EVERY = 1, 1_000_000
else:
    _clock = ctypes.CDLL(None).gettimeofday  # seconds and microseconds
    SECOND, EVERY = 1_000_000, 100_000


class Watch(NamedTuple):
    """The words that a run is given: `words[HALTED]` says afterwards whether it was left."""

    words: Any
    address: int


#: Watches that no run uses at present: one whose run has come to its end goes back.
FREE: list[Watch] = []


def new_watch() -> Watch:
    """A watch for one run at a time."""
    words = (ctypes.c_int64 * _WORDS)()
    words[ASK], words[CLOCK] = find_native(LOOPS, "ask"), _address(_clock)
    words[FORKING] = ctypes.addressof(forks.asked)
    words[INTERRUPTED], words[SIGNAL] = _address(_interrupted), _address(ctypes.pythonapi.PyErr_SetInterrupt)
    return Watch(words, ctypes.addressof(words))


#: Whether this thread is the one that handles signals, and there has been SIGINT: a C function of Python's, called from
#: C with the interpreter lock.
_interrupted = ctypes.CFUNCTYPE(ctypes.c_int)(
    ctypes.PYFUNCTYPE(ctypes.c_int)(("PyOS_InterruptOccurred", ctypes.pythonapi)))


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0
