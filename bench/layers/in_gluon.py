"""The layers in Gluon: plain blocks, filled with the given parameters; for tracer and real MXNet."""
from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace as Layer
from typing import Any

import numpy as np

from bench.layers import GATES


def build(net: list, params: list, stats: list) -> tuple[Any, list]:
    """A block of the network, initialized, and its parameters in the order of `params`."""
    found: list = []
    block = _sequence(net, iter(params).__next__, found)
    block.initialize()
    for param, value in zip(found, params):
        param.set_data(value)
    moving = [p for name, p in block.collect_params().items() if name.endswith(("running_mean", "running_var"))]
    for param, value in zip(moving, stats):
        param.set_data(value)
    return block, found


def _sequence(net: list, take: Callable, found: list) -> Any:
    """A block of the layers; adds its parameters to `found`.

    Recurrent layers are in a Sequential, which hybridizes each layer by itself: within a hybridized block MXNet 1.9.1
    can't make their first state under NumPy's semantics.
    """
    from mxnet.gluon import nn
    sequence = (nn.Sequential if any(layer.kind in GATES for layer in net) else nn.HybridSequential)()
    for layer in net:
        if layer.kind == "add":
            sequence.add(_sum([_sequence(branch, take, found) if branch else None for branch in layer.branches]))
        elif layer.kind in GATES:
            weights = [take() for _ in range(4 * layer.layers)]
            sequence.add(_recurrent(layer, weights, found))
        elif layer.kind == "attention":
            sequence.add(_attention(layer.heads, [take() for _ in range(4)], found))
        else:
            sequence.add(_simple(nn, layer, take, found))
    return sequence


def _simple(nn: Any, layer: Layer, take: Callable, found: list) -> Any:
    """A block of one layer without inner ones."""
    kind = layer.kind
    if kind == "relu":
        return nn.Activation("relu")
    if kind in ("max_pool", "mean_pool"):
        make = {"max_pool": nn.MaxPool2D, "mean_pool": nn.AvgPool2D}[kind]
        return make(layer.kernel, layer.stride, layer.pad)
    if kind == "global_pool":
        return nn.GlobalAvgPool2D()
    if kind == "mean":
        return nn.HybridLambda(lambda F, x: F.np.mean(x, axis=layer.axis))
    w = take()
    if kind == "conv":
        block = nn.Conv2D(layer.out, layer.kernel, layer.stride, layer.pad, groups=layer.groups, use_bias=layer.bias,
                          in_channels=w.shape[1] * layer.groups)
    elif kind == "dense":
        block = nn.Dense(layer.out, flatten=layer.flatten, use_bias=layer.bias, in_units=w.shape[1])
    elif kind == "batch_norm":
        block = nn.BatchNorm(momentum=layer.keep, epsilon=layer.epsilon, in_channels=len(w))
    elif kind == "layer_norm":
        block = nn.LayerNorm(epsilon=layer.epsilon, in_channels=len(w))
    else:
        block = nn.Embedding(layer.words, layer.width)
    norm = kind in ("batch_norm", "layer_norm")
    found.append(block.gamma if norm else block.weight)
    if norm or getattr(layer, "bias", False):
        take()
        found.append(block.beta if norm else block.bias)
    return block


def _recurrent(layer: Layer, weights: list[np.ndarray], found: list) -> Any:
    from mxnet.gluon import rnn
    kind = {"lstm": rnn.LSTM, "gru": rnn.GRU}[layer.kind]
    block = kind(layer.hidden, layer.layers, input_size=weights[0].shape[1])
    for i in range(layer.layers):
        found += [getattr(block, f"l{i}_{name}") for name in ("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias")]
    return block


def _sum(branches: list) -> Any:
    from mxnet import gluon

    class Sum(gluon.HybridBlock):
        """The sum of blocks of the same input; None is the input itself."""

        def __init__(self) -> None:
            super().__init__()
            self.branches = branches
            for branch in branches:
                if branch is not None:
                    self.register_child(branch)

        def hybrid_forward(self, F: Any, x: Any) -> Any:
            first, *others = [x if branch is None else branch(x) for branch in self.branches]
            for other in others:
                first = first + other
            return first

    return Sum()


def _attention(heads: int, weights: list[np.ndarray], found: list) -> Any:
    from mxnet import gluon
    width = len(weights[0])
    part = width // heads

    class Attention(gluon.HybridBlock):
        """Self-attention over (batch, length, width)."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = gluon.nn.HybridSequential()
            for _ in weights:
                self.layers.add(gluon.nn.Dense(width, flatten=False, use_bias=False, in_units=width))

        def hybrid_forward(self, F: Any, x: Any) -> Any:
            of_q, of_k, of_v, of_out = self.layers

            def split(a: Any) -> Any:
                a = F.npx.reshape(a, (-2, -2, heads, part)).transpose((0, 2, 1, 3))
                return F.npx.reshape(a, (-5, -2, -2))

            q, k, v = split(of_q(x)), split(of_k(x)), split(of_v(x))
            p = F.npx.softmax(F.npx.batch_dot(q, k, transpose_b=True) / math.sqrt(part), axis=-1)
            merged = F.npx.reshape(F.npx.batch_dot(p, v), (-6, -1, heads, -2, -2)).transpose((0, 2, 1, 3))
            return of_out(F.npx.reshape(merged, (-2, -2, -5)))

    block = Attention()
    found += [layer.weight for layer in block.layers]
    return block
