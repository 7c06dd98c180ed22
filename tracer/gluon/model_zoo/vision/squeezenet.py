"""SqueezeNet 1.0 and 1.1: networks of modules that narrow the channels before they widen them.

Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, arXiv:1602.07360, 2016.
"""
from __future__ import annotations

from typing import Any

from ... import nn
from ...contrib.nn import HybridConcurrent
from ...nn.convolution import Conv2D
from ...nn.pooling import AvgPool2D, MaxPool2D
from ..model_store import ROOT
from .classifier import CPU, Classifier, with_parameters

__all__ = ["SqueezeNet", "squeezenet1_0", "squeezenet1_1"]

#: By version: the first convolution's channels and kernel, and the narrow channels of the modules; 0 is a pooling.
_VERSIONS = {"1.0": (96, 7, (0, 16, 16, 32, 0, 32, 48, 48, 64, 0, 64)),
             "1.1": (64, 3, (0, 16, 16, 0, 32, 32, 0, 48, 48, 64, 64))}


def _make_fire_conv(channels: int, kernel_size: int, padding: int = 0) -> nn.HybridSequential:
    made = nn.HybridSequential(prefix="")
    made.add(Conv2D(channels, kernel_size, padding=padding), nn.Activation("relu"))
    return made


def _make_fire(squeeze_channels: int, expand1x1_channels: int, expand3x3_channels: int) -> nn.HybridSequential:
    """A module: a 1x1 convolution to few channels, then a 1x1 and a 3x3 convolution to more, side by side."""
    made = nn.HybridSequential(prefix="")
    made.add(_make_fire_conv(squeeze_channels, 1))
    paths = HybridConcurrent(axis=1, prefix="")
    paths.add(_make_fire_conv(expand1x1_channels, 1), _make_fire_conv(expand3x3_channels, 3, 1))
    made.add(paths)
    return made


class SqueezeNet(Classifier):
    """SqueezeNet: a convolution, eight modules of three convolutions each, and a convolution for the classes.

    version: "1.0", or "1.1", which computes less (AssertionError for another).
    classes: the number of classes.

    Images of 224x224, or of another size that leaves 13x13 pixels for the last pooling.

    >>> net = SqueezeNet("1.1", classes=3, prefix="net_")
    >>> [*net.collect_params()][-2:]
    ['net_conv25_weight', 'net_conv25_bias']
    """

    def __init__(self, version: str, classes: int = 1000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        assert version in _VERSIONS, f"Unsupported SqueezeNet version {version}:1.0 or 1.1 expected"
        first, kernel, modules = _VERSIONS[version]
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            self.features.add(Conv2D(first, kernel, strides=2), nn.Activation("relu"))
            for narrow in modules:
                self.features.add(_make_fire(narrow, 4 * narrow, 4 * narrow) if narrow else
                                  MaxPool2D(pool_size=3, strides=2, ceil_mode=True))
            self.features.add(nn.Dropout(0.5))
            self.output = nn.HybridSequential(prefix="")
            self.output.add(Conv2D(classes, kernel_size=1), nn.Activation("relu"), AvgPool2D(13), nn.Flatten())


def get_squeezenet(version: str, pretrained: bool = False, ctx: Any = CPU, root: str = ROOT, device: Any = None,
                   **kwargs: Any) -> SqueezeNet:
    """A SqueezeNet.

    version: "1.0" or "1.1" (AssertionError for another).
    pretrained: whether its parameters are read from a file in `root`; see `model_store.get_model_file`.
    ctx (device in MXNet 2): where these parameters are.
    kwargs: those of the class.
    """
    return with_parameters(SqueezeNet(version, **kwargs), pretrained, f"squeezenet{version}", root,
                           ctx if device is None else device)


def squeezenet1_0(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.0. Keywords: those of `get_squeezenet`."""
    return get_squeezenet("1.0", **kwargs)


def squeezenet1_1(**kwargs: Any) -> SqueezeNet:
    """SqueezeNet 1.1. Keywords: those of `get_squeezenet`."""
    return get_squeezenet("1.1", **kwargs)
