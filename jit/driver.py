"""Runs a compiled program: a table of native steps, in order, on one thread or on several.

A *step* is a native function ``void step(int64_t *bind, int64_t *args, int64_t lo, int64_t hi)``: `bind` holds the
addresses of the run-time buffers (and float64 scalars by their bits), `args` the step's own constants, and [lo, hi)
is the part of the step's range to do. The interface:

- ``Step(fn, args, extent, chunk)``: `fn` the function's address, `args` a sequence of ints, `extent` the length of
  the range. ``chunk == 0`` means one call with (0, extent). ``chunk > 0`` means one call for each
  [i*chunk, min((i+1)*chunk, extent)), possibly on several threads at once. The cut never depends on the number of
  threads, so a step may keep partial results in slot ``lo // chunk`` for the step after it to combine, and a result
  is the same bit for bit on any machine. An extent of 0 is still one call, with (0, 0).
- ``Table(steps)``: lays the steps out in memory, once a program. ``table.run(bind_address)`` runs them: `bind_address`
  is ``bind.ctypes.data`` of an int64 array; keep that array, and what its addresses point to, alive meanwhile.
- ``set_threads(n)``, ``get_threads()``: threads used for chunked steps; at first one for each processor that this
  process may use.

Every call leaves the interpreter lock. Several Python threads may run tables at once: those with a chunked step take
turns (Numba's workqueue layer is not thread-safe), the others do not. A forked child always runs on one thread, since
GNU OpenMP aborts a child that enters a parallel region.
"""

import ctypes
import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numba
import numba.extending
import numpy as np
from llvmlite import ir
from numba import prange, types

# Numba's own types give an intrinsic the parameters of its compile-time half, not those of a call.
intrinsic: Any = numba.extending.intrinsic
_cfunc: Any = numba.cfunc
_njit: Any = numba.njit

_I64 = ir.IntType(64)
_STEP = ir.FunctionType(ir.VoidType(), [_I64.as_pointer(), _I64.as_pointer(), _I64, _I64])
_ROW = 4  # words of a table's row: function, arguments, extent, chunk
_LINE = 8  # words between two threads' counters: a cache line, so that they do not fight over one


class Step(NamedTuple):
    """One row of a program: a native function's address, its static arguments, its range and how it is cut."""

    fn: int
    args: Sequence[int]
    extent: int
    chunk: int = 0


@intrinsic
def call_step(typingctx, fn, bind, args, lo, hi):
    """Call the step whose address is `fn`, in compiled code; all arguments int64. Cacheable: no address is baked in."""

    def codegen(context, builder, signature, values):
        pointers = [builder.inttoptr(v, _I64.as_pointer()) for v in values[1:3]]
        builder.call(builder.inttoptr(values[0], _STEP.as_pointer()), [*pointers, *values[3:]])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), codegen


@intrinsic
def load_word(typingctx, address, index):
    """``((int64_t *)address)[index]`` in compiled code."""

    def codegen(context, builder, signature, values):
        base = builder.inttoptr(values[0], _I64.as_pointer())
        return builder.load(builder.gep(base, [values[1]]))

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def _store_word(typingctx, address, index, value):
    def codegen(context, builder, signature, values):
        base = builder.inttoptr(values[0], _I64.as_pointer())
        builder.store(values[2], builder.gep(base, [values[1]]))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), codegen


@intrinsic
def _take_word(typingctx, address, index):
    """Atomic ``((int64_t *)address)[index]++``."""

    def codegen(context, builder, signature, values):
        base = builder.inttoptr(values[0], _I64.as_pointer())
        return builder.atomic_rmw("add", builder.gep(base, [values[1]]), ir.Constant(_I64, 1), "monotonic")

    return types.int64(types.int64, types.int64), codegen


def _run_serial(table: int, bind: int) -> None:
    """All steps of `table` on this thread, cut as `_run_parallel` cuts them."""
    for i in range(load_word(table, 0)):
        row = table + 8 + 8 * _ROW * i
        fn, args = load_word(row, 0), load_word(row, 1)
        extent, chunk = load_word(row, 2), load_word(row, 3)
        if chunk <= 0 or extent <= chunk:
            call_step(fn, bind, args, 0, extent)
        else:
            for lo in range(0, extent, chunk):
                call_step(fn, bind, args, lo, min(lo + chunk, extent))


def _run_parallel(table: int, bind: int, threads: int, counters: int) -> None:
    """All steps of `table`, the chunked ones on `threads` threads.

    Each thread starts with its own contiguous share of the chunks (so that it finds the same rows in its cache at
    the next step) and then helps with what is left of the others': one slow core does not hold up the rest.
    """
    for i in range(load_word(table, 0)):
        row = table + 8 + 8 * _ROW * i
        fn, args = load_word(row, 0), load_word(row, 1)
        extent, chunk = load_word(row, 2), load_word(row, 3)
        if chunk <= 0 or extent <= chunk:
            call_step(fn, bind, args, 0, extent)
            continue
        chunks = (extent + chunk - 1) // chunk
        for t in range(threads):
            _store_word(counters, t * _LINE, t * chunks // threads)
        for t in prange(threads):
            for turn in range(threads):
                owner = (t + turn) % threads
                end = (owner + 1) * chunks // threads
                c = _take_word(counters, owner * _LINE)
                while c < end:
                    call_step(fn, bind, args, c * chunk, min(c * chunk + chunk, extent))
                    c = _take_word(counters, owner * _LINE)


def compiled(build: Callable[[bool], Any]) -> Any:
    """`build(cache)` with Numba's disk cache, or without it where that is unwritable or damaged."""
    try:
        return build(True)
    except Exception:  # noqa: BLE001 - a damaged entry can raise anything; compiling afresh tells what is at fault
        return build(False)


def _build_serial(cache: bool) -> Callable[[int, int], None]:
    signature = types.void(types.int64, types.int64)
    native = _cfunc(signature, cache=cache)(_run_serial)
    _kept.append(native)
    return ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64)(native.address)


def _build_parallel(cache: bool) -> Callable[[int, int, int, int], None]:
    signature = types.void(*[types.int64] * 4)
    return _njit(signature, parallel=True, nogil=True, cache=cache)(_run_parallel)


_kept: list[Any] = []  # owners of native code whose bare addresses are in use
_lock = threading.Lock()
_serial: Callable[[int, int], None] | None = None
_parallel: Callable[[int, int, int, int], None] | None = None
_forked = False
_threads = 0
_config: Any = numba.config
_pool: int = _config.NUMBA_NUM_THREADS
_counters = np.zeros(_pool * _LINE, np.int64)
_counters_address = _counters.ctypes.data


def _available() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(n: int | None = None) -> int:
    """Use `n` threads for chunked steps (None: all that this process may use); returns the number really used.

    That is at most Numba's own NUMBA_NUM_THREADS, and 1 in a forked child. ValueError if n < 1.
    """
    global _threads
    if n is not None and n < 1:
        raise ValueError(f"the number of threads must be at least 1, not {n}")
    with _lock:
        _threads = 1 if _forked else min(n or _available(), _pool)
        return _threads


def get_threads() -> int:
    """The number of threads that run a chunked step.

    >>> get_threads() == set_threads(get_threads())
    True
    """
    return _threads


def _serial_entry() -> Callable[[int, int], None]:
    global _serial
    with _lock:
        if _serial is None:
            _serial = compiled(_build_serial)
        return _serial


def _in_child() -> None:
    """After a fork: one thread, and a lock that nobody holds (another thread of the parent may have held it)."""
    global _forked, _threads, _lock
    _forked, _threads, _lock = True, 1, threading.Lock()


class Table:
    """The steps of one program, laid out for the native loop; `run(bind_address)` runs them all in order.

    >>> Table([]).run(0)
    """

    __slots__ = ("_address", "_args", "_rows", "_serial", "parallel", "run")

    run: Callable[[int], None]

    def __init__(self, steps: Sequence[Step]) -> None:
        self._args = np.array([a for s in steps for a in s.args], np.int64)
        rows, at = [len(steps)], self._args.ctypes.data
        for step in steps:
            if step.extent < 0 or step.chunk < 0:
                raise ValueError(f"extent and chunk of a step must not be negative: {step}")
            rows += [step.fn, at, step.extent, step.chunk]
            at += 8 * len(step.args)
        self._rows = np.array(rows, np.int64)
        self._address = self._rows.ctypes.data
        self._serial = partial(_serial_entry(), self._address)
        self.parallel = any(0 < s.chunk < s.extent for s in steps)
        self.run = self._run if self.parallel else self._serial

    def _run(self, bind: int) -> None:
        global _parallel
        if _threads == 1:
            self._serial(bind)
            return
        with _lock:
            if _parallel is None:
                _parallel = compiled(_build_parallel)
            if _threads == _pool:
                _parallel(self._address, bind, _threads, _counters_address)
                return
            before = numba.get_num_threads()
            numba.set_num_threads(_threads)
            try:
                _parallel(self._address, bind, _threads, _counters_address)
            finally:
                numba.set_num_threads(before)


set_threads()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
