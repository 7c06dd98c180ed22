"""The rejection samplers of the parallel generators, one value at a time, rounded where MXNet's variables are.

Used by `tracer.rng.streams` only. A value takes some microseconds: the position of its words depends on all values
before it.
"""
from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError
from tracer.rng import libm, mt19937
from tracer.rng.mt19937 import Engine

_FLOAT = struct.Struct("<f")
_F32 = np.dtype(np.float32)
_F64 = np.dtype(np.float64)
Round = Callable[[float], float]


def round32(x: float) -> float:
    """The float32 nearest to `x`."""
    return _FLOAT.unpack(_FLOAT.pack(x))[0]


def _exact(x: float) -> float:
    return x


class Feed:
    """The uniforms and normals of one engine, one by one; `close` gives back the words that were not used."""

    def __init__(self, engine: Engine, double: bool, about: int) -> None:
        self._engine, self._double, self._about = engine, double, about
        self.round: Round = _exact if double else round32
        self._log: Callable[[float], float] = math.log if double else libm.logf_one
        self._words = np.empty(0, np.uint64)
        self._values: list[float] = []
        self._next = 0

    def uniform(self) -> float:
        """A uniform in [0, 1): a float32, or with `double` a float64."""
        if self._next == len(self._values):
            self._words = self._engine.take(self._about * (1 + self._double))
            self._values = mt19937.canonical(self._words, self._double).tolist()
            self._next = 0
        self._next += 1
        return self._values[self._next - 1]

    def normal(self) -> float:
        """A standard normal by the polar method; the second of the pair is discarded."""
        r = self.round
        while True:
            x, y = r(2 * self.uniform() - 1), r(2 * self.uniform() - 1)
            r2 = r(r(x * x) + r(y * y))
            if 0 < r2 <= 1:
                return r(y * r(math.sqrt(r(-2 * self._log(r2) / r2))))

    def close(self) -> None:
        self._engine.give_back(self._words[self._next * (1 + self._double):])


def gamma(feed: Feed, a: float, b: float) -> float:
    """A gamma number by Marsaglia and Tsang's method; for a < 1, one of a + 1 scaled by a power of a uniform."""
    r = feed.round
    d = r(a + 2.0 / 3.0 if a < 1 else a - 1.0 / 3.0)
    k = r(math.sqrt(9.0 * d))
    c = r(1.0 / k)
    while True:
        z = feed.normal()
        if z > -k:
            x = r(1.0 + r(c * z))
            v = r(r(x * x) * x)
            if math.log(1.0 - feed.uniform()) < 0.5 * z * z + d * (1.0 - v + libm.log_one(v)):
                break
    sample = r(r(d * v) * b)
    return r(sample * math.pow(feed.uniform(), r(1.0 / a))) if a < 1 else sample


_PI = round32(3.1415926)


def poisson(feed: Feed, lam: float) -> float:
    """A Poisson number: for lam < 12 by multiplying uniforms, else by rejection from a Lorentzian."""
    r, uniform = round32, feed.uniform
    lam = r(lam)
    if lam < 12.0:
        target = libm.expf_one(-lam)
        x, product = 0, uniform()
        while product > target:
            x += 1
            product = r(product * uniform())
        return float(x)
    root, log_lam = r(math.sqrt(2.0 * lam)), r(math.log(lam))
    g = r(r(lam * log_lam) - libm.lgammaf_one(lam + 1.0))
    while True:
        y = libm.tanf_one(_PI * uniform())
        em = r(r(root * y) + lam)
        if em < 0.0:
            continue
        em = float(math.floor(em))
        t = r(0.9 * (1.0 + y * y) * libm.expf_one(r(r(r(em * log_lam) - libm.lgammaf_one(em + 1.0)) - g)))
        if uniform() <= t:
            return em


def negative_binomial(feed: Feed, k: float, p: float) -> float:
    """A negative binomial number: Poisson with a gamma number as mean."""
    k, p = round32(k), round32(p)
    return poisson(feed, gamma(feed, k, round32((1.0 - p) / p)))


def generalized_negative_binomial(feed: Feed, mu: float, alpha: float) -> float:
    """A generalized negative binomial number: Poisson with a gamma number of mean `mu` as mean (alpha = 0: `mu`)."""
    if alpha == 0:
        return poisson(feed, mu)
    return poisson(feed, gamma(feed, round32(1 / alpha), round32(alpha * mu)))


_STIRLING = (0.08106146679532726, 0.04134069595540929, 0.02767792568499834, 0.02079067210376509,
             0.01664469118982119, 0.01387612882307075, 0.01189670994589177, 0.01041126526197209,
             0.009255462182712733, 0.008330563433362871)


def _stirling(k: float) -> float:
    """The error of Stirling's formula for log(k!)."""
    if k <= 9:
        return _STIRLING[int(k)]
    square = (k + 1) * (k + 1)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)


def binomial(feed: Feed, n: float, p: float) -> float:
    """A binomial number: by inversion for small means, else by Hormann's rejection (BTRD). MXNet 1.9.1 has none."""
    if p >= 1:
        return n
    q = p if p <= 0.5 else round32(1.0 - p)
    draw = _binomial_btrd if round32(n * q) >= 10.0 else _binomial_inversion
    return draw(feed, n, q) if p <= 0.5 else n - draw(feed, n, q)


def _binomial_inversion(feed: Feed, n: float, q: float) -> float:
    r = round32
    s = r(1 - q)
    total = term = 1.0
    b = r(q / s)
    c = r(r(n + 1) * b)
    v = r(feed.uniform() / libm.powf_one(s, n))
    x = 0.0
    while v > total:
        x += 1
        term = r(term * r(r(c / x) - b))
        total = r(total + term)
        if x >= n:
            break
    return x


def _binomial_btrd(feed: Feed, n: float, p: float) -> float:
    r, uniform, logf = round32, feed.uniform, libm.logf_one
    n1, rest = r(n + 1), r(1 - p)
    m = float(math.floor(r(n1 * p)))
    ratio = r(p / rest)
    nr = r(n1 * ratio)
    npq = r(r(n * p) * rest)
    root = r(math.sqrt(npq))
    b = r(1.15 + 2.53 * root)
    a = r(-0.0873 + 0.0248 * b + 0.01 * p)
    c = r(r(n * p) + 0.5)
    alpha = r((2.83 + 5.1 / b) * root)
    v_r = r(0.92 - 4.2 / b)
    inner = r(0.86 * v_r)
    while True:
        v = uniform()
        if v <= inner:
            u = r(r(v / v_r) - 0.43)
            return float(math.floor((2 * a / (0.5 - abs(u)) + b) * u + c))
        if v >= v_r:
            u = r(uniform() - 0.5)
        else:
            u = r(r(v / v_r) - 0.93)
            u = r((0.5 if u > 0 else -0.5 if u < 0 else 0.0) - u)
            v = r(uniform() * v_r)
        us = r(0.5 - abs(u))
        k = float(math.floor(r(r(r(r(2 * a / us) + b) * u) + c)))
        if k < 0 or k > n:
            continue
        v = r(r(v * alpha) / r(r(a / r(us * us)) + b))
        km = abs(k - m)
        if km <= 15:
            f = 1.0
            for i in range(int(m), int(k)):
                f = r(f * ((nr / i if i else math.inf) - ratio))
            for i in range(int(k), int(m)):
                v = r(v * ((nr / i if i else math.inf) - ratio))
            if v <= f:
                return k
            continue
        v = logf(v)
        rho = r(r(km / npq) * (((r(km / 3) + 0.625) * km + 1.0 / 6) / npq + 0.5))
        t = r(r(-km * km) / r(2 * npq))
        if v < r(t - rho):
            return k
        if v > r(t + rho):
            continue
        nm, nk = r(r(n - m) + 1), r(r(n - k) + 1)
        h = r((m + 0.5) * logf(r(r(m + 1) / r(ratio * nm))) + _stirling(m) + _stirling(n - m))
        bound = r(r(h + r(n1 * logf(r(nm / nk)))) + (k + 0.5) * logf(r(r(nk * ratio) / r(k + 1)))
                  - _stirling(k) - _stirling(n - k))
        if v <= bound:
            return k


_SAMPLERS: dict[str, tuple[Callable[..., float], int]] = {  # with the approximate number of uniforms for a value
    "gamma": (gamma, 5), "poisson": (poisson, 8), "negative_binomial": (negative_binomial, 12),
    "generalized_negative_binomial": (generalized_negative_binomial, 12), "binomial": (binomial, 3),
}


_LABELS = {"exponential": ("lambda",), "gamma": ("alpha", "beta"), "poisson": ("lambda",),
           "binomial": ("n", "p"), "negative_binomial": ("k", "p"),
           "generalized_negative_binomial": ("mu", "alpha")}


def check(name: str, params: Sequence[Any]) -> None:
    """Raise MXNet's errors for invalid parameters."""
    positive = name in ("exponential", "gamma")
    for label, value in zip(_LABELS[name], params, strict=True):
        if value < 0 or (positive and value == 0):
            raise MXNetError(f"{label} parameter in {name.replace('_', ' ')} distribution has to be "
                             + ("positive" if positive else "non-negative"))


def sample(name: str, split: tuple[list[Engine], list[int]], params: list[np.ndarray], each: int,
           dtype: np.dtype) -> np.ndarray:
    """A flat array of `each` values for every element of the flat parameter arrays."""
    if name == "exponential":
        u = mt19937.uniform(*split, dtype != _F32).astype(_F64)
        return -libm.log(1.0 - u) / np.repeat(params[0].astype(_F64), each)
    draw, about = _SAMPLERS[name]
    double = name == "gamma" and dtype == _F64
    columns = [p.tolist() for p in params]
    out: list[float] = []
    for engine, count in zip(*split, strict=True):
        feed = Feed(engine, double, min(max(4, about * count), 4096))
        for i in range(len(out), len(out) + count):
            out.append(draw(feed, *[c[i // each] for c in columns]))
        feed.close()
    return np.array(out)


def multinomial(split: tuple[list[Engine], list[int]], n: np.ndarray, p: np.ndarray, each: int) -> np.ndarray:
    """The counts of outcomes, drawn as successive binomials: `each` rows for every row of `p`."""
    out = np.zeros((len(n) * each, p.shape[1]))
    i = 0
    for engine, count in zip(*split, strict=True):
        feed = Feed(engine, False, min(max(4, 3 * count), 4096))
        for row in range(i, i + count):
            left, remaining = float(n[row // each]), p.dtype.type(1)
            for j, q in enumerate(p[row // each][:-1]):
                out[row, j] = binomial(feed, left, float(q / remaining))
                left -= out[row, j]
                if left <= 0:
                    break
                remaining -= q
            if left > 0:
                out[row, -1] = left
        feed.close()
        i += count
    return out
