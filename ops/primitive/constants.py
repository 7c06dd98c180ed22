"""Arrays of constants: one number everywhere, and diagonal bands of a matrix. Both fuse into their consumers."""
from __future__ import annotations

import numpy as np

from ..ir.aval import Shape
from ..ir.node import Node, const
from .arithmetic import add, greater_equal, less_equal, mul
from .iota import counts
from .linear import broadcast_to


def full(shape: Shape, value: float | int | bool, dtype: np.dtype | str) -> Node:
    """An array of `shape` whose elements are all `value`."""
    return broadcast_to(const(value, dtype), shape)


def band(shape: Shape, low: int | None, high: int | None) -> Node:
    """A bool matrix, true where low <= column - row <= high (None: no bound), of the last two axes of `shape`."""
    rows, columns = counts(shape[-2], 2, 0), counts(shape[-1], 2, 1)
    inside = const(True, "bool")
    if low is not None:
        inside = greater_equal(columns, add(rows, const(low, "int64")))
    if high is not None:
        above = less_equal(columns, add(rows, const(high, "int64")))
        inside = above if low is None else mul(inside, above)
    return broadcast_to(inside, shape[-2:])
