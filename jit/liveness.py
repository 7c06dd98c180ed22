"""Liveness: where values between steps lie in one arena, places of dead values used again."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: Places begin at cache lines.
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
        last.update(dict.fromkeys([*reads, *writes], i))
    dying: list[list[Any]] = [[] for _ in touched]
    for v, end in last.items():
        dying[end].append(v)
    free: list[Place] = []
    offsets: dict[Any, int] = {}
    total = 0
    for i, (_, writes) in enumerate(touched):
        for v in writes:
            if v in sizes and v not in offsets:
                offsets[v] = _take(free, _rounded(sizes[v]), total)
                total = max(total, offsets[v] + _rounded(sizes[v]))
        ended = [(offsets[v], _rounded(sizes[v])) for v in dying[i] if v in offsets]
        if ended:
            free = _merged(free + ended)
    return offsets, total


def _rounded(size: int) -> int:
    return -(-max(size, 1) // ALIGN) * ALIGN


def _take(free: list[Place], size: int, end: int) -> int:
    """The smallest free place that is large enough, taken from the list; `end` if there is none."""
    best = min((f for f in free if f[1] >= size), key=lambda f: f[1], default=None)
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
