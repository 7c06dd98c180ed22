"""`np`'s reductions, scans, extremes and sorting, in terms of sums, movement and elementwise steps."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .elementwise import DIVIDE, MULTIPLY, SQUARE, SUBTRACT, Elementwise, cast
from .movement import growth, move, spread, summed_to
from .noise import Noise, any_zero, rounded_sums
from .np_elementwise import BOOL, F32, FUNCTIONS, I64, default_inexact
from .np_movement import take_along_axis
from .picking import order
from .values import WORLD, NoAnswer, Op, Step, Value, apply

SQRT = Elementwise("sqrt", np.sqrt, ulps=2, slopes=[lambda x: 0.5 / np.sqrt(x)])


def number(x: float, dtype: np.dtype) -> Value:
    return Value(np.asarray(x, np.float64 if dtype.kind == "f" else dtype), dtype)


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes of a reduction, sorted."""
    if axis is None:
        return tuple(range(ndim))
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    found = tuple(i + ndim if i < 0 else i for i in given)
    if any(not 0 <= i < ndim for i in found) or len(set(found)) < len(found):
        raise NoAnswer("axis")
    return tuple(sorted(found))


def kept_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def reshaped(x: Value, shape: tuple[int, ...]) -> Value:
    return x if x.shape == shape else move(lambda a: a.reshape(shape), [x], x.dtype)


def finished(x: Value, axes: tuple[int, ...], keepdims: bool) -> Value:
    """A reduction's result, which has axes of size 1, with these kept or dropped."""
    return x if keepdims else reshaped(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


def total(x: Value, axes: tuple[int, ...]) -> Value:
    """The sum, with its axes kept as size 1."""
    return summed_to(x, kept_shape(x.shape, axes))


def count(x: Value, axes: tuple[int, ...]) -> int:
    return math.prod(x.shape[i] for i in axes)


def _summand(a: Any, dtype: Any) -> Value:
    return cast(a.value, np.dtype(dtype) if dtype else I64 if a.dtype == BOOL else a.dtype)


def sum_(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    x, axes = _summand(a, dtype), axes_of(axis, a.ndim)
    return type(a).of(finished(total(x, axes), axes, keepdims))


def mean_of(x: Value, axes: tuple[int, ...]) -> Value:
    return apply(DIVIDE, [total(x, axes), number(count(x, axes), x.dtype)], x.dtype)


def mean(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    kind = np.dtype(dtype or F32)
    wide = np.promote_types(kind, a.dtype) if a.dtype.kind == "f" else F32
    axes = axes_of(axis, a.ndim)
    return type(a).of(cast(finished(mean_of(cast(a.value, wide), axes), axes, keepdims), kind))


def variance(x: Value, axes: tuple[int, ...], ddof: float) -> Value:
    centred = apply(SUBTRACT, [x, spread(mean_of(x, axes), x.shape)], x.dtype)
    squares = total(apply(SQUARE, [centred], x.dtype), axes)
    return apply(DIVIDE, [squares, number(max(count(x, axes) - ddof, 0), x.dtype)], x.dtype)


def var(a: Any, axis: Any = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    x, axes = cast(a.value, np.dtype(dtype) if dtype else default_inexact(a.dtype)), axes_of(axis, a.ndim)
    return type(a).of(finished(variance(x, axes, ddof), axes, keepdims))


def std(a: Any, axis: Any = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    found = var(a, axis, dtype, ddof, keepdims).value
    return type(a).of(apply(SQRT, [found], found.dtype))


def product_over(x: Value, axis: int) -> Value:
    """The product along an axis, kept as size 1: computed by multiplying halves."""
    n = x.shape[axis]
    if WORLD.noise is not None and x.dtype.kind == "f":  # another order may overflow midway
        top = np.multiply.reduce(np.maximum(abs(x.data), 1), axis, keepdims=True) > np.finfo(x.dtype).max
        x = Value(np.where(top, np.nan, x.data), x.dtype, x.source)
    if n == 0:
        return Value(np.ones([1 if i == axis else d for i, d in enumerate(x.shape)], x.data.dtype), x.dtype)
    while n > 1:
        half, cut = n // 2, [slice(None)] * x.data.ndim

        def piece(start: int, stop: int, x: Value = x, cut: list = cut) -> Value:
            key = (*cut[:axis], slice(start, stop), *cut[axis + 1:])
            return move(lambda a: a[key], [x], x.dtype)

        made = apply(MULTIPLY, [piece(0, half), piece(half, 2 * half)], x.dtype)
        x = move(lambda a, b: np.concatenate([a, b], axis), [made, piece(2 * half, n)], x.dtype) if n % 2 else made
        n = x.shape[axis]
    return x


def prod(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    x, axes = _summand(a, dtype), axes_of(axis, a.ndim)
    for i in axes:
        x = product_over(x, i)
    return type(a).of(finished(x, axes, keepdims))


class Running(Op):
    """Cumulative sums along an axis; with `back`, from each element to the end."""

    def __init__(self, axis: int, back: bool = False) -> None:
        self.axis = axis
        self.back = back

    def compute(self, arrays: list[np.ndarray]) -> np.ndarray:
        x = np.flip(arrays[0], self.axis) if self.back else arrays[0]
        sums = np.cumsum(x, self.axis, dtype=x.dtype)
        return np.flip(sums, self.axis) if self.back else sums

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Noise) -> np.ndarray:
        bound = self.compute([abs(arrays[0])])
        return rounded_sums(out, arrays, bound, dtype, noise, growth(out.shape[self.axis], 1))

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        return apply(Running(self.axis, not self.back), [g], g.dtype)


def running(x: Value, axis: int) -> Value:
    """The cumulative sums along an axis."""
    return apply(Running(axis), [x], x.dtype)


def cumsum(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    x = _summand(a, dtype)
    if axis is None:
        x, axis = reshaped(x, (a.size,)), 0
    return type(a).of(running(x, axes_of(axis, x.data.ndim)[0]))


def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    x, i = a.value, axes_of(axis, a.ndim)[0]
    for _ in range(n):
        size = x.shape[i]
        later, earlier = (move(lambda d, lo=lo, hi=hi: d[(slice(None),) * i + (slice(lo, hi),)], [x], x.dtype)
                          for lo, hi in ((1, size), (0, max(size - 1, 0))))
        if x.dtype == BOOL:
            x = Value(later.data != earlier.data, BOOL)
        else:
            x = apply(SUBTRACT, [later, earlier], x.dtype)
    return type(a).of(x)


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return sum_(FUNCTIONS["diagonal"](a, offset, axis1, axis2), axis=-1, dtype=a.dtype)


# ---- extremes and sorting ------------------------------------------------------------------------

class Extreme(Op):
    """The maximum or minimum over axes, kept as size 1. The gradient goes to each of equal elements, as in MXNet."""

    def __init__(self, fn: Callable[..., Any], axes: tuple[int, ...]) -> None:
        self.fn = fn
        self.axes = axes

    def compute(self, arrays: list[np.ndarray]) -> np.ndarray:
        return np.asarray(self.fn(arrays[0], axis=self.axes, keepdims=True))

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Any) -> np.ndarray:
        return any_zero(out, noise)  # not rounded: the gradient finds the element by its value

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        x = step.inputs[0]
        hit = Value((x.data == step.output.data).astype(np.float64), g.dtype)
        return apply(MULTIPLY, [hit, spread(g, x.shape)], g.dtype)


def _extreme(fn: Callable) -> Callable:
    def function(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        axes = axes_of(axis, a.ndim)
        if any(a.shape[i] == 0 for i in axes):
            raise NoAnswer("an extreme of nothing")
        return type(a).of(finished(apply(Extreme(fn, axes), [a.value], a.dtype), axes, keepdims))

    return function


def _position(fn: Callable, least: float) -> Callable:
    """The index of the first extreme; a NaN only if there is nothing else, as in MXNet 2.0."""
    def function(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        if (a.size if axis is None else a.shape[axis]) == 0:
            raise NoAnswer("an extreme of nothing")
        values = np.where(np.isnan(a.memory), least, a.memory) if a.memory.dtype.kind == "f" else a.memory
        return type(a).of(Value(np.asarray(fn(values, axis, keepdims=keepdims), np.int64), I64))

    return function


def _truth(fn: Callable) -> Callable:
    def function(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return type(a).of(Value(np.asarray(fn(a.memory != 0, axes_of(axis, a.ndim), keepdims=keepdims)), BOOL))

    return function


def ptp(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return FUNCTIONS["subtract"](FUNCTIONS["max"](a, axis, keepdims), FUNCTIONS["min"](a, axis, keepdims))


def count_nonzero(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    found = sum_(type(a).of(Value(a.memory != 0, BOOL)), axis, None, keepdims)
    return found if found.shape else int(found)


def argsort(a: Any, axis: Any = -1) -> Any:
    return type(a).of(Value(order(a, axis), I64))


def sort(a: Any, axis: Any = -1) -> Any:
    if axis is None:
        a, axis = FUNCTIONS["ravel"](a), 0
    return take_along_axis(a, argsort(a, axis), axis)


def quantile(a: Any, q: Any, axis: Any = None, keepdims: bool = False) -> Any:
    if isinstance(q, (tuple, list)):
        return FUNCTIONS["stack"]([quantile(a, each, axis, keepdims) for each in q])
    axes = axes_of(axis, a.ndim)
    rest = tuple(i for i in range(a.ndim) if i not in axes)
    a = a.astype("float32") if a.dtype == np.float16 else astype_inexact(a)  # MXNet's dtypes
    x = a.transpose(*rest, *axes) if a.ndim else a
    n = count(a.value, axes)
    flat = sort(x.reshape(*(a.shape[i] for i in rest), n), -1)
    at = q * (n - 1)
    low = math.floor(at)
    below = flat[..., low:low + 1]
    if at != low:
        below = below + (flat[..., low + 1:low + 2] - below) * (at - low)
    kept = below.reshape(tuple(a.shape[i] for i in rest))
    return kept.reshape(kept_shape(a.shape, axes)) if keepdims else kept


def astype_inexact(a: Any) -> Any:
    return type(a).of(cast(a.value, default_inexact(a.dtype)))


def average(a: Any, axis: Any = None, weights: Any = None) -> Any:
    a = astype_inexact(a)
    if weights is None:
        axes = axes_of(axis, a.ndim)
        return type(a).of(finished(mean_of(a.value, axes), axes, False))
    weights = weights.astype(a.dtype)
    if weights.shape != a.shape:
        weights = weights.reshape(*(weights.size if i == axis % a.ndim else 1 for i in range(a.ndim)))
    return sum_(a * weights, axis) / sum_(weights + FUNCTIONS["zeros_like"](a), axis)


def nansum(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return sum_(FUNCTIONS["where"](FUNCTIONS["isnan"](a), 0, a), axis, None, keepdims)


def nanprod(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return prod(FUNCTIONS["where"](FUNCTIONS["isnan"](a), 1, a), axis, None, keepdims)


FUNCTIONS.update(
    sum=sum_, mean=mean, var=var, std=std, prod=prod, cumsum=cumsum, diff=diff, trace=trace, ptp=ptp,
    max=_extreme(np.max), min=_extreme(np.min), argmax=_position(np.argmax, -np.inf),
    argmin=_position(np.argmin, np.inf),
    any=_truth(np.any), all=_truth(np.all), count_nonzero=count_nonzero, argsort=argsort, sort=sort,
    quantile=quantile, percentile=lambda a, q, axis=None, keepdims=False: quantile(a, q / 100, axis, keepdims),
    median=lambda a, axis=None, keepdims=False: quantile(a, 0.5, axis, keepdims), average=average, nansum=nansum,
    nanprod=nanprod, msort=lambda a: sort(a, 0))
FUNCTIONS.update(amax=FUNCTIONS["max"], amin=FUNCTIONS["min"], product=prod, sometrue=FUNCTIONS["any"],
                 alltrue=FUNCTIONS["all"])
