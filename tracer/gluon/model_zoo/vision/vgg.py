"""VGG: networks of 3x3 convolutions, of 11 to 19 layers, with and without batch normalization.

Simonyan, Zisserman, Very deep convolutional networks for large-scale image recognition, arXiv:1409.1556, 2014.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....initializer import Xavier
from ... import nn
from ...nn.convolution import Conv2D
from ...nn.pooling import MaxPool2D
from ..model_store import ROOT
from .classifier import CPU, Classifier, with_parameters

__all__ = ["VGG", "get_vgg", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"]

_FILTERS = [64, 128, 256, 512, 512]
#: By the number of layers: the numbers of convolutions, and of their channels, between two poolings.
vgg_spec = {11: ([1, 1, 2, 2, 2], _FILTERS), 13: ([2, 2, 2, 2, 2], _FILTERS), 16: ([2, 2, 3, 3, 3], _FILTERS),
            19: ([2, 2, 4, 4, 4], _FILTERS)}


def _dense(units: int, **kwargs: Any) -> nn.Dense:
    return nn.Dense(units, weight_initializer="normal", bias_initializer="zeros", **kwargs)


class VGG(Classifier):
    """VGG: groups of 3x3 convolutions with a pooling after each, and three dense layers.

    layers: the numbers of convolutions of the groups.
    filters: the numbers of their channels. AssertionError unless there are as many.
    classes: the number of classes.
    batch_norm: whether each convolution's result is normalized.

    >>> from tracer import nd
    >>> net = VGG([1, 1], [4, 8], classes=3)
    >>> net.initialize()
    >>> net(nd.ones((1, 3, 8, 8))).shape
    (1, 3)
    """

    def __init__(self, layers: Sequence[int], filters: Sequence[int], classes: int = 1000, batch_norm: bool = False,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        assert len(layers) == len(filters), f"{len(layers)} groups of layers need as many filters, not {len(filters)}"
        with self.name_scope():
            self.features = self._make_features(layers, filters, batch_norm)
            for _ in range(2):
                self.features.add(_dense(4096, activation="relu"), nn.Dropout(rate=0.5))
            self.output = _dense(classes)

    def _make_features(self, layers: Sequence[int], filters: Sequence[int], batch_norm: bool) -> nn.HybridSequential:
        """The groups of convolutions."""
        made = nn.HybridSequential(prefix="")
        for number, channels in zip(layers, filters):
            for _ in range(number):
                drawn = Xavier(rnd_type="gaussian", factor_type="out", magnitude=2)
                made.add(Conv2D(channels, kernel_size=3, padding=1, weight_initializer=drawn,
                                   bias_initializer="zeros"))
                if batch_norm:
                    made.add(nn.BatchNorm())
                made.add(nn.Activation("relu"))
            made.add(MaxPool2D(strides=2))
        return made


def get_vgg(num_layers: int, pretrained: bool = False, ctx: Any = CPU, root: str = ROOT, device: Any = None,
            **kwargs: Any) -> VGG:
    """A VGG network.

    num_layers: 11, 13, 16 or 19 (KeyError for another number).
    pretrained: whether its parameters are read from a file in `root`; see `model_store.get_model_file`.
    ctx (device in MXNet 2): where these parameters are.
    kwargs: those of the class.
    """
    net = VGG(*vgg_spec[num_layers], **kwargs)
    name = f"vgg{num_layers}{'_bn' if kwargs.get('batch_norm') else ''}"
    return with_parameters(net, pretrained, name, root, ctx if device is None else device)


def vgg11(**kwargs: Any) -> VGG:
    """VGG of 11 layers. Keywords: those of `get_vgg`."""
    return get_vgg(11, **kwargs)


def vgg13(**kwargs: Any) -> VGG:
    """VGG of 13 layers. Keywords: those of `get_vgg`."""
    return get_vgg(13, **kwargs)


def vgg16(**kwargs: Any) -> VGG:
    """VGG of 16 layers. Keywords: those of `get_vgg`."""
    return get_vgg(16, **kwargs)


def vgg19(**kwargs: Any) -> VGG:
    """VGG of 19 layers. Keywords: those of `get_vgg`."""
    return get_vgg(19, **kwargs)


def vgg11_bn(**kwargs: Any) -> VGG:
    """VGG of 11 layers with batch normalization. Keywords: those of `get_vgg`."""
    return get_vgg(11, **{**kwargs, "batch_norm": True})


def vgg13_bn(**kwargs: Any) -> VGG:
    """VGG of 13 layers with batch normalization. Keywords: those of `get_vgg`."""
    return get_vgg(13, **{**kwargs, "batch_norm": True})


def vgg16_bn(**kwargs: Any) -> VGG:
    """VGG of 16 layers with batch normalization. Keywords: those of `get_vgg`."""
    return get_vgg(16, **{**kwargs, "batch_norm": True})


def vgg19_bn(**kwargs: Any) -> VGG:
    """VGG of 19 layers with batch normalization. Keywords: those of `get_vgg`."""
    return get_vgg(19, **{**kwargs, "batch_norm": True})
