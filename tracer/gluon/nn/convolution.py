"""Convolutions and transposed convolutions over one to three axes, as layers."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracer.ops.npx import parameter_shapes

from ...base import MXNetError, numeric_types
from ..hybrid_block import HybridBlock
from . import flavour
from .activations import Activation

__all__ = ["Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose"]

_LAYOUTS = {1: ("NCW",), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}
_RULES = {"Convolution": parameter_shapes.convolution, "Deconvolution": parameter_shapes.deconvolution}


def sized(value: Any, rank: int, name: str) -> Any:
    """`value` for each of `rank` axes, if it is one number. AssertionError for a sequence of another length."""
    if isinstance(value, numeric_types):
        return (value,) * rank
    assert len(value) == rank, f"{name} must be a number or a list of {rank} ints"
    return value


def spread(value: Any, rank: int, name: str) -> Any:
    """`value` for each of `rank` axes, if it is one number. MXNetError for a sequence of another length."""
    if isinstance(value, numeric_types):
        return (value,) * rank
    if len(value) != rank:
        raise MXNetError(f"{name}={value} must be a number or have {rank} numbers, as the kernel")
    return value


def check_layout(layout: str, rank: int) -> None:
    """Raise AssertionError unless a convolution over `rank` axes may have this layout."""
    names = " and ".join([repr(name) for name in _LAYOUTS[rank]])
    assert layout in _LAYOUTS[rank], f"Only supports {names} layout for now"


class _Conv(HybridBlock):
    """The base of all convolutions: the kernels are moved over the data, a bias is added, an activation applied.

    channels: the number of kernels, and of the result's channels.
    kernel_size, strides, padding, dilation: a number for each axis; of all but the first, one number serves for all.
    groups: the number of groups of channels that do not see each other.
    layout: the order of the data's axes, such as "NCHW" or "NHWC".
    in_channels: the number of the data's channels; 0: found in the first pass.
    activation: the name of an activation, as of `Activation`; None: none.
    use_bias: whether there is a bias.
    weight_initializer, bias_initializer: the parameters' initializers.
    op_name: "Convolution" or "Deconvolution", the function of `mx.nd` that is called.
    adj: the `output_padding` of transposed convolutions.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/nn/index.html#mxnet.gluon.nn.Conv2D
    """

    def __init__(self, channels: int, kernel_size: Sequence[int], strides: Any, padding: Any, dilation: Any,
                 groups: int, layout: str, in_channels: int = 0, activation: str | None = None, use_bias: bool = True,
                 weight_initializer: Any = None, bias_initializer: Any = "zeros", op_name: str = "Convolution",
                 adj: Any = None, prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)
        rank = len(kernel_size)
        self._channels = channels
        self._in_channels = in_channels
        self._kernel_size = kernel_size
        self._layout = layout
        self._groups = groups
        self._op_name = op_name
        self._kwargs: dict[str, Any] = {
            "kernel": kernel_size, "stride": spread(strides, rank, "strides"),
            "dilate": spread(dilation, rank, "dilation"), "pad": spread(padding, rank, "padding"),
            "num_filter": channels, "num_group": groups, "no_bias": not use_bias, "layout": layout}
        if adj is not None:
            self._kwargs["adj"] = adj
        with self.name_scope():
            self.weight = self.params.get("weight", shape=self._weight_shape(), init=weight_initializer,
                                          allow_deferred_init=True)
            self.bias = self.params.get("bias", shape=(channels,), init=bias_initializer,
                                        allow_deferred_init=True) if use_bias else None
            self.act = None if activation is None else Activation(activation, prefix=f"{activation}_")

    def _weight_shape(self) -> tuple[int, ...]:
        """The shape of the weight, with 0 where it is not known. MXNetError for groups that do not divide channels."""
        if self._channels % self._groups or self._in_channels % self._groups:
            raise MXNetError(f"{self.name}: {self._in_channels} channels and {self._channels} "
                             f"filters in {self._groups} groups")
        data = [0] * len(self._layout)
        data[self._layout.find("C")] = self._in_channels
        return _RULES[self._op_name](tuple(data), **self._kwargs)["weight"]

    def hybrid_forward(self, F: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        """The layer's result."""
        function = flavour.of(F, x, self._op_name, self._op_name.lower())
        out = function(x, weight, bias, name="fwd", **self._kwargs)
        return out if self.act is None else self.act(out)

    def _alias(self) -> str:
        return "conv"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({described(self.weight.shape, self._kwargs, self.bias, self.act)})"


def described(weight: Sequence[int], kwargs: dict[str, Any], bias: Any, act: Any) -> str:
    """The text of a convolution's settings, those that are not the default ones, as MXNet prints it."""
    ones = (1,) * len(kwargs["kernel"])
    parts = [f"{weight[1] if weight[1] else None} -> {weight[0]}", f"kernel_size={kwargs['kernel']}",
             f"stride={kwargs['stride']}"]
    if kwargs["pad"] != (0,) * len(ones):
        parts.append(f"padding={kwargs['pad']}")
    if kwargs["dilate"] != ones:
        parts.append(f"dilation={kwargs['dilate']}")
    if kwargs["num_group"] != 1:
        parts.append(f"groups={kwargs['num_group']}")
    return ", ".join(parts + ["bias=False"] * (bias is None) + [str(act)] * bool(act))


class _OfRank(_Conv):
    """A convolution over the number of axes that its class says."""

    _rank: int

    def _checked(self, kernel_size: Any, layout: str) -> Any:
        check_layout(layout, self._rank)
        return sized(kernel_size, self._rank, "kernel_size")


class Conv1D(_OfRank):
    """A convolution over the last axis of (batch, channels, width).

    kernel_size, strides, padding, dilation: one number. AssertionError for a layout other than "NCW". The other
    parameters are those of `Conv2D`.

    >>> from tracer import nd
    >>> layer = Conv1D(2, 3)
    >>> layer.initialize()
    >>> layer(nd.ones((1, 4, 5))).shape
    (1, 2, 3)
    """

    _rank = 1

    def __init__(self, channels: int, kernel_size: Any, strides: Any = 1, padding: Any = 0, dilation: Any = 1,
                 groups: int = 1, layout: str = "NCW", activation: str | None = None, use_bias: bool = True,
                 weight_initializer: Any = None, bias_initializer: Any = "zeros", in_channels: int = 0,
                 **kwargs: Any) -> None:
        super().__init__(channels, self._checked(kernel_size, layout), strides, padding, dilation, groups, layout,
                         in_channels, activation, use_bias, weight_initializer, bias_initializer, **kwargs)


class Conv2D(_OfRank):
    """A convolution over the last two axes of (batch, channels, height, width).

    channels: the number of kernels, and of the result's channels.
    kernel_size, strides, padding, dilation: a number, or one for each axis.
    groups: the number of groups of channels that do not see each other.
    layout: "NCHW" or "NHWC". AssertionError for another.
    activation: the name of an activation, as of `Activation`; None: none.
    use_bias: whether there is a bias.
    weight_initializer, bias_initializer: the parameters' initializers.
    in_channels: the number of the data's channels; 0: found in the first pass.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/nn/index.html#mxnet.gluon.nn.Conv2D

    >>> from tracer import nd
    >>> layer = Conv2D(2, kernel_size=3, padding=1)
    >>> layer.initialize()
    >>> layer(nd.ones((1, 4, 5, 6))).shape, layer
    ((1, 2, 5, 6), Conv2D(4 -> 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1)))
    """

    _rank = 2

    def __init__(self, channels: int, kernel_size: Any, strides: Any = (1, 1), padding: Any = (0, 0),
                 dilation: Any = (1, 1), groups: int = 1, layout: str = "NCHW", activation: str | None = None,
                 use_bias: bool = True, weight_initializer: Any = None, bias_initializer: Any = "zeros",
                 in_channels: int = 0, **kwargs: Any) -> None:
        super().__init__(channels, self._checked(kernel_size, layout), strides, padding, dilation, groups, layout,
                         in_channels, activation, use_bias, weight_initializer, bias_initializer, **kwargs)


class Conv3D(_OfRank):
    """A convolution over the last three axes of (batch, channels, depth, height, width).

    layout: "NCDHW" or "NDHWC". The parameters are those of `Conv2D`.

    >>> from tracer import nd
    >>> layer = Conv3D(2, 3)
    >>> layer.initialize()
    >>> layer(nd.ones((1, 4, 5, 6, 7))).shape
    (1, 2, 3, 4, 5)
    """

    _rank = 3

    def __init__(self, channels: int, kernel_size: Any, strides: Any = (1, 1, 1), padding: Any = (0, 0, 0),
                 dilation: Any = (1, 1, 1), groups: int = 1, layout: str = "NCDHW", activation: str | None = None,
                 use_bias: bool = True, weight_initializer: Any = None, bias_initializer: Any = "zeros",
                 in_channels: int = 0, **kwargs: Any) -> None:
        super().__init__(channels, self._checked(kernel_size, layout), strides, padding, dilation, groups, layout,
                         in_channels, activation, use_bias, weight_initializer, bias_initializer, **kwargs)


class _Transposed(_OfRank):
    """A transposed convolution over the number of axes that its class says."""

    def __init__(self, channels: int, kernel_size: Any, strides: Any, padding: Any, output_padding: Any,
                 dilation: Any, groups: int, layout: str, activation: str | None, use_bias: bool,
                 weight_initializer: Any, bias_initializer: Any, in_channels: int, **kwargs: Any) -> None:
        self.outpad = sized(output_padding, self._rank, "output_padding")
        kwargs.setdefault("op_name", "Deconvolution")
        super().__init__(channels, self._checked(kernel_size, layout), strides, padding, dilation, groups, layout,
                         in_channels, activation, use_bias, weight_initializer, bias_initializer, adj=self.outpad,
                         **kwargs)


class Conv1DTranspose(_Transposed):
    """The transposed convolution of `Conv1D`, from its result's size to its data's.

    output_padding: the number of positions added to the result. The other parameters are those of `Conv1D`.

    >>> from tracer import nd
    >>> layer = Conv1DTranspose(2, 3, strides=2, output_padding=1)
    >>> layer.initialize()
    >>> layer(nd.ones((1, 4, 5))).shape
    (1, 2, 12)
    """

    _rank = 1

    def __init__(self, channels: int, kernel_size: Any, strides: Any = 1, padding: Any = 0, output_padding: Any = 0,
                 dilation: Any = 1, groups: int = 1, layout: str = "NCW", activation: str | None = None,
                 use_bias: bool = True, weight_initializer: Any = None, bias_initializer: Any = "zeros",
                 in_channels: int = 0, **kwargs: Any) -> None:
        super().__init__(channels, kernel_size, strides, padding, output_padding, dilation, groups, layout, activation,
                         use_bias, weight_initializer, bias_initializer, in_channels, **kwargs)


class Conv2DTranspose(_Transposed):
    """The transposed convolution of `Conv2D`, from its result's size to its data's.

    output_padding: the number of positions added to the result along each axis, smaller than the strides (MXNetError
        in the pass). The other parameters are those of `Conv2D`.

    >>> from tracer import nd
    >>> layer = Conv2DTranspose(2, 4, strides=2, padding=1)
    >>> layer.initialize()
    >>> layer(nd.ones((1, 4, 5, 6))).shape
    (1, 2, 10, 12)
    """

    _rank = 2

    def __init__(self, channels: int, kernel_size: Any, strides: Any = (1, 1), padding: Any = (0, 0),
                 output_padding: Any = (0, 0), dilation: Any = (1, 1), groups: int = 1, layout: str = "NCHW",
                 activation: str | None = None, use_bias: bool = True, weight_initializer: Any = None,
                 bias_initializer: Any = "zeros", in_channels: int = 0, **kwargs: Any) -> None:
        super().__init__(channels, kernel_size, strides, padding, output_padding, dilation, groups, layout, activation,
                         use_bias, weight_initializer, bias_initializer, in_channels, **kwargs)


class Conv3DTranspose(_Transposed):
    """The transposed convolution of `Conv3D`, from its result's size to its data's.

    The parameters are those of `Conv2DTranspose`.

    >>> from tracer import nd
    >>> layer = Conv3DTranspose(2, 2, strides=2)
    >>> layer.initialize()
    >>> layer(nd.ones((1, 4, 1, 2, 3))).shape
    (1, 2, 2, 4, 6)
    """

    _rank = 3

    def __init__(self, channels: int, kernel_size: Any, strides: Any = (1, 1, 1), padding: Any = (0, 0, 0),
                 output_padding: Any = (0, 0, 0), dilation: Any = (1, 1, 1), groups: int = 1, layout: str = "NCDHW",
                 activation: str | None = None, use_bias: bool = True, weight_initializer: Any = None,
                 bias_initializer: Any = "zeros", in_channels: int = 0, **kwargs: Any) -> None:
        super().__init__(channels, kernel_size, strides, padding, output_padding, dilation, groups, layout, activation,
                         use_bias, weight_initializer, bias_initializer, in_channels, **kwargs)
