"""Softmax, log_softmax and the normalizations: compositions of reductions and elementwise ops, which fuse."""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from ..declare.families import operands
from ..declare.public import Optional, public
from ..ir.aval import Aval
from ..ir.errors import MXNetError
from ..ir.node import Node, make, stop
from ..ir.op import ELEMENTWISE, FLOATS, Op, declare
from ..ir.shapes import normalize_axis
from ..np.reductions import mean_of, variance
from ..primitive.arithmetic import add, cast, div, equal, greater_equal, in_single, like, maximum, mul, sub, where
from ..primitive.elementary import exp, log, sqrt, square
from ..primitive.iota import counts
from ..primitive.linear import reduce_sum, reshape, spread
from ..primitive.promotion import BOOL, floating
from ..primitive.reductions import reduce_max
from . import parameter_shapes


def _shifted(x: Node, axis: int, kept: Node | None) -> tuple[Node, Node]:
    """x minus its maximum along `axis`, over the elements in `kept`, and the exponentials of that (0 elsewhere)."""
    if kept is not None:
        x = where(kept, x, like(x, float(np.finfo(x.dtype).min)))
    top = stop(reduce_max(x, (axis,)))
    x = sub(x, spread(top, (axis,), x))
    e = exp(x)
    return x, e if kept is None else where(kept, e, like(e, 0))


def _over(x: Node, temperature: float | None) -> Node:
    return x if temperature in (None, 1.0) else div(x, like(x, temperature))


def _as_softmax_infer(avals: Sequence[Aval], attrs: tuple) -> Aval:
    if avals[0].shape != avals[1].shape or avals[0].dtype != avals[1].dtype:
        raise MXNetError(f"a softmax of shape {avals[0].shape} ({avals[0].dtype.name}) for data of shape "
                         f"{avals[1].shape} ({avals[1].dtype.name})")
    return avals[0]


def _as_softmax_vjp(node: Node, g: Node) -> tuple[Node | None, Node]:
    axis, = node.attrs
    return None, mul(node, sub(g, spread(reduce_sum(mul(g, node), (axis,)), (axis,), node)))


def _as_softmax_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(0)
    for shape, axis in (((3, 4), 1), ((2, 3, 2), 1), ((0, 2), 0)):
        yield [rng.uniform(0.1, 1, shape), rng.uniform(-2, 2, shape)], (axis,)


#: The first input as the softmax of the second along the axis in attrs, with the softmax's derivative, which reads the
#: result only: that by the quotient would need the exponentials too, an array more between forward and backward.
_as_softmax = declare(Op("as_softmax", ELEMENTWISE, _as_softmax_infer, lambda arrays, attrs: arrays[0], _as_softmax_vjp,
                         expr="{0}", cost=0, smooth=False, samples=_as_softmax_samples, dtypes=FLOATS,
                         errors=[(operands((3,), (4,)), (0,), MXNetError)]))


@in_single
def softmax_of(x: Node, axis: int, kept: Node | None = None, temperature: float | None = None) -> Node:
    """exp(x / temperature) divided by its sum along `axis`, stable; over the elements in `kept` only, 0 elsewhere.

    MXNetError for dtypes other than floats.
    """
    if x.size == 0:
        return floating(x)
    x = _over(floating(x), temperature)
    _, e = _shifted(x, axis, kept)
    total = reduce_sum(e, (axis,))
    if kept is not None:  # a line with no kept element becomes zeros
        total = where(equal(total, like(total, 0)), like(total, 1), total)
    return make(_as_softmax, (stop(div(e, spread(total, (axis,), x))), x), (axis,))


@in_single
def log_softmax_of(x: Node, axis: int, kept: Node | None = None, temperature: float | None = None) -> Node:
    """The logarithm of `softmax_of`, stable; -inf for elements not in `kept`. MXNetError unless of floats."""
    if x.size == 0:
        return floating(x)
    x = _over(floating(x), temperature)
    shifted, e = _shifted(x, axis, kept)
    out = sub(shifted, spread(log(reduce_sum(e, (axis,))), (axis,), x))
    return out if kept is None else where(kept, out, like(out, -math.inf))


def _within_length(x: Node, length: Node | None, axis: int) -> Node:
    """Whether a position along `axis` is below the length of its line. MXNetError for lengths that don't fit."""
    column = tuple(1 if i == axis else d for i, d in enumerate(x.shape))
    if length is None or math.prod(column) != length.size:
        raise MXNetError(f"softmax: length of shape {length and length.shape} for data of shape {x.shape}")
    below = sub(reshape(cast(length, "int64"), column), counts(x.shape[axis], x.ndim, axis))
    return greater_equal(below, like(below, 1))


@public("npx.softmax", "np.ndarray.softmax")
def softmax(data: Node, length: Optional = None, axis=-1, temperature=None, use_length=False,
            dtype=None) -> Node:
    """exp(x / temperature), normalized to the sum 1 along `axis`; stable. MXNetError for dtypes other than floats.

    use_length: whether only the first `length` elements of each line count; the others become 0.

    >>> from tracer import np, npx
    >>> npx.softmax(np.array([1000, 1000]))
    array([0.5, 0.5])
    """
    if dtype is not None:
        data = cast(data, dtype)
    axis = normalize_axis(axis, data.ndim)
    kept = _within_length(data, length, axis) if use_length else None
    return softmax_of(data, axis, kept, temperature)


@public("npx.log_softmax")
def log_softmax(data: Node, axis=-1, length: Optional = None, temperature=None, use_length=False, dtype=None) -> Node:
    """The logarithm of `softmax` along `axis`, stable."""
    if dtype is not None:
        data = cast(data, dtype)
    axis = normalize_axis(axis, data.ndim)
    kept = _within_length(data, length, axis) if use_length else None
    return log_softmax_of(data, axis, kept, temperature)


@public("np.ndarray.log_softmax")
def log_softmax_method(data: Node, axis=-1, temperature=None, length: Optional = None, use_length=False,
                       dtype=None) -> Node:
    """The logarithm of `softmax` along `axis`, stable; as npx.log_softmax, in this method's order of parameters."""
    return log_softmax(data, axis, length, temperature, use_length, dtype)


def _as_mask(mask: Node) -> Node:
    return mask if mask.dtype == BOOL else cast(mask, BOOL)


@public("npx.masked_softmax")
def masked_softmax(data: Node, mask: Node, axis=-1, temperature=1.0, normalize=True) -> Node:
    """`softmax` over the elements where `mask` (broadcast) is true; 0 elsewhere."""
    return softmax_of(data, normalize_axis(axis, data.ndim), _as_mask(mask), temperature)


@public("npx.masked_log_softmax")
def masked_log_softmax(data: Node, mask: Node, axis=-1, temperature=1.0, normalize=True) -> Node:
    """`log_softmax` over the elements where `mask` (broadcast) is true; -inf elsewhere."""
    return log_softmax_of(data, normalize_axis(axis, data.ndim), _as_mask(mask), temperature)


# ---- normalizations ------------------------------------------------------------------------------

def _centered(x: Node, axes: tuple[int, ...], eps: float) -> tuple[Node, Node, Node]:
    """(x - mean) / deviation, the mean and the standard deviation over `axes`, which are kept at size 1."""
    mean = mean_of(x, axes, True)
    deviation = sqrt(add(variance(x, axes, 0, True), like(x, eps)))
    return div(sub(x, mean), deviation), mean, deviation


def _check_lengths(parameters: tuple[Node, ...], length: int) -> None:
    """Raise MXNetError unless all parameters are vectors of `length`."""
    for x in parameters:
        if x.shape != (length,):
            raise MXNetError(f"Shape inconsistent, Provided = {x.shape}, inferred shape={(length,)}")


@public("npx.layer_norm", shapes=parameter_shapes.layer_norm)
@in_single
def layer_norm(data: Node, gamma: Node, beta: Node, axis=-1, eps=1e-5,
               output_mean_var=False) -> Node | list[Node]:
    """`data` normalized to mean 0 and variance 1 along `axis`, times `gamma` plus `beta`, vectors of its length."""
    axis = normalize_axis(-1 if axis is None else axis, data.ndim)
    _check_lengths((gamma, beta), data.shape[axis])
    column = tuple(d if i == axis else 1 for i, d in enumerate(data.shape))
    normal, mean, deviation = _centered(floating(data), (axis,), 1e-5 if eps is None else eps)
    out = add(mul(normal, reshape(gamma, column)), reshape(beta, column))
    return [out, mean, deviation] if output_mean_var else out


def _statistics(x: Node, axis: int, axes: tuple[int, ...]) -> tuple[Node, Node]:
    """The mean and the variance over all axes but `axis`.

    Where that is the second one they are put together from the statistics of each example's channels (Chan, Golub and
    LeVeque 1979). These are complete when the example is, so that they can be taken while it is in the cache.
    """
    inner = axes[1:]
    if axis != 1 or not inner or not x.size:
        return mean_of(x, axes, False), variance(x, axes, 0, False)
    means = mean_of(x, inner, False)
    mean = mean_of(means, (0,), False)
    return mean, add(mean_of(variance(x, inner, 0, False), (0,), False), variance(means, (0,), 0, False))


@public("npx._batch_norm", shapes=parameter_shapes.batch_norm)
@in_single
def batch_norm(data: Node, gamma: Node, beta: Node, running_mean: Node, running_var: Node, eps, axis, fix_gamma,
               batch) -> list[Node]:
    """`data` normalized over all axes but `axis`, times `gamma` plus `beta`; mean, variance, 1 / sqrt(variance + eps).

    fix_gamma: whether 1 takes the place of `gamma`.
    batch: whether mean and variance are computed from the data, or are the running ones.
    """
    axis = normalize_axis(axis, data.ndim)
    _check_lengths((gamma, beta, running_mean, running_var), data.shape[axis])
    for x in (gamma, beta, running_mean, running_var):
        if x.dtype != gamma.dtype or x.dtype != data.dtype and data.dtype.name != "float16":
            raise MXNetError(f"This layer requires uniform type. Expected {data.dtype.name!r} v.s. given "
                             f"{x.dtype.name!r}")
    x = cast(floating(data), gamma.dtype)
    column = tuple(d if i == axis else 1 for i, d in enumerate(data.shape))
    axes = tuple(i for i in range(data.ndim) if i != axis)
    if batch:
        mean, var = _statistics(x, axis, axes)
    else:
        mean, var = stop(running_mean), stop(running_var)
    if fix_gamma:  # the gradient of gamma is zeros
        gamma = where(equal(gamma, gamma), like(gamma, 1), like(gamma, 1))
    inverse = div(like(var, 1), sqrt(add(var, like(var, eps))))
    out = mul(sub(x, reshape(mean, column)), reshape(mul(inverse, gamma), column))
    return [cast(add(out, reshape(beta, column)), data.dtype), mean, var, inverse]


@public("npx._running")
@in_single
def running(old: Node, new: Node, momentum) -> Node:
    """The updated running mean of a statistic: momentum * old + (1 - momentum) * new."""
    return add(mul(old, like(old, momentum)), mul(new, like(new, 1 - momentum)))


@public("npx.group_norm", shapes=parameter_shapes.channels)
@in_single
def group_norm(data: Node, gamma: Node, beta: Node, num_groups=1, eps=1e-3,
               output_mean_var=False) -> Node | list[Node]:
    """`data` (batch, channels, …) normalized over groups of channels, times `gamma` plus `beta`, one per channel.

    output_mean_var: whether the means and standard deviations, (batch, num_groups), are returned, too.
    """
    batch, channels, *rest = floating(data).shape
    if num_groups < 1 or channels % num_groups:
        raise MXNetError(f"group_norm: {channels} channels in {num_groups} groups")
    _check_lengths((gamma, beta), channels)
    grouped = reshape(data, (batch, num_groups, channels // num_groups, *rest))
    normal, *statistics = _centered(grouped, tuple(range(2, grouped.ndim)), eps)
    column = (1, channels) + (1,) * len(rest)
    out = add(mul(reshape(normal, data.shape), reshape(gamma, column)), reshape(beta, column))
    return [out, *(reshape(x, (batch, num_groups)) for x in statistics)] if output_mean_var else out


@public("npx.instance_norm", shapes=parameter_shapes.channels)
@in_single
def instance_norm(data: Node, gamma: Node, beta: Node, eps=1e-3) -> Node:
    """`data` (batch, channels, …) normalized over each channel of each example, times `gamma` plus `beta`."""
    channels = floating(data).shape[1]
    _check_lengths((gamma, beta), channels)
    column = (1, channels) + (1,) * (data.ndim - 2)
    normal, _, _ = _centered(data, tuple(range(2, data.ndim)), eps)
    return add(mul(normal, reshape(gamma, column)), reshape(beta, column))


@public("npx.l2_normalization")
@in_single
def l2_normalization(data: Node, eps=1e-10, mode="instance") -> Node:
    """`data` / sqrt(sum of squares + eps); sums over each "instance", axis 1 ("channel") or axes >= 2 ("spatial")."""
    axes = {"instance": tuple(range(1, data.ndim)), "channel": (1,),
            "spatial": tuple(range(2, data.ndim))}.get(mode)
    if axes is None:
        raise MXNetError(f"l2_normalization: mode {mode!r} is not one of 'instance', 'channel', 'spatial'")
    total = add(reduce_sum(square(floating(data)), axes), like(data, eps))
    return div(data, spread(sqrt(maximum(total, like(total, 0))), axes, data))
