"""Reductions of sliding windows over the spatial axes of (batch, channels, …): maxima, sums and means, and adjoints.

A window's largest element is the first one in memory that is greater than all before it, as in MXNet: NaN is never
greater, nor is anything that is not above the lowest finite number, with which each window starts. Of a window without
such an element that number is the maximum; the gradient goes to its first place in float32, where MXNet leaves this to
oneDNN, and nowhere in other dtypes, or if that place is padding.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ..declare.families import call
from ..ir.aval import Aval, Shape, aval
from ..ir.node import Node
from ..ir.op import FLOATS
from ..primitive.arithmetic import div, in_single, like
from ..primitive.linear import reduce_sum, reshape
from .windows import Sizes, extent, padded, shifts

#: The ways to count the elements of a window, for a mean: those inside the array, or with the padding.
INSIDE, PADDED = "inside", "padded"


class Windows(NamedTuple):
    """Sliding windows: for each spatial axis their length, the distance from one to the next, and the padding.

    convention: the number of windows. "valid": those inside; "full": one more where elements are left over; "same":
        one at each multiple of the distance.
    """

    kernel: Sizes
    stride: Sizes
    pad: Sizes
    convention: str = "valid"

    def counts(self, size: Shape) -> Sizes:
        """The number of windows along each axis of these sizes; negative or 0 where none fits."""
        found = []
        for n, k, s, p in zip(size, self.kernel, self.stride, self.pad, strict=True):
            room = n + 2 * p - (1 if self.convention == "same" else k)
            found.append(1 + (-(-room // s) if self.convention == "full" else room // s))
        return tuple(found)


def _result(x: Aval, *windows: Any) -> Aval:
    return aval((*x.shape[:2], *Windows(*windows).counts(x.shape[2:])), x.dtype)


def lowest(dtype: np.dtype) -> float:
    """The number below which nothing counts as a maximum."""
    return float(np.finfo(dtype).min)


# ---- maxima --------------------------------------------------------------------------------------

def _covered(x: Any, windows: Windows, value: float) -> tuple[Any, Sizes]:
    """`x` padded for all windows, and the number of these."""
    out = windows.counts(x.shape[2:])
    return padded(x, windows.pad, extent(out, windows.kernel, windows.stride, (1,) * len(out)), value), out


def _max_ref(x: Any, *attrs: Any) -> Any:
    windows, low = Windows(*attrs), lowest(x.dtype)
    whole, out = _covered(np.asarray(x), windows, low)
    best = np.full((*x.shape[:2], *out), low, x.dtype)
    for _, place in shifts(out, windows.kernel, windows.stride, (1,) * len(out)):
        value = whole[place]
        best = np.where(value > best, value, best)
    return best


def _places(x: Any, windows: Windows) -> Any:
    """The flat position of each window's largest element in its plane, -1 where its gradient goes nowhere."""
    low, size = lowest(x.dtype), x.shape[2:]
    whole, out = _covered(np.asarray(x), windows, low)
    index, _ = _covered(np.arange(math.prod(size)).reshape(1, 1, *size), windows, -1)
    best = np.full((*x.shape[:2], *out), low, x.dtype)
    found = np.full(best.shape, -1)
    for at, place in shifts(out, windows.kernel, windows.stride, (1,) * len(out)):
        value, here = whole[place], index[place]
        better = value > best
        if not any(at) and x.dtype == np.float32:
            found = np.broadcast_to(here, found.shape)
        best, found = np.where(better, value, best), np.where(better, here, found)
    return found.reshape(*x.shape[:2], math.prod(found.shape[2:]))


def _put_ref(g: Any, x: Any, *attrs: Any) -> Any:
    place = _places(x, Windows(*attrs))
    lead = np.ogrid[:x.shape[0], :x.shape[1], :place.shape[2]][:2]
    plane = math.prod(x.shape[2:])
    whole = np.zeros((*x.shape[:2], plane + 1), np.float32 if x.dtype == np.float16 else x.dtype)
    np.add.at(whole, (*lead, np.where(place < 0, plane, place)), g.reshape(place.shape))
    return whole[..., :plane].astype(x.dtype, copy=False).reshape(x.shape)


def _pick_ref(z: Any, x: Any, *attrs: Any) -> Any:
    windows = Windows(*attrs)
    place = _places(x, windows)
    lines = z.reshape(*z.shape[:2], math.prod(z.shape[2:]))
    if not lines.size:
        return np.zeros(_result(Aval(x.shape, x.dtype), *attrs).shape, x.dtype)
    picked = np.take_along_axis(lines, np.maximum(place, 0), 2)
    return np.where(place < 0, picked.dtype.type(0), picked).reshape(*x.shape[:2], *windows.counts(x.shape[2:]))


CASES: list[tuple[Shape, tuple[Any, ...]]] = [
    ((2, 3, 7), ((3,), (2,), (1,), "full")),
    ((2, 2, 5, 6), ((3, 2), (2, 1), (1, 0), "valid")),
    ((1, 2, 6, 4), ((2, 2), (2, 2), (0, 0), "valid")),
    ((2, 1, 7, 10), ((2, 3), (3, 3), (0, 0), "valid")),
    ((1, 2, 8), ((3,), (2,), (0,), "same")),
    ((1, 1, 4, 11), ((1, 9), (1, 9), (0, 8), "full")),
    ((1, 2, 3, 4, 3), ((2, 2, 1), (1, 2, 2), (0, 1, 0), "valid"))]

Sample = tuple[list[np.ndarray], tuple]


def _distinct(shape: Shape) -> np.ndarray:
    return np.random.RandomState(33).permutation(math.prod(shape)).reshape(shape) / 7.0 - 1


def _numbers(shape: Shape, attrs: tuple, results: bool) -> np.ndarray:
    """Random numbers, as many as elements, or as windows if `results`."""
    sizes = Windows(*attrs).counts(shape[2:]) if results else shape[2:]
    return np.random.RandomState(34).randn(*shape[:2], *sizes)


def _max_samples() -> Iterable[Sample]:
    for shape, attrs in CASES:
        yield [_distinct(shape)], attrs


def _put_samples() -> Iterable[Sample]:
    for shape, attrs in CASES:
        yield [_numbers(shape, attrs, True), _distinct(shape)], attrs


def _pick_samples() -> Iterable[Sample]:
    for shape, attrs in CASES:
        yield [_numbers(shape, attrs, False), _distinct(shape)], attrs


_put: Callable[..., Node] = call(
    "pool_put", lambda g, x, *attrs: x, _put_ref, lambda g, node: (_pick(g, node.inputs[1], attrs=node.attrs), None),
    samples=_put_samples, dtypes=FLOATS, step="pool_put", may_fail=False, axes=True)
_pick: Callable[..., Node] = call(
    "pool_pick", lambda z, x, *attrs: _result(x, *attrs), _pick_ref,
    lambda g, node: (_put(g, node.inputs[1], attrs=node.attrs), None), samples=_pick_samples, dtypes=FLOATS,
    step="pool_pick", may_fail=False, axes=True)
_max = call("pool_max", _result, _max_ref, lambda g, node: (_put(g, node.inputs[0], attrs=node.attrs),),
            samples=_max_samples, dtypes=FLOATS, step="pool_max", may_fail=False, axes=True)


def window_max(x: Node, windows: Windows) -> Node:
    """The maximum of each window of (batch, channels, …)."""
    return _max(x, attrs=tuple(windows))


# ---- sums and means ------------------------------------------------------------------------------

def is_counted(windows: Windows, size: Shape, counted: str) -> bool:
    """Whether the number of elements by which means divide differs from window to window."""
    for n, o, k, s, p in zip(size, windows.counts(size), *windows[:3], strict=True):
        if (counted == INSIDE and p > 0) or (o - 1) * s + k > n + 2 * p:
            return True
    return False


def _elements(windows: Windows, size: Shape, counted: str, dtype: Any) -> Any:
    """The number of elements by which the mean of each window divides: at least 1."""
    total = np.ones((1, 1), dtype)
    for n, o, k, s, p in zip(size, windows.counts(size), *windows[:3], strict=True):
        edge = p if counted == PADDED else 0
        start = np.arange(o) * s - p
        count = np.minimum(start + k, n + edge) - np.maximum(start, -edge)
        total = total[..., None] * np.maximum(count, 1).astype(dtype)
    return total


def _wide(x: Any) -> Any:
    return np.asarray(x, np.float32 if x.dtype == np.float16 else x.dtype)


def _sum_ref(x: Any, *attrs: Any) -> Any:
    *geometry, counted = attrs
    windows, size = Windows(*geometry), x.shape[2:]
    total, out = _covered(_wide(x), windows, 0)
    for axis, (k, s, o) in enumerate(zip(windows.kernel, windows.stride, out, strict=True), 2):
        lead = (slice(None),) * axis
        total = sum(total[(*lead, slice(i, i + s * (o - 1) + 1, s))] for i in range(k))
    if counted is not None:
        total = total / _elements(windows, size, counted, total.dtype)
    return np.ascontiguousarray(total, x.dtype)


def _spread_ref(g: Any, shape: Shape, *attrs: Any) -> Any:
    *geometry, counted = attrs
    windows, size, of = Windows(*geometry), shape[2:], g.dtype
    g = _wide(g)
    if counted is not None:
        g = g / _elements(windows, size, counted, g.dtype)
    need = extent(g.shape[2:], windows.kernel, windows.stride, (1,) * len(size))
    for axis, (n, e, k, s, p) in enumerate(zip(size, need, *windows[:3], strict=True), 2):
        lead, o = (slice(None),) * axis, g.shape[axis]
        whole = np.zeros((*g.shape[:axis], max(e, n + p), *g.shape[axis + 1:]), g.dtype)
        for i in range(k):
            whole[(*lead, slice(i, i + s * (o - 1) + 1, s))] += g
        g = whole[(*lead, slice(p, p + n))]
    return np.ascontiguousarray(g, of)


def _sum_samples() -> Iterable[Sample]:
    for shape, attrs in CASES:
        for counted in (None, INSIDE, PADDED):
            yield [_numbers(shape, attrs, False)], (*attrs, counted)


def _spread_samples() -> Iterable[Sample]:
    for shape, attrs in CASES:
        for counted in (None, INSIDE, PADDED):
            yield [_numbers(shape, attrs, True)], (shape, *attrs, counted)


_spread: Callable[..., Node] = call(
    "pool_spread", lambda g, shape, *attrs: aval(shape, g.dtype), _spread_ref,
    lambda g, node: (_sum(g, attrs=node.attrs[1:]),), samples=_spread_samples, dtypes=FLOATS, step="pool_spread",
    may_fail=False, shaped=True)
_sum: Callable[..., Node] = call(
    "pool_sum", lambda x, *attrs: _result(x, *attrs[:-1]), _sum_ref,
    lambda g, node: (_spread(g, attrs=(node.inputs[0].shape, *node.attrs)),), samples=_sum_samples, dtypes=FLOATS,
    step="pool_sum", may_fail=False, axes=True)


def window_sum(x: Node, windows: Windows, counted: str | None = None) -> Node:
    """The sum of each window of (batch, channels, …).

    counted: divide by the number of elements, those "inside" the array or with the padding ("padded"), at least 1.
    """
    one = windows.kernel == x.shape[2:] and not any(windows.pad) and windows.convention != "same"
    if one:  # a reduction, which fuses
        return _total(x, counted is not None)
    return _sum(x, attrs=(*windows, counted))


@in_single
def _total(x: Node, mean: bool) -> Node:
    total = reduce_sum(x, tuple(range(2, x.ndim)))
    if mean:
        total = div(total, like(total, max(math.prod(x.shape[2:]), 1)))
    return reshape(total, (*x.shape[:2], *(1,) * (x.ndim - 2)))
