"""Small helpers that Numba alone would compile badly (to calls or branches)."""
from __future__ import annotations

from typing import Any

__all__ = ["ceil", "copysign", "fabs", "fadd_reassoc", "floor", "fmul_reassoc", "max_acc", "maximum", "min_acc",
           "minimum", "rint", "rsqrt", "select", "sqrt", "trunc"]


def sqrt(m: Any, x: Any) -> Any:
    """The square root, correctly rounded."""
    return m.sqrt(x)


def rsqrt(m: Any, x: Any) -> Any:
    """1 / sqrt(x).

    Error: 1.5 ulp (float32), 1.5 ulp (float64).
    """
    return 1.0 / m.sqrt(x)


def rint(m: Any, x: Any) -> Any:
    """The nearest integer, ties to even."""
    return m.rint(x)


def floor(m: Any, x: Any) -> Any:
    """The largest integer not above x."""
    return m.floor(x)


def ceil(m: Any, x: Any) -> Any:
    """The smallest integer not below x."""
    return m.ceil(x)


def trunc(m: Any, x: Any) -> Any:
    """The integer part."""
    return m.trunc(x)


def fabs(m: Any, x: Any) -> Any:
    """The absolute value."""
    return m.fabs(x)


def copysign(m: Any, x: Any, sign: Any) -> Any:
    """|x| with the sign of `sign`."""
    return m.copysign(x, sign)


def select(m: Any, condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, b elsewhere; both are computed."""
    return m.select(condition, a, b)


def maximum(m: Any, a: Any, b: Any) -> Any:
    """The larger; a NaN in either wins, as in NumPy."""
    return m.select(a != a, a, m.select(a > b, a, b))


def minimum(m: Any, a: Any, b: Any) -> Any:
    """The smaller; a NaN in either wins, as in NumPy."""
    return m.select(a != a, a, m.select(a < b, a, b))


def fadd_reassoc(m: Any, a: Any, b: Any) -> Any:
    """a + b, which a loop may add up in any order: without this permission no sum is vectorized."""
    return m.add_reassoc(a, b)


def fmul_reassoc(m: Any, a: Any, b: Any) -> Any:
    """a * b, which a loop may multiply up in any order."""
    return m.mul_reassoc(a, b)


def max_acc(m: Any, total: Any, x: Any) -> Any:
    """`maximum` for the accumulator of a loop, in the form that vectorizes; a NaN wins."""
    return m.max_reduction(total, x)


def min_acc(m: Any, total: Any, x: Any) -> Any:
    """`minimum` for the accumulator of a loop, in the form that vectorizes; a NaN wins."""
    return m.min_reduction(total, x)
