"""The blocks of residual networks, of version 1 and 2: some convolutions, and the data added to their result."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ... import nn
from ...hybrid_block import HybridBlock
from ...nn import flavour
from ...nn.convolution import Conv2D

__all__ = ["BasicBlockV1", "BasicBlockV2", "BottleneckV1", "BottleneckV2"]


def _conv3x3(channels: int, stride: int, in_channels: int) -> Conv2D:
    return Conv2D(channels, kernel_size=3, strides=stride, padding=1, use_bias=False, in_channels=in_channels)


def _conv1x1(channels: int, stride: int = 1, in_channels: int = 0) -> Conv2D:
    return Conv2D(channels, kernel_size=1, strides=stride, use_bias=False, in_channels=in_channels)


def _relu(F: Any, x: Any) -> Callable[[Any], Any]:
    """The rectifier of data like `x`."""
    function = flavour.of(F, x, "Activation", "activation")
    return lambda y: function(y, act_type="relu")


class BasicBlockV1(HybridBlock):
    """A block of version 1 with two 3x3 convolutions, for ResNet 18 and 34.

    channels: the number of the result's channels.
    stride: the first convolution's stride.
    downsample: whether the data are convolved before they are added.
    in_channels: the number of the data's channels; 0: found in the first pass.

    >>> from tracer import nd
    >>> block = BasicBlockV1(8, 2, downsample=True)
    >>> block.initialize()
    >>> block(nd.ones((1, 4, 6, 6))).shape
    (1, 8, 3, 3)
    """

    def __init__(self, channels: int, stride: int, downsample: bool = False, in_channels: int = 0,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.body = nn.HybridSequential(prefix="")
        self.body.add(_conv3x3(channels, stride, in_channels), nn.BatchNorm(), nn.Activation("relu"),
                      _conv3x3(channels, 1, channels), nn.BatchNorm())
        self.downsample = _downsampling(channels, stride, in_channels) if downsample else None

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The block's result."""
        y = self.body(x)
        return _relu(F, x)((self.downsample(x) if self.downsample else x) + y)


class BottleneckV1(HybridBlock):
    """A block of version 1 with a 3x3 convolution of few channels between two 1x1, for ResNet 50, 101 and 152.

    channels: the number of the result's channels; within, there are a quarter as many.
    stride: the first convolution's stride.
    downsample: whether the data are convolved before they are added.
    in_channels: the number of the data's channels; 0: found in the first pass.

    >>> from tracer import nd
    >>> block = BottleneckV1(8, 2, downsample=True)
    >>> block.initialize()
    >>> block(nd.ones((1, 4, 6, 6))).shape
    (1, 8, 3, 3)
    """

    def __init__(self, channels: int, stride: int, downsample: bool = False, in_channels: int = 0,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        within = channels // 4
        self.body = nn.HybridSequential(prefix="")
        self.body.add(Conv2D(within, kernel_size=1, strides=stride), nn.BatchNorm(), nn.Activation("relu"),
                      _conv3x3(within, 1, within), nn.BatchNorm(), nn.Activation("relu"),
                      Conv2D(channels, kernel_size=1), nn.BatchNorm())
        self.downsample = _downsampling(channels, stride, in_channels) if downsample else None

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The block's result."""
        y = self.body(x)
        return _relu(F, x)(y + (self.downsample(x) if self.downsample else x))


def _downsampling(channels: int, stride: int, in_channels: int) -> nn.HybridSequential:
    made = nn.HybridSequential(prefix="")
    made.add(_conv1x1(channels, stride, in_channels), nn.BatchNorm())
    return made


class BasicBlockV2(HybridBlock):
    """A block of version 2, which normalizes before it convolves, with two 3x3 convolutions, for ResNet 18 and 34.

    channels: the number of the result's channels.
    stride: the first convolution's stride.
    downsample: whether the data are convolved before they are added.
    in_channels: the number of the data's channels; 0: found in the first pass.

    >>> from tracer import nd
    >>> block = BasicBlockV2(8, 2, downsample=True)
    >>> block.initialize()
    >>> block(nd.ones((1, 4, 6, 6))).shape
    (1, 8, 3, 3)
    """

    def __init__(self, channels: int, stride: int, downsample: bool = False, in_channels: int = 0,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bn1 = nn.BatchNorm()
        self.conv1 = _conv3x3(channels, stride, in_channels)
        self.bn2 = nn.BatchNorm()
        self.conv2 = _conv3x3(channels, 1, channels)
        self.downsample = _conv1x1(channels, stride, in_channels) if downsample else None

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The block's result."""
        relu = _relu(F, x)
        y = relu(self.bn1(x))
        shortcut = self.downsample(y) if self.downsample else x
        return self.conv2(relu(self.bn2(self.conv1(y)))) + shortcut


class BottleneckV2(HybridBlock):
    """A block of version 2 with a 3x3 convolution of few channels between two 1x1, for ResNet 50, 101 and 152.

    channels: the number of the result's channels; within, there are a quarter as many.
    stride: the 3x3 convolution's stride.
    downsample: whether the data are convolved before they are added.
    in_channels: the number of the data's channels; 0: found in the first pass.

    >>> from tracer import nd
    >>> block = BottleneckV2(8, 2, downsample=True)
    >>> block.initialize()
    >>> block(nd.ones((1, 4, 6, 6))).shape
    (1, 8, 3, 3)
    """

    def __init__(self, channels: int, stride: int, downsample: bool = False, in_channels: int = 0,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bn1 = nn.BatchNorm()
        self.conv1 = _conv1x1(channels // 4)
        self.bn2 = nn.BatchNorm()
        self.conv2 = _conv3x3(channels // 4, stride, channels // 4)
        self.bn3 = nn.BatchNorm()
        self.conv3 = _conv1x1(channels)
        self.downsample = _conv1x1(channels, stride, in_channels) if downsample else None

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The block's result."""
        relu = _relu(F, x)
        y = relu(self.bn1(x))
        shortcut = self.downsample(y) if self.downsample else x
        y = self.conv2(relu(self.bn2(self.conv1(y))))
        return self.conv3(relu(self.bn3(y))) + shortcut
