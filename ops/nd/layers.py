"""The layers of `mx.nd` as functions; most are those of `mx.npx` under their old names."""
from __future__ import annotations

from ..declare.public import Optional, public
from ..ir.errors import MXNetError
from ..ir.node import Node
from ..ir.shapes import check_choice, normalize_axis
from ..np.movement import repeat
from ..npx import parameter_shapes
from ..npx.layers import activation, arange_like, fully_connected, smooth_l1
from ..npx.normalization import (
    group_norm,
    instance_norm,
    l2_normalization,
    layer_norm,
    log_softmax,
    softmax,
    softmax_of,
)
from ..primitive.arithmetic import neg

for _name, _build, _shapes in [
    ("smooth_l1", smooth_l1, None), ("contrib.arange_like", arange_like, None),
    ("InstanceNorm", instance_norm, parameter_shapes.channels), ("L2Normalization", l2_normalization, None),
    ("LayerNorm", layer_norm, parameter_shapes.layer_norm),
]:
    public(f"nd.{_name}", shapes=_shapes)(_build)


@public("nd.FullyConnected", shapes=parameter_shapes.fully_connected)
def nd_fully_connected(data: Node, weight: Node, bias: Optional = None, num_hidden=None, no_bias=False,
                       flatten=True) -> Node:
    """data @ weight.T + bias, with the data flattened to two axes, or (flatten=False) along the data's last axis."""
    if bias is None and not no_bias:
        raise MXNetError("FullyConnected requires a bias, or no_bias=True")
    return fully_connected(data, weight, bias, num_hidden, no_bias, flatten)


@public("nd.Activation")
def nd_activation(data: Node, act_type) -> Node:
    """An activation, elementwise: "relu", "sigmoid", "tanh", "softrelu" (log(1 + exp(x))) or "softsign"."""
    return activation(data, act_type)


@public("nd.GroupNorm", shapes=parameter_shapes.channels)
def nd_group_norm(data: Node, gamma: Node, beta: Node, num_groups=1, eps=1e-5,
                  output_mean_var=False) -> Node | list[Node]:
    """The data normalized over groups of channels, times `gamma` plus `beta`, which are per group or per channel.

    output_mean_var: whether the means and standard deviations, (batch, num_groups), are returned, too.
    """
    channels = data.shape[1]
    if gamma.shape == (num_groups,) and num_groups != channels:
        gamma, beta = (repeat(x, channels // num_groups) for x in (gamma, beta))
    return group_norm(data, gamma, beta, num_groups, eps, output_mean_var)


# ---- softmax -------------------------------------------------------------------------------------

@public("nd.softmax", "nd.NDArray.softmax")
def nd_softmax(data: Node, length: Optional = None, axis=-1, temperature=None, dtype=None,
               use_length=False) -> Node:
    """exp(x / temperature), normalized to the sum 1 along `axis`; with `use_length`, 0 from `length` on."""
    return softmax(data, length, axis, temperature, use_length, dtype)


@public("nd.log_softmax", "nd.NDArray.log_softmax")
def nd_log_softmax(data: Node, axis=-1, temperature=None, dtype=None, use_length=False) -> Node:
    """The logarithm of `softmax` along `axis`."""
    _check_no_length(use_length, "log_softmax")
    return log_softmax(data, axis, None, temperature, False, dtype)


def _check_no_length(use_length: bool, name: str) -> None:
    if use_length:
        raise MXNetError(f"{name}(use_length=True): it takes no lengths")


@public("nd.softmin", "nd.NDArray.softmin")
def softmin(data: Node, axis=-1, temperature=None, dtype=None, use_length=False) -> Node:
    """`softmax` of -x."""
    _check_no_length(use_length, "softmin")
    return softmax(neg(data), None, axis, temperature, False, dtype)


@public("nd.SoftmaxActivation")
def softmax_activation(data: Node, mode="instance") -> Node:
    """`softmax` over the last axis (mode "instance"), or over axis 1 of three or more axes ("channel").

    MXNet documents "instance" as a softmax over each instance, but takes the last axis for any number of axes.
    """
    check_choice(mode, ("channel", "instance"))
    if mode == "channel" and data.ndim < 3:
        raise MXNetError(f"SoftmaxActivation(mode='channel') requires at least 3 axes, got {data.ndim}")
    return softmax_of(data, 1 if mode == "channel" else normalize_axis(-1, data.ndim))
