"""DenseNet: networks in which each layer takes the results of all before it.

Huang et al., Densely connected convolutional networks, arXiv:1608.06993, 2016.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import nn
from ...contrib.nn import HybridConcurrent, Identity
from ...nn.convolution import Conv2D
from ...nn.pooling import AvgPool2D, MaxPool2D
from ..model_store import ROOT
from .classifier import CPU, Classifier, with_parameters

__all__ = ["DenseNet", "densenet121", "densenet161", "densenet169", "densenet201"]

#: By the number of layers: the first convolution's channels, those that a layer adds, and the layers of the blocks.
densenet_spec = {121: (64, 32, [6, 12, 24, 16]), 161: (96, 48, [6, 12, 36, 24]), 169: (64, 32, [6, 12, 32, 32]),
                 201: (64, 32, [6, 12, 48, 32])}


def _normalized_conv(channels: int, **kwargs: Any) -> tuple[nn.HybridBlock, ...]:
    """A convolution of the rectified, normalized data."""
    return nn.BatchNorm(), nn.Activation("relu"), Conv2D(channels, use_bias=False, **kwargs)


def _make_dense_layer(growth_rate: int, bn_size: int, dropout: float) -> HybridConcurrent:
    """A layer: its data, and a 1x1 and a 3x3 convolution of them that add `growth_rate` channels."""
    added = nn.HybridSequential(prefix="")
    added.add(*_normalized_conv(bn_size * growth_rate, kernel_size=1),
              *_normalized_conv(growth_rate, kernel_size=3, padding=1))
    if dropout:
        added.add(nn.Dropout(dropout))
    made = HybridConcurrent(axis=1, prefix="")
    made.add(Identity(), added)
    return made


def _make_dense_block(num_layers: int, bn_size: int, growth_rate: int, dropout: float,
                      stage_index: int) -> nn.HybridSequential:
    made = nn.HybridSequential(prefix=f"stage{stage_index}_")
    with made.name_scope():
        for _ in range(num_layers):
            made.add(_make_dense_layer(growth_rate, bn_size, dropout))
    return made


def _make_transition(num_output_features: int) -> nn.HybridSequential:
    """The step between two blocks: fewer channels, and half the height and width."""
    made = nn.HybridSequential(prefix="")
    made.add(*_normalized_conv(num_output_features, kernel_size=1), AvgPool2D(pool_size=2, strides=2))
    return made


class DenseNet(Classifier):
    """DenseNet: blocks of layers that each add channels to their data, with transitions between the blocks.

    num_init_features: the number of the first convolution's channels.
    growth_rate: the number of channels that a layer adds.
    block_config: the numbers of layers of the blocks.
    bn_size: the number of channels within a layer, in multiples of `growth_rate`.
    dropout: the rate of a dropout after each layer; 0: none.
    classes: the number of classes.

    Images of 224x224, or of another size that leaves 7x7 pixels for the last pooling.

    >>> net = DenseNet(8, 4, [1, 2], classes=3, prefix="net_")
    >>> [name for name in net.collect_params() if name.endswith("weight")][-2:]
    ['net_stage2_conv3_weight', 'net_dense0_weight']
    """

    def __init__(self, num_init_features: int, growth_rate: int, block_config: Sequence[int], bn_size: int = 4,
                 dropout: float = 0, classes: int = 1000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            self.features.add(Conv2D(num_init_features, kernel_size=7, strides=2, padding=3, use_bias=False),
                              nn.BatchNorm(), nn.Activation("relu"), MaxPool2D(pool_size=3, strides=2, padding=1))
            channels = num_init_features
            for i, num_layers in enumerate(block_config):
                if i:
                    channels //= 2
                    self.features.add(_make_transition(channels))
                self.features.add(_make_dense_block(num_layers, bn_size, growth_rate, dropout, i + 1))
                channels += num_layers * growth_rate
            self.features.add(nn.BatchNorm(), nn.Activation("relu"), AvgPool2D(pool_size=7), nn.Flatten())
            self.output = nn.Dense(classes)


def get_densenet(num_layers: int, pretrained: bool = False, ctx: Any = CPU, root: str = ROOT, device: Any = None,
                 **kwargs: Any) -> DenseNet:
    """A DenseNet.

    num_layers: 121, 161, 169 or 201 (KeyError for another number).
    pretrained: whether its parameters are read from a file in `root`; see `model_store.get_model_file`.
    ctx (device in MXNet 2): where these parameters are.
    kwargs: those of the class.
    """
    return with_parameters(DenseNet(*densenet_spec[num_layers], **kwargs), pretrained, f"densenet{num_layers}", root,
                           ctx if device is None else device)


def densenet121(**kwargs: Any) -> DenseNet:
    """DenseNet of 121 layers. Keywords: those of `get_densenet`."""
    return get_densenet(121, **kwargs)


def densenet161(**kwargs: Any) -> DenseNet:
    """DenseNet of 161 layers. Keywords: those of `get_densenet`."""
    return get_densenet(161, **kwargs)


def densenet169(**kwargs: Any) -> DenseNet:
    """DenseNet of 169 layers. Keywords: those of `get_densenet`."""
    return get_densenet(169, **kwargs)


def densenet201(**kwargs: Any) -> DenseNet:
    """DenseNet of 201 layers. Keywords: those of `get_densenet`."""
    return get_densenet(201, **kwargs)
