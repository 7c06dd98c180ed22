"""The memory model of a verifier: the values in each range of bytes, and conflicts between accesses."""
from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from .forms import Form, apart
from .meanings import Tag

#: ("leaf", i), ("output", i), ("arena",), or ("area", slot, band) of a chain
Buffer = tuple

_start = itemgetter(0)


class Room(NamedTuple):
    """The target of a slot of bind.

    buffer: the buffer.
    start: the place in it.
    size: the bytes of the value there.
    first: the first of these bytes that exists: of a value of which a band is kept, the others do not.
    """

    buffer: Buffer
    start: int
    size: int
    first: int = 0


class Touch(NamedTuple):
    """A read or a write of the bytes from `low` up to `high` of a buffer.

    place: the bytes where elements begin, if they are known.
    when: the number of the item of the table.
    unit: the number of the unit in the item: units may run at the same time.
    row: the number of the row in the unit.
    order: the number of the access in the row's text.
    """

    buffer: Buffer
    low: int
    high: int
    write: bool
    place: Form | None
    itemsize: int
    role: int
    slot: int
    step: Any  # its text names it in errors
    when: int = 0
    unit: int = 0
    row: int = 0
    order: int = 0

    def meets(self, other: Touch) -> bool:
        """Whether the two may touch the same byte."""
        if self.buffer != other.buffer or self.high <= other.low or other.high <= self.low:
            return False
        return self.place is None or other.place is None or \
            not apart(self.place, other.place, self.itemsize, other.itemsize)

    def precedes(self, write: Touch, start: int = 0) -> bool:
        """Whether this read of each element comes before `write`, of the same row, overwrites just that element.

        start: the offset of the other buffer's beginning from this one's.
        """
        return self.order < write.order and self.itemsize == write.itemsize and self.place is not None \
            and write.place is not None and self.place == write.place.plus(Form(start))

    def is_before(self, write: Touch) -> bool:
        """Whether this read of a leaf comes before the write of an output that takes the leaf's memory."""
        if self.when != write.when:
            return self.when < write.when
        if self.unit != write.unit:
            return not self._replace(buffer=write.buffer).meets(write)
        return self.row < write.row or self.row == write.row and self.precedes(write)


class Memory:
    """The ranges of each buffer that hold a value, in order."""

    def __init__(self) -> None:
        self._held: dict[Buffer, list[tuple[int, int, Tag]]] = {}

    def write(self, buffer: Buffer, low: int, high: int, tag: Tag) -> None:
        """Put the value `tag` into a range."""
        if low >= high:
            return
        held = self._held.setdefault(buffer, [])
        first, last = _first(held, low), bisect_left(held, high, key=_start)
        left = [(held[first][0], low, held[first][2])] if first < last and held[first][0] < low else []
        right = [(high, *held[last - 1][1:])] if first < last and held[last - 1][1] > high else []
        held[first:last] = [*left, (low, high, tag), *right]

    def read(self, buffer: Buffer, low: int, high: int) -> Iterator[Tag | None]:
        """The values in a range, None for bytes that have not been written."""
        held = self._held.get(buffer, [])
        at = _first(held, low)
        while low < high:
            if at == len(held) or held[at][0] > low:
                yield None
                return
            yield held[at][2]
            low = held[at][1]
            at += 1


def _first(held: list[tuple[int, int, Tag]], low: int) -> int:
    """The number of the first range that ends behind `low`."""
    at = bisect_right(held, low, key=_start)
    return at - 1 if at and held[at - 1][1] > low else at


def conflicts(touches: Sequence[Touch]) -> Iterator[tuple[Touch, Touch]]:
    """Pairs of touches by different units of the same memory, the first of which writes."""
    by_buffer: dict[Buffer, list[Touch]] = {}
    for t in touches:
        by_buffer.setdefault(t.buffer, []).append(t)
    for found in by_buffer.values():
        active: list[Touch] = []
        if any([t.write for t in found]):
            for t in sorted(found, key=lambda t: t.low):
                active = [a for a in active if a.high > t.low]
                for a in active:
                    if a.unit != t.unit and (a.write or t.write) and a.meets(t):
                        yield (a, t) if a.write else (t, a)
                active.append(t)
