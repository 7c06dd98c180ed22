"""AlexNet, with one column of convolutions.

Krizhevsky, One weird trick for parallelizing convolutional neural networks, arXiv:1404.5997, 2014.
"""
from __future__ import annotations

from typing import Any

from ... import nn
from ...nn.convolution import Conv2D
from ...nn.pooling import MaxPool2D
from ..model_store import ROOT
from .classifier import CPU, Classifier, with_parameters

__all__ = ["AlexNet", "alexnet"]

#: For each convolution its channels, kernel, stride and padding, and whether a pooling follows.
_CONVOLUTIONS = ((64, 11, 4, 2, True), (192, 5, 1, 2, True), (384, 3, 1, 1, False), (256, 3, 1, 1, False),
                 (256, 3, 1, 1, True))


class AlexNet(Classifier):
    """AlexNet: five convolutions and three dense layers.

    classes: the number of classes.

    >>> from tracer import nd
    >>> net = AlexNet(classes=3)
    >>> net.initialize()
    >>> net(nd.ones((1, 3, 64, 64))).shape
    (1, 3)
    """

    def __init__(self, classes: int = 1000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            for channels, kernel, stride, padding, pooled in _CONVOLUTIONS:
                self.features.add(Conv2D(channels, kernel, stride, padding, activation="relu"))
                if pooled:
                    self.features.add(MaxPool2D(pool_size=3, strides=2))
            self.features.add(nn.Flatten())
            for _ in range(2):
                self.features.add(nn.Dense(4096, activation="relu"), nn.Dropout(0.5))
            self.output = nn.Dense(classes)


def alexnet(pretrained: bool = False, ctx: Any = CPU, root: str = ROOT, device: Any = None, **kwargs: Any) -> AlexNet:
    """AlexNet.

    pretrained: whether its parameters are read from a file in `root`; see `model_store.get_model_file`.
    ctx (device in MXNet 2): where these parameters are.
    kwargs: those of the class.
    """
    return with_parameters(AlexNet(**kwargs), pretrained, "alexnet", root, ctx if device is None else device)
