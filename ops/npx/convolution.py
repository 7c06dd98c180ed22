"""Convolution over one to three spatial axes, and its two adjoints; the derivatives of the three are among them.

convolve(x, w) is linear in both operands. x: (batch, channels, *size), w: (filters, channels / groups, *kernel),
result: (batch, filters, *positions). `spread` computes the cotangent of x, and is also the transposed convolution
("deconvolution"); `correlate` computes the cotangent of w.
"""
from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..declare.families import call, operands
from ..declare.public import Optional, public
from ..ir.aval import Aval, aval
from ..ir.errors import MXNetError
from ..ir.node import Node
from ..ir.op import FLOATS
from ..primitive.arithmetic import add, in_single
from ..primitive.linear import reshape
from ..primitive.promotion import floating
from . import parameter_shapes
from .windows import (
    GEOMETRIES,
    Sizes,
    channels_last,
    check_rank,
    columns,
    folded,
    last_from_second,
    per_axis,
    positions,
    second_from_last,
)

#: The number of elements of im2col's result that are made at a time, so that they stay in the caches.
_BLOCK = 1 << 20


def _wide(*arrays: Any) -> list[np.ndarray]:
    """Copies of the arrays, with float16 cast to float32, in which matrix products are fast and accurate enough.

    This thread multiplies them by one, and adds to the products or multiplies these: so denormals are kept or flushed
    in its mode, in which BLAS's own threads may not be.
    """
    return [np.asarray(a, np.float32) if a.dtype == np.float16 else np.multiply(a, 1) for a in arrays]


def _blocks(batch: int, each: int) -> Iterator[slice]:
    step = max(1, _BLOCK // max(1, each))
    return (slice(i, i + step) for i in range(0, batch, step))


def _grouped(cols: np.ndarray, groups: int) -> np.ndarray:
    """(batch, channels, window, position) reshaped to (batch, group, channel * window, position)."""
    batch, channels, window, count = cols.shape
    return cols.reshape(batch, groups, channels // groups * window, count)


# ---- convolve(x, w; stride, dilate, pad, groups) -------------------------------------------------

def _convolve_infer(x: Aval, w: Aval, stride: Sizes, dilate: Sizes, pad: Sizes, groups: int) -> Aval:
    if x.dtype != w.dtype:
        raise MXNetError(f"This layer requires uniform type. Expected {x.dtype.name!r} v.s. given {w.dtype.name!r} "
                         "at 'weight'")
    out = positions(x.shape[2:], w.shape[2:], stride, dilate, pad)
    return aval((x.shape[0], w.shape[0], *out), x.dtype)


def _convolve_ref(x: Any, w: Any, stride: Sizes, dilate: Sizes, pad: Sizes, groups: int) -> Any:
    of = x.dtype
    x, w = _wide(x, w)
    out = positions(x.shape[2:], w.shape[2:], stride, dilate, pad)
    filters = w.reshape(groups, w.shape[0] // groups, math.prod(w.shape[1:]))
    result = np.empty((x.shape[0], groups, filters.shape[1], math.prod(out)), x.dtype)
    for part in _blocks(x.shape[0], x.shape[1] * math.prod(w.shape[2:]) * math.prod(out)):
        cols = columns(x[part], w.shape[2:], stride, dilate, pad)
        np.multiply(np.matmul(filters, _grouped(cols, groups)), 1, out=result[part])
    return result.reshape(x.shape[0], w.shape[0], *out).astype(of, copy=False)


def _convolve_vjp(g: Node, node: Node) -> tuple[Node, Node]:
    x, w = node.inputs
    return spread(g, w, attrs=(x.shape[2:], *node.attrs)), correlate(g, x, attrs=(w.shape[2:], *node.attrs))


# ---- spread(g, w; size, stride, dilate, pad, groups) ---------------------------------------------

def _spread_infer(g: Aval, w: Aval, size: Sizes, stride: Sizes, dilate: Sizes, pad: Sizes, groups: int) -> Aval:
    if g.dtype != w.dtype:
        raise MXNetError(f"This layer requires uniform type. Expected {g.dtype.name!r} v.s. given {w.dtype.name!r} "
                         "at 'weight'")
    return aval((g.shape[0], w.shape[1] * groups, *size), g.dtype)


def _spread_ref(g: Any, w: Any, size: Sizes, stride: Sizes, dilate: Sizes, pad: Sizes, groups: int) -> Any:
    of = g.dtype
    g, w = _wide(g, w)
    batch, filters, *out = g.shape
    kernel, count = w.shape[2:], math.prod(out)
    back = w.reshape(groups, filters // groups, math.prod(w.shape[1:])).swapaxes(1, 2)
    g = g.reshape(batch, groups, filters // groups, count)
    channels = w.shape[1] * groups
    result = np.empty((batch, channels, *size), g.dtype)
    for part in _blocks(batch, channels * math.prod(kernel) * count):
        cols = np.matmul(back, g[part])
        cols = cols.reshape(cols.shape[0], channels, math.prod(kernel), count)
        result[part] = folded(cols, size, kernel, stride, dilate, pad)
    return result.astype(of, copy=False)


def _spread_vjp(g: Node, node: Node) -> tuple[Node, Node]:
    y, w = node.inputs
    rest = node.attrs[1:]
    return convolve(g, w, attrs=rest), correlate(y, g, attrs=(w.shape[2:], *rest))


# ---- correlate(g, x; kernel, stride, dilate, pad, groups) ----------------------------------------

def _correlate_infer(g: Aval, x: Aval, kernel: Sizes, stride: Sizes, dilate: Sizes, pad: Sizes, groups: int) -> Aval:
    return aval((g.shape[1], x.shape[1] // groups, *kernel), g.dtype)


def _correlate_ref(g: Any, x: Any, kernel: Sizes, stride: Sizes, dilate: Sizes, pad: Sizes, groups: int) -> Any:
    of = g.dtype
    g, x = _wide(g, x)
    batch, filters, *out = g.shape
    g = g.reshape(batch, groups, filters // groups, math.prod(out))
    result = np.zeros((groups, filters // groups, x.shape[1] // groups * math.prod(kernel)), g.dtype)
    for part in _blocks(batch, x.shape[1] * math.prod(kernel) * math.prod(out)):
        cols = _grouped(columns(x[part], kernel, stride, dilate, pad), groups)
        result += np.matmul(g[part], cols.swapaxes(2, 3)).sum(axis=0)
    return result.reshape(filters, x.shape[1] // groups, *kernel).astype(of, copy=False)


def _correlate_vjp(g: Node, node: Node) -> tuple[Node, Node]:
    y, x = node.inputs
    rest = node.attrs[1:]
    return convolve(x, g, attrs=rest), spread(y, g, attrs=(x.shape[2:], *rest))


# ---- the primitives ------------------------------------------------------------------------------

def _cases() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, tuple]]:
    """Inputs, weights, cotangents of results, and attributes, for one group of channels and for several."""
    rng = np.random.RandomState(32)
    for shape, (kernel, *geometry) in GEOMETRIES:
        batch, channels, *size = shape
        out = positions(size, kernel, *geometry)
        for groups in {1, channels}:
            weights = rng.randn(2 * groups, channels // groups, *kernel)
            yield rng.randn(*shape), weights, rng.randn(batch, 2 * groups, *out), (*geometry, groups)


def _convolve_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    return (([x, w], attrs) for x, w, _, attrs in _cases())


def _spread_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    return (([g, w], (x.shape[2:], *attrs)) for x, w, g, attrs in _cases())


def _correlate_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    return (([g, x], (w.shape[2:], *attrs)) for x, w, g, attrs in _cases())


_MIXED = operands((1, 1, 3)) + operands((1, 1, 2), dtype="float64")
convolve = call("convolve", _convolve_infer, _convolve_ref, _convolve_vjp, samples=_convolve_samples, dtypes=FLOATS,
                step="convolve",
                errors=[(_MIXED, ((1,), (1,), (0,), 1), MXNetError),
                        (operands((1, 1, 3), (1, 1, 4)), ((1,), (1,), (0,), 1), MXNetError)])
spread = call("convolve_spread", _spread_infer, _spread_ref, _spread_vjp, samples=_spread_samples, dtypes=FLOATS,
              step="convolve_spread", errors=[(_MIXED, ((4,), (1,), (1,), (0,), 1), MXNetError)])
correlate = call("convolve_correlate", _correlate_infer, _correlate_ref, _correlate_vjp, samples=_correlate_samples,
                 dtypes=FLOATS, step="convolve_correlate")


# ---- the layers ----------------------------------------------------------------------------------

def _checked(what: str, data: Node, weight: Node, bias: Node | None, wanted: Mapping[str, tuple[int, ...]],
             last: bool, no_bias: bool) -> tuple[Node, Node]:
    """The data and the weight, with channels second. MXNetError for parameters of other than the `wanted` shapes."""
    floating(data)
    if (bias is None) != bool(no_bias):
        raise MXNetError(f"Operator {what} expects {2 if no_bias else 3} inputs, but got {2 if bias is None else 3} "
                         "instead.")
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and given.shape != wanted[name]:
            raise MXNetError(f"Shape inconsistent, Provided = {given.shape}, inferred shape={wanted[name]}")
    return (second_from_last(data), second_from_last(weight)) if last else (data, weight)


def _check_groups(what: str, channels: int, filters: int, groups: int) -> None:
    if channels % groups or filters % groups:
        raise MXNetError(f"{what}: {channels} channels and {filters} filters in {groups} groups")


def _finished(out: Node, bias: Node | None, last: bool) -> Node:
    """A layer's result plus its bias, with the channels at the layout's place."""
    if bias is not None:
        out = add(out, reshape(bias, (bias.size,) + (1,) * (out.ndim - 2)))
    return last_from_second(out) if last else out


@public("npx.convolution", shapes=parameter_shapes.convolution)
@in_single
def convolution(data: Node, weight: Node, bias: Optional = None, kernel=None, stride=None, dilate=None, pad=None,
                num_filter=1, num_group=1, workspace=1024, no_bias=False, cudnn_tune=None, cudnn_off=False,
                layout=None) -> Node:
    """Cross-correlation of (batch, channels, …) with `num_filter` kernels over one to three axes, plus `bias`.

    weight: (num_filter, channels / num_group, *kernel); with channels last (num_filter, *kernel, channels / num_group).
    layout: the order of axes, such as "NCHW" or "NHWC"; None: channels second.

    MXNetError for shapes that don't fit, and for dtypes other than floats.

    >>> from tracer import np, npx
    >>> npx.convolution(np.ones((1, 1, 3)), np.ones((1, 1, 2)), kernel=(2,), no_bias=True)
    array([[[2., 2.]]])
    """
    rank = check_rank(data, kernel, "convolution")
    kernel, last = per_axis(kernel, rank, 1, "kernel"), channels_last(layout, rank)
    _check_groups("convolution", data.shape[-1 if last else 1], num_filter, num_group)
    wanted = parameter_shapes.convolution(data.shape, kernel, num_filter, num_group, layout)
    data, weight = _checked("Convolution", data, weight, bias, wanted, last, no_bias)
    geometry = per_axis(stride, rank, 1, "stride"), per_axis(dilate, rank, 1, "dilate"), per_axis(pad, rank, 0, "pad")
    return _finished(convolve(data, weight, attrs=(*geometry, num_group)), bias, last)


@public("nd.Convolution", shapes=parameter_shapes.convolution)
def nd_convolution(data: Node, weight: Node, bias: Optional = None, kernel=None, stride=(), dilate=(), pad=(),
                   num_filter=None, num_group=1, workspace=1024, no_bias=False, cudnn_tune=None, cudnn_off=False,
                   layout=None) -> Node:
    """Cross-correlation of (batch, channels, …) with `num_filter` kernels over one to three axes, plus `bias`."""
    if num_filter is None:
        raise MXNetError("Required parameter num_filter of int (non-negative) is not presented")
    return convolution(data, weight, bias, kernel, stride, dilate, pad, num_filter, num_group, no_bias=no_bias,
                       layout=layout)


@public("npx.deconvolution", shapes=parameter_shapes.deconvolution)
@in_single
def deconvolution(data: Node, weight: Node, bias: Optional = None, kernel=None, stride=None, dilate=None, pad=None,
                  adj=None, target_shape=None, num_filter=1, num_group=1, workspace=1024, no_bias=False,
                  cudnn_tune=None, cudnn_off=False, layout=None) -> Node:
    """The transposed convolution, which is the gradient of `convolution` with respect to its data, plus `bias`.

    weight: (channels, num_filter / num_group, *kernel); with channels last (channels, *kernel, num_filter / num_group).
    adj: a number added to the result's size along each axis.
    target_shape: the result's size, in place of `pad` and `adj`.
    layout: as of `convolution`.

    MXNetError for shapes that don't fit, and for dtypes other than floats.
    """
    rank = check_rank(data, kernel, "deconvolution")
    kernel, last = per_axis(kernel, rank, 1, "kernel"), channels_last(layout, rank)
    stride, dilate = per_axis(stride, rank, 1, "stride"), per_axis(dilate, rank, 1, "dilate")
    pad, adj = per_axis(pad, rank, 0, "pad"), per_axis(adj, rank, 0, "adj")
    _check_groups("deconvolution", data.shape[-1 if last else 1], num_filter, num_group)
    wanted = parameter_shapes.deconvolution(data.shape, kernel, num_filter, num_group, layout)
    data, weight = _checked("Deconvolution", data, weight, bias, wanted, last, no_bias)
    full = tuple((n - 1) * s + d * (k - 1) + 1
                 for n, k, s, d in zip(data.shape[2:], kernel, stride, dilate, strict=True))
    if target_shape and any(per_axis(target_shape, rank, 0, "target_shape")):
        target = per_axis(target_shape, rank, 0, "target_shape")
        surplus = tuple(f - t for f, t in zip(full, target, strict=True))
        if min(surplus) < 0:
            raise MXNetError(f"too big target shape {target}: the whole is {full}")
        pad, adj = tuple((s + 1) // 2 for s in surplus), tuple(s % 2 for s in surplus)
    if any(a >= s for a, s in zip(adj, stride, strict=True)):
        raise MXNetError(f"adj {adj} must be smaller than stride {stride}")
    size = tuple(f - 2 * p + a for f, p, a in zip(full, pad, adj, strict=True))
    if min(size) < 1:
        raise MXNetError(f"deconvolution: nothing is left of {full} with pad {pad}")
    return _finished(spread(data, weight, attrs=(size, stride, dilate, pad, num_group)), bias, last)


@public("nd.Deconvolution", shapes=parameter_shapes.deconvolution)
def nd_deconvolution(data: Node, weight: Node, bias: Optional = None, kernel=None, stride=(), dilate=(), pad=(),
                     adj=(), target_shape=(), num_filter=None, num_group=1, workspace=512, no_bias=True,
                     cudnn_tune=None, cudnn_off=False, layout=None) -> Node:
    """The transposed convolution, which is the gradient of `Convolution` with respect to its data, plus `bias`."""
    if num_filter is None:
        raise MXNetError("Required parameter num_filter of int (non-negative) is not presented")
    return deconvolution(data, weight, bias, kernel, stride, dilate, pad, adj, target_shape, num_filter, num_group,
                         no_bias=no_bias, layout=layout)
