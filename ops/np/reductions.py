"""The reductions of `mx.np`."""
from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..declare.public import Optional, public
from ..ir.errors import MXNetError
from ..ir.node import Node
from ..ir.shapes import normalize_axes, normalize_axis
from ..primitive.arithmetic import add, cast, div, equal, in_single, like, mul, not_equal, sub
from ..primitive.constants import full
from ..primitive.elementary import sqrt
from ..primitive.linear import concatenate, part, reduce_sum, reshape, transpose
from ..primitive.promotion import BOOL, default_float, inexact, np_pair
from ..primitive.reductions import kept, reduce_max, reduce_min, reduce_prod, squares_about_mean
from ..primitive.scans import argmax, argmin, argsort, cumsum, take_along


def _reduce(primitive: Callable[[Node, tuple], Node], a: Node, axis: object, keepdims: bool) -> Node:
    axes = normalize_axes(axis, a.ndim)  # type: ignore[arg-type]
    return kept(primitive(a, axes) if axes else a, a.shape, axes, keepdims)


def _summand(a: Node, dtype: object) -> Node:
    """`a` in the dtype of its sum: int64 for bools."""
    return cast(a, dtype or ("int64" if a.dtype == BOOL else a.dtype))  # type: ignore[arg-type]


@public("np.sum", "np.ndarray.sum")
def np_sum(a: Node, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=None) -> Node:
    """The sum over `axis` (None: all; or a tuple), in `dtype` or that of `a`; bools are counted in int64.

    >>> from tracer import np
    >>> np.sum(np.array([[1, 2], [3, 4]]), axis=0)
    array([4., 6.])
    """
    _plain(initial, where)
    return _reduce(reduce_sum, _summand(a, dtype), axis, keepdims)


@public("np.prod", "np.product", "np.ndarray.prod")
def np_prod(a: Node, axis=None, dtype=None, out=None, keepdims=False, initial=None, where=None) -> Node:
    """The product over `axis` (None: all; or a tuple), in `dtype` or that of `a`; int64 for bools."""
    _plain(initial, where)
    return _reduce(reduce_prod, _summand(a, dtype), axis, keepdims)


def _plain(initial: object, where: object) -> None:
    if initial is not None or where not in (None, True):
        raise NotImplementedError("reductions with initial= or where=")


@public("np.mean", "np.ndarray.mean")
def np_mean(a: Node, axis=None, dtype=None, out=None, keepdims=False) -> Node:
    """The mean over `axis` (None: all), in `dtype`, or float32 as in MXNet 2.0, whatever the dtype of `a`.

    >>> from tracer import np
    >>> np.mean(np.array([[1, 2], [3, 4]]))
    array(2.5)
    """
    dtype = np.dtype(dtype or default_float())
    wide = np.promote_types(dtype, a.dtype) if a.dtype.kind == "f" else inexact(a).dtype
    return cast(mean_of(cast(a, wide), axis, keepdims), dtype)


@in_single
def mean_of(a: Node, axis: object, keepdims: bool) -> Node:
    """The mean of floats over `axis`, in their dtype."""
    axes = normalize_axes(axis, a.ndim)  # type: ignore[arg-type]
    total = reduce_sum(a, axes) if axes else a
    count = math.prod(a.shape[i] for i in axes)
    return kept(div(total, like(total, count)), a.shape, axes, keepdims)


@in_single
def variance(a: Node, axis: object, ddof: float, keepdims: bool) -> Node:
    """The variance of floats over `axis`, computed in two passes."""
    axes = normalize_axes(axis, a.ndim)  # type: ignore[arg-type]
    count = math.prod(a.shape[i] for i in axes)
    total = reduce_sum(squares_about_mean(a, axes), axes)
    return kept(div(total, like(total, max(count - ddof, 0))), a.shape, axes, keepdims)


@public("np.var", "np.ndarray.var")
def np_var(a: Node, axis=None, dtype=None, out=None, ddof=0, keepdims=False, correction=None) -> Node:
    """The variance over `axis` (None: all): the sum of squares over count - `ddof`. Integers are cast to float32."""
    a = cast(a, dtype) if dtype else inexact(a)
    return variance(a, axis, ddof if correction is None else correction, keepdims)


@public("np.std", "np.ndarray.std")
def np_std(a: Node, axis=None, dtype=None, out=None, ddof=0, keepdims=False, correction=None) -> Node:
    """The standard deviation over `axis` (None: all): the square root of `var`. Integers are cast to float32."""
    a = cast(a, dtype) if dtype else inexact(a)
    return _deviation(a, axis, ddof if correction is None else correction, keepdims)


@in_single
def _deviation(a: Node, axis: object, ddof: float, keepdims: bool) -> Node:
    return sqrt(variance(a, axis, ddof, keepdims))


def _extreme(name: str, primitive: Callable[[Node, tuple], Node], *names: str) -> None:
    def build(a: Node, axis=None, out=None, keepdims=False) -> Node:
        axes = normalize_axes(axis, a.ndim)
        if any(a.shape[i] == 0 for i in axes):
            raise MXNetError(f"zero-size array to reduction operation {name} which has no identity")
        return _reduce(primitive, a, axis, keepdims)

    build.__doc__ = f"The {name} over `axis` (None: all); NaN when there is one. MXNetError for no elements."
    public(*names)(build)


_extreme("maximum", reduce_max, "np.max", "np.amax", "np.ndarray.max")
_extreme("minimum", reduce_min, "np.min", "np.amin", "np.ndarray.min")


@public("np.ptp")
def ptp(a: Node, axis=None, out=None, keepdims=False) -> Node:
    """The maximum minus the minimum over `axis` (None: all). ValueError for no elements."""
    if any(a.shape[i] == 0 for i in normalize_axes(axis, a.ndim)):
        raise ValueError("zero-size array to reduction operation maximum which has no identity")
    return sub(_reduce(reduce_max, a, axis, keepdims), _reduce(reduce_min, a, axis, keepdims))


@public("np.any", "np.sometrue", "np.ndarray.any")
def np_any(a: Node, axis=None, out=None, keepdims=False) -> Node:
    """Whether any element over `axis` (None: all axes) is nonzero; bool."""
    return _reduce(reduce_max, not_equal(a, like(a, 0)), axis, keepdims)


@public("np.all", "np.alltrue", "np.ndarray.all")
def np_all(a: Node, axis=None, out=None, keepdims=False) -> Node:
    """Whether all elements over `axis` (None: all axes) are nonzero; bool."""
    return _reduce(reduce_min, not_equal(a, like(a, 0)), axis, keepdims)


@public("np.count_nonzero")
def count_nonzero(a: Node, axis=None, keepdims=False) -> Node:
    """The number of nonzero elements over `axis` (None: all axes), int64."""
    return _reduce(reduce_sum, cast(not_equal(a, like(a, 0)), "int64"), axis, keepdims)


def _positions(name: str, primitive: Callable[[Node, int], Node], *names: str) -> None:
    def build(a: Node, axis=None, out=None, keepdims=False) -> Node:
        if axis is None:
            found = primitive(reshape(a, (a.size,)), 0)
            return reshape(found, (1,) * a.ndim) if keepdims else found
        index = normalize_axis(axis, a.ndim)
        return kept(primitive(a, index), a.shape, (index,), keepdims)

    build.__doc__ = f"The first position of the {name} along `axis` (None: in the flattened array), int64."
    public(*names)(build)


_positions("maximum", argmax, "np.argmax", "np.ndarray.argmax")
_positions("minimum", argmin, "np.argmin", "np.ndarray.argmin")


@public("np.average")
@in_single
def average(a: Node, axis=None, weights: Optional = None, returned=False, out=None) -> Node | tuple[Node, Node]:
    """The weighted mean over `axis` (None: all).

    weights: of the shape of `a`, or a vector of its length along `axis`.
    returned: whether to return the sum of the weights too.
    """
    a = inexact(a)
    if weights is None:
        mean = mean_of(a, axis, False)
        axes = normalize_axes(axis, a.ndim)
        return (mean, mul(like(mean, math.prod(a.shape[i] for i in axes)),
                          like_ones(mean))) if returned else mean
    weights = cast(weights, a.dtype)
    if weights.shape != a.shape:
        if axis is None or weights.ndim != 1:
            raise MXNetError(f"average: weights of shape {weights.shape} for an array of shape {a.shape}")
        index = normalize_axis(axis, a.ndim)
        weights = reshape(weights, tuple(weights.size if i == index else 1 for i in range(a.ndim)))
    axes = normalize_axes(axis, a.ndim)
    total = reduce_sum(mul(weights, like_ones(a)), axes)
    mean = div(reduce_sum(mul(a, weights), axes), total)
    return (mean, total) if returned else mean


def like_ones(x: Node) -> Node:
    """Ones of the shape of `x`."""
    return full(x.shape, 1, x.dtype)


@public("np.cumsum", "np.ndarray.cumsum")
def np_cumsum(a: Node, axis=None, dtype=None, out=None) -> Node:
    """Running sums along `axis` (None: of the flattened array), in `dtype` or that of `a`; int64 for bools."""
    a = _summand(a, dtype)
    return cumsum(reshape(a, (a.size,)), 0) if axis is None else cumsum(a, normalize_axis(axis, a.ndim))


@public("np.argsort", "np.ndarray.argsort")
def np_argsort(a: Node, axis=-1, descending=False, stable=True, kind=None, order=None) -> Node:
    """The positions, int64, that sort `a` along `axis` (None: flattened) stably."""
    if axis is None:
        return argsort(reshape(a, (a.size,)), 0, bool(descending))
    return argsort(a, normalize_axis(axis, a.ndim), bool(descending))


@public("np.sort", "np.ndarray.sort")
def np_sort(a: Node, axis=-1, descending=False, stable=True, kind=None, order=None) -> Node:
    """A sorted copy of `a` along `axis` (None: flattened)."""
    if axis is None:
        a, axis = reshape(a, (a.size,)), 0
    axis = normalize_axis(axis, a.ndim)
    return take_along(a, argsort(a, axis, bool(descending)), axis)


@public("np.diff")
@in_single
def diff(a: Node, n=1, axis=-1, prepend=None, append=None) -> Node:
    """The `n`-th differences of adjacent elements along `axis`; of bools, whether they differ."""
    if prepend is not None or append is not None:
        raise NotImplementedError("np.diff(prepend=..., append=...): not supported, as in MXNet")
    index = normalize_axis(axis, a.ndim)
    for _ in range(n):
        size = max(a.shape[index] - 1, 0)
        later, earlier = part(a, index, 1, size), part(a, index, 0, size)
        a = not_equal(later, earlier) if a.dtype == BOOL else sub(later, earlier)
    return a


@public("np.median")
def median(a: Node, axis=None, out=None, overwrite_input=None, keepdims=False) -> Node:
    """The median over `axis` (None: all); integers are cast to float32."""
    return quantile_of(a, 0.5, axis, "linear", keepdims)


@public("np._quantile")
def quantile_of(a: Node, q, axis, method, keepdims) -> Node:
    """The quantile `q` over `axis` (None: all); NaN if there are no elements. MXNetError for `q` out of [0, 1].

    q: a number in [0, 1], or a tuple of such numbers, which gives a new first axis.
    """
    if isinstance(q, tuple):
        parts = [quantile_of(a, each, axis, method, keepdims) for each in q]
        return concatenate([reshape(p, (1, *p.shape)) for p in parts], 0)
    if not 0 <= q <= 1:
        raise MXNetError("quantiles must be in the range [0, 1]")
    a = cast(a, "float32") if a.dtype == "float16" else inexact(a)  # as in MXNet
    axes = normalize_axes(axis, a.ndim)
    rest = tuple(i for i in range(a.ndim) if i not in axes)
    n = math.prod(a.shape[i] for i in axes)
    if not n:
        return kept(full(tuple([a.shape[i] for i in rest]), math.nan, a.dtype), a.shape, axes, keepdims)
    flat = reshape(transpose(a, rest + axes), (*(a.shape[i] for i in rest), n))
    ordered = np_sort(flat, -1)
    at = q * (n - 1)
    low, high = math.floor(at), math.ceil(at)
    pick = {"linear": at, "lower": low, "higher": high, "nearest": round(at), "midpoint": (low + high) / 2}
    if method not in pick:
        raise NotImplementedError(f"quantile(interpolation={method!r})")
    at = pick[method]
    low = math.floor(at)
    last = ordered.ndim - 1
    below = part(ordered, last, low, 1)
    if at != low and low + 1 < n:
        below = _between(below, part(ordered, last, low + 1, 1), at - low)
    return kept(reshape(below, tuple(a.shape[i] for i in rest)), a.shape, axes, keepdims)


def _between(x: Node, y: Node, weight: float) -> Node:
    return add(x, mul(sub(y, x), like(x, weight)))


@public("np._array_equal")
def array_equal(a1: Node, a2: Node) -> Node:
    """Whether all elements of two arrays of one shape are equal; bool."""
    return _reduce(reduce_min, equal(*np_pair(a1, a2)), None, False)
