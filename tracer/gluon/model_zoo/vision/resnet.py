"""ResNet, version 1 and 2: residual networks of 18 to 152 layers.

He et al., Deep residual learning for image recognition, arXiv:1512.03385, 2015; Identity mappings in deep residual
networks, arXiv:1603.05027, 2016.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import nn
from ...hybrid_block import HybridBlock
from ...nn.convolution import Conv2D
from ...nn.pooling import GlobalAvgPool2D, MaxPool2D
from ..model_store import ROOT
from .classifier import CPU, Classifier, with_parameters
from .residual import BasicBlockV1, BasicBlockV2, BottleneckV1, BottleneckV2, _conv3x3

__all__ = ["BasicBlockV1", "BasicBlockV2", "BottleneckV1", "BottleneckV2", "ResNetV1", "ResNetV2", "get_resnet",
           "resnet101_v1", "resnet101_v2", "resnet152_v1", "resnet152_v2", "resnet18_v1", "resnet18_v2",
           "resnet34_v1", "resnet34_v2", "resnet50_v1", "resnet50_v2"]


class _ResNet(Classifier):
    """The base of both versions: a first convolution, stages of blocks, and a dense layer.

    block: the class of the blocks, or a function that makes one; called as `BasicBlockV1` is.
    layers: the numbers of blocks of the stages.
    channels: the number of channels of the first convolution, and of each stage. AssertionError unless there is one
        more than stages.
    classes: the number of classes.
    thumbnail: whether the images are small: then the first convolution is 3x3, without a stride and a pooling.
    """

    def __init__(self, block: Callable[..., HybridBlock], layers: Sequence[int], channels: Sequence[int],
                 classes: int = 1000, thumbnail: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        assert len(layers) == len(channels) - 1, (
            f"{len(layers)} stages need {len(layers) + 1} numbers of channels, not {len(channels)}")
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            self.features.add(*self._first())
            if thumbnail:
                self.features.add(_conv3x3(channels[0], 1, 0))
            else:
                self.features.add(Conv2D(channels[0], 7, 2, 3, use_bias=False), nn.BatchNorm(),
                                  nn.Activation("relu"), MaxPool2D(3, 2, 1))
            for i, number in enumerate(layers):
                self.features.add(self._make_layer(block, number, channels[i + 1], 2 if i else 1, i + 1,
                                                   in_channels=channels[i]))
            self.features.add(*self._last())
            self.output = nn.Dense(classes, in_units=channels[-1])

    def _first(self) -> Sequence[HybridBlock]:
        """The layers before the first convolution."""
        return ()

    def _last(self) -> Sequence[HybridBlock]:
        """The layers after the stages."""
        return (GlobalAvgPool2D(),)

    def _make_layer(self, block: Callable[..., HybridBlock], layers: int, channels: int, stride: int,
                    stage_index: int, in_channels: int = 0) -> nn.HybridSequential:
        """A stage: `layers` blocks, the first with the stride."""
        made = nn.HybridSequential(prefix=f"stage{stage_index}_")
        with made.name_scope():
            made.add(block(channels, stride, channels != in_channels, in_channels=in_channels, prefix=""))
            for _ in range(layers - 1):
                made.add(block(channels, 1, False, in_channels=channels, prefix=""))
        return made


class ResNetV1(_ResNet):
    """ResNet, version 1.

    block: the class of the blocks, or a function that makes one; called as `BasicBlockV1` is.
    layers: the numbers of blocks of the stages.
    channels: the number of channels of the first convolution, and of each stage. AssertionError unless there is one
        more than stages.
    classes: the number of classes.
    thumbnail: whether the images are small: then the first convolution is 3x3, without a stride and a pooling.

    >>> from tracer import nd
    >>> net = ResNetV1(BasicBlockV1, [1, 1], [4, 4, 8], classes=3, thumbnail=True)
    >>> net.initialize()
    >>> net(nd.ones((1, 3, 8, 8))).shape
    (1, 3)
    """


class ResNetV2(_ResNet):
    """ResNet, version 2, which normalizes before it convolves.

    Parameters as those of `ResNetV1`; `block` is called as `BasicBlockV2` is.

    >>> from tracer import nd
    >>> net = ResNetV2(BottleneckV2, [1, 1], [4, 4, 8], classes=3, thumbnail=True)
    >>> net.initialize()
    >>> net(nd.ones((1, 3, 8, 8))).shape
    (1, 3)
    """

    def _first(self) -> Sequence[HybridBlock]:
        return (nn.BatchNorm(scale=False, center=False),)

    def _last(self) -> Sequence[HybridBlock]:
        return nn.BatchNorm(), nn.Activation("relu"), GlobalAvgPool2D(), nn.Flatten()


_BASIC, _BOTTLENECK = [64, 64, 128, 256, 512], [64, 256, 512, 1024, 2048]
#: By the number of layers: the kind of block, the numbers of blocks of the stages, and the channels.
resnet_spec = {18: ("basic_block", [2, 2, 2, 2], _BASIC), 34: ("basic_block", [3, 4, 6, 3], _BASIC),
               50: ("bottle_neck", [3, 4, 6, 3], _BOTTLENECK), 101: ("bottle_neck", [3, 4, 23, 3], _BOTTLENECK),
               152: ("bottle_neck", [3, 8, 36, 3], _BOTTLENECK)}
#: The classes of the versions 1 and 2, and of their blocks.
resnet_net_versions: list[type[_ResNet]] = [ResNetV1, ResNetV2]
resnet_block_versions: list[dict[str, type[HybridBlock]]] = [
    {"basic_block": BasicBlockV1, "bottle_neck": BottleneckV1},
    {"basic_block": BasicBlockV2, "bottle_neck": BottleneckV2},
]


def get_resnet(version: int, num_layers: int, pretrained: bool = False, ctx: Any = CPU, root: str = ROOT,
               device: Any = None, **kwargs: Any) -> Classifier:
    """A residual network.

    version: 1 or 2.
    num_layers: 18, 34, 50, 101 or 152.
    pretrained: whether its parameters are read from a file in `root`; see `model_store.get_model_file`.
    ctx (device in MXNet 2): where these parameters are.
    kwargs: those of the class.

    AssertionError for another version or another number of layers.
    """
    assert num_layers in resnet_spec, f"Invalid number of layers: {num_layers}. Options are {[*resnet_spec]}"
    assert version in (1, 2), f"Invalid resnet version: {version}. Options are 1 and 2."
    kind, layers, channels = resnet_spec[num_layers]
    net = resnet_net_versions[version - 1](resnet_block_versions[version - 1][kind], layers, channels, **kwargs)
    return with_parameters(net, pretrained, f"resnet{num_layers}_v{version}", root, ctx if device is None else device)


def resnet18_v1(**kwargs: Any) -> Classifier:
    """ResNet of 18 layers, version 1. Keywords: those of `get_resnet`."""
    return get_resnet(1, 18, **kwargs)


def resnet34_v1(**kwargs: Any) -> Classifier:
    """ResNet of 34 layers, version 1. Keywords: those of `get_resnet`."""
    return get_resnet(1, 34, **kwargs)


def resnet50_v1(**kwargs: Any) -> Classifier:
    """ResNet of 50 layers, version 1. Keywords: those of `get_resnet`."""
    return get_resnet(1, 50, **kwargs)


def resnet101_v1(**kwargs: Any) -> Classifier:
    """ResNet of 101 layers, version 1. Keywords: those of `get_resnet`."""
    return get_resnet(1, 101, **kwargs)


def resnet152_v1(**kwargs: Any) -> Classifier:
    """ResNet of 152 layers, version 1. Keywords: those of `get_resnet`."""
    return get_resnet(1, 152, **kwargs)


def resnet18_v2(**kwargs: Any) -> Classifier:
    """ResNet of 18 layers, version 2. Keywords: those of `get_resnet`."""
    return get_resnet(2, 18, **kwargs)


def resnet34_v2(**kwargs: Any) -> Classifier:
    """ResNet of 34 layers, version 2. Keywords: those of `get_resnet`."""
    return get_resnet(2, 34, **kwargs)


def resnet50_v2(**kwargs: Any) -> Classifier:
    """ResNet of 50 layers, version 2. Keywords: those of `get_resnet`."""
    return get_resnet(2, 50, **kwargs)


def resnet101_v2(**kwargs: Any) -> Classifier:
    """ResNet of 101 layers, version 2. Keywords: those of `get_resnet`."""
    return get_resnet(2, 101, **kwargs)


def resnet152_v2(**kwargs: Any) -> Classifier:
    """ResNet of 152 layers, version 2. Keywords: those of `get_resnet`."""
    return get_resnet(2, 152, **kwargs)
