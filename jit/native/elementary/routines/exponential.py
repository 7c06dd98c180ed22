"""exp and functions made of it: exp2, expm1, sinh, cosh, tanh, sigmoid, erf.

All reduce x = n log(2) + r with |r| <= log(2) / 2 and n an integer, found by adding and subtracting a "magic" number so
large that the last bit of the sum weighs one (no conversion instruction). A polynomial gives (e**r - 1 - r) / r**2.
Coefficients, here and in the other files, are minimax: fitted by Remez exchange in 45 digits, the low ones rounded to
the type first and the others fitted again.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["cosh", "erf", "exp", "exp2", "exp_below_zero", "expm1", "one_plus_erf", "one_plus_erf_by", "sigmoid",
           "sinh", "tanh"]


@dataclass(frozen=True)
class Format:
    """The constants of a float type for the formulas; below `low` exp is 0, above `high` it is infinite."""

    mantissa: int
    bias: int
    magic: float
    low: float
    high: float
    ln2_high: float
    ln2_low: float
    exp: tuple[float, ...]
    expm1: tuple[float, ...]
    exp2: tuple[float, ...]
    exp2_short: tuple[float, ...]  # for 2**r - 1 as a small part of a sum
    expm1_low: float
    sinh_high: float
    tanh_high: float
    erf_high: float
    erf: tuple[float, ...]

    @property
    def biased(self) -> float:
        """The magic number for sums whose last bits hold the biased exponent of 2**n."""
        return self.magic + self.bias


LN2 = math.log(2.0)
TINY = 2.0**-60  # odd functions of slope 1 at 0 return an argument below this as it is

EXP2_64 = (0.6931471805599453, 0.24022650695910155, 0.05550410866482403, 0.009618129107583816,
           0.0013333558145789694, 0.00015403530470538924, 1.525273445746644e-05, 1.3215428472080807e-06,
           1.0177794691187143e-07, 7.074962482277004e-09, 4.495818252832926e-10)

FORMATS = {
    32: Format(
        mantissa=23, bias=127, magic=1.5 * 2.0**23, low=-104.0, high=89.0,
        ln2_high=0.6931471824645996, ln2_low=-1.904654290582768e-09,
        exp=(0.4999999403953552, 0.16666507720947266, 0.041667986661195755, 0.008370201103389263,
             0.0013850824907422066),
        expm1=(0.5, 0.1666666716337204, 0.04166634380817413, 0.008333270438015461, 0.0013942046789452434,
               0.0001991562603507191),
        exp2=(0.6931471824645996, 0.24022650718688965, 0.05550406128168106, 0.009618062525987625,
              0.0013337248237803578, 0.00015463036834262311, 1.4419601939152926e-05),
        exp2_short=(0.6931471824645996, 0.24022649228572845, 0.05550357326865196, 0.009618237614631653,
                    0.001339073060080409, 0.0001540345692774281),
        expm1_low=-18.0, sinh_high=89.5,
        tanh_high=12.5,
        erf_high=3.95, erf=(
            -1.6279070377349854, -0.9184446930885315, -0.14832156896591187, 0.02785220369696617,
            -0.00026509384042583406, -0.0018281886586919427, 0.000557365536224097,
            -5.9756228438345715e-05,
        ),
    ),
    64: Format(
        mantissa=52, bias=1023, magic=1.5 * 2.0**52, low=-746.0, high=710.0,
        ln2_high=0.6931471805599453, ln2_low=2.3190468138462996e-17,
        exp=(0.5, 0.1666666666666669, 0.04166666666666685, 0.008333333333311767, 0.0013888888888757337,
             0.00019841269908715763, 2.4801587612423663e-05, 2.755722326298926e-06, 2.75570124306981e-07,
             2.5115836947804605e-08, 2.0997435091105453e-09),
        expm1=(0.5, 0.16666666666666677, 0.04166666666666669, 0.008333333333321147, 0.0013888888888869211,
             0.00019841269887854789, 2.4801587358146764e-05, 2.755724206839531e-06, 2.7557243694392724e-07,
             2.510989970037433e-08, 2.0924381152784454e-09),
        exp2=EXP2_64,
        exp2_short=EXP2_64,
        expm1_low=-38.0, sinh_high=710.6,
        tanh_high=22.0,
        erf_high=5.95, erf=(
            -1.627907028611115, -0.9184481885265736, -0.1482695251227391, 0.027596515634117563,
            0.0003018041488839076, -0.002447108541427405, 0.0008513712105461453,
            -3.733494056314304e-05, -9.304207127571842e-05, 4.2882702128242625e-05,
            -4.915597663671398e-06, -4.090298163264914e-06, 2.51257372301507e-06,
            -4.853107702213198e-07, -1.9788790373866733e-07, 2.045072720417587e-07,
            -9.482855630186294e-08, 3.0241165111483825e-08, -7.2097706480162664e-09,
            1.3102112925572056e-09, -1.8009601519989138e-10, 1.8192585370838287e-11,
            -1.2760544028641936e-12, 5.554714656557821e-14, -1.1301454316999381e-15,
        ),
    ),
}

#: Constants of `one_plus_erf` in float32: above ERF_HIGH erf is 1. The polynomials are of x**2 - ERF_CENTRE: fewer
#: roundings count.
ERF_HIGH, ERF_CENTRE = 3.8, 3.0
ERF_ABOVE = (58550.4921875, 16243.4111328125, 2606.6708984375, 187.76731872558594, 8.184024810791016,
             0.054533701390028)
ERF_BELOW = (102884.2734375, 43997.38671875, 8172.1337890625, 823.2135620117188, 44.50820541381836)
#: Constants of `one_plus_erf_by` in float32: above ERFCX_HIGH its e is 0.
ERFCX_HIGH = 16.0
ERFCX_ABOVE = (7.358767509460449, 6.9835968017578125, 3.076042652130127, 0.5639668703079224)
ERFCX_BELOW = (7.358767509460449, 15.287064552307129, 12.967100143432617, 5.44287109375)


def polynomial(m: Any, x: Any, coefficients: tuple[float, ...]) -> Any:
    """c0 + c1 x + c2 x**2 + ... by Horner's rule; at least two coefficients."""
    total = m.fma(x, coefficients[-1], coefficients[-2])
    for coefficient in coefficients[-3::-1]:
        total = m.fma(total, x, coefficient)
    return total


def clamp(m: Any, x: Any, low: float | None, high: float | None) -> Any:
    """x clamped to [low, high]; a NaN stays."""
    if low is not None:
        x = m.select(x < low, low, x)
    return x if high is None else m.select(x > high, high, x)


def reduce_exp(m: Any, x: Any) -> tuple[Any, Any, Any]:
    """(t, n, r) with x = n log(2) + r; the low bits of the float t hold the integer n."""
    f = FORMATS[m.bits(x)]
    t = m.fma(x, 1.0 / LN2, f.magic)
    n = t - f.magic
    return t, n, m.fma(n, -f.ln2_low, m.fma(n, -f.ln2_high, x))


def _exponent(m: Any, t: Any) -> Any:
    """The integer n for the t of `reduce_exp`."""
    return m.as_int(t) - m.as_int(m.const(FORMATS[m.bits(t)].magic, t))


def power_of_two(m: Any, t: Any, offset: Any = 0) -> Any:
    """2**(n + offset) for the t of `reduce_exp`; n + offset within the normal exponents."""
    f = FORMATS[m.bits(t)]
    return m.as_float((m.as_int(t) << f.mantissa) + ((offset + f.bias) << f.mantissa))


def _expm1_reduced(m: Any, r: Any) -> Any:
    """e**r - 1 for |r| <= log(2) / 2."""
    return m.fma(r * r, polynomial(m, r, FORMATS[m.bits(r)].expm1), r)


def _exp_reduced(m: Any, r: Any) -> Any:
    """e**r for |r| <= log(2) / 2."""
    return m.fma(r * r, polynomial(m, r, FORMATS[m.bits(r)].exp), r) + 1.0


def exp_below_zero(m: Any, x: Any) -> Any:
    """exp(x) for x <= 0, denormal results included: scaled up by 2**64 and down again, rounding once.

    Error: 1.1 ulp (float32), 1.0 ulp (float64).
    """
    x = clamp(m, x, FORMATS[m.bits(x)].low, None)
    t, _, r = reduce_exp(m, x)
    if m.has_ldexp(x):
        return m.ldexp(_exp_reduced(m, r), _exponent(m, t))
    return _exp_reduced(m, r) * power_of_two(m, t, 64) * 2.0**-64


def exp(m: Any, x: Any) -> Any:
    """e**x.

    Error: 1.1 ulp (float32), 1.0 ulp (float64).
    """
    f = FORMATS[m.bits(x)]
    x = clamp(m, x, f.low, f.high)
    t, _, r = reduce_exp(m, x)
    return scale_by_parts(m, _exp_reduced(m, r), x, t)


def scale_by_parts(m: Any, value: Any, x: Any, t: Any) -> Any:
    """value * 2**n, rounded once; n has the sign of x and may exceed the normal exponents by 1, or by -64."""
    below, i = x < 0.0, m.as_int(t)
    f = FORMATS[m.bits(x)]
    if m.has_ldexp(x):
        return m.ldexp(value, _exponent(m, t))
    offset = m.select(below, m.const(64 + f.bias << f.mantissa, i), f.bias - 1 << f.mantissa)
    scale = m.as_float((i << f.mantissa) + offset)
    return value * scale * m.select(below, m.const(2.0**-64, x), 2.0)


def exp2(m: Any, x: Any) -> Any:
    """2**x.

    Error: 0.9 ulp (float32), 0.9 ulp (float64).
    """
    f = FORMATS[m.bits(x)]
    x = clamp(m, x, f.low / LN2, f.high / LN2)
    t = x + f.magic
    r = x - (t - f.magic)
    return scale_by_parts(m, m.fma(r, polynomial(m, r, f.exp2), 1.0), x, t)


def quarter_expm1(m: Any, x: Any) -> Any:
    """(e**x - 1) / 4, finite as far as sinh(x) is; a denormal loses its last bits."""
    f = FORMATS[m.bits(x)]
    t, _, r = reduce_exp(m, clamp(m, x, f.expm1_low, f.sinh_high))
    scale = power_of_two(m, t, -2)
    return m.fma(scale, _expm1_reduced(m, r), scale - 0.25)


def _one_minus_exp2(m: Any, y: Any) -> Any:
    """1 - 2**y for y within half of exp's range. The fraction of y is exact: there is no product to round."""
    f = FORMATS[m.bits(y)]
    t = y + f.biased
    r = y - (t - f.biased)
    scale = m.as_float(m.as_int(t) << f.mantissa)
    return m.fma(-(scale * r), polynomial(m, r, f.exp2_short), 1.0 - scale)


def expm1(m: Any, x: Any) -> Any:
    """e**x - 1.

    Error: 1.5 ulp (float32), 1.8 ulp (float64).
    """
    return m.select(m.fabs(x) < TINY, x, quarter_expm1(m, x) * 4.0)


def sinh(m: Any, x: Any) -> Any:
    """(e**x - e**-x) / 2.

    Error: 2.2 ulp (float32), 2.3 ulp (float64).
    """
    a = m.fabs(x)
    q = quarter_expm1(m, a)
    y = (q + q / m.fma(q, 4.0, 1.0)) * 2.0
    return m.copysign(m.select(a < TINY, a, y), x)


def cosh(m: Any, x: Any) -> Any:
    """(e**x + e**-x) / 2.

    Error: 1.5 ulp (float32), 1.4 ulp (float64).
    """
    t, _, r = reduce_exp(m, clamp(m, m.fabs(x), None, FORMATS[m.bits(x)].sinh_high))
    quarter = _exp_reduced(m, r) * power_of_two(m, t, -2)
    return (quarter + 0.0625 / quarter) * 2.0


def tanh(m: Any, x: Any) -> Any:
    """(e**2x - 1) / (e**2x + 1).

    Error: 2.5 ulp (float32), 2.5 ulp (float64).
    """
    f = FORMATS[m.bits(x)]
    a = clamp(m, m.fabs(x), None, f.tanh_high)
    t = m.fma(a, 2.0 / LN2, f.biased)
    # The low part of log(2) is left out: it counts n times, and where n is large the quotient hardly depends on e.
    r = m.fma(t - f.biased, -f.ln2_high, a + a)
    scale = m.as_float(m.as_int(t) << f.mantissa)
    e = m.fma(scale, _expm1_reduced(m, r), scale - 1.0)
    return m.copysign(e / (e + 2.0), x)


def sigmoid(m: Any, x: Any) -> Any:
    """1 / (1 + e**-x).

    Error: 2.5 ulp (float32), 2.4 ulp (float64).
    """
    e = exp_below_zero(m, -m.fabs(x))
    return m.select(x < 0.0, e, 1.0) / (e + 1.0)


def erf(m: Any, x: Any) -> Any:
    """The error function, as 1 - 2**(a q(a)) with a = |x|: q = log2(erfc(a)) / a is smooth.

    Error: 3.0 ulp (float32), 2.5 ulp (float64).
    """
    f = FORMATS[m.bits(x)]
    a = clamp(m, m.fabs(x), None, f.erf_high)
    return m.copysign(_one_minus_exp2(m, a * polynomial(m, a, f.erf)), x)


def _monic(m: Any, x: Any, coefficients: tuple[float, ...]) -> Any:
    """c0 + c1 x + ... + x**n, whose first step needs no product."""
    total = x + coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = m.fma(total, x, coefficient)
    return total


def one_plus_erf(m: Any, x: Any) -> Any:
    """1 + erf(x), the normal distribution function of sqrt(2) x, doubled.

    In float32 erf is x times a quotient of polynomials in x**2: to 3e-7 absolutely, not relatively, with exact ends.
    """
    if m.bits(x) == 64:
        return erf(m, x) + 1.0
    u = clamp(m, m.fma(x, x, -ERF_CENTRE), None, ERF_HIGH * ERF_HIGH - ERF_CENTRE)
    return clamp(m, x * polynomial(m, u, ERF_ABOVE) / _monic(m, u, ERF_BELOW), -1.0, 1.0) + 1.0


def one_plus_erf_by(m: Any, x: Any, e: Any) -> Any:
    """1 + erf(x), given e = exp(-x**2): erfc(a) is e times a quotient of polynomials, for a = |x|.

    In float32 this is good to 3e-7 absolutely, and to 1e-5 relatively.
    """
    if m.bits(x) == 64:
        return erf(m, x) + 1.0
    a = clamp(m, m.fabs(x), None, ERFCX_HIGH)
    rest = e * polynomial(m, a, ERFCX_ABOVE) / _monic(m, a, ERFCX_BELOW)
    return m.select(x < 0.0, rest, 2.0 - rest)
