"""The threads that share a chunked step's chunks: why they never make it slower than one thread.

With OpenMP (Numba's `prange`) a launch ends when *every* thread has taken part, so that one busy processor
stalls each launch for a scheduler's time slice: measured 5 ms for a product of 0.5 ms, with one other process
beside on two cores. Here the caller takes chunks like the others, and waits only for chunks that somebody has
begun.

The chunks are divided into a contiguous share for each thread (the same rows at each step, still in its
cache); whoever has finished its own takes from the others'. A share is one word, ``next << 32 | end``, and a
chunk is taken by a compare-and-swap of that word. Who has taken one holds up the step's end, so what he then
reads of the job belongs to it; a word that is the same again in a later step still means what it says.

Workers are daemon threads that sit in `_worker_loop`, without the interpreter lock. One that has found
nothing to do for a while between programs returns to Python to sleep; the next program wakes it.
"""

import atexit
import ctypes
import sys
import threading
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numba import types

from tracer.jit.native import (
    add_atomic,
    call_nap,
    call_step,
    compiled,
    load_atomic,
    load_word,
    spin_hint,
    store_atomic,
    swap_atomic,
)

# Words of the state: what is written by different threads lies in different cache lines.
_EPOCH, _DONE, _ACTIVE, _STOP = 0, 16, 32, 40
_FN, _BIND, _ARGS, _EXTENT, _CHUNK, _THREADS, _NAP, _NAP_ARGUMENT = range(48, 56)
_SHARES, _SHARE = 64, 16  # first share, words from one to the next
_NEXT, _END = 1 << 32, (1 << 32) - 1
MAX_CHUNKS = 1 << 31

_PATIENCE = 10_000  # spins (20 to 50 ns each) before a thread stops spinning
_NAP_MICROSECONDS = 20

_inlined: Any = numba.njit(inline="always")
_cfunc: Any = numba.cfunc


@_inlined
def _work(state, me):
    """Take and run chunks, one's own share first, until none is left."""
    threads = load_word(state, _THREADS)
    for turn in range(threads):
        share = _SHARES + _SHARE * ((me + turn) % threads)
        seen = load_atomic(state, share)
        while seen >> 32 < seen & _END:
            now = swap_atomic(state, share, seen, seen + _NEXT)
            if now == seen:
                extent, chunk = load_word(state, _EXTENT), load_word(state, _CHUNK)
                lo = (seen >> 32) * chunk
                call_step(
                    load_word(state, _FN),
                    load_word(state, _BIND),
                    load_word(state, _ARGS),
                    lo,
                    min(lo + chunk, extent),
                )
                add_atomic(state, _DONE, 1)
                now = load_atomic(state, share)
            seen = now


@_inlined
def close_program(state):
    """From here on the workers may go to sleep, until `Pool.wake`."""
    store_atomic(state, _ACTIVE, 0)


@_inlined
def run_chunks(state, fn, bind, args, extent, chunk):
    """One chunked step, with the workers' help; returns when all of it is done."""
    threads, chunks = load_word(state, _THREADS), (extent + chunk - 1) // chunk
    store_atomic(state, _FN, fn)
    store_atomic(state, _BIND, bind)
    store_atomic(state, _ARGS, args)
    store_atomic(state, _EXTENT, extent)
    store_atomic(state, _CHUNK, chunk)
    store_atomic(state, _DONE, 0)
    for t in range(threads):
        first, end = t * chunks // threads, (t + 1) * chunks // threads
        store_atomic(state, _SHARES + _SHARE * t, first * _NEXT + end)
    add_atomic(state, _EPOCH, 1)
    _work(state, 0)
    spins = 0
    while load_atomic(state, _DONE) < chunks:
        spins += 1
        if spins < _PATIENCE:
            spin_hint()
        else:
            call_nap(load_word(state, _NAP), load_word(state, _NAP_ARGUMENT))


def _worker_loop(state: int, me: int) -> None:
    """Serve until there has been nothing to do for a while."""
    spins = 0
    while spins < _PATIENCE and not load_atomic(state, _STOP):
        epoch = load_atomic(state, _EPOCH)
        _work(state, me)
        spins = 0
        while load_atomic(state, _EPOCH) == epoch and not load_atomic(state, _STOP):
            spins += 1
            if spins < _PATIENCE:
                spin_hint()
            elif load_atomic(state, _ACTIVE):
                call_nap(load_word(state, _NAP), load_word(state, _NAP_ARGUMENT))
            else:
                break


@lru_cache(maxsize=1)
def _worker() -> Any:
    signature = types.void(types.int64, types.int64)
    native = compiled(lambda cache: _cfunc(signature, cache=cache)(_worker_loop))
    entry: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(native.address)
    entry.owner = native  # a bare address would not keep the code alive
    return entry


def _nap() -> tuple[int, int]:
    """The address of the system's function for a short sleep, and its argument."""
    if sys.platform == "win32":
        function, argument = ctypes.WinDLL("kernel32").Sleep, 0
    else:
        function, argument = ctypes.CDLL(None).usleep, _NAP_MICROSECONDS
    return ctypes.cast(function, ctypes.c_void_p).value or 0, argument


class Pool:
    """`threads - 1` workers beside the caller; `address` is that of the shared state."""

    def __init__(self, threads: int) -> None:
        self._memory = np.zeros(_SHARES + _SHARE * (threads + 1), np.int64)
        skip = -self._memory.ctypes.data % (8 * _SHARE) // 8
        self._state = self._memory[skip:]
        self._state[_THREADS] = threads
        self._state[[_NAP, _NAP_ARGUMENT]] = _nap()
        self.address = self._state.ctypes.data
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
            if not self._state[_ACTIVE]:  # looked at after showing itself asleep: `wake` does these in turn
                gate.wait()
            self._asleep.discard(me)

    def wake(self) -> None:
        """Call all workers to a program that is about to run; the caller need not wait for them."""
        self._state[_ACTIVE] = 1
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
        """Leave the workers alone at exit: after a fork they are not in this process."""
        atexit.unregister(self.close)
