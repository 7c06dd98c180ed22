"""Pooling: the maximum, sum, mean or p-norm over windows that slide over the spatial axes."""
from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..declare.families import call
from ..declare.public import public
from ..ir.aval import Aval, aval
from ..ir.errors import MXNetError
from ..ir.node import Node
from ..ir.op import FLOATS
from ..ir.shapes import check_choice
from ..primitive.arithmetic import cast, div, greater_equal, like, maximum, mul, where
from ..primitive.constants import full
from ..primitive.elementary import cbrt, sqrt, square
from ..primitive.linear import reshape, transpose
from ..primitive.promotion import floating
from ..primitive.scans import take_along
from .windows import Sizes, check_rank, extent, padded, per_axis, shifts

_LAYOUTS = {"NCW": False, "NCHW": False, "NCDHW": False, "NWC": True, "NHWC": True, "NDHWC": True, None: False}


def _ones(kernel: Sizes) -> Sizes:
    return (1,) * len(kernel)


# ---- the position of the largest element ---------------------------------------------------------

def _place_infer(x: Aval, kernel: Sizes, stride: Sizes, pad: Sizes, out: Sizes) -> Aval:
    return aval((*x.shape[:2], *out), np.dtype("int64"))


def _place_ref(x: Any, kernel: Sizes, stride: Sizes, pad: Sizes, out: Sizes) -> Any:
    x = np.asarray(x)
    need = extent(out, kernel, stride, _ones(kernel))
    size = x.shape[2:]
    index = padded(np.arange(math.prod(size)).reshape(1, 1, *size), pad, need, -1)
    x = padded(np.where(np.isnan(x), -np.inf, x), pad, need, -np.inf)
    found = np.full((*x.shape[:2], *out), -1)
    best = np.full(found.shape, -np.inf, x.dtype)
    for _, where_ in shifts(out, kernel, stride, _ones(kernel)):
        value, here = x[where_], index[where_]
        better = (value > best) | ((found < 0) & (here >= 0))
        best = np.where(better, value, best)
        found = np.where(better, here, found)
    return found


def _place_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(33)
    yield [rng.randn(2, 3, 7)], ((3,), (2,), (1,), (4,))
    yield [rng.randn(2, 2, 5, 6)], ((3, 2), (2, 1), (1, 0), (3, 5))
    yield [rng.randn(1, 2, 3, 4, 3)], ((2, 2, 1), (1, 2, 2), (0, 1, 0), (2, 3, 2))


#: The flat position of each window's first largest element, NaN being smallest; -1 for windows of padding only.
_place = call("pool_place", _place_infer, _place_ref, samples=_place_samples, smooth=False, dtypes=FLOATS)


# ---- the sums of windows, and their adjoint ------------------------------------------------------

def _sum_ref(x: Any, kernel: Sizes, stride: Sizes, pad: Sizes, out: Sizes) -> Any:
    of = x.dtype
    x = padded(np.asarray(x, np.float32 if of == np.float16 else of), pad, extent(out, kernel, stride, _ones(kernel)))
    for axis, (k, s, o) in enumerate(zip(kernel, stride, out, strict=True), 2):
        lead = (slice(None),) * axis
        x = sum(x[(*lead, slice(i, i + s * (o - 1) + 1, s))] for i in range(k))
    return np.ascontiguousarray(x, of)


def _spread_infer(g: Aval, size: Sizes, kernel: Sizes, stride: Sizes, pad: Sizes, out: Sizes) -> Aval:
    return aval((*g.shape[:2], *size), g.dtype)


def _spread_ref(g: Any, size: Sizes, kernel: Sizes, stride: Sizes, pad: Sizes, out: Sizes) -> Any:
    of = g.dtype
    g = np.asarray(g, np.float32 if of == np.float16 else of)
    need = extent(out, kernel, stride, _ones(kernel))
    for axis, (k, s, o, n, p, e) in enumerate(zip(kernel, stride, out, size, pad, need, strict=True), 2):
        lead = (slice(None),) * axis
        whole = np.zeros((*g.shape[:axis], max(e, n + p), *g.shape[axis + 1:]), g.dtype)
        for i in range(k):
            whole[(*lead, slice(i, i + s * (o - 1) + 1, s))] += g
        g = whole[(*lead, slice(p, p + n))]
    return np.ascontiguousarray(g, of)


def _spread_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(34)
    for arrays, attrs in _place_samples():
        shape = arrays[0].shape
        yield [rng.randn(*shape[:2], *attrs[-1])], (shape[2:], *attrs)


_sum = call("pool_sum", lambda x, kernel, stride, pad, out: aval((*x.shape[:2], *out), x.dtype), _sum_ref,
            lambda g, node: (_spread(g, attrs=(node.inputs[0].shape[2:], *node.attrs)),), samples=_place_samples,
            dtypes=FLOATS)
_spread: Callable[..., Node] = call(
    "pool_spread", _spread_infer, _spread_ref, lambda g, node: (_sum(g, attrs=node.attrs[1:]),),
    samples=_spread_samples, dtypes=FLOATS)


# ---- the layer -----------------------------------------------------------------------------------

def _largest(x: Node, geometry: tuple[Sizes, ...]) -> Node:
    kernel, stride, pad, out = geometry
    place = _place(x, attrs=geometry)
    lead, size = x.shape[:2], x.shape[2:]
    flat = reshape(place, (*lead, math.prod(out)))
    lines = reshape(x, (*lead, math.prod(size)))
    picked = reshape(take_along(lines, maximum(flat, like(flat, 0)), 2), place.shape)
    last = [s * (o - 1) - p for s, o, p in zip(stride, out, pad, strict=True)]
    if all(p < k for p, k in zip(pad, kernel, strict=True)) and all(a < n for a, n in zip(last, size, strict=True)):
        return picked
    return where(greater_equal(place, like(place, 0)), picked, like(x, float(np.finfo(x.dtype).min)))


def _counts(x: Node, geometry: tuple[Sizes, ...], with_pad: bool) -> Node:
    """The number of elements of each window, with or without the padding; at least 1."""
    kernel, stride, pad, out = geometry
    size = tuple(n + 2 * p for n, p in zip(x.shape[2:], pad, strict=True)) if with_pad else x.shape[2:]
    count = _sum(full((1, 1, *size), 1, x.dtype), attrs=(kernel, stride, (0,) * len(pad) if with_pad else pad, out))
    return maximum(count, like(count, 1))


def _norm(x: Node, geometry: tuple[Sizes, ...], p: Any) -> Node:
    """(sum x^p)^(1/p), without absolute values, as in MXNet."""
    if p not in (1, 2, 3):
        raise MXNetError(f"pooling: p_value={p} is not one of 1, 2, 3")
    if p == 1:
        return _sum(x, attrs=geometry)
    total = _sum(square(x) if p == 2 else mul(square(x), x), attrs=geometry)
    return sqrt(total) if p == 2 else cbrt(total)


def _geometry(x: Node, kernel: Any, stride: Any, pad: Any, convention: str, whole: bool) -> tuple[Sizes, ...]:
    size, rank = x.shape[2:], x.ndim - 2
    if whole:
        return size, (1,) * rank, (0,) * rank, (1,) * rank
    check_rank(x, kernel, "pooling")
    kernel, stride = per_axis(kernel, rank, 1, "kernel"), per_axis(stride, rank, 1, "stride")
    pad = per_axis(pad, rank, 0, "pad")
    out = []
    for n, k, s, p in zip(size, kernel, stride, pad, strict=True):
        if k > n + 2 * p:
            raise MXNetError(f"kernel size ({k}) exceeds input ({n} padded to {n + 2 * p})")
        room = n + 2 * p - k
        out.append(1 + (room // s if convention == "valid" else -(-room // s)))
    return kernel, stride, pad, tuple(out)


@public("npx.pooling")
def pooling(data: Node, kernel=None, stride=None, pad=None, pool_type="max", pooling_convention="valid",
            global_pool=False, cudnn_off=False, p_value=None, count_include_pad=None, layout=None) -> Node:
    """The "max", "avg", "sum" or "lp" (p_value 1, 2 or 3) of windows over the spatial axes of (batch, channels, …).

    pooling_convention: only windows inside ("valid"), or one more where elements are left over ("full").
    count_include_pad: whether padding counts in the mean.

    MXNetError for dtypes other than floats.

    >>> from tracer import np, npx
    >>> npx.pooling(np.arange(4).reshape(1, 1, 2, 2), kernel=(2, 2))
    array([[[[3.]]]])
    """
    check_choice(pool_type, ("avg", "lp", "max", "sum"))
    if pooling_convention == "same":
        raise NotImplementedError("pooling(pooling_convention='same')")
    if pooling_convention not in ("valid", "full") or layout not in _LAYOUTS:
        raise MXNetError(f"Invalid Input: pooling_convention={pooling_convention!r}, layout={layout!r}")
    x = floating(data)
    last = _LAYOUTS[layout]
    if last:
        x = transpose(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))
    geometry = _geometry(x, kernel, stride, pad, pooling_convention, global_pool)
    if pool_type == "max":
        out = _largest(x, geometry)
    elif pool_type == "lp":
        out = _norm(x, geometry, p_value)
    else:
        out = _sum(x, attrs=geometry)
        if pool_type == "avg":
            out = div(out, cast(_counts(x, geometry, count_include_pad in (None, True)), x.dtype))
    return transpose(out, (0, *range(2, x.ndim), 1)) if last else out


@public("nd.Pooling")
def nd_pooling(data: Node, kernel=(), pool_type="max", global_pool=False, cudnn_off=False,
               pooling_convention="valid", stride=(), pad=(), p_value=None, count_include_pad=None,
               layout=None) -> Node:
    """The "max", "avg", "sum" or "lp" of windows over the spatial axes of (batch, channels, …)."""
    return pooling(data, kernel, stride, pad, pool_type, pooling_convention, global_pool, p_value=p_value,
                   count_include_pad=count_include_pad, layout=layout)
