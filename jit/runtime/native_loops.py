"""The native loops of `driver.py` and `thread_pool.py`, as Python functions that `word_compiler.py` compiles."""

from typing import Any

from ..native.word_intrinsics import (
    add_atomic,
    call_nap,
    call_question,
    call_sharer,
    call_step,
    change_float_mode,
    clear_bytes,
    copy_bytes,
    cycles,
    float_mode,
    load_atomic,
    set_float_mode,
    set_word,
    smaller,
    spin_hint,
    store_atomic,
    swap_atomic,
)
from .denormals import FLUSH
from .driver import _HEAD, _ROW
from .halting import (
    ASK,
    ASKED,
    CLOCK,
    CYCLES,
    END,
    EVERY,
    FIRST,
    FORKING,
    HALTED,
    INTERRUPTED,
    ROW,
    SECOND,
    SIGNAL,
    TIME,
)
from .thread_pool import (
    _ACTIVE,
    _ARGS,
    _BIND,
    _CHUNK,
    _DONE,
    _END,
    _EPOCH,
    _EXTENT,
    _FN,
    _LEFT,
    _LEFT_END,
    _MODE,
    _NAP,
    _NAP_ARGUMENT,
    _NEXT,
    _PATIENCE,
    _SHARE,
    _SHARES,
    _STOP,
    _TAKE,
    _THREADS,
    _WATCH,
)


def take_chunks(state: Any, me: int) -> None:
    """Take and run chunks, those of the thread's own share first, until none is left. Thread 0 checks for a halt."""
    threads = state[_THREADS]
    for turn in range(threads):
        share = _SHARES + _SHARE * ((me + turn) % threads)
        seen = load_atomic(state, share)
        while seen >> 32 < seen & _END:
            now = swap_atomic(state, share, seen, seen + _NEXT)
            if now == seen:
                extent, chunk = state[_EXTENT], state[_CHUNK]
                lo = (seen >> 32) * chunk
                change_float_mode(FLUSH, state[_MODE])
                call_step(state[_FN], state[_BIND], state[_ARGS], lo, smaller(lo + chunk, extent))
                add_atomic(state, _DONE, 1)
                if me == 0:
                    watch = state[_WATCH]
                    call_sharer(watch[ASK], watch, 0)
                    if watch[HALTED]:
                        for t in range(threads):
                            share_of = _SHARES + _SHARE * t
                            left = load_atomic(state, share_of)
                            end = left & _END
                            was = swap_atomic(state, share_of, left, end * _NEXT + end)
                            while was != left:
                                left = was
                                was = swap_atomic(state, share_of, left, end * _NEXT + end)
                            store_atomic(state, share_of + _LEFT, left >> 32)
                            store_atomic(state, share_of + _LEFT_END, end)
                now = load_atomic(state, share)
            seen = now


def run_table(table: Any, bind: Any) -> None:
    """Run all steps of `table`, none of which is cut."""
    cell = table[1]
    before = change_float_mode(FLUSH, cell[0])
    i, rows = 0, table[0]
    while i < rows:
        row = table + _HEAD + 8 * _ROW * i
        if row[0]:
            call_step(row[0], bind, row[1], 0, row[2])
            i += 1
        elif row[3]:
            i += row[2]
        else:
            i += row[2] if bind[row[1]] == 0 else 1
    if before & FLUSH != float_mode() & FLUSH:
        set_float_mode(before)


def begin_flushing(saved: Any, cell: Any) -> None:
    """Save the mode of floats in a word, and set it to that of another word."""
    store_atomic(saved, 0, change_float_mode(FLUSH, cell[0]))


def end_flushing(saved: Any) -> None:
    """Set the mode of floats to the saved one."""
    if saved[0] & FLUSH != float_mode() & FLUSH:
        set_float_mode(saved[0])


def run_chunked(table: Any, state: Any, watch: Any, bind: Any) -> None:
    """Run all steps of `table`, the chunked ones with the pool's threads, or all on this one if `state` is 0.

    The run stops early when `watch` says so.
    """
    store_atomic(watch, ASKED, cycles())
    cell = table[1]
    mode = cell[0]
    before = change_float_mode(FLUSH, mode)
    if state:
        store_atomic(state, _WATCH, watch)
        store_atomic(state, _MODE, mode)
    i, rows = 0, table[0]
    while i < rows:
        row = table + _HEAD + 8 * _ROW * i
        fn, args = row[0], row[1]
        extent, chunk = row[2], row[3]
        if fn == 0 and chunk:  # whatever bind has, or where there is none
            i += row[2] - 1
        elif fn == 0:
            i += row[2] - 1 if bind[args] == 0 else 0
        elif chunk <= 0 or extent <= chunk:
            call_step(fn, bind, args, 0, extent)
            call_sharer(watch[ASK], watch, 0)
        elif state:
            # A chunked step, shared with the workers: this thread goes on when all of it is done.
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
            if watch[HALTED]:
                for t in range(threads):
                    line = _SHARES + _SHARE * t
                    chunks -= state[line + _LEFT_END] - state[line + _LEFT]
            spins = 0
            while load_atomic(state, _DONE) < chunks:
                spins += 1
                if spins < _PATIENCE:
                    spin_hint()
                else:
                    call_nap(state[_NAP], state[_NAP_ARGUMENT])
        else:
            chunks = (extent + chunk - 1) // chunk
            done = 0
            while done < chunks:
                lo = done * chunk
                call_step(fn, bind, args, lo, smaller(lo + chunk, extent))
                done += 1
                call_sharer(watch[ASK], watch, 0)
                if watch[HALTED]:
                    store_atomic(watch, FIRST, done)
                    store_atomic(watch, END, chunks)
                    break
        if watch[HALTED]:
            store_atomic(watch, ROW, i)
            break
        i += 1
    if before & FLUSH != mode:
        set_float_mode(before)
    if state:
        store_atomic(state, _ACTIVE, 0)  # from here on the workers may go to sleep, until `Pool.wake`


def ask(watch: Any, unused: int) -> None:
    """Check whether to halt, if the last check was a while ago, by a clock that may be set back.

    The check clears an interrupt, so that it is signalled again, for Python's handler.
    """
    now, every = cycles(), CYCLES
    if now == 0:
        call_sharer(watch[CLOCK], watch + 8 * TIME, 0)
        now, every = watch[TIME] * SECOND + watch[TIME + 1], EVERY
    passed = now - watch[ASKED]
    if watch[ASKED] == 0:
        store_atomic(watch, ASKED, now)
    elif passed < 0 or passed > every:
        if load_atomic(watch[FORKING], 0) > 0:
            store_atomic(watch, HALTED, 1)
        elif call_question(watch[INTERRUPTED]) > 0:
            call_sharer(watch[SIGNAL], 0, 0)
            store_atomic(watch, HALTED, 1)
        store_atomic(watch, ASKED, 0)  # the next call sets it anew: the check may have taken long


def run_calls(bind: int, calls: Any, lo: int, hi: int) -> None:
    """Run calls lo...hi of a group's list, each with a function, its arguments and its range."""
    for i in range(lo, hi):
        call = calls + 8 * _ROW * i
        call_step(call[0], bind, call[1], call[2], call[3])


def run_bands(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Run chunks lo...hi of a chain's steps, each in an area that no other thread uses meanwhile.

    args: `driver.Areas`, with the numbers of values and of steps before the values; the steps, each with its function,
    its arguments, its extent and its chunk; then a word for each area, 1 while it is in use.
    """
    steps = args + 8 * (6 + 3 * args[4])
    used = steps + 8 * _ROW * args[5]
    for band in range(lo, hi):
        area = 0
        while swap_atomic(used, area, 0, 1) != 0:
            area += 1
            if area == args[2]:
                area = 0
                spin_hint()
        own = bind[args[0]] + area * args[1]
        copy_bytes(own, bind, 8 * args[3])
        for i in range(args[4]):
            value = args + 8 * (6 + 3 * i)
            set_word(own, value[0], own + value[1] - band * value[2])
        for i in range(args[5]):
            step = steps + 8 * _ROW * i
            call_step(step[0], own, step[1], band * step[3], smaller(band * step[3] + step[3], step[2]))
        store_atomic(used, area, 0)


def serve(state: Any, me: int) -> None:
    """Run a worker: it takes chunks of each new step, until there has been nothing to do for a while."""
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


def begin(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Set the counters of a loop to 0: those of its steps, and of the steps that were run. args: as of `advance`."""
    store_atomic(bind, args[1], 0)
    store_atomic(bind, args[2], 0)


def advance(bind: Any, args: Any, lo: int, hi: int) -> None:
    """Set the slots of bind that differ from one step of a loop to the next, for the next step that is to be run.

    args: the slot of the word that is 0 afterwards where no step is left; the slots of the numbers of the step and of
    the steps that were run before it; the number of all steps; the slot of the address of a word that is 0 where a step
    is left out, or -1; whether all steps after such a one are left out, too;
    the number of states, and for each the slots of its address before a step, of that which the step run before has
    left, and of its start; the number of moving values, and for each its slot, the slot of the address from which its
    place counts, the first place, the step between places, the number of places, after which they repeat, and the slot
    of the number that counts them; the number of results, and for each its slot and its bytes, to be filled with zeros
    where a step is left out.
    """
    step, steps, guard = bind[args[1]], args[3], args[4]
    states = args + 48
    moving = states + 8 + 24 * states[0]
    results = moving + 8 + 48 * moving[0]
    for i in range(states[0]):
        state = states + 8 + 24 * i
        store_atomic(bind, state[0], bind[state[1]] if step else bind[state[2]])
    going = 0
    while step < steps and going == 0:
        for i in range(moving[0]):
            value = moving + 8 + 48 * i
            store_atomic(bind, value[0], bind[value[1]] + value[2] + bind[value[5]] % value[4] * value[3])
        going = 1
        if guard >= 0:
            flag = bind[guard]
            if flag[0] == 0:
                going = 0
                left = steps - step if args[5] else 1
                for i in range(results[0]):
                    result = results + 8 + 16 * i
                    clear_bytes(bind[result[0]], result[1] * left)
                step += left
                store_atomic(bind, args[1], step)
    if going:
        store_atomic(bind, args[1], step + 1)
        store_atomic(bind, args[2], bind[args[2]] + 1)
    store_atomic(bind, args[0], going)
