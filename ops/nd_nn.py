"""The layers of `mx.nd` as functions. Most are those of `mx.npx` under their old names; the losses whose
gradient is their own are nd's alone."""
from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .arithmetic import cast, div, greater, like, mul, neg, not_equal, sub, where
from .aval import Aval
from .errors import MXNetError
from .layers import activation, arange_like, fully_connected, smooth_l1
from .movement import broadcast_to, reshape, transpose
from .nd_reductions import axes_of
from .node import Node, make, stop
from .normalizing import (
    group_norm,
    instance_norm,
    l2_normalization,
    layer_norm,
    log_softmax,
    log_softmax_of,
    softmax,
    softmax_of,
)
from .np_movement import repeat
from .op import ELEMENTWISE, Op, declare
from .picking import one_hot
from .public import Optional, public
from .reductions import reduce_sum
from .unary import sigmoid

for _name, _build in [
    ("smooth_l1", smooth_l1), ("contrib.arange_like", arange_like), ("InstanceNorm", instance_norm),
    ("L2Normalization", l2_normalization), ("LayerNorm", layer_norm),
]:
    public(f"nd.{_name}")(_build)


@public("nd.FullyConnected")
def nd_fully_connected(data: Node, weight: Node, bias: Optional = None, num_hidden=None, no_bias=False,
                       flatten=True) -> Node:
    """data W^T + b, of the data flattened to two axes, or (flatten=False) along its last."""
    if bias is None and not no_bias:
        raise MXNetError("FullyConnected wants a bias, or no_bias=True")
    return fully_connected(data, weight, bias, num_hidden, no_bias, flatten)


@public("nd.Activation")
def nd_activation(data: Node, act_type) -> Node:
    """"relu", "sigmoid", "tanh", "softrelu" (log(1 + exp(x))) or "softsign", elementwise."""
    return activation(data, act_type)


@public("nd.GroupNorm")
def nd_group_norm(data: Node, gamma: Node, beta: Node, num_groups=1, eps=1e-5, output_mean_var=False) -> Node:
    """The data normalized over groups of channels, times `gamma` plus `beta` of each group (or channel)."""
    channels = data.shape[1]
    if gamma.shape == (num_groups,) and num_groups != channels:
        gamma, beta = (repeat(x, channels // num_groups) for x in (gamma, beta))
    return group_norm(data, gamma, beta, num_groups, eps, output_mean_var)


# ---- softmax -------------------------------------------------------------------------------------

@public("nd.softmax", "nd.NDArray.softmax")
def nd_softmax(data: Node, length: Optional = None, axis=-1, temperature=None, dtype=None,
               use_length=False) -> Node:
    """exp(x / temperature) over its sum along `axis`; with lengths, over the first of them only, else 0."""
    return softmax(data, length, axis, temperature, use_length, dtype)


@public("nd.log_softmax", "nd.NDArray.log_softmax")
def nd_log_softmax(data: Node, length: Optional = None, axis=-1, temperature=None, dtype=None,
                   use_length=False) -> Node:
    """The logarithm of `softmax` along `axis`."""
    return log_softmax(data, length, axis, temperature, use_length, dtype)


@public("nd.softmin", "nd.NDArray.softmin")
def softmin(data: Node, length: Optional = None, axis=-1, temperature=None, dtype=None,
            use_length=False) -> Node:
    """`softmax` of -x."""
    return softmax(neg(data), length, axis, temperature, use_length, dtype)


@public("nd.SoftmaxActivation")
def softmax_activation(data: Node, mode="instance") -> Node:
    """`softmax` over all axes but the first ("instance"), or over axis 1 ("channel")."""
    if mode == "channel":
        return softmax_of(data, 1)
    return reshape(softmax_of(reshape(data, (data.shape[0], math.prod(data.shape[1:]))), 1), data.shape)


@public("nd.softmax_cross_entropy")
def softmax_cross_entropy(data: Node, label: Node) -> Node:
    """The sum over the rows of -log softmax at the label; of shape (1,)."""
    if data.ndim != 2 or label.shape != data.shape[:1]:
        raise MXNetError(f"softmax_cross_entropy: labels {label.shape} for data {data.shape}")
    chosen = one_hot(label, data.shape[1], dtype=data.dtype)
    return neg(reshape(reduce_sum(mul(chosen, log_softmax_of(data, 1)), (0, 1)), (1,)))


# ---- outputs with a gradient of their own --------------------------------------------------------

def _own_infer(avals: Sequence[Aval], attrs: tuple) -> Aval:
    # A gradient that is one number everywhere may come as that number.
    if any(other.dtype != avals[0].dtype or other.shape not in (avals[0].shape, ()) for other in avals):
        raise MXNetError("a value and its own gradient differ: "
                         + ", ".join(f"{a.dtype.name} of shape {a.shape}" for a in avals))
    return avals[0]


def _own_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(0)
    for shape in ((3, 4), (), (0, 2)):
        yield [rng.uniform(-2, 2, shape) for _ in range(3)], ()


#: Inputs: the value, the data, and the data's gradient, all of one shape and dtype. The incoming gradient does
#: not count.
own_gradient_op = declare(Op("own_gradient", ELEMENTWISE, _own_infer, lambda arrays, attrs: arrays[0],
                             lambda node, g: (None, broadcast_to(node.inputs[2], node.shape), None),
                             expr="{0}", cost=0, smooth=False, samples=_own_samples))


def own_gradient(value: Node, data: Node, gradient: Node) -> Node:
    """`value`, whose derivative by `data` is `gradient` whatever comes from outside."""
    return make(own_gradient_op, (stop(value), data, stop(gradient)))


def _target(label: Node, shape: tuple[int, ...], axis: int, dtype: Any) -> Node:
    """The labels, class numbers, as ones at their places along `axis` of an array of `shape`."""
    chosen = one_hot(label, shape[axis], dtype=dtype)
    if axis == 1 and chosen.ndim > 2:
        chosen = transpose(chosen, (0, chosen.ndim - 1, *range(1, chosen.ndim - 1)))
    return reshape(chosen, shape)


@public("nd.SoftmaxOutput", "nd.Softmax")
def softmax_output(data: Node, label: Node, grad_scale=1.0, ignore_label=-1.0, multi_output=False,
                   use_ignore=False, preserve_shape=False, normalization="null", out_grad=False,
                   smooth_alpha=0.0) -> Node:
    """`softmax` whose gradient is that of the cross entropy with `label`: softmax - one_hot(label)."""
    if out_grad or smooth_alpha:
        raise NotImplementedError("SoftmaxOutput(out_grad=..., smooth_alpha=...)")
    shape = data.shape
    flat = not multi_output and not preserve_shape and data.ndim > 2
    if flat:
        data = reshape(data, (shape[0], math.prod(shape[1:])))
        label = reshape(label, data.shape) if label.shape == shape else label
    axis = 1 if multi_output else data.ndim - 1
    out = softmax_of(data, axis)
    classes = label.shape != data.shape
    gradient = sub(out, _target(label, data.shape, axis, data.dtype) if classes else label)
    count = like(gradient, label.size)
    if classes and use_ignore:
        kept = cast(not_equal(label, like(label, ignore_label)), data.dtype)
        column = tuple(1 if i == axis else d for i, d in enumerate(data.shape))
        gradient = mul(gradient, reshape(kept, column))
        count = reduce_sum(kept, axes_of(None, kept.ndim))
    if multi_output and normalization != "valid":
        gradient = div(gradient, like(gradient, math.prod(data.shape[2:])))
    if normalization == "batch":
        gradient = div(gradient, like(gradient, shape[0]))
    elif normalization == "valid":
        gradient = div(gradient, count)
    elif normalization != "null":
        raise MXNetError(f"Invalid Input: {normalization!r}, valid values are: {{'batch', 'null', 'valid'}}")
    return reshape(own_gradient(out, data, mul(gradient, like(gradient, grad_scale))), shape)


def _regression(name: str, value: Callable[[Node], Node], slope: Callable[[Node], Node], doc: str) -> None:
    def build(data: Node, label: Node, grad_scale=1.0) -> Node:
        if label.size != data.size:
            raise MXNetError(f"{name}: labels {label.shape} for data {data.shape}")
        out = value(data)
        each = data.size // data.shape[0] if data.ndim and data.shape[0] else 1
        gradient = slope(sub(out, reshape(label, data.shape)))
        return own_gradient(out, data, mul(gradient, like(gradient, grad_scale / each)))

    build.__doc__ = doc
    public(f"nd.{name}")(build)


def _same(x: Node) -> Node:
    return x


def _direction(x: Node) -> Node:
    """1 where positive, else -1: MXNet's slope of the absolute distance, at 0 too."""
    return where(greater(x, like(x, 0)), like(x, 1), like(x, -1))


_regression("LinearRegressionOutput", _same, _same, "`data`, whose gradient is that of half its squared "
            "distance.")
_regression("MAERegressionOutput", _same, _direction, "`data`, whose gradient is that of its absolute "
            "distance.")
_regression("LogisticRegressionOutput", sigmoid, _same, "sigmoid(data), whose gradient is the cross "
            "entropy's.")


@public("nd.MakeLoss")
def make_loss(data: Node, grad_scale=1.0, valid_thresh=0.0, normalization="null") -> Node:
    """`data`, whose gradient is `grad_scale` whatever comes from outside."""
    if normalization == "valid":
        raise NotImplementedError("MakeLoss(normalization='valid')")
    scale = grad_scale / (data.shape[0] if normalization == "batch" else 1)
    return own_gradient(data, data, broadcast_to(like(data, scale), data.shape))
