"""Distributions: MXNet's computation of random numbers from its engines' words; used by `tracer.rng.streams` only.

All arithmetic has the types and the order of MXNet's kernels, because the last bit depends on them.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError
from tracer.rng import libm, mt19937
from tracer.rng.mt19937 import Engine

_F32 = np.dtype(np.float32)
_F64 = np.dtype(np.float64)
Param = float | np.ndarray


def kind_of(first: Param, second: Param | None) -> np.dtype:
    """The dtype in which a kernel reads its parameters: float32 for numbers, else the arrays' own."""
    if not isinstance(first, np.ndarray):
        return second.dtype if isinstance(second, np.ndarray) else _F32
    if isinstance(second, np.ndarray) and first.dtype != second.dtype:
        raise MXNetError("TBlob.get_with_shape: data type do not match specified type")
    return first.dtype


def rounded(values: np.ndarray, dtype: Any) -> np.ndarray:
    """`values` converted to `dtype`; MXNet converts float64 to float16 through float32."""
    if values.dtype == _F64 and np.dtype(dtype) == np.float16:
        values = values.astype(_F32)
    return values.astype(dtype, copy=False)


def remainder(values: np.ndarray, divisor: int) -> np.ndarray:
    """C's `values % divisor` of int64, which has the sign of the value. NumPy vectorizes only the division."""
    out = values // divisor
    out *= -divisor
    out += values
    if values.size and values.min() < 0:
        out[(values < 0) & (out > 0)] -= divisor
    return out


def affine(first: Param, second: Param, raw: np.ndarray, dtype: Any, width: bool = False) -> np.ndarray:
    """first + raw * second, or with `width` first + raw * (second - first), where one parameter or both are arrays.

    A number together with an integer array is truncated to its dtype, as in MXNet.
    """
    kind = kind_of(first, second)
    shift, scale = np.asarray(first).astype(kind), np.asarray(second).astype(kind)
    if width:
        scale = scale - shift
    if kind == _F64:
        raw = raw.astype(_F64)  # explicit, as NumPy 1 keeps float32 for a product with a 0-d float64
    elif kind.kind in "iu":
        shift, scale = shift.astype(raw.dtype), scale.astype(raw.dtype)
    product = raw * scale
    if kind == np.float16:  # in MXNet a float16 times any type is a float16
        product = rounded(product, kind)
    return rounded(shift + product, dtype)


def _number(p: Param | None) -> Any:
    return p if isinstance(p, np.ndarray) else np.float32(p)


def _exponential(u: np.ndarray, scale: Param, _: Param | None) -> np.ndarray:
    return -_number(scale) * libm.logf(u)


def _rayleigh(u: np.ndarray, scale: Param, _: Param | None) -> np.ndarray:
    return _number(scale) * np.sqrt(-2 * libm.logf(u))


def _reciprocal(a: Param) -> Any:
    """1 / a in the dtype of a, divided in float64."""
    return (1.0 / np.asarray(_number(a)).astype(_F64)).astype(kind_of(a, None))


def _weibull(u: np.ndarray, a: Param, _: Param | None) -> np.ndarray:
    return libm.powf(-libm.logf(u), _reciprocal(a))


def _pareto(u: np.ndarray, a: Param, _: Param | None) -> np.ndarray:
    return libm.expf(-libm.logf(u) / _number(a)) - np.float32(1)


def _power(u: np.ndarray, a: Param, _: Param | None) -> np.ndarray:
    return libm.powf(1 - u, _reciprocal(a))


def _logistic(u: np.ndarray, loc: Param, scale: Param | None) -> np.ndarray:
    return affine(loc, scale, libm.logf(u) - libm.logf(1 - u), _F32)  # type: ignore[arg-type]


def _gumbel(u: np.ndarray, loc: Param, scale: Param | None) -> np.ndarray:
    return affine(loc, scale, -libm.logf(-libm.logf(u)), _F32)  # type: ignore[arg-type]


def _laplace(u: np.ndarray, loc: Param, scale: Param | None) -> np.ndarray:
    upper = u >= 0.5
    tail = libm.logf(2 * np.where(upper, 1 - u, u))
    return affine(loc, scale, np.where(upper, -tail, tail), _F32)  # type: ignore[arg-type]


TRANSFORMS: dict[str, Callable[[np.ndarray, Param, Param | None], np.ndarray]] = {
    "exponential": _exponential, "rayleigh": _rayleigh, "weibull": _weibull, "pareto": _pareto,
    "power": _power, "logistic": _logistic, "gumbel": _gumbel, "laplace": _laplace,
}


def check_transformed(name: str, first: Param, second: Param | None) -> None:
    """Raise MXNet's errors for invalid parameters."""
    kind_of(first, second)
    if name in ("exponential", "rayleigh") and np.any(np.asarray(first) < 0):
        raise ValueError("expect scale >= 0")
    if name in ("weibull", "pareto", "power") and np.any(np.asarray(first) <= 0):
        raise ValueError("expect a > 0")
    if name in ("logistic", "gumbel") and np.any(np.asarray(second) < 0):
        raise ValueError("scale < 0")


def gamma_single(engine: Engine, a: Param, scale: Param, shape: Any) -> np.ndarray:
    """Gamma numbers by Marsaglia and Tsang's method; as in MXNet, all values are redrawn until the last is accepted."""
    kind = kind_of(a, scale)
    size = np.empty(shape, np.bool_).size
    alpha = np.broadcast_to(np.asarray(a).astype(kind), shape).ravel().astype(_F64)
    b = np.broadcast_to(np.asarray(scale).astype(kind), shape).ravel().astype(_F64)
    d = np.where(alpha < 1, alpha + 2.0 / 3.0, alpha - 1.0 / 3.0)
    c = 1.0 / np.sqrt(9.0 * d)
    inverse = (1.0 / alpha).astype(_F32)
    out = np.full(size, -1.0)
    while (missing := np.flatnonzero(out < 0)).size:
        u = mt19937.uniform((engine,), (2 * size,), True)
        n = mt19937.normal_single(engine, 2 * size, True)[0::2][missing]
        u, boost = u[0::2][missing], u[1::2][missing]
        v = 1 + c[missing] * n
        v = v * v * v
        square = n * n
        safe = np.where(v > 0, v, 1.0)
        dm = d[missing]
        bound = 0.5 * square + dm * (1 - safe + libm.logf(safe.astype(_F32)))
        good = (v > 0) & ((u <= 1 - 0.0331 * square * square) | (libm.logf(u.astype(_F32)) < bound))
        value = dm * v * b[missing]
        small = alpha[missing] < 1
        if small.any():
            value[small] *= libm.powf(boost[small], inverse[missing][small])
        out[missing[good]] = value[good]
    return out.reshape(shape)


def multinomial_single(engine: Engine, n: int, p: np.ndarray, shape: Any, unused: int) -> np.ndarray:
    """The counts of each outcome in `n` trials; the last outcome has the remaining probability.

    unused: the number of further uniforms that are drawn.
    """
    running = np.cumsum(p, dtype=p.dtype)
    if np.any(running.astype(_F64) > 1.0 + 1e-12):
        raise MXNetError("sum(pvals[:-1]) > 1.0")
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    draws = math.prod(shape)
    out = np.zeros(draws * len(p), np.int64)
    if out.size:
        u = mt19937.uniform((engine,), (draws * n + unused,), True)[:draws * n].astype(p.dtype)
        found = np.minimum(np.searchsorted(running, u, side="right"), len(p) - 1)
        found += np.repeat(np.arange(draws) * len(p), n)
        out += np.bincount(found, minlength=out.size)
    return out.reshape((*shape, len(p)))


def categorical(rows: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The indices that each row of uniforms selects by its row of probabilities."""
    table = np.cumsum(rows.astype(_F64), axis=1).astype(_F32)
    if len(table) > table.shape[1]:  # many rows of few probabilities: a loop over the rows would take seconds
        return np.add.reduce([column[:, None] < u for column in table.T], axis=0, dtype=np.int64, initial=0)
    return np.stack([np.searchsorted(t, v) for t, v in zip(table, u, strict=True)]) if len(rows) else u


def choice(engine: Engine, n: int, count: int, replace: bool, p: np.ndarray | None) -> np.ndarray:
    """`count` random indices below `n`, with the weights `p` (None: equal ones)."""
    if p is not None:
        if replace:
            u = mt19937.uniform((engine,), (count,), False)
            total = np.float32(0)
            sums = np.empty(n, _F32)
            for i, weight in enumerate(p):
                total = np.float32(total + weight)
                sums[i] = total
            return np.searchsorted(sums, u).astype(np.int64)
        u = mt19937.uniform((engine,), (n,), False)
        keys = libm.logf(p.astype(_F32)) - libm.logf(-libm.logf(u))
        return np.argsort(-keys, kind="stable")[:count]
    if replace:
        return (engine.take(count) % np.uint64(n)).astype(np.int64)
    draws = min(count, n - count)
    kept = n - draws
    bounds = np.arange(kept + 1, n + 1).astype(np.uint64)
    places = (engine.take(draws) % bounds).tolist()
    indices = list(range(n))
    for i, z in enumerate(places, kept):
        if z < kept:
            indices[z], indices[i] = indices[i], indices[z]
    return np.array(indices[n - count:] if 2 * count < n else indices[:count], np.int64)


def shuffle_rows(engine: Engine, n: int) -> np.ndarray:
    """A random permutation by Fisher and Yates, from the last row down."""
    order = list(range(n))
    places = mt19937.below(engine, np.arange(n - 1, 0, -1)).tolist()
    for i, j in zip(range(n - 1, 0, -1), places, strict=True):
        order[i], order[j] = order[j], order[i]
    return np.array(order, np.intp)


def shuffle_flat(engine: Engine, n: int) -> np.ndarray:
    """A random permutation by Fisher and Yates, from the second element up."""
    order = list(range(n))
    places = mt19937.below(engine, np.arange(1, n)).tolist()
    for i, j in enumerate(places, 1):
        order[i], order[j] = order[j], order[i]
    return np.array(order, np.intp)
