"""Stochastic rounding: reruns of a program with random roundings bound the rounding error of its results.

The plain run computes floats in float64. A noisy run adds to each operation's result a random relative error of the
size of the rounding of the array's own dtype, unless the result is exact in that dtype. The spread of several noisy
runs bounds, element by element, the difference of a right float32 (or float16, float64) implementation; where all
agree with the plain run the answer is exact, and must be met exactly. (The method is CESTAC, of CADNA.)
"""
from __future__ import annotations

import numpy as np

#: Half a unit in the last place of 1; for float64 a whole one, as adding half a unit would change nothing.
EPS = {"float16": 2.0**-11, "float32": 2.0**-24, "float64": 2.0**-52}
_BITS = {"float16": 11, "float32": 24, "float64": 53}


class Noise:
    """The random errors of one noisy run."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def unit(self, shape: tuple[int, ...]) -> np.ndarray:
        """Random numbers between -1 and 1, none of them near 0, so that no error is small by chance."""
        magnitude = self._rng.uniform(0.5, 1.0, shape)
        return np.where(self._rng.random(shape) < 0.5, -magnitude, magnitude)


def is_exact(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Whether each element, computed in float64, has so few bits that computing it in `dtype` rounds nothing."""
    if dtype == np.float64:
        # Veltkamp's splitting: the upper 40 bits. A rounded result has all of its lower 13 bits zero once in 8,192.
        scaled = values * 8193.0
        return (scaled - (scaled - values) == values) | ~np.isfinite(values)
    return (values.astype(dtype).astype(np.float64) == values) | ~np.isfinite(values)


def quantum(values: np.ndarray) -> float:
    """The largest power of two that divides all elements; inf for zeros only, 0 if an element is not finite."""
    found = values[values != 0]
    if not np.isfinite(found).all():
        return 0.0
    if not found.size:
        return np.inf
    mantissa, exponent = np.frexp(found)
    whole = (mantissa * 2.0**53).astype(np.int64)
    return float(np.ldexp((whole & -whole).astype(np.float64), exponent - 53).min())


def sums_exactly(operands: list[np.ndarray], bound: np.ndarray, dtype: np.dtype) -> bool:
    """Whether sums of products of `operands` are exact in `dtype` in any order of summation.

    bound: the sums of the products' absolute values.
    """
    step = 1.0
    for operand in operands:
        step *= min(quantum(operand), 2.0**200)
    top = float(np.max(bound, initial=0.0))
    least = np.finfo(dtype).smallest_subnormal
    return bool(step >= least and np.isfinite(top) and top / step < 2.0**_BITS[dtype.name])


def cancelled(sums: np.ndarray, bound: np.ndarray, dtype: np.dtype, noise: Noise) -> np.ndarray:
    """`sums`; some elements that are rounding error only become zeros, as some orders of summation give exactly 0.

    bound: the sums of the absolute values.
    """
    lost = (abs(sums) <= 32 * EPS[dtype.name] * bound) & (noise.unit(sums.shape) > 0)
    return np.where(lost, 0.0, sums)


def any_zero(values: np.ndarray, noise: Noise) -> np.ndarray:
    """`values` with random signs of zeros: these depend on the order of additions or comparisons."""
    return np.where(values == 0, np.copysign(0.0, noise.unit(values.shape)), values)


def limited(values: np.ndarray, before: np.ndarray, dtype: np.dtype, noise: Noise) -> np.ndarray:
    """`values` (`before` without errors) limited to the range of `dtype`: infinite beyond it, or perhaps 0."""
    limits = np.finfo(dtype)
    values = np.where(abs(values) > limits.max, np.copysign(np.inf, values), values)
    tiny = (abs(before) < limits.smallest_subnormal) & (noise.unit(values.shape) > 0)
    return np.where(tiny, np.copysign(0.0, values), values)


def met(x: np.ndarray, y: np.ndarray, dtype: np.dtype, noise: Noise) -> np.ndarray:
    """`y`, with some elements made equal to `x` where roundings on a grid may do so: noise alone never does."""
    x, y = np.broadcast_arrays(x, y)
    close = abs(x - y) <= 32 * EPS[dtype.name] * np.maximum(abs(x), abs(y))
    close &= ~(is_exact(x, dtype) & is_exact(y, dtype)) & (noise.unit(x.shape) > 0)
    return np.where(close, x, y)


def rounded_sums(sums: np.ndarray, operands: list[np.ndarray], bound: np.ndarray, dtype: np.dtype, noise: Noise,
                 ulps: float, exact: np.ndarray | bool = False) -> np.ndarray:
    """Sums of products of `operands` with a random error, unless they are exact in any order of summation.

    bound: the sums of the products' absolute values; errors are relative to them.
    ulps, exact: as in `rounded`.
    """
    sums = any_zero(sums, noise)  # it depends on the order, or on starting at 0
    if sums_exactly(operands, bound, dtype):
        return sums
    return cancelled(rounded(sums, dtype, noise, ulps, exact, bound), bound, dtype, noise)


def rounded(values: np.ndarray, dtype: np.dtype, noise: Noise | None, ulps: float = 1.0,
            exact: np.ndarray | bool | None = None, floor: np.ndarray | float = 0.0) -> np.ndarray:
    """`values` with a random error of `ulps` roundings of `dtype` where they are not exact.

    exact: which elements are exact (None: those that fit the dtype).
    floor: a magnitude that errors are relative to where elements are smaller. Errors of subnormal numbers are as
        large as that of the least normal number.
    """
    if noise is None or not values.size:
        return values
    if exact is None:
        exact = is_exact(values, dtype)
    least = np.where(values == 0, 0.0, np.finfo(dtype).smallest_normal)
    size = np.maximum(np.maximum(np.abs(values), least), floor) * (ulps * EPS[dtype.name])
    with np.errstate(all="ignore"):
        moved = values + size * noise.unit(values.shape)
    return np.where(exact | ~np.isfinite(values), values, moved)
