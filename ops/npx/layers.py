"""The layers of `mx.npx` that are one matrix product or one activation, and small functions for networks."""
from __future__ import annotations

import math

from ..declare.public import Nodes, Optional, public
from ..ir.errors import MXNetError
from ..ir.node import Node, depend, stop, straight
from ..ir.shapes import normalize_axis
from ..np.linalg import norm, vector_norm
from ..primitive.arithmetic import add, cast, greater, in_single, like, logical_not, mul, neg, sub, where
from ..primitive.elementary import absolute, relu, sigmoid, square, tanh
from ..primitive.iota import iota
from ..primitive.linear import broadcast_to, reshape, slice_
from ..primitive.matmul import product
from ..primitive.promotion import FLOAT64, floating, numeric
from ..primitive.rounding import round_half_away, sign_of
from ..primitive.special import elu, gelu, gelu_tanh, softplus, softsign
from . import parameter_shapes


@public("npx.fully_connected", shapes=parameter_shapes.fully_connected)
@in_single
def fully_connected(x: Node, weight: Node, bias: Optional = None, num_hidden=None, no_bias=None,
                    flatten=True) -> Node:
    """The affine layer x @ weight.T + bias. MXNetError if shapes or dtypes don't fit.

    x: (batch, …), flattened to two axes unless `flatten` is off.
    weight: (hidden, in).
    """
    if x.dtype != weight.dtype:
        raise MXNetError(f"fully_connected: x is {x.dtype.name}, weight {weight.dtype.name}; cast one of them: the "
                         f"data by x.astype({weight.dtype.name!r}), or the network by net.cast({x.dtype.name!r})")
    lead = (x.shape[0],) if flatten else x.shape[:-1]
    rows = reshape(x, (math.prod(lead), math.prod(x.shape[len(lead):])))
    hidden = weight.shape[0] if num_hidden is None else num_hidden
    if weight.shape != (hidden, rows.shape[1]):
        raise MXNetError(f"Shape inconsistent, Provided = {weight.shape}, "
                         f"inferred shape={(hidden, rows.shape[1])}")
    out = product(rows, weight, False, True)
    if bias is not None and not no_bias:
        if bias.shape == (hidden, 1):  # as MXNet takes it
            bias = reshape(bias, (hidden,))
        if bias.shape != (hidden,):
            raise MXNetError(f"Shape inconsistent, Provided = {bias.shape}, inferred shape={(hidden,)}")
        out = add(out, bias)
    return reshape(out, (*lead, hidden))


# ---- activations ---------------------------------------------------------------------------------

@in_single
def _log_sigmoid(x: Node) -> Node:
    return neg(softplus(neg(x)))


@in_single
def _mish(x: Node) -> Node:
    return mul(x, tanh(softplus(x)))


ACTIVATIONS = {"relu": relu, "sigmoid": sigmoid, "tanh": tanh, "softrelu": softplus, "softsign": softsign,
               "log_sigmoid": _log_sigmoid, "mish": _mish}


@public("npx.activation")
def activation(data: Node, act_type="relu") -> Node:
    """An activation, elementwise. MXNetError for an unknown one, and for integers except by "relu".

    act_type: "relu", "sigmoid", "tanh", "softrelu" (log(1 + exp(x))), "softsign", "log_sigmoid" or "mish".
    """
    function = ACTIVATIONS.get(act_type)
    if function is None:
        raise MXNetError(f"activation: act_type {act_type!r} is not one of {', '.join(ACTIVATIONS)}")
    return function(data if act_type == "relu" else floating(data))


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@in_single
def _selu(x: Node) -> Node:
    return mul(elu(x, _SELU_ALPHA), like(x, _SELU_SCALE))


@public("npx.leaky_relu", shapes=parameter_shapes.channels)
def leaky_relu(data: Node, gamma: Optional = None, act_type="leaky", slope=0.25, lower_bound=0.125,
               upper_bound=0.334) -> Node:
    """A variant of relu, elementwise. MXNetError for an unknown one, and for dtypes other than floats.

    act_type: x where x > 0, else `slope` * x ("leaky"), `gamma` * x ("prelu") or slope * (exp(x) - 1) ("elu"); also
        "selu", "gelu", "gelu_tanh", and "rrelu" with its mean slope, as in prediction (training draws slopes).
    """
    zero = like(floating(data), 0)
    if act_type in ("leaky", "rrelu"):
        below = slope if act_type == "leaky" else (lower_bound + upper_bound) / 2
        return where(greater(data, zero), data, mul(data, like(data, below)))
    if act_type == "prelu":
        if gamma is None:
            raise MXNetError("leaky_relu: act_type 'prelu' requires gamma")
        column = (1, gamma.size) + (1,) * (data.ndim - 2) if data.ndim > 1 and gamma.size > 1 else (gamma.size,)
        if gamma.ndim == data.ndim:
            column = gamma.shape
        elif gamma.ndim > 1 and gamma.shape == data.shape[:gamma.ndim]:
            column = gamma.shape + (1,) * (data.ndim - gamma.ndim)
        elif gamma.size > 1 and data.shape[min(1, data.ndim - 1)] != gamma.size:
            raise MXNetError(f"leaky_relu: Cannot broadcast gamma to data. gamma: {gamma.shape}, data: {data.shape}")
        positive = greater(data, zero)
        below = where(positive, zero, data)  # so that an infinite x > 0 does not enter the gradient of gamma
        return where(positive, data, mul(below, reshape(gamma, column)))
    if act_type == "elu":
        return elu(data, slope)
    if act_type == "selu":
        return _selu(data)
    if act_type in ("gelu", "gelu_erf"):
        return gelu(data)
    if act_type == "gelu_tanh":
        return gelu_tanh(data)
    raise MXNetError(f"leaky_relu: unknown act_type {act_type!r}")


@public("npx._sloped")
def sloped(data: Node, slopes: Node) -> Node:
    """`data` where positive, else `data` times constant slopes, one for each element: rrelu in training."""
    return where(greater(data, like(data, 0)), data, mul(data, stop(slopes)))


@public("npx._masked")
def masked(data: Node, mask: Node) -> Node:
    """`data` times a constant mask of its dtype: Dropout in training."""
    return mul(data, stop(mask))


@public("npx.smooth_l1")
@in_single
def smooth_l1(data: Node, scalar=1.0) -> Node:
    """(s x)^2 / 2 where |x| < 1 / s^2, else |x| - 1 / (2 s^2)."""
    if data.dtype.kind != "f":  # MXNet computes this in floats and truncates
        return cast(smooth_l1(cast(data, FLOAT64), scalar), data.dtype)
    s2 = float(scalar) ** 2
    size = absolute(data)
    near = logical_not(greater(size, like(data, 1 / s2)))  # true for NaN, whose derivative is NaN
    inner = where(near, data, like(data, 0))  # so that the derivative of its square is finite, too
    return where(near, mul(square(inner), like(data, 0.5 * s2)), sub(size, like(data, 0.5 / s2)))


@public("npx.gelu")
def npx_gelu(data: Node, approximation="erf") -> Node:
    """x times the standard normal distribution function of x, exactly ("erf") or approximately ("tanh")."""
    return gelu(data) if approximation == "erf" else gelu_tanh(data)


# ---- shapes taken from other arrays --------------------------------------------------------------

@public("npx.arange_like")
def arange_like(data: Node, start=0.0, step=1.0, repeat=1, ctx=None, axis=None) -> Node:
    """start, start + step, … in the shape of `data`, or (axis) of the length of that axis; each `repeat` times."""
    if axis is None:
        n, shape = data.size, data.shape
    else:
        n = data.shape[normalize_axis(axis, data.ndim)]
        shape = (n,)
    count = iota((-(-n // repeat), 1) if repeat > 1 else (n,), 0, data.dtype)
    line = add(mul(count, like(count, step)), like(count, start))
    if repeat > 1:
        whole = reshape(broadcast_to(line, (line.shape[0], repeat)), (line.shape[0] * repeat,))
        line = slice_(whole, ((0, n, 1),))
    return depend(reshape(line, shape), data)


@public("npx.reshape_like", "np.ndarray.reshape_like")
def reshape_like(lhs: Node, rhs: Node, lhs_begin=None, lhs_end=None, rhs_begin=None, rhs_end=None) -> Node:
    """`lhs` reshaped: its axes lhs_begin to lhs_end become those of `rhs` from rhs_begin to rhs_end."""
    def bounds(begin: int | None, end: int | None, rank: int) -> slice:
        return slice(*slice(begin, end).indices(rank)[:2])

    left, right = bounds(lhs_begin, lhs_end, lhs.ndim), bounds(rhs_begin, rhs_end, rhs.ndim)
    shape = lhs.shape[:left.start] + rhs.shape[right] + lhs.shape[left.stop:]
    if math.prod(shape) != lhs.size:
        raise MXNetError(f"Cannot reshape array of shape {lhs.shape} into shape {shape}")
    return depend(reshape(lhs, shape), rhs)


@public("npx.broadcast_like", "np.ndarray.broadcast_like")
def broadcast_like(lhs: Node, rhs: Node, lhs_axes=None, rhs_axes=None) -> Node:
    """`lhs` broadcast to the shape of `rhs`, or its `lhs_axes` to the sizes of `rhs_axes`."""
    if lhs_axes is None or rhs_axes is None:
        return depend(broadcast_to(lhs, rhs.shape), rhs)
    left, right = (((x,) if isinstance(x, int) else tuple(x)) for x in (lhs_axes, rhs_axes))
    if not left or len(left) != len(right):
        raise MXNetError(f"broadcast_like: Empty axes tuple or of different lengths: {left} and {right}")
    shape = list(lhs.shape)
    for i, j in zip(left, right, strict=True):
        shape[normalize_axis(i, lhs.ndim)] = rhs.shape[normalize_axis(j, rhs.ndim)]
    return depend(broadcast_to(lhs, tuple(shape)), rhs)


@public("npx.slice", "np.ndarray.slice")
def npx_slice(data: Node, begin, end, step=None) -> Node:
    """data[begin:end:step], a number or None for each axis; the remaining axes are whole."""
    begin, end = ((x,) if x is None or isinstance(x, int) else x for x in (begin, end))
    step = (step,) if isinstance(step, int) else step or (None,) * len(begin)
    spec = []
    for i, n in enumerate(data.shape):
        start, stop_, by = slice(begin[i], end[i], step[i]).indices(n) if i < len(begin) else (0, n, 1)
        count = len(range(start, stop_, by))
        spec.append((start if count else 0, count, by))
    return slice_(data, tuple(spec))


@public("npx.add_n", keywords="engine")
@in_single
def add_n(args: Nodes) -> Node:
    """The sum of arrays of one shape."""
    total = args[0]
    for x in args[1:]:
        total = add(total, x)
    return total


@public("npx.cast")
def npx_cast(data: Node, dtype) -> Node:
    """The elements converted to `dtype`."""
    return cast(data, dtype)


@public("npx.round_ste")
def round_ste(data: Node) -> Node:
    """The elements rounded, halves away from zero; the derivative is that of the identity."""
    return straight(round_half_away(data) if data.dtype.kind == "f" else numeric(data), data)


@public("npx.sign_ste")
def sign_ste(data: Node) -> Node:
    """The sign of the elements; the derivative is that of the identity."""
    return straight(sign_of(data), data)


@public("npx.slice_like")
def slice_like(data: Node, shape_like: Node, axes=None) -> Node:
    """The leading part of `data` with the sizes of `shape_like` along `axes` (None: all). MXNetError if larger."""
    chosen = range(data.ndim) if not axes else tuple(normalize_axis(i, data.ndim) for i in axes)
    sizes = tuple(shape_like.shape[i] if i in chosen else n for i, n in enumerate(data.shape))
    if any(wanted > n for wanted, n in zip(sizes, data.shape, strict=True)):
        raise MXNetError(f"slice_like: {shape_like.shape} exceeds {data.shape}")
    return depend(slice_(data, tuple((0, n, 1) for n in sizes)), shape_like)


@public("npx.norm")
def npx_norm(data: Node, ord=2, axis=None, out_dtype=None, keepdims=False) -> Node:
    """The 1- or 2-norm over `axis` (None: all)."""
    apply = vector_norm if ord == 1 or axis is None else norm
    made = apply(data, ord, axis, keepdims)
    return made if out_dtype is None else cast(made, out_dtype)

