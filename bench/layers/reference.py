"""The layers in NumPy, with gradients derived by hand: the reference in float64.

A layer's function takes (layer, take, x) and returns its output and a function *back*, which takes the gradient of
the output and returns that of x and those of the layer's parameters. `take()` returns the next parameter.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace as Layer
from typing import Any

import numpy as np

from bench.layers.sequences import attention, chained, recurrent


def run(net: list, params: list, stats: list, training: bool, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    """The output of the network, and the function from its gradient to (gradient of x, gradients of parameters).

    With `training` batch_norm normalizes by the batch (the moving statistics, which no result shows, stay), else by
    `stats`.
    """
    return _sequence(net, iter(params).__next__, iter([] if training else stats), x)


def _sequence(net: list, take: Callable, stats: Iterator, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    backs = []
    for layer in net:
        if layer.kind == "add":
            x, back = _add(layer, take, stats, x)
        elif layer.kind == "batch_norm":
            x, back = _batch_norm(layer, take, stats, x)
        else:
            x, back = FORWARD[layer.kind](layer, take, x)
        backs.append(back)

    return x, chained(backs)


def _add(layer: Layer, take: Callable, stats: Iterator, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    parts = [_sequence(branch, take, stats, x) for branch in layer.branches]

    def back(d):
        pairs = [inner(d) for _, inner in parts]
        return sum(dx for dx, _ in pairs), [grad for _, grads in pairs for grad in grads]

    return sum(y for y, _ in parts), back


def _relu(layer: Layer, take: Callable, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    y = np.maximum(x, 0)
    return y, lambda d: (d * (y > 0), [])


def _dense(layer: Layer, take: Callable, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    w = take()
    rows = x.reshape(len(x), -1) if layer.flatten else x
    y = rows @ w.T + take() if layer.bias else rows @ w.T

    def back(d):
        flat = d.reshape(-1, d.shape[-1])
        grads = [flat.T @ rows.reshape(-1, w.shape[1]), *([flat.sum(axis=0)] if layer.bias else [])]
        return (d @ w).reshape(x.shape), grads

    return y, back


def _taps(layer: Layer, shape: tuple) -> Iterator[tuple]:
    """The kernel's positions, each with the slice of the padded images that meets it; shape: of the output."""
    for i in range(layer.kernel):
        for j in range(layer.kernel):
            end = i + layer.stride * shape[2], j + layer.stride * shape[3]
            yield (i, j), (..., slice(i, end[0], layer.stride), slice(j, end[1], layer.stride))


def _padded(layer: Layer, x: np.ndarray, value: float) -> np.ndarray:
    """The images with a border, and at the end so much more that every tap's slice has the output's size."""
    border = layer.pad, layer.pad + layer.stride
    return np.pad(x, ((0, 0), (0, 0), border, border), constant_values=value)


def _window_shape(layer: Layer, x: np.ndarray, channels: int) -> tuple:
    return (len(x), channels, *((n + 2 * layer.pad - layer.kernel) // layer.stride + 1 for n in x.shape[2:]))


def _inside(layer: Layer, padded: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The part of the padded images that x fills."""
    return padded[:, :, layer.pad:layer.pad + x.shape[2], layer.pad:layer.pad + x.shape[3]]


def _conv(layer: Layer, take: Callable, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    """A convolution as products of the columns (batch, group, channel and tap, pixel) with the weights."""
    w, groups = take(), layer.groups
    shape = _window_shape(layer, x, layer.out)
    matrix = w.reshape(groups, layer.out // groups, -1)

    def columns():
        padded = _padded(layer, x, 0)
        taps = [padded[where] for _, where in _taps(layer, shape)]
        return np.stack(taps, axis=2).reshape(len(x), groups, matrix.shape[2], -1)

    y = (matrix @ columns()).reshape(shape)
    if layer.bias:
        y += take()[:, None, None]

    def back(d):
        lines = d.reshape(len(x), groups, layer.out // groups, -1)
        dw = sum(line @ column.swapaxes(1, 2) for line, column in zip(lines, columns()))
        dcolumns = (matrix.swapaxes(1, 2) @ lines).reshape(*x.shape[:2], layer.kernel ** 2, *shape[2:])
        dpadded = np.zeros_like(_padded(layer, x, 0))
        for (i, j), where in _taps(layer, shape):
            dpadded[where] += dcolumns[:, :, i * layer.kernel + j]
        grads = [dw.reshape(w.shape), *([d.sum(axis=(0, 2, 3))] if layer.bias else [])]
        return _inside(layer, dpadded, x), grads

    return y, back


def _max_pool(layer: Layer, take: Callable, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    """The largest value of each window; the gradient goes to the first of equal ones."""
    shape = _window_shape(layer, x, x.shape[1])
    padded = _padded(layer, x, -np.inf)
    values = np.stack([padded[where] for _, where in _taps(layer, shape)])
    first = values.argmax(axis=0)

    def back(d):
        dpadded = np.zeros_like(padded)
        for (i, j), where in _taps(layer, shape):
            dpadded[where] += d * (first == i * layer.kernel + j)
        return _inside(layer, dpadded, x), []

    return values.max(axis=0), back


def _mean_pool(layer: Layer, take: Callable, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    shape, size = _window_shape(layer, x, x.shape[1]), layer.kernel ** 2
    padded = _padded(layer, x, 0)

    def back(d):
        dpadded = np.zeros_like(padded)
        for _, where in _taps(layer, shape):
            dpadded[where] += d / size
        return _inside(layer, dpadded, x), []

    return sum(padded[where] for _, where in _taps(layer, shape)) / size, back


def _global_pool(layer: Layer, take: Callable, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    size = x.shape[2] * x.shape[3]
    return x.mean(axis=(2, 3), keepdims=True), lambda d: (np.broadcast_to(d / size, x.shape), [])


def _mean(layer: Layer, take: Callable, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    axis, n = layer.axis, x.shape[layer.axis]
    return x.mean(axis=axis), lambda d: (np.broadcast_to(np.expand_dims(d / n, axis), x.shape), [])


def _batch_norm(layer: Layer, take: Callable, stats: Iterator, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    gamma, beta = take()[:, None, None], take()[:, None, None]
    given = next(stats, None)
    if given is not None:
        scale = gamma / np.sqrt(next(stats)[:, None, None] + layer.epsilon)
        return (x - given[:, None, None]) * scale + beta, _no_gradient
    return _normalized(x, gamma, beta, layer.epsilon, (0, 2, 3), (0, 2, 3))


def _no_gradient(d: np.ndarray) -> Any:
    raise NotImplementedError("the gradient of batch_norm with given statistics")


def _layer_norm(layer: Layer, take: Callable, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    return _normalized(x, take(), take(), layer.epsilon, (-1,), tuple(range(x.ndim - 1)))


def _normalized(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, epsilon: float, axes: tuple,
                rest: tuple) -> tuple[np.ndarray, Callable]:
    """Values normalized over `axes`, scaled and shifted; the gradients of gamma and beta are sums over `rest`."""
    centred = x - x.mean(axis=axes, keepdims=True)
    root = 1 / np.sqrt((centred * centred).mean(axis=axes, keepdims=True) + epsilon)
    z = centred * root

    def back(d):
        dz = d * gamma
        dx = dz - dz.mean(axis=axes, keepdims=True) - z * (dz * z).mean(axis=axes, keepdims=True)
        return dx * root, [(d * z).sum(axis=rest), d.sum(axis=rest)]

    return z * gamma + beta, back


def _embedding(layer: Layer, take: Callable, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    table = take()

    def back(d):
        grad = np.zeros_like(table)
        np.add.at(grad, x, d)
        return None, [grad]

    return table[x], back


FORWARD: dict[str, Callable] = {
    "relu": _relu, "dense": _dense, "conv": _conv, "max_pool": _max_pool, "mean_pool": _mean_pool,
    "global_pool": _global_pool, "mean": _mean, "layer_norm": _layer_norm, "embedding": _embedding,
    "lstm": recurrent, "gru": recurrent, "attention": attention,
}
