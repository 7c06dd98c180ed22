"""Linear ops and their adjoints: reshape, transpose, broadcast_to and sum, slice and place, concatenate and cut."""
from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..declare.families import call, operands, reduction, view
from ..ir.aval import Aval, Shape, aval
from ..ir.errors import MXNetError
from ..ir.node import Node, const, items
from ..ir.shapes import broadcast, reduced, sum_axes
from .arithmetic import equal, like, where
from .iota import counts

#: A slice: (start, count, step) for each axis.
Spec = tuple[tuple[int, int, int], ...]


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
                _samples(((3, 4), ((2, 6),)), ((), ((1, 1),)), ((0, 2), ((2, 0),)), ((2, 3, 4), ((6, 4),))),
                [(operands((3, 4)), ((5, 2),), ValueError)], shaped=True)


def reshape(x: Node, shape: Shape) -> Node:
    """`x` in another shape of the same size, in row-major order."""
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
                  _samples(((3, 4), ((1, 0),)), ((2, 3, 4), ((2, 0, 1),)), ((2, 3, 4), ((0, 2, 1),))),
                  [(operands((3, 4)), ((0, 0),), MXNetError), (operands((3, 4)), ((0, 2, 1),), MXNetError)],
                  axes=True)


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
                  _samples(((3, 1), ((3, 4),)), ((), ((2, 3),)), ((4,), ((2, 3, 4),)), ((1,), ((0,),))),
                  [(operands((3, 2)), ((3, 4),), MXNetError), (operands((3, 4)), ((4,),), MXNetError)], shaped=True)


def broadcast_to(x: Node, shape: Shape) -> Node:
    """`x` repeated along new or size-1 axes, by NumPy's broadcasting rule."""
    if x.shape == shape:
        return x
    return _broadcast(x, shape)


# ---- sums ----------------------------------------------------------------------------------------

def spread(x: Node, axes: tuple[int, ...], to: Node) -> Node:
    """`x`, which has the shape of `to` without `axes`, broadcast to the shape of `to`."""
    return broadcast_to(reshape(x, reduced(to.shape, axes, keepdims=True)), to.shape)


def totalled(f: Any, wider: dict[str, str]) -> Any:
    """The reference of a sum or product: NumPy's `f`, with the result rounded once to the operand's dtype.

    wider: dtype name -> the wider dtype to accumulate in.
    """
    def ref(x: Any, axes: tuple) -> Any:
        x = np.asarray(x)
        with np.errstate(over="ignore"):
            found = f(x, axis=axes, dtype=wider.get(x.dtype.name, x.dtype))
            return found.astype(x.dtype, copy=False)

    return ref


#: MXNet's sums are compensated for the rounding of float32; NumPy loses a hundredth of a sum of a million equal numbers
#: along any axis but the last.
reduce_sum = reduction("reduce_sum", totalled(np.sum, {"float16": "float32", "float32": "float64"}),
                       lambda g, x, axes, y: spread(g, axes, x), lambda dtype: 0, combine="+")


def unbroadcast(g: Node, shape: Shape) -> Node:
    """The cotangent `g` of a broadcast value, summed to the operand's `shape`; the gradient pass calls it for each."""
    if g.shape == shape:
        return g
    axes = sum_axes(g.shape, shape)
    return reshape(reduce_sum(g, axes) if axes else g, shape)


# ---- slices --------------------------------------------------------------------------------------

def _slice_infer(avals: Sequence[Aval], attrs: tuple) -> Aval:
    for (start, count, step), n in zip(attrs[0], avals[0].shape, strict=True):
        if count and not (0 <= start < n and 0 <= start + (count - 1) * step < n):
            raise MXNetError(f"slice {attrs[0]} leaves an array of shape {avals[0].shape}")
    return aval(tuple(n for _, n, _ in attrs[0]), avals[0].dtype)


def slice_key(spec: tuple) -> tuple[slice, ...]:
    """NumPy's key for a slice given as (start, count, step) for each axis."""
    out = []
    for start, count, step in spec:
        stop = start + count * step
        out.append(slice(start, None if stop < 0 else stop, step))
    return tuple(out)


def _slice_vjp(g: Node, x: Node, spec: tuple) -> Node:
    return place(g, x.shape, spec)


_slice = view("slice", _slice_infer, lambda x, spec: x[slice_key(spec)], _slice_vjp,
              _samples(((5, 4), (((1, 2, 2), (0, 4, 1)),)), ((6,), (((5, 3, -2),),)),
                       ((3, 4), (((2, 1, 1), (1, 2, 1)),)), ((3,), (((0, 0, 1),),))),
              [(operands((6,)), (((3, 4, 1),),), MXNetError), (operands((6,)), (((2, 3, -2),),), MXNetError)])


def slice_(x: Node, spec: tuple[tuple[int, int, int], ...]) -> Node:
    """A slice of `x`: along each axis `count` elements from `start`. spec: (start, count, step) for each axis."""
    if all(start == 0 and step == 1 and count == n for (start, count, step), n in zip(spec, x.shape, strict=True)):
        return x
    return _slice(x, spec)


def _place_ref(g: Any, shape: Shape, spec: Spec) -> Any:
    out = np.zeros(shape, g.dtype)
    out[slice_key(spec)] = g
    return out


def _place_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(4)
    yield [rng.randn(2, 4)], ((5, 4), ((1, 2, 2), (0, 4, 1)))
    yield [rng.randn(3)], ((6,), ((5, 3, -2),))


_place = call("place", lambda g, shape, spec: aval(shape, g.dtype), _place_ref,
              lambda g, node: (slice_(g, node.attrs[1]),), samples=_place_samples)


def place(g: Node, shape: Shape, spec: Spec) -> Node:
    """Zeros of `shape` with `g` at the slice `spec`: the adjoint of `slice_`."""
    single = [axis for axis, ((start, count, step), n) in enumerate(zip(spec, shape, strict=True))
              if (start, count, step) != (0, n, 1)]
    if any(spec[axis][1] != 1 for axis in single):
        return _place(g, attrs=(shape, spec))
    out = g  # only whole axes and single positions: a comparison with a mask, which fuses
    for axis in single:
        here = equal(counts(shape[axis], len(shape), axis), const(spec[axis][0], "int64"))
        out = where(here, out, like(g, 0))
    return broadcast_to(out, shape)


# ---- concatenation -------------------------------------------------------------------------------

def _concatenate_infer(*args: Any) -> Aval:
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


def _concatenate_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(10)
    yield [rng.randn(2, 3), rng.randn(4, 3), rng.randn(0, 3)], (0,)
    yield [rng.randn(2, 3), rng.randn(4, 3), rng.randn(1, 3)], (0,)
    yield [rng.randn(2, 3), rng.randn(2, 1)], (1,)
    yield [rng.randn(2, 2, 3), rng.randn(2, 1, 3)], (1,)


def _concatenate_vjp(g: Node, node: Node) -> list[Node]:
    (axis,) = node.attrs
    parts, start = [], 0
    for x in node.inputs:
        parts.append(part(g, axis, start, x.shape[axis]))
        start += x.shape[axis]
    return parts


_concatenate = call("concatenate", _concatenate_infer, lambda *a: np.concatenate(a[:-1], axis=a[-1]), _concatenate_vjp,
                    samples=_concatenate_samples, step="concatenate", may_fail=False, axes=True, errors=[
                        (operands((2, 3), (2, 4)), (0,), MXNetError), (operands((2, 3), (2,)), (0,), MXNetError),
                        (operands((2,)) + operands((2,), dtype="int32"), (0,), MXNetError)])


def concatenate(parts: Sequence[Node], axis: int) -> Node:
    """The concatenation of arrays of one dtype along a non-negative axis."""
    if len(parts) == 1:
        return parts[0]
    return _concatenate(*parts, attrs=(axis,))


def part(x: Node, axis: int, start: int, count: int, step: int = 1) -> Node:
    """`count` elements of `x` along one axis, from `start` with `step`."""
    return slice_(x, tuple((start, count, step) if i == axis else (0, n, 1) for i, n in enumerate(x.shape)))


# ---- all parts of an array -----------------------------------------------------------------------

def _cut_infer(x: Aval, axis: int, starts: tuple[int, ...]) -> tuple[Aval, ...]:
    borders = (*starts, x.shape[axis])
    if borders[0] or list(borders) != sorted(borders):
        raise MXNetError(f"parts from {starts} on are no partition of axis {axis} of shape {x.shape}")
    return tuple(aval((*x.shape[:axis], end - start, *x.shape[axis + 1:]), x.dtype)
                 for start, end in itertools.pairwise(borders))


def _cut_vjp(g: Sequence[Node | None], node: Node) -> tuple[Node]:
    (x,), (axis, starts) = node.inputs, node.attrs
    found = [(at, part) for at, part in zip(starts, g, strict=True) if part is not None]
    if len(found) == 1:
        at, only = found[0]
        whole = tuple((at, only.shape[axis], 1) if i == axis else (0, n, 1) for i, n in enumerate(x.shape))
        return (place(only, x.shape, whole),)
    return (concatenate([broadcast_to(like(x, 0), of.shape) if part is None else part
                         for of, part in zip(node.aval, g, strict=True)], axis),)  # type: ignore[call-overload]


def _cut_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(11)
    yield [rng.randn(5, 3)], (0, (0, 2, 3))
    yield [rng.randn(2, 4)], (1, (0, 1, 1))
    yield [rng.randn(2, 3, 4)], (2, (0, 3))


_cut = call("cut", _cut_infer, lambda x, axis, starts: tuple(np.split(x, starts[1:], axis)), _cut_vjp,
            samples=_cut_samples, may_fail=False, errors=[
                (operands((3, 2)), (0, (1,)), MXNetError), (operands((3, 2)), (0, (0, 2, 1)), MXNetError),
                (operands((3, 2)), (0, (0, 4)), MXNetError)])


def cut(x: Node, axis: int, counts: Sequence[int]) -> tuple[Node, ...]:
    """`x` cut along a non-negative axis into consecutive parts of these sizes.

    The parts are slices. Their derivative is one concatenation, where that of slices made one by one is a sum of
    arrays of the size of `x`.
    """
    if len(counts) == 1:
        return (x,)
    return items(_cut(x, attrs=(axis, (0, *itertools.accumulate(counts[:-1])))))
