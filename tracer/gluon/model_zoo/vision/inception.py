"""Inception v3: a network of modules whose convolutions of several sizes work side by side.

Szegedy et al., Rethinking the Inception architecture for computer vision, arXiv:1512.00567, 2015.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ... import nn
from ...contrib.nn import HybridConcurrent
from ...nn.convolution import Conv2D
from ...nn.pooling import AvgPool2D, MaxPool2D
from ..model_store import ROOT
from .classifier import CPU, Classifier, with_parameters

__all__ = ["Inception3", "inception_v3"]


class _Conv(NamedTuple):
    """A convolution that is normalized and rectified."""

    channels: int
    kernel_size: Any
    strides: int = 1
    padding: Any = 0


# A branch is a tuple of what comes one after the other: convolutions, poolings by name, branches, and modules.
# A module is a list of branches side by side.

def _a(pooled: int) -> list[tuple]:
    """The module at 35x35 pixels; `pooled` channels come from its pooling."""
    return [(_Conv(64, 1),), (_Conv(48, 1), _Conv(64, 5, padding=2)),
            (_Conv(64, 1), _Conv(96, 3, padding=1), _Conv(96, 3, padding=1)), ("avg", _Conv(pooled, 1))]


def _c(within: int) -> list[tuple]:
    """The module at 17x17 pixels, with 7x7 kernels in two steps that have `within` channels."""
    wide, high = _Conv(within, (1, 7), padding=(0, 3)), _Conv(within, (7, 1), padding=(3, 0))
    return [(_Conv(192, 1),), (_Conv(within, 1), wide, high._replace(channels=192)),
            (_Conv(within, 1), high, wide, high, wide._replace(channels=192)), ("avg", _Conv(192, 1))]


_WIDE7, _HIGH7 = _Conv(192, (1, 7), padding=(0, 3)), _Conv(192, (7, 1), padding=(3, 0))
_SPLIT3 = [(_Conv(384, (1, 3), padding=(0, 1)),), (_Conv(384, (3, 1), padding=(1, 0)),)]
_B = [(_Conv(384, 3, 2),), (_Conv(64, 1), _Conv(96, 3, padding=1), _Conv(96, 3, 2)), ("max",)]
_D = [(_Conv(192, 1), _Conv(320, 3, 2)), (_Conv(192, 1), _WIDE7, _HIGH7, _Conv(192, 3, 2)), ("max",)]
_E = [(_Conv(320, 1),), ((_Conv(384, 1),), _SPLIT3), ((_Conv(448, 1), _Conv(384, 3, padding=1)), _SPLIT3),
      ("avg", _Conv(192, 1))]

#: What comes before the modules, at 299x299 pixels.
_STEM = (_Conv(32, 3, 2), _Conv(32, 3), _Conv(64, 3, padding=1), "max", _Conv(80, 1), _Conv(192, 3), "max")
#: The modules, with the prefixes of their names.
_MODULES = (("A1_", _a(32)), ("A2_", _a(64)), ("A3_", _a(64)), ("B_", _B), ("C1_", _c(128)), ("C2_", _c(160)),
            ("C3_", _c(160)), ("C4_", _c(192)), ("D_", _D), ("E1_", _E), ("E2_", _E))


def _make_basic_conv(**kwargs: Any) -> nn.HybridSequential:
    made = nn.HybridSequential(prefix="")
    made.add(Conv2D(use_bias=False, **kwargs), nn.BatchNorm(epsilon=0.001), nn.Activation("relu"))
    return made


def _made(part: Any) -> nn.HybridBlock:
    """The block of a part of a branch."""
    if isinstance(part, _Conv):
        return _make_basic_conv(**part._asdict())
    if isinstance(part, str):
        return MaxPool2D(pool_size=3, strides=2) if part == "max" else AvgPool2D(3, strides=1, padding=1)
    if isinstance(part, list):
        return _module(part, "")
    made = nn.HybridSequential(prefix="")
    for one in part:
        made.add(_made(one))
    return made


def _module(branches: Sequence[tuple], prefix: str) -> HybridConcurrent:
    made = HybridConcurrent(axis=1, prefix=prefix)
    with made.name_scope():
        for branch in branches:
            made.add(_made(branch))
    return made


def make_aux(classes: int) -> nn.HybridSequential:
    """The second classifier that the paper trains on the result of the last module at 17x17 pixels.

    classes: the number of classes.
    """
    made = nn.HybridSequential(prefix="")
    made.add(AvgPool2D(pool_size=5, strides=3), _make_basic_conv(channels=128, kernel_size=1),
             _make_basic_conv(channels=768, kernel_size=5), nn.Flatten(), nn.Dense(classes))
    return made


class Inception3(Classifier):
    """Inception v3, for images of 299x299.

    classes: the number of classes.

    >>> net = Inception3(classes=3, prefix="net_")
    >>> [*net.collect_params()][-7]
    'net_E2_conv8_weight'
    """

    def __init__(self, classes: int = 1000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            for part in _STEM:
                self.features.add(_made(part))
            for prefix, branches in _MODULES:
                self.features.add(_module(branches, prefix))
            self.features.add(AvgPool2D(pool_size=8), nn.Dropout(0.5))
            self.output = nn.Dense(classes)


def inception_v3(pretrained: bool = False, ctx: Any = CPU, root: str = ROOT, device: Any = None,
                 **kwargs: Any) -> Inception3:
    """Inception v3.

    pretrained: whether its parameters are read from a file in `root`; see `model_store.get_model_file`.
    ctx (device in MXNet 2): where these parameters are.
    kwargs: those of the class.
    """
    return with_parameters(Inception3(**kwargs), pretrained, "inceptionv3", root, ctx if device is None else device)
