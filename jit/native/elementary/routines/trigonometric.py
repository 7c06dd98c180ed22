"""sin, cos and tan for every finite argument, without a slow path.

x / (2 pi) needs only the bits of 1 / (2 pi) around the weight of x: those above give whole turns, those below are too
small. So 1 / (2 pi) is kept as 22 chunks of 53 bits, and |x| scaled down selects the window of chunks that counts, in
steps of 16, 8, 4, 2 and 1 chunks: selects among constants, no table in memory. The products of x with the window are
exact pairs; subtracting their whole parts and the nearest number of quarter turns leaves at most 1/8 of a turn. The
rest beyond the window weighs 2**-107 of a turn at most: negligible for float32; for float64 it can be 6 ulp at a few
dozen arguments, those beyond 2**70 that lie within 2**-50 of a zero.
"""
from __future__ import annotations

from fractions import Fraction
from typing import Any

from .exponential import FORMATS, polynomial

__all__ = ["cos", "sin", "tan"]

_CHUNK_BITS = 53
_CHUNKS = (
    0x517CC1B727220, 0x1529FC2757D1F5, 0x69BB81B6C52B3, 0x4F10E4107F945, 0x11D5EF5DE2B0DB, 0x1246E3A424DD2E,
    0xC925DD413A3, 0x4873F877AC72C, 0x94D39F74411AF, 0x152EBB4484E99C, 0xE04D68BEFC827, 0x64758E60D4CE7,
    0x1A4E422FC5DEFC, 0x1283B1FF897FFD, 0x1C0B301FDE5E23, 0x2D6829B47DB4D, 0x13F6793E584DBA, 0xF463F669E5FEA,
    0x5AEA4F758FD7C, 0x17C5ECF41CE7DE, 0x529497535FDAF, 0x1B11F8D5D08560,
)
_TURNS_PER_RADIAN = [float(Fraction(chunk, 2**_CHUNK_BITS)) for chunk in _CHUNKS]
_WEIGHTS = [2.0 ** (-_CHUNK_BITS * i) for i in range(4)]
TURN, TURN_LOW = 6.283185307179586, 2.4492935982947064e-16

SIN = {
    32: (-0.16666655242443085, 0.00833218451589346, -0.00019517204782459885),
    64: (-0.1666666666666663, 0.008333333333321796, -0.00019841269829292156, 2.7557313506544237e-06,
         -2.505072817921277e-08, 1.589501310394907e-10),
}
COS = {
    32: (0.04166664555668831, -0.00138873013202101, 2.4430670237052254e-05),
    64: (0.041666666666666595, -0.0013888888888873303, 2.48015872889474e-05, -2.7557314192212267e-07,
         2.0875700840041857e-09, -1.1358455977796604e-11),
}


def _window32(m: Any, x: Any) -> tuple[Any, list[Any]]:
    """`_window64` for a float64 that holds a float32: b is 0 or 1, and 3 chunks are enough."""
    large = m.fabs(x) >= 2.0 ** (23 + _CHUNK_BITS)
    chunks = [
        m.select(large, m.const(_TURNS_PER_RADIAN[i + 1] * weight, x), _TURNS_PER_RADIAN[i] * weight)
        for i, weight in enumerate(_WEIGHTS[:3])
    ]
    return m.select(large, x * _WEIGHTS[1], x), chunks


def _window64(m: Any, x: Any) -> tuple[Any, list[Any]]:
    """x * 2**(-53 b), and the 4 chunks from the b-th on with the weights 1, 2**-53, 2**-106, 2**-159.

    b is the largest number for which x times chunk b - 1 is a whole number of turns.
    """
    bits = m.as_int(x)
    above = ((bits >> 52) & 0x7FF) - (FORMATS[64].bias + 52)
    b = (m.select(above < 0, m.const(0, bits), above) * 1237) >> 16  # above // 53, for every exponent
    chunks = [m.const(chunk, x) for chunk in _TURNS_PER_RADIAN]
    for step in (16, 8, 4, 2, 1):
        moves = (b & step) != 0
        far = chunks[step:]
        chunks = [m.select(moves, far[i], c) if i < len(far) else c for i, c in enumerate(chunks[: step + 3])]
    chunks = [chunks[0], *(chunk * weight for chunk, weight in zip(chunks[1:], _WEIGHTS[1:]))]
    return m.as_float(bits - b * (_CHUNK_BITS << 52)), chunks


def _fraction(m: Any, p: Any) -> Any:
    return p - m.rint(p)


def _quarters(m: Any, turns: Any) -> tuple[Any, Any]:
    """(the nearest number of quarter turns, a float whose last bits hold it)."""
    magic = FORMATS[64].magic
    t = m.fma(turns, 4.0, magic)
    return t - magic, m.as_int(t)


def _two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """a + b and the error of that sum."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)


def _turns32(m: Any, x: Any) -> tuple[Any, Any]:
    """(quarter turns, the rest in radians as float64) of a float64 lane that holds a float32."""
    x, (c0, c1, c2) = _window32(m, x)
    p0, p1 = x * c0, x * c1
    a0, a1, a2 = (_fraction(m, p) for p in (p0, m.fma(x, c0, -p0), p1))
    rest = m.fma(x, c2, m.fma(x, c1, -p1))
    n, quadrant = _quarters(m, a0 + (a1 + a2))
    return quadrant, (((m.fma(n, -0.25, a0) + a1) + a2) + rest) * TURN


def _turns64(m: Any, x: Any) -> tuple[Any, Any, Any]:
    """(quarter turns, the rest in radians as a pair) of a float64."""
    nan_if_infinite = x - x
    x, (c0, c1, c2, c3) = _window64(m, x)
    p0, p1, p2 = x * c0, x * c1, x * c2
    a0, a1, a2 = (_fraction(m, p) for p in (p0, m.fma(x, c0, -p0), p1))
    sum1, error1 = _two_sum(a1, a2)
    sum2, error2 = _two_sum(m.fma(x, c1, -p1), p2)
    sum3, error3 = _two_sum(sum1, sum2)
    n, quadrant = _quarters(m, a0 + sum3)
    high, error4 = _two_sum(m.fma(n, -0.25, a0), sum3)
    low = ((m.fma(x, c3, m.fma(x, c2, -p2)) + error2) + (error1 + error3)) + (error4 + nan_if_infinite)
    total = high + low
    low = (high - total) + low
    r = total * TURN
    return quadrant, r, m.fma(total, TURN, -r) + m.fma(total, TURN_LOW, low * TURN)


def _reduce(m: Any, x: Any) -> tuple[Any, Any, Any]:
    """(n, r, r_low): x = n pi/2 + r + r_low, up to whole turns; n as integer lanes of which 2 bits count."""
    if m.bits(x) == 64:
        return _turns64(m, x)
    n, r = _turns32(m, m.wide(x))
    high = m.narrow(r)
    return m.narrow_int(n), high, m.narrow(r - m.wide(high))


def _sin_reduced(m: Any, r: Any, low: Any) -> Any:
    z = r * r
    return r + m.fma(z * r, polynomial(m, z, SIN[m.bits(r)]), low)


def _cos_reduced(m: Any, r: Any, low: Any) -> Any:
    z = r * r
    half = z * 0.5
    head = 1.0 - half
    return head + (((1.0 - head) - half) + m.fma(z * z, polynomial(m, z, COS[m.bits(r)]), -(r * low)))


def _negate_if_bit_one(m: Any, y: Any, n: Any) -> Any:
    """y, negated where bit 1 of n is set."""
    return m.as_float(m.as_int(y) ^ ((n & 2) << (m.bits(y) - 2)))


def sin(m: Any, x: Any) -> Any:
    """The sine; NaN at infinity.

    Error: 0.9 ulp (float32), 1.0 ulp (float64).
    """
    n, r, low = _reduce(m, x)
    y = m.select((n & 1) == 0, _sin_reduced(m, r, low), _cos_reduced(m, r, low))
    return m.select(m.fabs(x) < 2.0**-30, x, _negate_if_bit_one(m, y, n))


def cos(m: Any, x: Any) -> Any:
    """The cosine; NaN at infinity.

    Error: 0.9 ulp (float32), 1.0 ulp (float64).
    """
    n, r, low = _reduce(m, x)
    y = m.select((n & 1) == 0, _cos_reduced(m, r, low), _sin_reduced(m, r, low))
    return _negate_if_bit_one(m, y, n + 1)


def tan(m: Any, x: Any) -> Any:
    """The tangent; NaN at infinity.

    Error: 2.5 ulp (float32), 2.4 ulp (float64).
    """
    n, r, low = _reduce(m, x)
    s, c, even = _sin_reduced(m, r, low), _cos_reduced(m, r, low), (n & 1) == 0
    y = m.select(even, s, -c) / m.select(even, c, s)
    return m.select(m.fabs(x) < 2.0**-30, x, y)
