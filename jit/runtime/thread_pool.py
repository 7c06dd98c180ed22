"""The thread pool: threads that share the chunks of a step, and never make it slower than one thread.

With OpenMP (Numba's `prange`) a launch ends when *every* thread has taken part, so that one busy processor stalls each
launch for a scheduler's time slice: measured 5 ms for a product of 0.5 ms, with one other process on two cores. Here
the caller takes chunks like the workers, and waits only for chunks that have been begun.

The chunks are divided into a contiguous share for each thread (the same rows at each step, still in its cache); a
thread that has finished its own share takes from the others'. A share is one word, ``next << 32 | end``, and a chunk is
taken by a compare-and-swap of that word. A step cannot end before a chunk that was taken is done, so that its taker
reads the job of that step; a share's word with the same value in a later step is as valid there. To halt a run
(halting.py), the caller takes the rest of all shares, and notes it beside them.

Workers are daemon threads that run `native_loops.serve`, without the interpreter lock. A worker that finds nothing to
do for a while between programs returns to Python to sleep; the next program wakes it.
"""

import atexit
import ctypes
import sys
import threading
from functools import lru_cache
from typing import Any

import numpy as np

from tracer.jit.native.runtime_functions import find_native
from tracer.jit.runtime.halting import LOOPS

# Words of the state: those that different threads write lie in different cache lines.
_EPOCH, _DONE, _ACTIVE, _STOP = 0, 16, 32, 40
_FN, _BIND, _ARGS, _EXTENT, _CHUNK, _THREADS, _NAP, _NAP_ARGUMENT, _TAKE, _WATCH, _MODE = range(48, 59)
_SHARES, _SHARE = 64, 16  # first share, words from one to the next
_LEFT, _LEFT_END = 1, 2  # in a share's line: its chunks that a halted run has not begun
_NEXT, _END = 1 << 32, (1 << 32) - 1
CHUNK_LIMIT = 1 << 31

_PATIENCE = 10_000  # spins (20 to 50 ns each) before a thread stops spinning
_NAP_MICROSECONDS = 20


@lru_cache(maxsize=1)
def _worker() -> Any:
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(find_native(LOOPS, "serve"))


def _nap() -> tuple[int, int]:
    """The address of the system's function for a short sleep, and its argument."""
    if sys.platform == "win32":
        function, argument = ctypes.WinDLL("kernel32").Sleep, 0
    else:
        function, argument = ctypes.CDLL(None).usleep, _NAP_MICROSECONDS
    return ctypes.cast(function, ctypes.c_void_p).value or 0, argument


class ThreadPool:
    """A pool of `threads - 1` workers beside the caller; `address` is that of the shared state."""

    def __init__(self, threads: int) -> None:
        self._memory = np.zeros(_SHARES + _SHARE * (threads + 1), np.int64)
        skip = -self._memory.ctypes.data % (8 * _SHARE) // 8
        self._state = self._memory[skip:]
        self._state[_THREADS] = threads
        self._state[[_NAP, _NAP_ARGUMENT]] = _nap()
        self._state[_TAKE] = find_native(LOOPS, "take_chunks")
        self.address = self._state.ctypes.data
        self._active = ctypes.c_int64.from_address(self.address + 8 * _ACTIVE)  # written at each run
        self._asleep: set[int] = set()
        loop, self._gates = _worker(), [threading.Event() for _ in range(1, threads)]
        self._workers = [
            threading.Thread(target=self._serve, args=(loop, me, gate), name=f"tracer-{me}", daemon=True)
            for me, gate in enumerate(self._gates, 1)
        ]
        for worker in self._workers:
            worker.start()
        atexit.register(self.close)

    def _serve(self, loop: Any, me: int, gate: threading.Event) -> None:
        while not self._state[_STOP]:
            loop(self.address, me)
            gate.clear()
            self._asleep.add(me)
            if not self._state[_ACTIVE]:  # read after the entry in `_asleep`; `wake` has the opposite order
                gate.wait()
            self._asleep.discard(me)

    def left(self) -> list[tuple[int, int]]:
        """The chunks, as ranges, that a halted step has not begun."""
        lines = self._state[_SHARES:_SHARES + _SHARE * self._state[_THREADS]].reshape(-1, _SHARE)
        return [(first, end) for first, end in lines[:, [_LEFT, _LEFT_END]].tolist() if first < end]

    def wake(self) -> None:
        """Wake all workers for a program that is about to run, without waiting for them."""
        self._active.value = 1
        if self._asleep:
            for gate in self._gates:
                gate.set()

    def close(self) -> None:
        """End the workers."""
        self.abandon()
        self._state[_STOP] = 1
        self.wake()
        for worker, gate in zip(self._workers, self._gates):
            gate.set()
            worker.join(1)

    def abandon(self) -> None:
        """Do not end the workers at exit: after a fork they are not in this process."""
        atexit.unregister(self.close)
