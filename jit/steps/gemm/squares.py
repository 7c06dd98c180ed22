"""Squares of numbers in registers: as many vectors as each of them has lanes."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

#: The bytes of the parts of a vector within which one instruction interleaves two vectors.
_PART = 16


def transposed(b: Any, square: Sequence[Any]) -> list[Any]:
    """The columns of a square of float vectors as vectors: columns of parts of vectors first, then of these parts."""
    rows = list(square)
    lanes = range(len(rows))
    part = _PART // (4 if isinstance(rows[0].type.element, ir.FloatType) else 8)
    halves = [[lane - lane % part + half + lane % part // 2 + lane % 2 * len(rows) for lane in lanes]
              for half in (0, part // 2)]
    width = part
    while width > 1:
        rows = [_taken(b, rows[start + i], rows[start + i + part // 2], half)
                for start in range(0, len(rows), part) for i in range(part // 2) for half in halves]
        width //= 2
    while part < len(rows):
        low = [lane + (len(rows) - part if lane & part else 0) for lane in lanes]
        high = [lane + (len(rows) if lane & part else part) for lane in lanes]
        rows = [_taken(b, rows[i & ~part], rows[i | part], high if i & part else low) for i in lanes]
        part *= 2
    return rows


def _taken(b: Any, x: Any, y: Any, lanes: Sequence[int]) -> Any:
    """A vector of lanes of two vectors."""
    return b.shuffle_vector(x, y, ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes))
