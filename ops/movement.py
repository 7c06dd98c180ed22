"""Views: ops whose every element is an element of their input."""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .aval import Aval, Shape, aval
from .errors import MXNetError
from .families import view
from .node import Node
from .shapes import broadcast, sum_axes


def _samples(*cases: tuple[Shape, tuple]) -> Any:
    def samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
        rng = np.random.RandomState(2)
        for shape, attrs in cases:
            yield [rng.randn(*shape)], attrs

    return samples


def _reshape_infer(avals: Sequence[Aval], attrs: tuple) -> Aval:
    (x,), (shape,) = avals, attrs
    if math.prod(shape) != x.size:
        raise ValueError(f"cannot reshape array of size {x.size} into shape {shape}")
    return aval(shape, x.dtype)


_reshape = view("reshape", _reshape_infer, lambda x, shape: np.reshape(x, shape),
                lambda g, x, shape: reshape(g, x.shape),
                _samples(((3, 4), ((2, 6),)), ((), ((1, 1),)), ((0, 2), ((2, 0),)), ((2, 3, 4), ((6, 4),))))


def reshape(x: Node, shape: Shape) -> Node:
    """`x` in row-major order under another shape of the same size."""
    if x.shape == shape:
        return x
    return _reshape(x, shape)


def _transpose_infer(avals: Sequence[Aval], attrs: tuple) -> Aval:
    (x,), (perm,) = avals, attrs
    if sorted(perm) != list(range(x.ndim)):
        raise MXNetError(f"axes {perm} are no permutation of the {x.ndim} axes of shape {x.shape}")
    return aval(tuple(x.shape[p] for p in perm), x.dtype)


_transpose = view("transpose", _transpose_infer, lambda x, perm: np.transpose(x, perm),
                  lambda g, x, perm: transpose(g, tuple(np.argsort(perm).tolist())),
                  _samples(((3, 4), ((1, 0),)), ((2, 3, 4), ((2, 0, 1),)), ((2, 3, 4), ((0, 2, 1),))))


def transpose(x: Node, perm: tuple[int, ...]) -> Node:
    """`x` with its axes permuted."""
    if perm == tuple(range(x.ndim)):
        return x
    return _transpose(x, perm)


def _broadcast_infer(avals: Sequence[Aval], attrs: tuple) -> Aval:
    (x,), (shape,) = avals, attrs
    if broadcast(x.shape, shape) != shape:
        raise MXNetError(f"cannot broadcast an array of shape {x.shape} to shape {shape}")
    return aval(shape, x.dtype)


def _broadcast_vjp(g: Node, x: Node, shape: Shape) -> Node:
    return unbroadcast(g, x.shape)


_broadcast = view("broadcast_to", _broadcast_infer, lambda x, shape: np.broadcast_to(x, shape), _broadcast_vjp,
                  _samples(((3, 1), ((3, 4),)), ((), ((2, 3),)), ((4,), ((2, 3, 4),)), ((1,), ((0,),))))


def broadcast_to(x: Node, shape: Shape) -> Node:
    """`x` repeated along new or size-1 axes, by NumPy's rule."""
    if x.shape == shape:
        return x
    return _broadcast(x, shape)


def unbroadcast(g: Node, shape: Shape) -> Node:
    """A cotangent of a broadcast value, summed to the `shape` of the operand that was broadcast."""
    if g.shape == shape:
        return g
    from .reductions import reduce_sum

    axes = sum_axes(g.shape, shape)
    return reshape(reduce_sum(g, axes) if axes else g, shape)


def _slice_infer(avals: Sequence[Aval], attrs: tuple) -> Aval:
    for (start, count, step), n in zip(attrs[0], avals[0].shape, strict=True):
        if count and not (0 <= start < n and 0 <= start + (count - 1) * step < n):
            raise MXNetError(f"slice {attrs[0]} leaves an array of shape {avals[0].shape}")
    return aval(tuple(n for _, n, _ in attrs[0]), avals[0].dtype)


def slice_key(spec: tuple) -> tuple[slice, ...]:
    """NumPy's key for a slice given as (start, count, step) an axis."""
    out = []
    for start, count, step in spec:
        stop = start + count * step
        out.append(slice(start, None if stop < 0 else stop, step))
    return tuple(out)


def _slice_vjp(g: Node, x: Node, spec: tuple) -> Node:
    from .indexing import place

    return place(g, x.shape, spec)


_slice = view("slice", _slice_infer, lambda x, spec: x[slice_key(spec)], _slice_vjp,
              _samples(((5, 4), (((1, 2, 2), (0, 4, 1)),)), ((6,), (((5, 3, -2),),)),
                       ((3, 4), (((2, 1, 1), (1, 2, 1)),)), ((3,), (((0, 0, 1),),))))


def slice_(x: Node, spec: tuple[tuple[int, int, int], ...]) -> Node:
    """`x[start : : step]` of `count` elements along each axis; spec: (start, count, step) an axis."""
    if all(start == 0 and step == 1 and count == n for (start, count, step), n in zip(spec, x.shape, strict=True)):
        return x
    return _slice(x, spec)
