"""Recurrent layers and attention in NumPy, with gradients derived by hand (in the form of `reference.py`)."""
from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace as Layer
from typing import Any

import numpy as np


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * np.tanh(0.5 * x) + 0.5


def _parts(gates: np.ndarray, hidden: int) -> list[np.ndarray]:
    return [gates[..., i:i + hidden] for i in range(0, gates.shape[-1], hidden)]


def chained(backs: list[Callable]) -> Callable:
    """The function back of layers that follow each other, from those of the layers."""
    def through(d):
        grads: list[np.ndarray] = []
        for back in reversed(backs):
            d, new = back(d)
            grads[:0] = new
        return d, grads

    return through


def recurrent(layer: Layer, take: Callable, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    """Layers of LSTM or GRU units over (length, batch, width), which begin with zeros."""
    unit, backs = {"lstm": _lstm, "gru": _gru}[layer.kind], []
    for _ in range(layer.layers):
        x, back = unit(layer.hidden, [take() for _ in range(4)], x)
        backs.append(back)

    return x, chained(backs)


def _sums(weights: list, x: np.ndarray, outs: np.ndarray, of_x: np.ndarray, of_h: np.ndarray) -> tuple[Any, list]:
    """The gradients of x and of the weights, from those of the two products of every step."""
    w, u, _, _ = weights
    rows = of_x.shape[-1]
    before = np.concatenate([np.zeros_like(outs[:1]), outs[:-1]])
    grads = [of_x.reshape(-1, rows).T @ x.reshape(-1, x.shape[-1]),
             of_h.reshape(-1, rows).T @ before.reshape(-1, before.shape[-1]),
             of_x.sum(axis=(0, 1)), of_h.sum(axis=(0, 1))]
    return of_x @ w, grads


def _lstm(hidden: int, weights: list, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    """Long short-term memory; gates in the order input, forget, cell, output."""
    w, u, b, c = weights
    given = x @ w.T + b + c
    cell = np.zeros((x.shape[1], hidden), x.dtype)
    out, seen, outs = cell, [], []
    for at in given:
        a_in, a_forget, a_cell, a_out = _parts(at + out @ u.T, hidden)
        i, f, g, o = _sigmoid(a_in), _sigmoid(a_forget), np.tanh(a_cell), _sigmoid(a_out)
        before, cell = cell, f * cell + i * g
        spread = np.tanh(cell)
        out = o * spread
        seen.append((i, f, g, o, before, spread))
        outs.append(out)

    def back(d):
        dgates, dout, dcell = np.empty_like(given), np.zeros_like(out), np.zeros_like(out)
        for t in reversed(range(len(seen))):
            i, f, g, o, before, spread = seen[t]
            dout = dout + d[t]
            dcell = dcell + dout * o * (1 - spread * spread)
            pieces = [dcell * g * i * (1 - i), dcell * before * f * (1 - f), dcell * i * (1 - g * g),
                      dout * spread * o * (1 - o)]
            dgates[t] = np.concatenate(pieces, axis=1)
            dout, dcell = dgates[t] @ u, dcell * f
        return _sums(weights, x, np.stack(outs), dgates, dgates)

    return np.stack(outs), back


def _gru(hidden: int, weights: list, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    """Gated recurrent units; gates in the order reset, update, new; the reset gate multiplies the state's product."""
    w, u, b, c = weights
    given = x @ w.T + b
    out = np.zeros((x.shape[1], hidden), x.dtype)
    seen, outs = [], []
    for at in given:
        x_reset, x_update, x_new = _parts(at, hidden)
        h_reset, h_update, h_new = _parts(out @ u.T + c, hidden)
        r, z = _sigmoid(x_reset + h_reset), _sigmoid(x_update + h_update)
        n = np.tanh(x_new + r * h_new)
        seen.append((r, z, n, h_new, out))
        out = (1 - z) * n + z * out
        outs.append(out)

    def back(d):
        of_x, of_h, dout = np.empty_like(given), np.empty_like(given), np.zeros_like(out)
        for t in reversed(range(len(seen))):
            r, z, n, h_new, before = seen[t]
            dout = dout + d[t]
            d_new = dout * (1 - z) * (1 - n * n)
            d_update = dout * (before - n) * z * (1 - z)
            d_reset = d_new * h_new * r * (1 - r)
            of_x[t] = np.concatenate([d_reset, d_update, d_new], axis=1)
            of_h[t] = np.concatenate([d_reset, d_update, d_new * r], axis=1)
            dout = of_h[t] @ u + dout * z
        return _sums(weights, x, np.stack(outs), of_x, of_h)

    return np.stack(outs), back


def attention(layer: Layer, take: Callable, x: np.ndarray) -> tuple[np.ndarray, Callable]:
    """Self-attention over (batch, length, width) with several heads."""
    wq, wk, wv, wo = (take() for _ in range(4))
    batch, length, width = x.shape
    part = width // layer.heads

    def split(a):
        return a.reshape(batch, length, layer.heads, part).transpose(0, 2, 1, 3)

    def join(a):
        return a.transpose(0, 2, 1, 3).reshape(batch, length, width)

    def weight(d, a):
        return d.reshape(-1, width).T @ a.reshape(-1, width)

    q, k, v = split(x @ wq.T), split(x @ wk.T), split(x @ wv.T)
    p = q @ k.swapaxes(2, 3) / math.sqrt(part)
    p = np.exp(p - p.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    merged = join(p @ v)

    def back(d):
        do = split(d @ wo)
        dp = do @ v.swapaxes(2, 3)
        ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True)) / math.sqrt(part)
        dq, dk, dv = join(ds @ k), join(ds.swapaxes(2, 3) @ q), join(p.swapaxes(2, 3) @ do)
        grads = [weight(dq, x), weight(dk, x), weight(dv, x), weight(d, merged)]
        return dq @ wq + dk @ wk + dv @ wv, grads

    return merged @ wo.T, back
