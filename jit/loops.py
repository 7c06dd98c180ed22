"""The native loops of `driver.py` and `pool.py`, as Python functions for `natives.py` to compile."""

from .compiler import minimum_of_words as min
from .driver import _ROW
from .native import (
    add_atomic,
    call_nap,
    call_sharer,
    call_step,
    load_atomic,
    load_word,
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


def take_chunks(state: int, me: int) -> None:
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


def run_table(table: int, state: int, bind: int) -> None:
    """All steps of `table`, the chunked ones with the pool's threads, or all on this one if `state` is 0."""
    for i in range(load_word(table, 0)):
        row = table + 8 + 8 * _ROW * i
        fn, args = load_word(row, 0), load_word(row, 1)
        extent, chunk = load_word(row, 2), load_word(row, 3)
        if chunk <= 0 or extent <= chunk:
            call_step(fn, bind, args, 0, extent)
        elif state:
            # One chunked step, with the workers' help: this thread goes on when all of it is done.
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
            call_sharer(load_word(state, _TAKE), state, 0)
            spins = 0
            while load_atomic(state, _DONE) < chunks:
                spins += 1
                if spins < _PATIENCE:
                    spin_hint()
                else:
                    call_nap(load_word(state, _NAP), load_word(state, _NAP_ARGUMENT))
        else:
            for lo in range(0, extent, chunk):
                call_step(fn, bind, args, lo, min(lo + chunk, extent))
    if state:
        store_atomic(state, _ACTIVE, 0)  # from here on the workers may go to sleep, until `Pool.wake`


def run_calls(bind: int, calls: int, lo: int, hi: int) -> None:
    """The step of a group: the calls lo...hi of a list, each of a function with its arguments and range."""
    for i in range(lo, hi):
        call = calls + 8 * _ROW * i
        call_step(load_word(call, 0), bind, load_word(call, 1), load_word(call, 2), load_word(call, 3))


def serve(state: int, me: int) -> None:
    """A worker: take part in what there is, until there has been nothing to do for a while."""
    spins = 0
    while spins < _PATIENCE and not load_atomic(state, _STOP):
        epoch = load_atomic(state, _EPOCH)
        call_sharer(load_word(state, _TAKE), state, me)
        spins = 0
        while load_atomic(state, _EPOCH) == epoch and not load_atomic(state, _STOP):
            spins += 1
            if spins < _PATIENCE:
                spin_hint()
            elif load_atomic(state, _ACTIVE):
                call_nap(load_word(state, _NAP), load_word(state, _NAP_ARGUMENT))
            else:
                break
