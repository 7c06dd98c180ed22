"""Several arrays into one."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .aval import Aval, aval
from .errors import MXNetError
from .families import call
from .movement import slice_
from .node import Node


def _infer(*args: Any) -> Aval:
    *avals, axis = args
    first = avals[0]
    for a in avals[1:]:
        if a.dtype != first.dtype:
            raise MXNetError("Non-uniform data type in Concat, "
                             f"expected {first.dtype.name}, got {a.dtype.name}")
        if a.ndim != first.ndim or any(i != axis and d != e
                                       for i, (d, e) in enumerate(zip(a.shape, first.shape, strict=True))):
            raise MXNetError(f"Incompatible input shape: expected {first.shape} but for axis {axis}, "
                             f"got {a.shape}")
    shape = list(first.shape)
    shape[axis] = sum(a.shape[axis] for a in avals)
    return aval(tuple(shape), first.dtype)


def _samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(10)
    yield [rng.randn(2, 3), rng.randn(4, 3), rng.randn(0, 3)], (0,)
    yield [rng.randn(2, 3), rng.randn(4, 3), rng.randn(1, 3)], (0,)
    yield [rng.randn(2, 3), rng.randn(2, 1)], (1,)
    yield [rng.randn(2, 2, 3), rng.randn(2, 1, 3)], (1,)


def _vjp(g: Node, node: Node) -> list[Node]:
    (axis,) = node.attrs
    parts, start = [], 0
    for x in node.inputs:
        parts.append(part(g, axis, start, x.shape[axis]))
        start += x.shape[axis]
    return parts


_concatenate = call("concatenate", _infer, lambda *a: np.concatenate(a[:-1], axis=a[-1]), _vjp,
                    samples=_samples)


def concatenate(parts: Sequence[Node], axis: int) -> Node:
    """Arrays of one dtype one after the other along a (non-negative) axis."""
    if len(parts) == 1:
        return parts[0]
    return _concatenate(*parts, attrs=(axis,))


def part(x: Node, axis: int, start: int, count: int, step: int = 1) -> Node:
    """`count` elements of `x` along one axis from `start`."""
    return slice_(x, tuple((start, count, step) if i == axis else (0, n, 1) for i, n in enumerate(x.shape)))
