"""Logarithms: log, log1p, log2, log10, and softplus and log_sigmoid, which are log1p of an exp.

All split x = 2**e (1 + f) with f in [sqrt(1/2) - 1, sqrt(2) - 1], so that e = 0 around x = 1 and nothing
cancels there. The result is e log(2) + (f - f**2 / 2 + tail). In float32 the tail is a polynomial; in float64
it comes, with s = f / (2 + f), from log(1 + f) = 2 atanh(s) = f - s (f - s**2 R(s**2)), R a polynomial.
"""
from __future__ import annotations

import math
from typing import Any

from .exponential import FORMATS, exp_below_zero, polynomial

__all__ = ["log", "log10", "log1p", "log2", "log_sigmoid", "softplus"]

SQRT_HALF_BITS = {32: 0x3F3504F3, 64: 0x3FE6A09E667F3BCD}
MIN_NORMAL = {32: 2.0**-126, 64: 2.0**-1022}
MAGIC64_BITS = 0x4338000000000000

# Numbers as (high, low); where an exponent multiplies it, high is short enough for an exact product.
PAIRS = {
    32: {
        "log(2)": (0.693115234375, 3.194618329871446e-05),
        "log2(e)": (1.4426950216293335, 1.925963033500011e-08),
        "log10(e)": (0.4342944920063019, -1.0103049952192578e-08),
        "log10(2)": (0.301025390625, 4.605039066518657e-06),
    },
    64: {
        "log(2)": (0.693147180559663, 2.8235290563031577e-13),
        "log2(e)": (1.4426950408889634, 2.0355273740931033e-17),
        "log10(e)": (0.4342944819032518, 1.098319650216765e-17),
        "log10(2)": (0.30102999566383914, 1.42050232272661e-13),
    },
}

TAIL32 = (0.33333316445350647, -0.25000807642936707, 0.2000230997800827, -0.16624677181243896,
          0.1418071836233139, -0.1312698870897293, 0.12884357571601868, -0.07867996394634247)
ATANH64 = (0.6666666666666735, 0.3999999999940875, 0.28571428744012595, 0.22222198370013996,
           0.18183577027833525, 0.15313665569652743, 0.14800430638824638)


def split(m: Any, x: Any) -> tuple[Any, Any]:
    """(e, 1 + f): the exponent as a float, and the fraction in [sqrt(1/2), sqrt(2)), for a normal x > 0."""
    f, bits = FORMATS[m.bits(x)], m.bits(x)
    i = m.as_int(x) - SQRT_HALF_BITS[bits]
    fraction = m.as_float((i & ((1 << f.mantissa) - 1)) + SQRT_HALF_BITS[bits])
    return _small_to_float(m, i >> f.mantissa), fraction


def _small_to_float(m: Any, i: Any) -> Any:
    """An integer below 2**20 as a float; int64 to float64 without the instruction that only AVX-512 has."""
    if m.bits(i) == 32:
        return m.to_float(i)
    return m.as_float(i + MAGIC64_BITS) - FORMATS[64].magic


def split_any(m: Any, x: Any) -> tuple[Any, Any]:
    """`split` that takes denormals too."""
    f, bits = FORMATS[m.bits(x)], m.bits(x)
    small = x < MIN_NORMAL[bits]
    e, fraction = split(m, m.select(small, x * 2.0**f.mantissa, x))
    return e - m.select(small, m.const(f.mantissa, x), 0.0), fraction


def tail(m: Any, f: Any) -> Any:
    """log(1 + f) - f + f**2 / 2."""
    if m.bits(f) == 32:
        return f * f * f * polynomial(m, f, TAIL32)
    s = f / (f + 2.0)
    z = s * s
    return s * m.fma(z, polynomial(m, z, ATANH64), f * f * 0.5)


def at_the_edges(m: Any, x: Any, y: Any) -> Any:
    """y, but log's limits at x = inf, x = 0, and NaN below."""
    y = m.select(x < math.inf, y, x)
    return m.select(x > 0.0, y, m.select(x == 0.0, m.const(-math.inf, x), math.nan))


def _log_of_parts(m: Any, e: Any, f: Any) -> Any:
    """e log(2) + log(1 + f)."""
    high, low = PAIRS[m.bits(f)]["log(2)"]
    return m.fma(e, high, f + m.fma(f * f, -0.5, m.fma(e, low, tail(m, f))))


def log(m: Any, x: Any) -> Any:
    """The natural logarithm.

    Error: 0.9 ulp (float32), 0.9 ulp (float64).
    """
    e, fraction = split_any(m, x)
    return at_the_edges(m, x, _log_of_parts(m, e, fraction - 1.0))


def _log1p_inside(m: Any, x: Any) -> tuple[Any, Any]:
    """(log(1 + x) for finite x > -1, 1 + x).

    f is computed from x itself, as x 2**-e + (2**-e - 1), so that 1 + x is never rounded.
    """
    bits = m.bits(x)
    f = FORMATS[bits]
    u = x + 1.0
    e, fraction = split(m, u)
    exponent_bits = (m.as_int(u) - SQRT_HALF_BITS[bits]) & (-1 << f.mantissa)
    scale = m.as_float((f.bias << f.mantissa) - exponent_bits)
    rest = m.select(x > 2.0 ** (f.mantissa + 2), fraction - 1.0, m.fma(x, scale, scale - 1.0))
    return _log_of_parts(m, e, rest), u


def log1p(m: Any, x: Any) -> Any:
    """log(1 + x).

    Error: 1.5 ulp (float32), 1.5 ulp (float64).
    """
    y, u = _log1p_inside(m, x)
    return m.copysign(at_the_edges(m, u, y), x)


def softplus(m: Any, x: Any) -> Any:
    """log(1 + e**x).

    Error: 1.8 ulp (float32), 1.7 ulp (float64).
    """
    y, _ = _log1p_inside(m, exp_below_zero(m, -m.fabs(x)))
    return m.select(x == x, m.select(x > 0.0, x, 0.0) + y, x)


def log_sigmoid(m: Any, x: Any) -> Any:
    """log(1 / (1 + e**-x)).

    Error: 1.8 ulp (float32), 1.7 ulp (float64).
    """
    return -softplus(m, -x)


def _log_to_base(m: Any, x: Any, per_log: tuple[float, float], per_power: tuple[float, float]) -> Any:
    """log(x) per_log = e per_power + log(1 + f) per_log; both factors as (high, low) pairs."""
    e, fraction = split_any(m, x)
    f = fraction - 1.0
    square = f * f * 0.5
    high = f - square
    low = ((f - high) - square) + tail(m, f)
    product = high * per_log[0]
    rest = m.fma(high, per_log[0], -product) + m.fma(high, per_log[1], low * per_log[0])
    power = e * per_power[0]
    rest = m.fma(e, per_power[1], rest)
    total = power + product
    return at_the_edges(m, x, total + (((power - total) + product) + rest))


def log2(m: Any, x: Any) -> Any:
    """The logarithm to base 2.

    Error: 0.8 ulp (float32), 0.8 ulp (float64).
    """
    return _log_to_base(m, x, PAIRS[m.bits(x)]["log2(e)"], (1.0, 0.0))


def log10(m: Any, x: Any) -> Any:
    """The logarithm to base 10.

    Error: 0.8 ulp (float32), 0.8 ulp (float64).
    """
    pairs = PAIRS[m.bits(x)]
    return _log_to_base(m, x, pairs["log10(e)"], pairs["log10(2)"])
