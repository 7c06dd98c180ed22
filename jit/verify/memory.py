"""Memory of a verifier: which value lies where, and whether two touches of it get in each other's way."""
from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from .forms import Form, apart
from .meanings import Tag

#: ("leaf", i), ("output", i) or ("arena",)
Buffer = tuple

_start = itemgetter(0)


class Room(NamedTuple):
    """Where a slot of bind points: the buffer, the place in it, and the bytes that are the value's own."""

    buffer: Buffer
    start: int
    size: int


class Touch(NamedTuple):
    """A read or a write of the bytes from `low` up to `high` of a buffer.

    place: the bytes where elements begin, if that is known. when: the number of the item of the table, unit: of what in
    it runs at the same time as the rest, row: of the row in that, order: of the access in the row's text.
    """

    buffer: Buffer
    low: int
    high: int
    write: bool
    place: Form | None
    itemsize: int
    role: int
    slot: int
    step: Any  # whose text names it
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
        """Whether this reads each element before `write`, of the same row, writes over it, and no other afterwards.

        start: how far behind this buffer's beginning the other one's lies.
        """
        return self.order < write.order and self.itemsize == write.itemsize and self.place is not None \
            and write.place is not None and self.place == write.place.plus(Form(start))


class Memory:
    """The stretches of each buffer that hold a value, in order."""

    def __init__(self) -> None:
        self._held: dict[Buffer, list[tuple[int, int, Tag]]] = {}

    def write(self, buffer: Buffer, low: int, high: int, tag: Tag) -> None:
        """Let the value `tag` lie in a stretch."""
        if low >= high:
            return
        held = self._held.setdefault(buffer, [])
        first, last = _first(held, low), bisect_left(held, high, key=_start)
        left = [(held[first][0], low, held[first][2])] if first < last and held[first][0] < low else []
        right = [(high, *held[last - 1][1:])] if first < last and held[last - 1][1] > high else []
        held[first:last] = [*left, (low, high, tag), *right]

    def read(self, buffer: Buffer, low: int, high: int) -> Iterator[Tag | None]:
        """The values in a stretch, None for bytes that nobody has written."""
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
    """The number of the first stretch that ends behind `low`."""
    at = bisect_right(held, low, key=_start)
    return at - 1 if at and held[at - 1][1] > low else at


def conflicts(touches: Sequence[Touch]) -> Iterator[tuple[Touch, Touch]]:
    """Pairs of different units that touch the same memory, one of which writes."""
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
