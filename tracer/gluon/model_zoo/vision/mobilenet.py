"""MobileNet, versions 1 and 2: networks of convolutions of each channel by itself, for small devices.

Howard et al., MobileNets: Efficient convolutional neural networks for mobile vision applications, arXiv:1704.04861,
2017; Sandler et al., Inverted residuals and linear bottlenecks, arXiv:1801.04381, 2018.
"""
from __future__ import annotations

from typing import Any

from .... import numpy as np
from ... import nn
from ...hybrid_block import HybridBlock
from ...nn.convolution import Conv2D
from ...nn.pooling import GlobalAvgPool2D
from ..model_store import ROOT
from .classifier import CPU, Classifier, with_parameters

__all__ = ["MobileNet", "MobileNetV2", "get_mobilenet", "get_mobilenet_v2", "mobilenet0_25", "mobilenet0_5",
           "mobilenet0_75", "mobilenet1_0", "mobilenet_v2_0_25", "mobilenet_v2_0_5", "mobilenet_v2_0_75",
           "mobilenet_v2_1_0"]

#: Version 1: the channels and the stride of each layer.
_SEPARABLE = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
#: Version 2: how many times wider its layers are within, their channels, their number, and the stride of the first.
_BOTTLENECKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
                (6, 320, 1, 1))


class RELU6(HybridBlock):
    """The rectifier, bounded by 6.

    >>> from tracer import nd
    >>> RELU6()(nd.array([-1, 3, 9])).asnumpy().tolist()
    [0.0, 3.0, 6.0]
    """

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        return np.clip(x, 0, 6) if isinstance(x, np.ndarray) else F.clip(x, 0, 6, name="relu6")


def _add_conv(out: nn.HybridSequential, channels: int = 1, kernel: int = 1, stride: int = 1, pad: int = 0,
              num_group: int = 1, active: bool = True, relu6: bool = False) -> None:
    """Append a convolution that is normalized and, if `active`, rectified."""
    out.add(Conv2D(channels, kernel, stride, pad, groups=num_group, use_bias=False), nn.BatchNorm(scale=True))
    if active:
        out.add(RELU6() if relu6 else nn.Activation("relu"))


def _add_conv_dw(out: nn.HybridSequential, dw_channels: int, channels: int, stride: int, relu6: bool = False) -> None:
    """Append a 3x3 convolution of each channel by itself, and a 1x1 convolution of all."""
    _add_conv(out, dw_channels, 3, stride, 1, num_group=dw_channels, relu6=relu6)
    _add_conv(out, channels, relu6=relu6)


class LinearBottleneck(HybridBlock):
    """A layer of version 2: it widens the channels, convolves each by itself, and narrows them without a rectifier.

    in_channels, channels: the numbers of channels of the data and of the result; if they are equal and the stride is
        1, the data are added to the result.
    t: how many times wider it is within.
    stride: the stride.

    >>> from tracer import nd
    >>> layer = LinearBottleneck(4, 4, 6, 1)
    >>> layer.initialize()
    >>> layer(nd.ones((1, 4, 5, 5))).shape, layer.use_shortcut
    ((1, 4, 5, 5), True)
    """

    def __init__(self, in_channels: int, channels: int, t: int, stride: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.use_shortcut = stride == 1 and in_channels == channels
        within = in_channels * t
        with self.name_scope():
            self.out = nn.HybridSequential()
            _add_conv(self.out, within, relu6=True)
            _add_conv(self.out, within, 3, stride, 1, num_group=within, relu6=True)
            _add_conv(self.out, channels, active=False)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        out = self.out(x)
        if not self.use_shortcut:
            return out
        return out + x if isinstance(x, np.ndarray) else F.elemwise_add(out, x)


class MobileNet(Classifier):
    """MobileNet, version 1.

    multiplier: the factor of all numbers of channels.
    classes: the number of classes.

    >>> from tracer import nd
    >>> net = MobileNet(0.25, classes=3)
    >>> net.initialize()
    >>> net(nd.ones((1, 3, 32, 32))).shape
    (1, 3)
    """

    def __init__(self, multiplier: float = 1.0, classes: int = 1000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            before = int(32 * multiplier)
            _add_conv(self.features, before, 3, 2, 1)
            for channels, stride in _SEPARABLE:
                _add_conv_dw(self.features, before, int(channels * multiplier), stride)
                before = int(channels * multiplier)
            self.features.add(GlobalAvgPool2D(), nn.Flatten())
            self.output = nn.Dense(classes)


class MobileNetV2(Classifier):
    """MobileNet, version 2.

    multiplier: the factor of all numbers of channels.
    classes: the number of classes.

    >>> from tracer import nd
    >>> net = MobileNetV2(0.25, classes=3)
    >>> net.initialize()
    >>> net(nd.ones((1, 3, 32, 32))).shape
    (1, 3)
    """

    def __init__(self, multiplier: float = 1.0, classes: int = 1000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="features_")
            with self.features.name_scope():
                before = int(32 * multiplier)
                _add_conv(self.features, before, 3, 2, 1, relu6=True)
                for wider, channels, number, stride in _BOTTLENECKS:
                    for i in range(number):
                        after = int(channels * multiplier)
                        self.features.add(LinearBottleneck(before, after, wider, 1 if i else stride))
                        before = after
                _add_conv(self.features, int(1280 * max(multiplier, 1.0)), relu6=True)
                self.features.add(GlobalAvgPool2D())
            self.output = nn.HybridSequential(prefix="output_")
            with self.output.name_scope():
                self.output.add(Conv2D(classes, 1, use_bias=False, prefix="pred_"), nn.Flatten())


def _written(multiplier: float) -> str:
    """A multiplier as it is in the names of files: 1.0, 0.75, 0.5, 0.25."""
    digits = f"{multiplier:.2f}"
    return digits[:-1] if digits in ("1.00", "0.50") else digits


def get_mobilenet(multiplier: float, pretrained: bool = False, ctx: Any = CPU, root: str = ROOT, device: Any = None,
                  **kwargs: Any) -> MobileNet:
    """A MobileNet of version 1.

    multiplier: the factor of all numbers of channels; there are parameters for 1, 0.75, 0.5 and 0.25.
    pretrained: whether its parameters are read from a file in `root`; see `model_store.get_model_file`.
    ctx (device in MXNet 2): where these parameters are.
    kwargs: those of the class.
    """
    return with_parameters(MobileNet(multiplier, **kwargs), pretrained, f"mobilenet{_written(multiplier)}", root,
                           ctx if device is None else device)


def get_mobilenet_v2(multiplier: float, pretrained: bool = False, ctx: Any = CPU, root: str = ROOT,
                     device: Any = None, **kwargs: Any) -> MobileNetV2:
    """A MobileNet of version 2. Arguments: those of `get_mobilenet`."""
    return with_parameters(MobileNetV2(multiplier, **kwargs), pretrained, f"mobilenetv2_{_written(multiplier)}", root,
                           ctx if device is None else device)


def mobilenet1_0(**kwargs: Any) -> MobileNet:
    """MobileNet with all channels. Keywords: those of `get_mobilenet`."""
    return get_mobilenet(1.0, **kwargs)


def mobilenet0_75(**kwargs: Any) -> MobileNet:
    """MobileNet with three quarters of the channels. Keywords: those of `get_mobilenet`."""
    return get_mobilenet(0.75, **kwargs)


def mobilenet0_5(**kwargs: Any) -> MobileNet:
    """MobileNet with half the channels. Keywords: those of `get_mobilenet`."""
    return get_mobilenet(0.5, **kwargs)


def mobilenet0_25(**kwargs: Any) -> MobileNet:
    """MobileNet with a quarter of the channels. Keywords: those of `get_mobilenet`."""
    return get_mobilenet(0.25, **kwargs)


def mobilenet_v2_1_0(**kwargs: Any) -> MobileNetV2:
    """MobileNet 2 with all channels. Keywords: those of `get_mobilenet_v2`."""
    return get_mobilenet_v2(1.0, **kwargs)


def mobilenet_v2_0_75(**kwargs: Any) -> MobileNetV2:
    """MobileNet 2 with three quarters of the channels. Keywords: those of `get_mobilenet_v2`."""
    return get_mobilenet_v2(0.75, **kwargs)


def mobilenet_v2_0_5(**kwargs: Any) -> MobileNetV2:
    """MobileNet 2 with half the channels. Keywords: those of `get_mobilenet_v2`."""
    return get_mobilenet_v2(0.5, **kwargs)


def mobilenet_v2_0_25(**kwargs: Any) -> MobileNetV2:
    """MobileNet 2 with a quarter of the channels. Keywords: those of `get_mobilenet_v2`."""
    return get_mobilenet_v2(0.25, **kwargs)
