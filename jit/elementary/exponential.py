"""exp and what is made of it: exp2, expm1, sinh, cosh, tanh, sigmoid, erf.

All reduce x = n * log(2) + r with |r| <= log(2) / 2 and n an integer found by adding and taking off a "magic" number so
large that the sum's last bit weighs one (no conversion instruction). A polynomial gives (e**r - 1 - r) / r**2; its
coefficients are minimax (Remez exchange, the low ones rounded first, the others fitted again).
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Format:
    """What the reduction needs to know of a float type; `low` and `high` bound exp's interesting arguments."""

    mantissa: int
    bias: int
    magic: float
    low: float
    high: float
    ln2_high: float
    ln2_low: float
    exp: tuple[float, ...]
    exp2: tuple[float, ...]
    expm1_low: float
    erf: tuple[float, ...]
    erf_high: float


LN2 = math.log(2.0)

FORMATS = {
    32: Format(
        mantissa=23, bias=127, magic=1.5 * 2.0**23, low=-104.0, high=89.0,
        ln2_high=0.6931471824645996, ln2_low=-1.904654290582768e-09,
        exp=(0.5, 0.16666534543037415, 0.041666608303785324, 0.008367705158889294, 0.0013917890610173345),
        exp2=(0.6931471824645996, 0.24022650718688965, 0.05550406128168106, 0.009618062525987625,
              0.0013337248237803578, 0.00015463036834262311, 1.4419601939152926e-05),
        expm1_low=-18.0,
        erf=(), erf_high=3.95,
    ),
    64: Format(
        mantissa=52, bias=1023, magic=1.5 * 2.0**52, low=-746.0, high=710.0,
        ln2_high=0.6931471805599453, ln2_low=2.3190468138462996e-17,
        exp=(0.5, 0.16666666666666677, 0.04166666666666669, 0.008333333333321147, 0.0013888888888869211,
             0.00019841269887854789, 2.4801587358146764e-05, 2.755724206839531e-06, 2.7557243694392724e-07,
             2.510989970037433e-08, 2.0924381152784454e-09),
        exp2=(0.6931471805599453, 0.24022650695910155, 0.05550410866482403, 0.009618129107583816,
              0.0013333558145789694, 0.00015403530470538924, 1.525273445746644e-05, 1.3215428472080807e-06,
              1.0177794691187143e-07, 7.074962482277004e-09, 4.495818252832926e-10),
        expm1_low=-38.0,
        erf=(), erf_high=5.95,
    ),
}


def polynomial(m: Any, x: Any, coefficients: tuple[float, ...]) -> Any:
    """c0 + c1 x + c2 x**2 + ... by Horner's rule; at least two coefficients."""
    total = m.fma(x, coefficients[-1], coefficients[-2])
    for coefficient in coefficients[-3::-1]:
        total = m.fma(total, x, coefficient)
    return total


def clamp(m: Any, x: Any, low: float | None, high: float | None) -> Any:
    """x cut to [low, high]; a NaN stays."""
    if low is not None:
        x = m.select(x < low, low, x)
    return x if high is None else m.select(x > high, high, x)


def reduce_exp(m: Any, x: Any) -> tuple[Any, Any, Any]:
    """(t, n, r) with x = n log(2) + r; the low bits of the float t hold the integer n."""
    f = FORMATS[m.bits(x)]
    t = m.fma(x, 1.0 / LN2, f.magic)
    n = t - f.magic
    return t, n, m.fma(n, -f.ln2_low, m.fma(n, -f.ln2_high, x))


def power_of_two(m: Any, t: Any, offset: Any = 0) -> Any:
    """2**(n + offset) for the t of `reduce_exp`; n + offset within the normal exponents."""
    f = FORMATS[m.bits(t)]
    return m.as_float((m.as_int(t) << f.mantissa) + ((offset + f.bias) << f.mantissa))


def _expm1_reduced(m: Any, r: Any) -> Any:
    """e**r - 1 for |r| <= log(2) / 2."""
    return m.fma(r * r, polynomial(m, r, FORMATS[m.bits(r)].exp), r)


def _exp_below_zero(m: Any, x: Any) -> Any:
    """exp(x) for x <= 0, denormal results included: scaled up by 2**64 and down again, rounding once."""
    x = clamp(m, x, FORMATS[m.bits(x)].low, None)
    t, _, r = reduce_exp(m, x)
    return (_expm1_reduced(m, r) + 1.0) * power_of_two(m, t, 64) * 2.0**-64


def exp(m: Any, x: Any) -> Any:
    """e**x."""
    f = FORMATS[m.bits(x)]
    x = clamp(m, x, f.low, f.high)
    t, _, r = reduce_exp(m, x)
    return scale_by_parts(m, _expm1_reduced(m, r) + 1.0, x, t)


def scale_by_parts(m: Any, value: Any, x: Any, t: Any) -> Any:
    """value * 2**n, rounded once, where n (of the sign of x) may exceed the normal exponents by 1, or go below by 64."""
    below, i = x < 0.0, m.as_int(t)
    f = FORMATS[m.bits(x)]
    offset = m.select(below, m.const(64 + f.bias << f.mantissa, i), f.bias - 1 << f.mantissa)
    scale = m.as_float((i << f.mantissa) + offset)
    return value * scale * m.select(below, m.const(2.0**-64, x), 2.0)


def exp2(m: Any, x: Any) -> Any:
    """2**x."""
    f = FORMATS[m.bits(x)]
    x = clamp(m, x, f.low / LN2, f.high / LN2)
    t = x + f.magic
    r = x - (t - f.magic)
    return scale_by_parts(m, m.fma(r, polynomial(m, r, f.exp2), 1.0), x, t)


def half_expm1(m: Any, x: Any) -> Any:
    """(e**x - 1) / 2, which overflows only where (e**x) / 2 does; a denormal loses its last bit."""
    f = FORMATS[m.bits(x)]
    t, _, r = reduce_exp(m, clamp(m, x, f.expm1_low, f.high + 1.0))
    half = power_of_two(m, t, -1)
    return m.fma(half, _expm1_reduced(m, r), half - 0.5)


def _expm1_moderate(m: Any, x: Any) -> Any:
    """e**x - 1 for x between expm1_low and half of exp's range."""
    t, _, r = reduce_exp(m, x)
    scale = power_of_two(m, t)
    return m.fma(scale, _expm1_reduced(m, r), scale - 1.0)


def expm1(m: Any, x: Any) -> Any:
    """e**x - 1."""
    tiny = m.fabs(x) < 2.0**-60
    return m.select(tiny, x, half_expm1(m, x) * 2.0)


def sinh(m: Any, x: Any) -> Any:
    """(e**x - e**-x) / 2."""
    h = half_expm1(m, m.fabs(x))
    y = h + h / m.fma(h, 2.0, 1.0)
    return m.copysign(m.select(m.fabs(x) < 2.0**-60, m.fabs(x), y), x)


def cosh(m: Any, x: Any) -> Any:
    """(e**x + e**-x) / 2."""
    f = FORMATS[m.bits(x)]
    t, _, r = reduce_exp(m, clamp(m, m.fabs(x), None, f.high + 1.0))
    h = (_expm1_reduced(m, r) + 1.0) * power_of_two(m, t, -1)
    return h + 0.25 / h


def tanh(m: Any, x: Any) -> Any:
    """(e**2x - 1) / (e**2x + 1)."""
    f = FORMATS[m.bits(x)]
    e = _expm1_moderate(m, clamp(m, m.fabs(x) * 2.0, None, -f.expm1_low))
    return m.copysign(e / (e + 2.0), x)


def sigmoid(m: Any, x: Any) -> Any:
    """1 / (1 + e**-x)."""
    e = _exp_below_zero(m, -m.fabs(x))
    return m.select(x < 0.0, e, 1.0) / (e + 1.0)


def erf(m: Any, x: Any) -> Any:
    """The error function, as 1 - e**-(a q(a)) with a = |x|: q = -log(erfc(a)) / a is smooth."""
    f = FORMATS[m.bits(x)]
    a = clamp(m, m.fabs(x), None, f.erf_high)
    return m.copysign(_expm1_moderate(m, -a * polynomial(m, a, f.erf)), x)
