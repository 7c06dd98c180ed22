"""Poisoned memory: it reveals reads that come too early or too late, and writes out of bounds (TRACER_POISON=1).

A buffer, and a value's place in an arena, is filled with a pattern before it is first written and when it is given
back: NaN as floats of any width, far too large as an index. On both sides lie guard bytes, which are checked after each
step of a program. Without the setting, which is read where pools and plans are made, none of this exists.
"""
from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer.ops.ir.node import Node

from ..runtime import buffers
from ..runtime.buffers import Block, FreeList, size_class
from .layout import ByNumPy, Check

if TYPE_CHECKING:
    from .plan import Plan

#: The pattern in memory that must not be read.
POISON = 0x7FFA
#: The bytes around a buffer: at least so many on either side.
GUARD = b"\xa5" * 64

#: The memory of each buffer by its address, as long as it has an owner.
_GUARDED: weakref.WeakValueDictionary[int, _Memory] = weakref.WeakValueDictionary()


class GuardError(AssertionError):
    """A write beyond a buffer or a value's place."""


class _Memory(np.ndarray):
    """Bytes with guards on both sides, the buffer's own from `start` to `end`."""

    start: int
    end: int

    def is_whole(self) -> bool:
        """Whether the guards are unchanged."""
        return self[self.start - len(GUARD):self.start].tobytes() == GUARD == \
            self[self.end:self.end + len(GUARD)].tobytes()


class GuardedPool(FreeList):
    """The free blocks for buffers of `nbytes`, with guards right before and behind these."""

    __slots__ = ("nbytes",)

    def __init__(self, nbytes: int) -> None:
        super().__init__(size_class(nbytes))
        self.room = 0  # so that each block comes through `give_back`
        self.nbytes = nbytes

    def fresh(self) -> Block:
        """A new block, poisoned."""
        memory = _Memory(self.nbytes + 3 * len(GUARD), np.uint8)
        memory.start = len(GUARD) + -memory.ctypes.data % len(GUARD)
        memory.end = memory.start + self.nbytes
        memory[:] = GUARD[0]
        own = np.asarray(memory)[memory.start:memory.end]
        poison(own)
        _GUARDED[memory.ctypes.data + memory.start] = memory
        return own, memory.ctypes.data + memory.start

    def give_back(self, block: Block) -> None:
        """Poison a block and keep it."""
        poison(block[0])
        super().give_back(block)


def install() -> None:
    """Give guards to all buffers from now on."""
    buffers.new_pool = GuardedPool


def poison(memory: np.ndarray) -> None:
    """Fill bytes that must not be read."""
    even = memory.size & ~1
    memory[:even].view(np.uint16)[...] = POISON
    memory[even:] = POISON & 0xFF


# ---- plans ---------------------------------------------------------------------------------------

def padded(sizes: Mapping[int, int]) -> dict[int, int]:
    """The sizes of values between steps, each with room for a guard behind the value."""
    return {slot: nbytes + len(GUARD) for slot, nbytes in sizes.items()}


def runs_of(plan: Plan) -> list[Callable[[], None]]:
    """The calls of a plan's run, one for each item of its tables, with a check of all guards after each."""
    planning, watch = plan.planning, _Watch(plan)
    parts: Iterator[Any] = iter([part for run in plan.layout.runs
                                 for part in ([run] if isinstance(run, (ByNumPy, Check)) else run)])
    runs: list[Callable[[], None]] = [watch.begin]
    for i, group in enumerate(planning.groups):
        rows = [planning.rows[k][0] for k in group]
        name = " and ".join([f"step {k}, {_told(planning.rows[k][2])}" for k in group])
        runs.append(partial(watch.enter, i))
        for _ in range(1 + sum([len(row) - 1 for row in rows if isinstance(row, list)])):
            part = next(parts)
            runs.append(plan.runner(part if isinstance(part, ByNumPy) else (part,)))
            runs.append(partial(watch.look, name))
        runs += [plan.runner(next(parts)) for _ in planning.checks_of(group[0])]
        runs.append(partial(watch.leave, i))
    return runs


def _told(writes: Sequence[Any]) -> str:
    return ", ".join([f"{n.op.name} {n.aval!r}" for n in writes if isinstance(n, Node)])


class _Watch:
    """The guards of a plan's arena and buffers during a run, and the liveness of its values, by group."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        places, sizes = dict(zip(plan.places.tolist(), plan.starts.tolist())), dict(plan.layout.between)
        self.inside = {slot: (at, at + sizes[slot]) for slot, at in places.items()}
        self.first: dict[int, list[int]] = {}
        self.last: dict[int, list[int]] = {}
        seen: dict[int, int] = {}
        for i, (reads, writes) in enumerate(plan.layout.touched):
            for slot in (*reads, *writes):
                if slot in self.inside:
                    if slot not in seen:
                        self.first.setdefault(i, []).append(slot)
                    seen[slot] = i
        for slot, i in seen.items():
            self.last.setdefault(i, []).append(slot)
        inputs = plan.layout.inputs
        first = len(inputs.leaves) + len(inputs.numbers)
        self.buffers = [*range(len(inputs.leaves)), *range(first, first + inputs.outputs)]
        self.living: set[int] = set()
        self.arena = np.empty(0, np.uint8)

    def begin(self) -> None:
        """Begin a run: poison the arena."""
        if self.plan.arena_bytes:
            raw: Any = (ctypes.c_char * self.plan.arena_bytes).from_address(self.plan.arena_at)
            self.arena = np.ndarray((self.plan.arena_bytes,), np.uint8, raw)
            poison(self.arena)
        self.living = set()

    def enter(self, group: int) -> None:
        """Set the guards of values whose life begins with a group."""
        for slot in self.first.get(group, ()):
            _, end = self.inside[slot]
            self.arena[end:end + len(GUARD)] = GUARD[0]
            self.living.add(slot)

    def look(self, name: str) -> None:
        """Raise GuardError where a write has gone beyond a live value, a buffer or the arena."""
        for slot in self.living:
            _, end = self.inside[slot]
            if self.arena[end:end + len(GUARD)].tobytes() != GUARD:
                raise GuardError(f"{name}: has written behind the value at slot {slot}")
        for slot in self.buffers:
            memory = _GUARDED.get(int(self.plan.bind[slot]))
            if memory is not None and not memory.is_whole():
                raise GuardError(f"{name}: has written beyond the buffer at slot {slot}")
        memory = _GUARDED.get(self.plan.arena_at)
        if memory is not None and not memory.is_whole():
            raise GuardError(f"{name}: has written beyond the arena")

    def leave(self, group: int) -> None:
        """Poison the places of values that die with a group."""
        for slot in self.last.get(group, ()):
            start, end = self.inside[slot]
            poison(self.arena[start:end + len(GUARD)])
            self.living.discard(slot)
