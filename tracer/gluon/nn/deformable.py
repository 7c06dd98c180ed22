"""Deformable convolutions as layers: a convolution of the data finds where each place of each window is moved."""
from __future__ import annotations

from typing import Any

from tracer.ops.npx import parameter_shapes

from ..hybrid_block import HybridBlock
from . import flavour
from .activations import Activation
from .convolution import check_layout, described, sized, spread

__all__ = ["DeformableConvolution", "ModulatedDeformableConvolution"]


class _Deformable(HybridBlock):
    """The base of both layers. The convolution that finds the offsets has parameters of its own.

    per_place: the numbers found for each place of a window.
    """

    _per_place: int

    def _make(self, channels: int, kernel_size: Any, strides: Any, padding: Any, dilation: Any, groups: int,
              num_deformable_group: int, layout: str, use_bias: bool, offset_use_bias: bool, in_channels: int,
              op_name: str, adj: Any) -> None:
        """Note the settings of both convolutions."""
        check_layout(layout, 2)
        kernel = sized(kernel_size, 2, "kernel_size")
        self._channels = channels
        self._in_channels = in_channels
        self._kernel_size = kernel
        self._layout = layout
        self._groups = groups
        self._op_name = op_name
        self._offset_channels = self._per_place * kernel[0] * kernel[1] * num_deformable_group
        common = {"kernel": kernel, "stride": spread(strides, 2, "strides"), "dilate": spread(dilation, 2, "dilation"),
                  "pad": spread(padding, 2, "padding"), "num_group": groups, "layout": layout}
        if adj:
            common["adj"] = adj
        self._kwargs_offset = {**common, "num_filter": self._offset_channels, "no_bias": not offset_use_bias}
        self._kwargs_deformable_conv = {**common, "num_filter": channels, "no_bias": not use_bias,
                                        "num_deformable_group": num_deformable_group}

    def _make_offset(self, weight_initializer: Any, bias_initializer: Any) -> None:
        data = [0] * len(self._layout)
        data[self._layout.find("C")] = self._in_channels
        shapes = parameter_shapes.convolution(tuple(data), **self._kwargs_offset)
        self.offset_weight = self.params.get("offset_weight", shape=shapes["weight"], init=weight_initializer,
                                             allow_deferred_init=True)
        self.offset_bias = None if self._kwargs_offset["no_bias"] else self.params.get(
            "offset_bias", shape=shapes["bias"], init=bias_initializer, allow_deferred_init=True)

    def _make_convolution(self, weight_initializer: Any, bias_initializer: Any) -> None:
        shape = (self._channels, 0, *self._kernel_size)  # MXNet finds it in the first pass whatever in_channels is
        self.deformable_conv_weight = self.params.get("deformable_conv_weight", shape=shape, init=weight_initializer,
                                                      allow_deferred_init=True)
        self.deformable_conv_bias = None if self._kwargs_deformable_conv["no_bias"] else self.params.get(
            "deformable_conv_bias", shape=(self._channels,), init=bias_initializer, allow_deferred_init=True)

    def _make_activation(self, activation: str | None) -> None:
        self.act = Activation(activation, prefix=f"{activation}_") if activation else None

    def _offsets(self, F: Any, x: Any, weight: Any, bias: Any) -> Any:
        function = flavour.of(F, x, "Convolution", "convolution")
        return function(x, weight, bias, cudnn_off=True, **self._kwargs_offset)

    def _activated(self, out: Any) -> Any:
        return self.act(out) if self.act else out


class DeformableConvolution(_Deformable):
    """A convolution of (batch, channels, height, width) whose window places are moved by learned offsets.

    channels: the number of kernels, and of the result's channels.
    kernel_size, strides, padding, dilation: a number, or one for each axis.
    groups: the number of groups of channels that do not see each other.
    num_deformable_group: the number of groups of channels with offsets of their own.
    layout: "NCHW", or "NHWC", which no pass supports (NotImplementedError).
    use_bias, offset_use_bias: whether there is a bias, in the convolution and in the one that finds the offsets.
    in_channels: the number of the data's channels; 0: found in the first pass.
    activation: the name of an activation, as of `Activation`; None: none.
    weight_initializer, bias_initializer, offset_weight_initializer, offset_bias_initializer: the initializers.

    Dai et al., Deformable Convolutional Networks, ICCV 2017.

    >>> from tracer import nd
    >>> layer = DeformableConvolution(2, 3, padding=1)
    >>> layer.initialize()
    >>> layer(nd.ones((1, 4, 5, 6))).shape
    (1, 2, 5, 6)
    """

    _per_place = 2

    def __init__(self, channels: int, kernel_size: Any = (1, 1), strides: Any = (1, 1), padding: Any = (0, 0),
                 dilation: Any = (1, 1), groups: int = 1, num_deformable_group: int = 1, layout: str = "NCHW",
                 use_bias: bool = True, in_channels: int = 0, activation: str | None = None,
                 weight_initializer: Any = None, bias_initializer: Any = "zeros",
                 offset_weight_initializer: Any = "zeros", offset_bias_initializer: Any = "zeros",
                 offset_use_bias: bool = True, op_name: str = "DeformableConvolution", adj: Any = None,
                 prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._make(channels, kernel_size, strides, padding, dilation, groups, num_deformable_group, layout, use_bias,
                   offset_use_bias, in_channels, op_name, adj)
        with self.name_scope():
            self._make_offset(offset_weight_initializer, offset_bias_initializer)
            self._make_convolution(weight_initializer, bias_initializer)
            self._make_activation(activation)

    def hybrid_forward(self, F: Any, x: Any, offset_weight: Any, deformable_conv_weight: Any, offset_bias: Any = None,
                       deformable_conv_bias: Any = None) -> Any:
        """The layer's result."""
        offset = self._offsets(F, x, offset_weight, offset_bias)
        function = flavour.of_contrib(F, x, "DeformableConvolution", "deformable_convolution")
        return self._activated(function(x, offset, deformable_conv_weight, deformable_conv_bias, name="fwd",
                                        **self._kwargs_deformable_conv))

    def _alias(self) -> str:
        return "deformable_conv"

    def __repr__(self) -> str:
        inside = described(self.deformable_conv_weight.shape, self._kwargs_deformable_conv, self.deformable_conv_bias,
                           self.act)
        return f"{type(self).__name__}({inside})"


class ModulatedDeformableConvolution(_Deformable):
    """`DeformableConvolution` whose window places are also scaled by learned numbers between 0 and 2.

    The parameters are those of `DeformableConvolution`.

    Zhu et al., Deformable ConvNets v2: More Deformable, Better Results, CVPR 2019.

    >>> from tracer import nd
    >>> layer = ModulatedDeformableConvolution(2, 3, padding=1)
    >>> layer.initialize()
    >>> layer(nd.ones((1, 4, 5, 6))).shape
    (1, 2, 5, 6)
    """

    _per_place = 3

    def __init__(self, channels: int, kernel_size: Any = (1, 1), strides: Any = (1, 1), padding: Any = (0, 0),
                 dilation: Any = (1, 1), groups: int = 1, num_deformable_group: int = 1, layout: str = "NCHW",
                 use_bias: bool = True, in_channels: int = 0, activation: str | None = None,
                 weight_initializer: Any = None, bias_initializer: Any = "zeros",
                 offset_weight_initializer: Any = "zeros", offset_bias_initializer: Any = "zeros",
                 offset_use_bias: bool = True, op_name: str = "ModulatedDeformableConvolution", adj: Any = None,
                 prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self._make(channels, kernel_size, strides, padding, dilation, groups, num_deformable_group, layout, use_bias,
                   offset_use_bias, in_channels, op_name, adj)
        self.offset_split_index = self._offset_channels // 3 * 2
        with self.name_scope():
            self._make_convolution(weight_initializer, bias_initializer)
            self._make_offset(offset_weight_initializer, offset_bias_initializer)
            self._make_activation(activation)

    def hybrid_forward(self, F: Any, x: Any, offset_weight: Any, deformable_conv_weight: Any, offset_bias: Any = None,
                       deformable_conv_bias: Any = None) -> Any:
        """The layer's result."""
        found = self._offsets(F, x, offset_weight, offset_bias)
        offset, mask = found[:, :self.offset_split_index], found[:, self.offset_split_index:]
        mask = flavour.of(F, x, "sigmoid", "sigmoid")(mask) * 2
        function = flavour.of_contrib(F, x, "ModulatedDeformableConvolution", "modulated_deformable_convolution")
        return self._activated(function(x, offset, mask, deformable_conv_weight, deformable_conv_bias, name="fwd",
                                        **self._kwargs_deformable_conv))

    def _alias(self) -> str:
        return "modulated_deformable_conv"
