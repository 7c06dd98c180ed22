"""Parallel groups: independent steps run as one, their chunks shared by the threads with one wake-up and one barrier.

The updates of a hundred arrays are a hundred steps, most too small for two threads; as one group they keep all threads
busy to the end. Chunks are cut as for each step alone, so that results stay the same, bit for bit.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tracer.ops.ir.node import Node

#: The most steps in a group: memory of values that die in it is not used again before its end.
MAX_STEPS = 256


class Work(NamedTuple):
    """A step, or a chain of steps, as grouping sees it.

    cost: as `Generated.cost`; 0 for a step that must be alone.
    reads, writes: values in memory.
    in_place: (result, operand) pairs that may share memory.
    """

    cost: float
    reads: Sequence[Any]
    writes: Sequence[Any]
    in_place: Sequence[tuple[Node, Node]]


def group_steps(works: Sequence[Work], least: float) -> list[list[int]]:
    """The numbers of the steps, in order, by group; a group of several steps costs at least `least`."""
    found: list[list[int]] = []
    at, group = 0, _Group()
    for i, work in enumerate(works):
        if not work.cost or not group.takes(work) or i - at >= MAX_STEPS:
            found += group.split(range(at, i), least)
            at, group = i, _Group()
        group.add(work)
    return found + group.split(range(at, len(works)), least)


class _Group:
    """A group under construction: steps that are independent so far."""

    def __init__(self) -> None:
        self.cost = 0.0
        self.closed = False
        self.reads: set[Any] = set()
        self.writes: set[Any] = set()
        self.replaced: set[Any] = set()  # operands that a step may write over

    def takes(self, work: Work) -> bool:
        """Whether a step may run at the same time as those of the group."""
        return not (self.closed or self.writes.intersection(work.reads) or self.writes.intersection(work.writes)
                    or self.reads.intersection(work.writes) or self.replaced.intersection(work.reads)
                    or self.reads.intersection([operand for _, operand in work.in_place]))

    def add(self, work: Work) -> None:
        """Append a step to the group."""
        self.cost += work.cost
        self.closed = not work.cost
        self.reads.update(work.reads)
        self.writes.update(work.writes)
        self.replaced.update([operand for _, operand in work.in_place])

    def split(self, members: range, least: float) -> list[list[int]]:
        """One group of the steps, or where that does not pay, one group for each."""
        if self.cost < least:
            return [[i] for i in members]
        return [list(members)] if members else []
