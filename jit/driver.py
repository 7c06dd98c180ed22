"""Runs a compiled program: a table of native steps, in order, on one thread or on several.

A *step* is a native function ``void step(int64_t *bind, int64_t *args, int64_t lo, int64_t hi)``: `bind`
holds the addresses of the run-time buffers (and float64 scalars by their bits), `args` the step's own
constants, and [lo, hi) is the part of the step's range to do. The interface:

- ``Step(fn, args, extent, chunk)``: `fn` the function's address, `args` a sequence of ints, `extent` the
length
  of the range. ``chunk == 0`` means one call with (0, extent). ``chunk > 0`` means one call for each
  [i*chunk, min((i+1)*chunk, extent)), possibly on several threads at once. The cut never depends on the
  number of threads, so a step may keep partial results in slot ``lo // chunk`` for the step after it to
  combine. An extent of 0 is still one call, with (0, 0).
- ``Group(steps)``: steps that do not need one another, as one: their chunks are all run in one go. It stands in a
  table as a step does.
- ``Chain(steps)``: steps of which each needs of the ones before it only the same chunk: all do chunk i in one go.
  It stands in a table, or in a group, as a step does.
- ``Table(steps)``: lays the steps out in memory, once a program. ``table.run(bind_address)`` runs them:
  `bind_address` is ``bind.ctypes.data`` of an int64 array; keep that array, and what its addresses point to,
  alive meanwhile.
- ``set_threads(n)``, ``get_threads()``: threads used for chunked steps; at first one for each processor that
  this process may use. A forked child has one until it asks for more.

Every run leaves the interpreter lock. Several Python threads may run tables at once: one of them has the pool
(`tracer.jit.pool`), the others run on their own thread alone. The native loop is in `tracer.jit.loops`.
"""

import ctypes
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from tracer.jit import forks, pool
from tracer.jit.natives import find_native

_ROW = 4  # words of a table's row: function, arguments, extent, chunk


class Step(NamedTuple):
    """One row of a program: a native function's address, its static arguments, its range, how it is cut."""

    fn: int
    args: Sequence[int]
    extent: int
    chunk: int = 0


class Chain(NamedTuple):
    """Steps cut into equally many chunks: who takes a chunk of the first does the same one of the others."""

    steps: Sequence[Step]


class Group(NamedTuple):
    """Steps and chains in no order: none reads or writes what another one writes."""

    steps: Sequence["Item"]


Item = Step | Chain | Group


#: Pieces into which a group's chunks are divided at most: what is taken at once when there are very many.
_PIECES = 128


@lru_cache(maxsize=1)
def _entry() -> Callable[[int, int, int], None]:
    word = ctypes.c_void_p  # ctypes' fastest argument
    return ctypes.CFUNCTYPE(None, word, word, word)(find_native("run_table"))


_lock = forks.guarded(threading.Lock())  # whoever holds it has the pool
_pool: pool.Pool | None = None
_threads = 0


def set_threads(n: int | None = None) -> int:
    """Use `n` threads for chunked steps (None: as many as this process may use); returns their number.

    ValueError if n < 1.

    >>> get_threads() == set_threads(get_threads())
    True
    """
    global _threads, _pool
    if n is None:
        n = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if n < 1:
        raise ValueError(f"the number of threads must be at least 1, not {n}")
    with _lock:
        if _pool is not None and n != _threads:
            _pool.close()
            _pool = None
        _threads = n
    return n


def get_threads() -> int:
    """The number of threads that run a chunked step."""
    return _threads


def _in_child() -> None:
    """After a fork: the pool's threads are not there."""
    global _threads, _pool
    if _pool is not None:
        _pool.abandon()
    _threads, _pool = 1, None


class Table:
    """The steps of one program, laid out for the native loop; `run(bind_address)` runs them all in order.

    >>> Table([]).run(0)
    """

    __slots__ = ("_address", "_args", "_rows", "_serial", "run")

    run: Callable[[int], None]

    def __init__(self, steps: Sequence[Item]) -> None:
        args: list[int] = []
        starts: list[int] = []
        for step in _single(steps):
            _, own, extent, chunk = step
            if extent < 0 or chunk < 0 or extent > chunk * pool.MAX_CHUNKS > 0:
                raise ValueError(f"extent and chunk must not be negative, nor the chunks too many: {step}")
            starts.append(len(args))
            args += own
        self._args = np.array(args, np.int64)
        at = self._args.ctypes.data
        places = iter([at + 8 * start for start in starts])
        lists: list[np.ndarray] = []
        laid = [_laid(item, places, lists) for item in steps]
        rows = [len(laid)]
        for step, at in laid:
            rows += [step.fn, at, step.extent, step.chunk]
        self._rows = np.array(rows, np.int64)
        self._address = self._rows.ctypes.data
        serial: Any = partial(_entry(), self._address, 0)
        serial.owner = self._rows, self._args, lists  # `run` may outlive the table
        self._serial = serial
        self.run = self._run if any(0 < s.chunk < s.extent for s, _ in laid) else self._serial

    def _run(self, bind: int) -> None:
        global _pool
        lock = _lock
        if _threads == 1 or not lock.acquire(blocking=False):
            self._serial(bind)
            return
        try:
            if _pool is None:
                _pool = pool.Pool(_threads)
            _pool.wake()
            _entry()(self._address, _pool.address, bind)
        finally:
            lock.release()


def _single(items: Iterable[Item]) -> Iterator[Step]:
    """The steps themselves, in order."""
    for item in items:
        if isinstance(item, Step):
            yield item
        else:
            yield from _single(item.steps)


def _laid(item: Item, places: Iterator[int], lists: list[np.ndarray]) -> tuple[Step, int]:
    """A step and the address of its arguments; those of a group or a chain are a list of calls, kept in `lists`."""
    if isinstance(item, Step):
        return item, next(places)
    parts = [_calls(*_laid(step, places, lists)) for step in item.steps]
    if isinstance(item, Chain):
        calls, chunk = [call for band in zip(*parts, strict=True) for call in band], len(parts)
    else:
        # Each thread begins with the share of each step that it has when the step is alone: its cache may hold that.
        placed = [((i + 0.5) / len(part), call) for part in parts for i, call in enumerate(part)]
        calls = [call for _, call in sorted(placed, key=itemgetter(0))]
        chunk = -(-len(calls) // _PIECES)
    lists.append(np.array(calls, np.int64))
    return Step(find_native("run_calls"), (), len(calls), chunk), lists[-1].ctypes.data


def _calls(step: Step, at: int) -> list[tuple[int, int, int, int]]:
    """A step as calls, one for each of its chunks."""
    size = step.chunk or step.extent or 1
    return [(step.fn, at, lo, min(lo + size, step.extent)) for lo in range(0, max(step.extent, 1), size)]


set_threads()
forks.in_child(_in_child)
