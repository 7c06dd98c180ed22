"""Liveness: the values between steps get places in one arena, and places of dead values are used again."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: The alignment of places: a cache line.
ALIGN = 64

Place = tuple[int, int]  # start and size, in bytes


def arrange(touched: Sequence[tuple[Sequence[Any], Sequence[Any]]], sizes: Mapping[Any, int]
            ) -> tuple[dict[Any, int], int]:
    """The offset of each value in `sizes`, and the bytes of the arena.

    touched: by step, in order, the values read and those written. A value lives from the step that writes it to the
    last one that touches it.

    >>> arrange([([], "a"), ("a", "b"), ("b", "c")], {"a": 100, "b": 64, "c": 128})
    ({'a': 0, 'b': 128, 'c': 0}, 192)
    """
    last: dict[Any, int] = {}
    for i, (reads, writes) in enumerate(touched):
        for v in reads:
            last[v] = i
        for v in writes:
            last[v] = i
    dying: dict[int, list[Any]] = {}
    for v, end in last.items():
        if v in sizes:
            dying.setdefault(end, []).append(v)
    rooms = {v: rounded(max(size, 1)) for v, size in sizes.items()}
    free: list[Place] = []
    offsets: dict[Any, int] = {}
    total = 0
    for i, (_, writes) in enumerate(touched):
        for v in writes:
            if v in sizes and v not in offsets:
                start = offsets[v] = _take(free, rooms[v], total)
                total = max(total, start + rooms[v])
        ended = [(offsets[v], rooms[v]) for v in dying.get(i, ()) if v in offsets]
        if ended:
            free = _merged(free + ended)
    return offsets, total


def rounded(nbytes: int) -> int:
    """A size, up to the next place's start."""
    return -(-nbytes // ALIGN) * ALIGN


def _take(free: list[Place], size: int, end: int) -> int:
    """The start of the smallest free place that is large enough, which leaves the list.

    If there is none, it is the place at the arena's end, which grows, or `end` itself.
    """
    best = last = None
    for place in free:
        if place[1] >= size and (best is None or place[1] < best[1]):
            best = place
        if place[0] + place[1] == end:
            last = place
    if best is None:
        best = last
    if best is None:
        return end
    free.remove(best)
    if best[1] > size:
        free.append((best[0] + size, best[1] - size))
    return best[0]


def _merged(free: list[Place]) -> list[Place]:
    out: list[Place] = []
    for start, size in sorted(free):
        if out and out[-1][0] + out[-1][1] == start:
            out[-1] = (out[-1][0], out[-1][1] + size)
        else:
            out.append((start, size))
    return out
