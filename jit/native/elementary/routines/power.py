"""pow and cbrt, by a logarithm with more bits than the result: in float64 for float32, in pairs for pow of float64."""
from __future__ import annotations

import math
from typing import Any

from .exponential import FORMATS, clamp, polynomial, power_of_two, reduce_exp, scale_by_parts
from .logarithm import PAIRS, split, split_any

__all__ = ["cbrt", "pow"]

LOG2_32 = (1.442695040939337, -0.7213475252128049, 0.4808983207320683, -0.3606728005814458,
           0.2885406434167372, -0.2405041730610923, 0.20609625936617496, -0.1790469687212799,
           0.15900147080461072, -0.1569821430838262, 0.1548575870344832, -0.08634626186847857)
EXP2_32 = (1.000000000599671, 0.6931472072672411, 0.24022646657908195, 0.055503254713233016,
           0.00961850348093215, 0.0013401257989430438, 0.00015344666812885094)
ATANH64 = (0.40000000000002206, 0.2857142857011671, 0.22222222517676207, 0.1818178450824583,
           0.15386752908733886, 0.13256880179496236, 0.13196071658543138)
TWO_THIRDS, TWO_THIRDS_LOW = 2.0 / 3.0, 3.700743415417188e-17


def _power32(m: Any, a: Any, y: Any) -> Any:
    """a ** y for a > 0, both float32."""
    magic = FORMATS[64].magic
    e, fraction = split(m, m.wide(a))
    f = fraction - 1.0
    exponent = clamp(m, m.wide(y) * m.fma(f, polynomial(m, f, LOG2_32), e), -160.0, 160.0)
    t = exponent + magic
    return m.narrow(polynomial(m, exponent - (t - magic), EXP2_32) * power_of_two(m, t))


def _log_pair(m: Any, a: Any) -> tuple[Any, Any]:
    """log(a) as an unevaluated sum of two float64, good to 2**-64, for a > 0."""
    e, fraction = split_any(m, a)
    f = fraction - 1.0
    d = f + 2.0
    d_low = f - (d - 2.0)
    inverse = 1.0 / d
    s = f * inverse
    s_low = (m.fma(-s, d, f) - s * d_low) * inverse
    z = s * s
    z_low = m.fma(s, s, -z) + s * s_low * 2.0
    cube = s * z
    cube_low = m.fma(s, z_low, m.fma(s, z, -cube) + s_low * z)
    tail = cube * TWO_THIRDS
    tail_low = m.fma(cube, TWO_THIRDS_LOW, m.fma(cube, TWO_THIRDS, -tail) + cube_low * TWO_THIRDS)
    tail_low = m.fma(cube * z, polynomial(m, z, ATANH64), tail_low)
    ln2, ln2_low = PAIRS[64]["log(2)"]
    power, twice = e * ln2, s * 2.0
    first = power + twice
    high = first + tail
    low = (((power - first) + twice) + ((first - high) + tail)) + (tail_low + m.fma(e, ln2_low, s_low * 2.0))
    total = high + low
    return total, (high - total) + low


def _power64(m: Any, a: Any, y: Any) -> Any:
    """a ** y for a > 0, both float64."""
    f = FORMATS[64]
    high, low = _log_pair(m, a)
    product = y * high
    rest = m.select(m.fabs(product) < 1024.0, m.fma(y, high, -product) + y * low, 0.0)
    product = clamp(m, product, f.low, f.high)
    t, _, r = reduce_exp(m, product)
    r = r + rest
    return scale_by_parts(m, m.fma(r * r, polynomial(m, r, f.exp), r) + 1.0, product, t)


def cbrt(m: Any, x: Any) -> Any:
    """The cube root, also of negative numbers: a third of the logarithm, for float64 improved by one Newton step.

    Error: 0.6 ulp (float32), 1.0 ulp (float64).
    """
    a = m.fabs(x)
    wide, tiny = (m.wide(a), None) if m.bits(x) == 32 else (a, a < 2.0**-900)
    if tiny is not None:
        wide = m.select(tiny, a * 2.0**162, a)
    e, fraction = split(m, wide)
    f = fraction - 1.0
    exponent = m.fma(f, polynomial(m, f, LOG2_32), e) * (1.0 / 3.0)
    t = exponent + FORMATS[64].magic
    root = polynomial(m, exponent - (t - FORMATS[64].magic), EXP2_32) * power_of_two(m, t)
    if tiny is None:
        root = m.narrow(root)
    else:
        square = root * root
        rest = m.fma(square, root, -wide) + m.fma(root, root, -square) * root
        root = (root - rest / (square * 3.0)) * m.select(tiny, m.const(2.0**-54, x), 1.0)
    plain = (a > 0.0) & (a < math.inf)
    return m.select(plain, m.copysign(root, x), x)


def pow(m: Any, x: Any, y: Any) -> Any:
    """x ** y with C's special cases: pow(x, 0) and pow(1, y) are 1 even for a NaN, pow(-8, 0.5) is a NaN.

    Error: 0.7 ulp (float32), 1.1 ulp (float64).
    """
    a = m.fabs(x)
    power = (_power32 if m.bits(x) == 32 else _power64)(m, a, y)
    zero, infinite = m.const(0.0, x), m.const(math.inf, x)
    grows = y > 0.0
    power = m.select(a == 0.0, m.select(grows, zero, infinite), power)
    power = m.select(a == math.inf, m.select(grows, infinite, zero), power)
    whole, half = m.rint(y) == y, y * 0.5
    odd = whole & (m.fabs(m.rint(half) - half) > 0.25)
    power = m.select(odd, m.copysign(power, x), power)
    power = m.select(whole | (x >= 0.0) | (a == math.inf), power, math.nan)
    power = m.select((x == x) & (y == y), power, x + y)
    one = (y == 0.0) | (x == 1.0) | ((x == -1.0) & (m.fabs(y) == math.inf))
    return m.select(one, 1.0, power)
