"""The networks of the workloads."""
from __future__ import annotations

from types import SimpleNamespace as Layer

from bench.layers import add, attention, batch_norm, conv, dense, global_pool, layer_norm, pool, relu


def lenet() -> list[Layer]:
    """LeNet-5 for images of 28x28 (LeCun et al. 1998), with rectifiers and largest values."""
    return [conv(6, 5, pad=2, bias=True), relu(), pool("max", 2, 2), conv(16, 5, bias=True), relu(), pool("max", 2, 2),
            dense(120), relu(), dense(84), relu(), dense(10)]


def _block(out: int, stride: int, same: bool) -> list[Layer]:
    """Two 3x3 convolutions beside a shortcut."""
    main = [conv(out, 3, stride, 1), batch_norm(), relu(), conv(out, 3, 1, 1), batch_norm()]
    return [add(main, [] if same else [conv(out, 1, stride), batch_norm()]), relu()]


def resnet18(classes: int, large: bool) -> list[Layer]:
    """ResNet-18 (He et al. 2015), with the stem for large images (7x7, stride 2, pooling) or for small ones (3x3)."""
    stem = [conv(64, 7, 2, 3), batch_norm(), relu(), pool("max", 3, 2, 1)]
    layers = stem if large else [conv(64, 3, 1, 1), batch_norm(), relu()]
    before = 64
    for out in (64, 128, 256, 512):
        layers += _block(out, 1 if out == 64 else 2, out == before) + _block(out, 1, True)
        before = out
    return [*layers, global_pool(), dense(classes)]


def mobile() -> list[Layer]:
    """A network of depthwise 3x3 and pointwise convolutions (MobileNet, Howard et al. 2017), with fewer layers."""
    layers, before = [conv(32, 3, 2, 1), batch_norm(), relu()], 32
    for out, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)):
        layers += [conv(before, 3, stride, 1, groups=before), batch_norm(), relu()]
        layers += [conv(out, 1), batch_norm(), relu()]
        before = out
    return [*layers, global_pool(), dense(10)]


def encoder(width: int, heads: int, inner: int) -> list[Layer]:
    """A block of a transformer's encoder (Vaswani et al. 2017), without dropout."""
    feed = [dense(inner, flatten=False), relu(), dense(width, flatten=False)]
    return [add([], [attention(heads)]), layer_norm(), add([], feed), layer_norm()]
