"""The layers in PyTorch, as functions of the parameters."""
from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace as Layer
from typing import Any


def run(net: list, params: Any, stats: list, training: bool, x: Any) -> Any:
    """The output of the network; with `training` batch_norm normalizes by the batch and moves `stats`."""
    return _sequence(net, iter(params).__next__, iter(stats).__next__, training, x)


def _sequence(net: list, take: Callable, stat: Callable, training: bool, x: Any) -> Any:
    from torch.nn import functional as F
    for layer in net:
        if layer.kind == "add":
            x = sum(_sequence(branch, take, stat, training, x) for branch in layer.branches)
        elif layer.kind == "batch_norm":
            x = F.batch_norm(x, stat(), stat(), take(), take(), training, 1 - layer.keep, layer.epsilon)
        else:
            x = FORWARD[layer.kind](F, layer, take, x)
    return x


def _dense(F: Any, layer: Layer, take: Callable, x: Any) -> Any:
    x = x.flatten(1) if layer.flatten else x
    return F.linear(x, take(), take() if layer.bias else None)


def _conv(F: Any, layer: Layer, take: Callable, x: Any) -> Any:
    return F.conv2d(x, take(), take() if layer.bias else None, layer.stride, layer.pad, groups=layer.groups)


def _recurrent(F: Any, layer: Layer, take: Callable, x: Any) -> Any:
    import torch
    weights = [take() for _ in range(4 * layer.layers)]
    begin = x.new_zeros(layer.layers, x.shape[1], layer.hidden)
    options = True, layer.layers, 0.0, torch.is_grad_enabled(), False, False
    if layer.kind == "lstm":
        return torch.lstm(x, (begin, begin), weights, *options)[0]
    return torch.gru(x, begin, weights, *options)[0]


def _attention(F: Any, layer: Layer, take: Callable, x: Any) -> Any:
    q, k, v = (F.linear(x, take()).unflatten(2, (layer.heads, -1)).transpose(1, 2) for _ in range(3))
    return F.linear(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2), take())


FORWARD: dict[str, Callable] = {
    "relu": lambda F, layer, take, x: F.relu(x),
    "dense": _dense,
    "conv": _conv,
    "max_pool": lambda F, layer, take, x: F.max_pool2d(x, layer.kernel, layer.stride, layer.pad),
    "mean_pool": lambda F, layer, take, x: F.avg_pool2d(x, layer.kernel, layer.stride, layer.pad),
    "global_pool": lambda F, layer, take, x: F.adaptive_avg_pool2d(x, 1),
    "mean": lambda F, layer, take, x: x.mean(dim=layer.axis),
    "layer_norm": lambda F, layer, take, x: F.layer_norm(x, x.shape[-1:], take(), take(), layer.epsilon),
    "embedding": lambda F, layer, take, x: F.embedding(x, take()),
    "lstm": _recurrent,
    "gru": _recurrent,
    "attention": _attention,
}
