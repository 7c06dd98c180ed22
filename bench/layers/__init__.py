"""Networks of layers as data, from which every engine's network is made.

A network is a list of layers; a layer is a namespace with its `kind` and its options, made by the functions below.
`plan` walks a network once and tells its parameters. In reading order:

- `reference.py`, `sequences.py`: the layers in NumPy, with gradients derived by hand.
- `in_gluon.py`, `in_torch.py`, `in_jax.py`: the same layers in the frameworks.
- `training.py`, `passes.py`: training steps and passes of a network, for every engine.
- `zoo.py`: the networks of the workloads.

Parameters are a flat list of arrays in the order of the layers, with MXNet's shapes:

- conv: weight (out, in / groups, kernel, kernel), bias (out,) if it has one;
- dense: weight (out, in), bias (out,) if it has one;
- batch_norm, layer_norm: gamma, beta;
- embedding: table (words, width);
- lstm, gru: for each layer the weights of the input (gates * hidden, in) and of the state (gates * hidden, hidden), and
  two biases;
- attention: the weights (width, width) of queries, keys, values and output;
- add: those of its branches.

Statistics are a second such list: the moving mean and variance of each batch_norm.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace as Layer
from typing import Any

import numpy as np

Network = list
#: The rows of a recurrent layer's weights by unit.
GATES = {"lstm": 4, "gru": 3}


def conv(out: int, kernel: int, stride: int = 1, pad: int = 0, groups: int = 1, bias: bool = False) -> Layer:
    """A convolution of images (batch, channels, height, width) with a square kernel."""
    return Layer(kind="conv", out=out, kernel=kernel, stride=stride, pad=pad, groups=groups, bias=bias)


def pool(how: str, kernel: int, stride: int, pad: int = 0) -> Layer:
    """Pooling of square windows; how: "max" or "mean". Padding counts in the mean."""
    return Layer(kind=how + "_pool", kernel=kernel, stride=stride, pad=pad)


def global_pool() -> Layer:
    """The mean of each channel."""
    return Layer(kind="global_pool")


def dense(out: int, flatten: bool = True, bias: bool = True) -> Layer:
    """A dense layer, of all elements of a row (`flatten`) or of the last axis."""
    return Layer(kind="dense", out=out, flatten=flatten, bias=bias)


def relu() -> Layer:
    """The rectifier max(x, 0)."""
    return Layer(kind="relu")


def batch_norm() -> Layer:
    """Normalization of channels over the batch; the moving average keeps 0.9 of its value."""
    return Layer(kind="batch_norm", epsilon=1e-5, keep=0.9)


def layer_norm() -> Layer:
    """Normalization over the last axis."""
    return Layer(kind="layer_norm", epsilon=1e-5)


def embedding(words: int, width: int) -> Layer:
    """A table's rows by word."""
    return Layer(kind="embedding", words=words, width=width)


def recurrent(kind: str, hidden: int, layers: int = 1) -> Layer:
    """Layers of LSTM or GRU units over (length, batch, width), which begin with zeros; kind: "lstm" or "gru"."""
    return Layer(kind=kind, hidden=hidden, layers=layers)


def mean(axis: int) -> Layer:
    """The mean over one axis."""
    return Layer(kind="mean", axis=axis)


def attention(heads: int) -> Layer:
    """Self-attention over (batch, length, width) with several heads, without biases."""
    return Layer(kind="attention", heads=heads)


def add(*branches: Network) -> Layer:
    """The sum of networks of the same input; an empty one is the input itself."""
    return Layer(kind="add", branches=list(branches))


def plan(net: Network, shape: Sequence[int]) -> Layer:
    """The facts of a network for inputs of `shape`.

    params: (shape, scale) of each parameter; scale is the deviation of drawn values, or None for ones.
    stats: the numbers of channels of its batch_norms.
    shape: the shape of its output.
    flops: the fewest floating-point operations of the forward's matrix products and convolutions: those of 3x3
        convolutions with stride 1 count a quarter, because Winograd's algorithm F(4x4, 3x3) needs no more.

    >>> plan([conv(6, 5, pad=2), relu(), pool("max", 2, 2), dense(10)], (8, 1, 28, 28)).shape
    (8, 10)
    """
    facts = Layer(params=[], stats=[], shape=tuple(shape), flops=0.0)
    for layer in net:
        _walk(layer, facts)
    return facts


def _windows(layer: Layer, size: int) -> int:
    return (size + 2 * layer.pad - layer.kernel) // layer.stride + 1


def _walk(layer: Layer, facts: Layer) -> None:
    """Add one layer to the facts."""
    shape, kind = facts.shape, layer.kind

    def weight(*size: int, scale: Any = None) -> None:
        facts.params.append((size, 1 / math.sqrt(np.prod(size[1:])) if scale is None else scale))

    def norm(width: int) -> None:
        facts.params += [((width,), None), ((width,), 0.1)]

    if kind == "conv":
        weight(layer.out, shape[1] // layer.groups, layer.kernel, layer.kernel,
               scale=math.sqrt(2 * layer.groups / shape[1]) / layer.kernel)
        if layer.bias:
            weight(layer.out, scale=0.1)
        facts.shape = (shape[0], layer.out, _windows(layer, shape[2]), _windows(layer, shape[3]))
        fewest = 0.25 if (layer.kernel, layer.stride) == (3, 1) else 1
        facts.flops += fewest * 2.0 * np.prod(facts.shape) * shape[1] // layer.groups * layer.kernel ** 2
    elif kind in ("max_pool", "mean_pool"):
        facts.shape = (*shape[:2], _windows(layer, shape[2]), _windows(layer, shape[3]))
    elif kind == "global_pool":
        facts.shape = (*shape[:2], 1, 1)
    elif kind == "dense":
        width = int(np.prod(shape[1:])) if layer.flatten else shape[-1]
        weight(layer.out, width)
        if layer.bias:
            weight(layer.out, scale=0.1)
        facts.shape = (shape[0], layer.out) if layer.flatten else (*shape[:-1], layer.out)
        facts.flops += 2.0 * np.prod(facts.shape) * width
    elif kind == "batch_norm":
        norm(shape[1])
        facts.stats.append(shape[1])
    elif kind == "layer_norm":
        norm(shape[-1])
    elif kind == "embedding":
        weight(layer.words, layer.width, scale=1.0)
        facts.shape = (*shape, layer.width)
    elif kind in GATES:
        rows, width = GATES[kind] * layer.hidden, shape[-1]
        for _ in range(layer.layers):
            for size in ((rows, width), (rows, layer.hidden), (rows,), (rows,)):
                weight(*size, scale=1 / math.sqrt(layer.hidden))
            facts.flops += 2.0 * np.prod(shape[:-1]) * rows * (width + layer.hidden)
            width = layer.hidden
        facts.shape = (*shape[:-1], layer.hidden)
    elif kind == "mean":
        facts.shape = (*shape[:layer.axis], *shape[layer.axis + 1:])
    elif kind == "attention":
        batch, length, width = shape
        for _ in range(4):
            weight(width, width)
        facts.flops += 2.0 * batch * length * width * (4 * width + 2 * length)
    elif kind == "add":
        for branch in layer.branches:
            facts.shape = shape
            for inner in branch:
                _walk(inner, facts)


def draw(random: np.random.RandomState, net: Network, shape: Sequence[int]) -> dict[str, Any]:
    """The network with float32 parameters and statistics drawn for inputs of `shape`: inputs of a workload."""
    facts = plan(net, shape)
    params = [(np.ones(size) if scale is None else random.randn(*size) * scale).astype("float32")
              for size, scale in facts.params]
    stats = [a.astype("float32") for width in facts.stats
             for a in (random.randn(width) * 0.1, random.uniform(0.5, 1.5, width))]
    return {"net": net, "params": params, "stats": stats}
