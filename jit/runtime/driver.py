"""The driver runs a compiled program: a table of native steps, in order, on one thread or on several.

A *step* is a native function ``void step(int64_t *bind, int64_t *args, int64_t lo, int64_t hi)``: `bind` holds the
addresses of the run-time buffers (and float64 scalars by their bits), `args` the step's own constants, and [lo, hi) is
the part of the step's range to do. The interface:

- ``Step(fn, args, extent, chunk)``: `fn` is the function's address, `args` a sequence of ints, `extent` the length of
  the range. ``chunk == 0`` means one call with (0, extent). ``chunk > 0`` means one call for each
  [i*chunk, min((i+1)*chunk, extent)), possibly on several threads at once. The cut never depends on the number of
  threads, so a step may keep partial results at index ``lo // chunk`` for the step after it to combine. An extent of 0
  is still one call, with (0, 0).
- ``Group(steps)``: independent steps, whose chunks the threads share as those of one step. It is an item of a table.
- ``Chain(steps, areas)``: steps of which each reads, of results of the ones before it, only the same chunk: a thread
  runs chunk i of all of them. Values that nothing else reads may have memory for a few chunks only, the `areas`. It is
  an item of a table or of a group.
- ``Loop(begin, steps, going)``: items to be repeated, as long as the first of them leaves a number other than 0 in the
  slot `going` of bind. It is an item of a table, or of another loop.
- ``Table(steps)``: the steps laid out in memory, once a program. ``table.run(bind_address)`` runs them:
  `bind_address` is ``bind.ctypes.data`` of an int64 array; keep that array, and the memory at its addresses, alive
  meanwhile. A run that is interrupted stops between two chunks, within a tenth of a second and the time of a chunk,
  and raises `interrupts.Paused`, whose `go_on()` does the rest.
- ``set_threads(n)``, ``get_threads()``: threads used for chunked steps; at first one for each processor that this
  process may use. A forked child has one until it sets more.

Every run releases the interpreter lock. Several Python threads may run tables at once: one of them uses the pool
(thread_pool.py), the others run on their own thread alone. Denormals are flushed (denormals.py). The native loop is in
native_loops.py.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from tracer.jit.cpython.foreign import caller
from tracer.jit.native.runtime_functions import find_native
from tracer.jit.process import forks, interrupts
from tracer.jit.runtime import denormals, thread_pool
from tracer.jit.runtime.halting import FREE, HALTED, LOOPS, new_watch

#: Words of a table's row: function, arguments, extent, chunk. A row without a function is a jump: a slot of bind, the
#: number of rows to go if the word in it is 0, and whether to go in any case.
_ROW = 4
_HEAD = 16  # bytes before the rows: their number, and the address of the mode of floats (denormals.py)


class Step(NamedTuple):
    """A row of a table.

    fn: the address of the native function.
    args: its static arguments.
    extent: the length of its range.
    chunk: the length of its chunks, 0 where it is not cut.
    """

    fn: int
    args: Sequence[int]
    extent: int
    chunk: int = 0


class Areas(NamedTuple):
    """Memory for values of which one chunk at a time is needed: an area for each chunk under way.

    base: the slot of bind with the address of the first area.
    nbytes: the size of an area.
    threads: the number of areas: no more threads than that run the chain.
    slots: the number of slots of bind; each area begins with a copy of these, where the addresses of `values` are set.
    values: each with its slot, its place in an area, and the bytes of a chunk.
    """

    base: int
    nbytes: int
    threads: int
    slots: int
    values: Sequence[tuple[int, int, int]]


class Chain(NamedTuple):
    """Steps cut into equally many chunks: the thread that takes a chunk of the first does that of the others too."""

    steps: Sequence[Step]
    areas: Areas | None = None


class Group(NamedTuple):
    """Independent steps and chains, in any order: none reads or writes what another one writes."""

    steps: Sequence["Item"]


class Loop(NamedTuple):
    """Items that are repeated.

    begin: the step before all repetitions.
    steps: the items; the first is a step that tells whether there is another repetition.
    going: the slot of bind of the word that is then 0 if there is none.
    """

    begin: Step
    steps: Sequence["Item"]
    going: int


Item = Step | Chain | Group | Loop


#: The most pieces that a group's calls are divided into: where there are more calls, a thread takes several at once.
_PIECES = 128


_take_watch, _give_watch = FREE.pop, FREE.append
_lock = forks.guarded(threading.Lock())  # held while a run uses the pool
_pool: thread_pool.ThreadPool | None = None
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
    """Drop the pool in a forked child, where its threads do not exist."""
    global _threads, _pool
    if _pool is not None:
        _pool.abandon()
    _threads, _pool = 1, None


class Table:
    """The steps of one program, laid out for the native loop; `run(bind_address)` runs them all in order.

    >>> Table([]).run(0)
    """

    __slots__ = ("_rows", "_owned", "_chunked", "run")

    run: Callable[[int], None]
    _chunked: Callable[[int, int, int], None]

    def __init__(self, steps: Sequence[Item]) -> None:
        args: list[int] = []
        starts: list[int] = []
        for step in _single(steps):
            _, own, extent, chunk = step
            if extent < 0 or chunk < 0 or extent > chunk * thread_pool.CHUNK_LIMIT > 0:
                raise ValueError(f"extent and chunk must not be negative, nor the chunks too many: {step}")
            starts.append(len(args))
            args += own
        words = np.array(args, np.int64)
        at = words.ctypes.data
        places = iter([at + 8 * start for start in starts])
        owned = [words]
        self._lay([row for item in steps for row in _rows(item, places, owned)], owned)

    def _lay(self, rows: Sequence[tuple[int, int, int, int]], owned: list[np.ndarray]) -> None:
        """Lay out the rows, whose addresses point into `owned`, and choose the native loop."""
        self._owned = owned
        self._rows = np.array([len(rows), denormals.MODE_AT, *[word for row in rows for word in row]], np.int64)
        address = self._rows.ctypes.data
        if any(fn and 0 < chunk < extent for fn, _, extent, chunk in rows):
            self._chunked = partial(caller(4), find_native(LOOPS, "run_chunked"), address)
            self.run = self._run
        else:
            serial: Any = partial(caller(2), find_native(LOOPS, "run_table"), address)
            serial.owner = self._rows, owned  # `run` may outlive the table
            self.run = serial

    def _run(self, bind: int) -> None:
        global _pool
        if interrupts.noted and interrupts.wanted():
            raise self._pause(bind)
        try:
            watch = _take_watch()
        except IndexError:
            watch = new_watch()
        words, at = watch
        lock, ranges = _lock, None
        if _threads == 1 or not lock.acquire(False):
            self._chunked(0, at, bind)
            halted = words[HALTED]
        else:
            try:
                if _pool is None:
                    _pool = thread_pool.ThreadPool(_threads)
                _pool.wake()
                self._chunked(_pool.address, at, bind)
                halted = words[HALTED]
                if halted:
                    ranges = _pool.left()
            finally:
                lock.release()
        if halted:
            raise self._left(words, ranges, bind)
        _give_watch(watch)

    def _left(self, watch: Sequence[int], ranges: list[tuple[int, int]] | None, bind: int) -> interrupts.Paused:
        """The exception of a run that was halted: its `go_on()` runs a table of the calls that were not begun."""
        _, row, first, end, *_ = watch
        _, _, *words = self._rows.tolist()
        rows = list(zip(*[iter(words)] * _ROW, strict=True))
        fn, args, extent, chunk = rows[row]
        if not 0 < chunk < extent:
            ranges = []
        elif ranges is None:
            ranges = [(first, end)]
        undone = [i * chunk for first, end in ranges for i in range(first, end)]
        calls = [(fn, args, lo, min(lo + chunk, extent)) for lo in undone]
        rest, owned = [(0, 0, row + 2, 1), *rows], self._owned  # a loop goes back to rows before this one
        if calls:
            owned = [*owned, np.array(calls, np.int64)]
            rest = [(find_native(LOOPS, "run_calls"), owned[-1].ctypes.data, len(calls), 1), *rest]
        table = Table.__new__(Table)
        table._lay(rest, owned)
        return table._pause(bind)

    def _pause(self, bind: int) -> interrupts.Paused:
        """The exception of a run that was halted, whose `go_on()` runs this table."""
        left = interrupts.pause()
        left.go_on = partial(self.run, bind)
        return left


def _single(items: Iterable[Item]) -> Iterator[Step]:
    """The single steps of items, in order."""
    for item in items:
        if isinstance(item, Step):
            yield item
        else:
            if isinstance(item, Loop):
                yield item.begin
            yield from _single(item.steps)


def _rows(item: Item, places: Iterator[int], lists: list[np.ndarray]) -> list[tuple[int, int, int, int]]:
    """The rows of an item, in order: those of a loop are repeated by jumps."""
    if not isinstance(item, Loop):
        step, at = _laid(item, places, lists)
        return [(step.fn, at, step.extent, step.chunk)]
    first, advance, *inner = [row for one in (item.begin, *item.steps) for row in _rows(one, places, lists)]
    return [first, advance, (0, item.going, len(inner) + 2, 0), *inner, (0, item.going, -len(inner) - 2, 1)]


def _laid(item: Step | Chain | Group, places: Iterator[int], lists: list[np.ndarray]) -> tuple[Step, int]:
    """A step and the address of its arguments; those of a group or a chain are a list of calls, kept in `lists`."""
    if isinstance(item, Step):
        return item, next(places)
    if isinstance(item, Chain) and item.areas is not None:
        return _banded(item.areas, [_laid(step, places, lists) for step in item.steps], lists)
    parts = [_calls(*_laid(step, places, lists)) for step in item.steps]  # type: ignore[arg-type]
    if isinstance(item, Chain):
        calls, chunk = [call for band in zip(*parts, strict=True) for call in band], len(parts)
    else:
        # Each thread begins with the same share of each step as when the step is alone: its cache may hold that.
        placed = [((i + 0.5) / len(part), call) for part in parts for i, call in enumerate(part)]
        calls = [call for _, call in sorted(placed, key=itemgetter(0))]
        chunk = -(-len(calls) // _PIECES)
    lists.append(np.array(calls, np.int64))
    return Step(find_native(LOOPS, "run_calls"), (), len(calls), chunk), lists[-1].ctypes.data


def _banded(areas: Areas, steps: Sequence[tuple[Step, int]], lists: list[np.ndarray]) -> tuple[Step, int]:
    """The step that runs a chain chunk by chunk in one of its areas, and the address of its arguments.

    ValueError for steps of different numbers of chunks.
    """
    counts = {-(-step.extent // step.chunk) for step, _ in steps}
    if len(counts) != 1:
        raise ValueError(f"the steps of a chain have {sorted(counts)} chunks")
    base, nbytes, threads, slots, values = areas
    words = [base, nbytes, threads, slots, len(values), len(steps), *[word for value in values for word in value]]
    words += [word for step, at in steps for word in (step.fn, at, step.extent, step.chunk)]
    lists.append(np.array(words + [0] * threads, np.int64))
    return Step(find_native(LOOPS, "run_bands"), (), counts.pop(), 1), lists[-1].ctypes.data


def _calls(step: Step, at: int) -> list[tuple[int, int, int, int]]:
    """A step as calls, one for each of its chunks."""
    size = step.chunk or step.extent or 1
    return [(step.fn, at, lo, min(lo + size, step.extent)) for lo in range(0, max(step.extent, 1), size)]


set_threads()
forks.in_child(_in_child)
