"""Interleaved attention, and images in another size: both are sums of products."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from .np_products import einsum
from .values import NoAnswer, Value


def div_sqrt_dim(data: Any) -> Any:
    return data / math.sqrt(data.shape[-1])


def _split(x: Any, heads: int, parts: int, which: int) -> Any:
    """One of the interleaved parts, as (length, batch, heads, size)."""
    length, batch, width = x.shape
    if width % (heads * parts):
        raise NoAnswer("shape")
    return x.reshape((length, batch, heads, parts, width // (heads * parts)))[:, :, :, which]


def _scores(queries: Any, keys: Any) -> Any:
    found = einsum("qbhs,kbhs->bhqk", queries / math.sqrt(queries.shape[3]), keys)
    return found.reshape((found.shape[0] * found.shape[1], *found.shape[2:]))


def _mixed(values: Any, attention: Any) -> Any:
    keys, batch, heads, size = values.shape
    if attention.ndim != 3 or (attention.shape[0], attention.shape[2]) != (batch * heads, keys):
        raise NoAnswer("shape")
    weights = attention.reshape((batch, heads, *attention.shape[1:]))
    return einsum("bhqk,kbhs->qbhs", weights, values).reshape((attention.shape[1], batch, heads * size))


def selfatt_qk(queries_keys_values: Any, heads: int) -> Any:
    return _scores(*[_split(queries_keys_values, heads, 3, i) for i in (0, 1)])


def selfatt_valatt(queries_keys_values: Any, attention: Any, heads: int) -> Any:
    return _mixed(_split(queries_keys_values, heads, 3, 2), attention)


def encdec_qk(queries: Any, keys_values: Any, heads: int) -> Any:
    return _scores(_split(queries, heads, 1, 0), _split(keys_values, heads, 2, 0))


def encdec_valatt(keys_values: Any, attention: Any, heads: int) -> Any:
    return _mixed(_split(keys_values, heads, 2, 1), attention)


# ---- images --------------------------------------------------------------------------------------

def _windows(n: int, out: int) -> np.ndarray:
    """The matrix (out, n) of means over adaptive windows."""
    found = np.zeros((out, n))
    for i in range(out):
        low, high = i * n // out, -(-(i + 1) * n // out)
        found[i, low:high] = 1 / (high - low)
    return found


def _neighbours(n: int, out: int, corners: bool) -> np.ndarray:
    """The matrix (out, n) of bilinear interpolation, whose places are of float32."""
    f, found = np.float32, np.zeros((out, n))
    step = f(0) if out == 1 else f(n - 1) / f(out - 1) if corners else f(n) / f(out)
    for i in range(out):
        place = step * f(i) if corners else f(max(float(step) * (i + 0.5) - 0.5, 0))
        low, above = min(int(place), n - 1), float(place - f(int(place)))
        found[i, low] += 1 - above
        found[i, min(low + 1, n - 1)] += above
    return found


def _mapped(data: Any, rows: np.ndarray, columns: np.ndarray) -> Any:
    matrices = [type(data).of(Value(m, data.dtype)) for m in (rows, columns)]
    return einsum("ih,bchw,jw->bcij", matrices[0], data, matrices[1])


def adaptive_means(data: Any, output_size: Any = 1) -> Any:
    size = (output_size,) * 2 if isinstance(output_size, int) else output_size
    return _mapped(data, *[_windows(n, out) for n, out in zip(data.shape[2:], size, strict=True)])


def resized(data: Any, height: int = 1, width: int = 1, align_corners: bool = True) -> Any:
    if data.shape[2:] == (height, width):
        return data.copy()
    return _mapped(data, _neighbours(data.shape[2], height, align_corners),
                   _neighbours(data.shape[3], width, align_corners))


NPX: dict[str, Any] = {f"interleaved_matmul_{f.__name__}": f for f in (
    selfatt_qk, selfatt_valatt, encdec_qk, encdec_valatt)}
CONTRIB: dict[str, Any] = {**NPX, "div_sqrt_dim": div_sqrt_dim, "AdaptiveAvgPooling2D": adaptive_means,
                           "BilinearResize2D": resized}
