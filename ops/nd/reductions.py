"""The reductions of `mx.nd`: in the dtype of their operand, and of shape (1,) where no axis is left."""
from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..declare.public import public
from ..ir.aval import Shape
from ..ir.errors import MXNetError
from ..ir.node import Node
from ..ir.shapes import normalize_axes, normalize_axis
from ..primitive.arithmetic import (
    add,
    cast,
    equal,
    greater,
    in_single,
    isnan,
    less_equal,
    like,
    logical_and,
    logical_or,
    mul,
    sub,
    where,
)
from ..primitive.elementary import absolute, square
from ..primitive.linear import reduce_sum, reshape, spread
from ..primitive.promotion import BOOL, FLOAT32
from ..primitive.reductions import euclidean, kept, reduce_max, reduce_min, reduce_prod
from ..primitive.scans import argmax, argmin, cumsum
from .operators import divide

Reduction = Callable[[Node, tuple], Node]


def axes_of(axis: object, ndim: int, exclude: bool = False) -> tuple[int, ...]:
    """The sorted axes given by `axis` (None or (): all), or with `exclude` all others."""
    axes = normalize_axes(None if axis in (None, (), []) else axis, ndim)  # type: ignore[arg-type]
    return tuple(i for i in range(ndim) if i not in axes) if exclude else axes


def left(x: Node, shape: Shape, axes: tuple[int, ...], keepdims: bool) -> Node:
    """The reduced `x`, with the axes kept at size 1 if `keepdims`; of shape (1,) rather than ()."""
    x = kept(x, shape, axes, keepdims)
    return reshape(x, (1,)) if not x.ndim else x


def _declare(names: str, doc: str, reduce: Reduction) -> None:
    def build(data: Node, axis=None, keepdims=False, exclude=False) -> Node:
        axes = axes_of(axis, data.ndim, exclude)
        return left(reduce(data, axes) if axes else data, data.shape, axes, keepdims)

    build.__doc__ = f"{doc} over `axis` (None or (): all); exclude: over all axes but these."
    listed = names.split()
    public(*(f"nd.{n}" for n in listed), f"nd.NDArray.{listed[0]}")(build)


@in_single
def mean(data: Node, axes: tuple[int, ...]) -> Node:
    """The mean over `axes`, in the dtype of `data`; that of integers is truncated."""
    return divide(reduce_sum(data, axes), like(data, math.prod(data.shape[i] for i in axes)))


def _without_nan(value: float, reduce: Reduction) -> Reduction:
    return lambda x, axes: reduce(where(isnan(x), like(x, value), x), axes)


def _of_some(reduce: Reduction) -> Reduction:
    def reduced(x: Node, axes: tuple[int, ...]) -> Node:
        if not x.size:
            raise MXNetError(f"Reduction input's size should > 0 {list(x.shape)}")
        return reduce(x, axes)

    return reduced


_declare("sum sum_axis", "The sum", reduce_sum)
_declare("mean", "The mean", mean)
_declare("prod", "The product", reduce_prod)
_declare("max max_axis", "The maximum", _of_some(reduce_max))
_declare("min min_axis", "The minimum", _of_some(reduce_min))
_declare("nansum", "The sum of what is not NaN,", _without_nan(0, reduce_sum))
_declare("nanprod", "The product of what is not NaN,", _without_nan(1, reduce_prod))


@public("nd.norm", "nd.NDArray.norm")
def norm(data: Node, ord=2, axis=None, out_dtype=None, keepdims=False) -> Node:
    """The 1-norm or 2-norm over `axis`: None (all), one axis or two. MXNetError for another `ord`."""
    if ord not in (1, 2):
        raise MXNetError(f"norm only supports ord=1 and ord=2, got {ord}")
    axes = axes_of(axis, data.ndim)
    total = reduce_sum(absolute(data), axes) if ord == 1 else euclidean(data, axes)
    out = left(total, data.shape, axes, keepdims)
    return out if out_dtype is None else cast(out, out_dtype)


def _found(data: Node, find: Callable[[Node, int], Node], nan_as: float, axis: int) -> Node:
    """Positions along `axis`, in the dtype of `data` as in MXNet 1.9.1. MXNetError for bools."""
    dtype = data.dtype
    if dtype == BOOL:
        raise MXNetError("positions of extremes: this operation does not support bool type")
    if dtype.kind == "f":  # 1.9.1 returns the position of NaN; the primitives ignore NaN, as 2.0
        data = where(isnan(data), like(data, nan_as), data)
    return cast(find(data, axis), dtype)


def _position(name: str, find: Callable[[Node, int], Node], nan_as: float) -> None:
    def build(data: Node, axis=None, keepdims=False) -> Node:
        if axis is None:
            axes, found = tuple(range(data.ndim)), _found(reshape(data, (data.size,)), find, nan_as, 0)
        else:
            at = normalize_axis(axis, data.ndim)
            axes, found = (at,), _found(data, find, nan_as, at)
        return left(found, data.shape, axes, keepdims)

    build.__doc__ = f"{name}: the first position of the extreme along `axis` (None: in all), in the dtype of `data`."
    public(f"nd.{name}", f"nd.NDArray.{name}")(build)


_position("argmax", argmax, math.inf)
_position("argmin", argmin, -math.inf)


@public("nd.argmax_channel", "nd.NDArray.argmax_channel")
def argmax_channel(data: Node) -> Node:
    """The first position of the maximum along axis 1, in the dtype of `data`."""
    return _found(data, argmax, math.inf, normalize_axis(1, data.ndim))


@public("nd.cumsum")
def nd_cumsum(a: Node, axis=None, dtype=None) -> Node:
    """Running sums along `axis` (None: of the flattened array), in `dtype` or that of `a`."""
    a = a if dtype is None else cast(a, dtype)
    if axis is None:
        return cumsum(reshape(a, (a.size,)), 0)
    return cumsum(a, normalize_axis(axis, a.ndim))


@public("nd.moments")
@in_single
def moments(data: Node, axes=None, keepdims=False) -> list[Node]:
    """The mean and the variance over `axes` (None: all)."""
    over = axes_of(axes, data.ndim)
    middle = mean(data, over)
    spread_out = mean(square(sub(data, spread(middle, over, data))), over)
    return [left(m, data.shape, over, keepdims) for m in (middle, spread_out)]


@public("nd.contrib.allclose")
def allclose(a: Node, b: Node, rtol=1e-5, atol=1e-8, equal_nan=True) -> Node:
    """1 where all elements differ by at most atol + rtol * abs(b), else 0; uint8, of shape ().

    equal_nan: whether NaN equals NaN.

    MXNetError for different shapes or dtypes.
    """
    if a.aval != b.aval:
        raise MXNetError(f"allclose: arrays of one shape and dtype, got {a.aval!r} and {b.aval!r}")
    apart, size = where(greater(a, b), sub(a, b), sub(b, a)), absolute(cast(b, FLOAT32))
    bound = add(mul(size, like(size, rtol)), like(size, atol))
    near = logical_or(equal(a, b), less_equal(cast(apart, FLOAT32), bound))
    if equal_nan:
        near = logical_or(near, logical_and(isnan(a), isnan(b)))
    told = cast(near, np.dtype("uint8"))
    far = reduce_max(sub(like(told, 1), told), tuple(range(a.ndim)))  # 0 for no elements
    return sub(like(far, 1), far)
