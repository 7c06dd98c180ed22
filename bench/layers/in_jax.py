"""The layers in JAX, as functions of the parameters."""
from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace as Layer
from typing import Any


def run(net: list, params: Any, stats: Any, training: bool, x: Any) -> tuple[Any, list]:
    """The output of the network and the new statistics; with `training` batch_norm normalizes by the batch."""
    moved: list = []
    x = _sequence(net, iter(params).__next__, iter(stats).__next__, moved if training else None, x)
    return x, moved


def _sequence(net: list, take: Callable, stat: Callable, moved: Any, x: Any) -> Any:
    for layer in net:
        if layer.kind == "add":
            x = sum(_sequence(branch, take, stat, moved, x) for branch in layer.branches)
        elif layer.kind == "batch_norm":
            x = _batch_norm(layer, take, stat, moved, x)
        else:
            x = FORWARD[layer.kind](layer, take, x)
    return x


def _batch_norm(layer: Layer, take: Callable, stat: Callable, moved: Any, x: Any) -> Any:
    import jax
    mean, variance, given = stat(), stat(), moved is None
    if not given:
        old, mean, variance = (mean, variance), x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
        moved += [layer.keep * a + (1 - layer.keep) * b for a, b in zip(old, (mean, variance))]
    factor = take() * jax.lax.rsqrt(variance + layer.epsilon)
    return (x - mean[:, None, None]) * factor[:, None, None] + take()[:, None, None]


def _layer_norm(layer: Layer, take: Callable, x: Any) -> Any:
    import jax
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt(x.var(axis=-1, keepdims=True) + layer.epsilon) * take() + take()


def _dense(layer: Layer, take: Callable, x: Any) -> Any:
    x = x.reshape(len(x), -1) if layer.flatten else x
    y = x @ take().T
    return y + take() if layer.bias else y


def _conv(layer: Layer, take: Callable, x: Any) -> Any:
    import jax
    y = jax.lax.conv_general_dilated(x, take(), (layer.stride,) * 2, [(layer.pad,) * 2] * 2,
                                     feature_group_count=layer.groups)
    return y + take()[:, None, None] if layer.bias else y


def _pool(layer: Layer, take: Callable, x: Any) -> Any:
    import jax
    largest = layer.kind == "max_pool"
    size, stride, pad = (1, 1, *[layer.kernel] * 2), (1, 1, *[layer.stride] * 2), [(0, 0)] * 2 + [(layer.pad,) * 2] * 2
    if largest:
        return jax.lax.reduce_window(x, -float("inf"), jax.lax.max, size, stride, pad)
    return jax.lax.reduce_window(x, 0.0, jax.lax.add, size, stride, pad) / layer.kernel ** 2


def _recurrent(layer: Layer, take: Callable, x: Any) -> Any:
    import jax
    import jax.numpy as jnp
    for _ in range(layer.layers):
        w, u, b, c = (take() for _ in range(4))
        zeros = jnp.zeros((x.shape[1], layer.hidden))

        def lstm(state: Any, at: Any, u: Any = u) -> Any:
            out, cell = state
            i, f, g, o = jnp.split(at + out @ u.T, 4, axis=1)
            cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
            out = jax.nn.sigmoid(o) * jnp.tanh(cell)
            return (out, cell), out

        def gru(out: Any, at: Any, u: Any = u, c: Any = c) -> Any:
            x_reset, x_update, x_new = jnp.split(at, 3, axis=1)
            h_reset, h_update, h_new = jnp.split(out @ u.T + c, 3, axis=1)
            z = jax.nn.sigmoid(x_update + h_update)
            out = (1 - z) * jnp.tanh(x_new + jax.nn.sigmoid(x_reset + h_reset) * h_new) + z * out
            return out, out

        if layer.kind == "lstm":
            x = jax.lax.scan(lstm, (zeros, zeros), x @ w.T + b + c)[1]
        else:
            x = jax.lax.scan(gru, zeros, x @ w.T + b)[1]
    return x


def _attention(layer: Layer, take: Callable, x: Any) -> Any:
    import jax
    q, k, v = ((x @ take().T).reshape(*x.shape[:2], layer.heads, -1) for _ in range(3))
    return jax.nn.dot_product_attention(q, k, v).reshape(x.shape) @ take().T


FORWARD: dict[str, Callable] = {
    "relu": lambda layer, take, x: x.clip(0),
    "dense": _dense,
    "conv": _conv,
    "max_pool": _pool,
    "mean_pool": _pool,
    "global_pool": lambda layer, take, x: x.mean(axis=(2, 3), keepdims=True),
    "mean": lambda layer, take, x: x.mean(axis=layer.axis),
    "layer_norm": _layer_norm,
    "embedding": lambda layer, take, x: take()[x],
    "lstm": _recurrent,
    "gru": _recurrent,
    "attention": _attention,
}
