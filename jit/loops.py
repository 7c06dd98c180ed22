"""The native loops of `driver.py` and `pool.py`, as Python functions for `words.py` to compile."""

from typing import Any

from .driver import _ROW
from .native import (
    add_atomic,
    call_nap,
    call_sharer,
    call_step,
    load_atomic,
    smaller,
    spin_hint,
    store_atomic,
    swap_atomic,
)
from .pool import (
    _ACTIVE,
    _ARGS,
    _BIND,
    _CHUNK,
    _DONE,
    _END,
    _EPOCH,
    _EXTENT,
    _FN,
    _NAP,
    _NAP_ARGUMENT,
    _NEXT,
    _PATIENCE,
    _SHARE,
    _SHARES,
    _STOP,
    _TAKE,
    _THREADS,
)


def take_chunks(state: Any, me: int) -> None:
    """Take and run chunks, one's own share first, until none is left."""
    threads = state[_THREADS]
    for turn in range(threads):
        share = _SHARES + _SHARE * ((me + turn) % threads)
        seen = load_atomic(state, share)
        while seen >> 32 < seen & _END:
            now = swap_atomic(state, share, seen, seen + _NEXT)
            if now == seen:
                extent, chunk = state[_EXTENT], state[_CHUNK]
                lo = (seen >> 32) * chunk
                call_step(state[_FN], state[_BIND], state[_ARGS], lo, smaller(lo + chunk, extent))
                add_atomic(state, _DONE, 1)
                now = load_atomic(state, share)
            seen = now


def run_table(table: Any, state: Any, bind: int) -> None:
    """All steps of `table`, the chunked ones with the pool's threads, or all on this one if `state` is 0."""
    for i in range(table[0]):
        row = table + 8 + 8 * _ROW * i
        fn, args = row[0], row[1]
        extent, chunk = row[2], row[3]
        if chunk <= 0 or extent <= chunk:
            call_step(fn, bind, args, 0, extent)
        elif state:
            # One chunked step, with the workers' help: this thread goes on when all of it is done.
            threads, chunks = state[_THREADS], (extent + chunk - 1) // chunk
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
            call_sharer(state[_TAKE], state, 0)
            spins = 0
            while load_atomic(state, _DONE) < chunks:
                spins += 1
                if spins < _PATIENCE:
                    spin_hint()
                else:
                    call_nap(state[_NAP], state[_NAP_ARGUMENT])
        else:
            for lo in range(0, extent, chunk):
                call_step(fn, bind, args, lo, smaller(lo + chunk, extent))
    if state:
        store_atomic(state, _ACTIVE, 0)  # from here on the workers may go to sleep, until `Pool.wake`


def run_calls(bind: int, calls: Any, lo: int, hi: int) -> None:
    """The step of a group: the calls lo...hi of a list, each of a function with its arguments and range."""
    for i in range(lo, hi):
        call = calls + 8 * _ROW * i
        call_step(call[0], bind, call[1], call[2], call[3])


def serve(state: Any, me: int) -> None:
    """A worker: take part in what there is, until there has been nothing to do for a while."""
    spins = 0
    while spins < _PATIENCE and not load_atomic(state, _STOP):
        epoch = load_atomic(state, _EPOCH)
        call_sharer(state[_TAKE], state, me)
        spins = 0
        while load_atomic(state, _EPOCH) == epoch and not load_atomic(state, _STOP):
            spins += 1
            if spins < _PATIENCE:
                spin_hint()
            elif load_atomic(state, _ACTIVE):
                call_nap(state[_NAP], state[_NAP_ARGUMENT])
            else:
                break
