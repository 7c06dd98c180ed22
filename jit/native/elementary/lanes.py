"""Two machines that run the same function: on NumPy arrays, here, and on scalar LLVM values (`llvm_lanes.py`).

An elementary function is a plain Python function `f(m, x, ...)`. Its lanes (`x`) have ordinary operators: `+ - * /` and
comparisons, on integer lanes `+ - & | ^ << >>`, on conditions `& |`. Everything else is a method of the machine `m`. A
Python number beside a lane takes the lane's type. Integer lanes are as wide as the float lanes they were taken from.

There is no control flow: `m.select` picks between two values that were both computed, so that a loop over the function
has no branch and can be vectorized.
"""
from __future__ import annotations

from typing import Any

import numpy as np


class NumpyMachine:
    """The machine that runs lane functions on NumPy arrays; tests check the formulas with it, without a compiler.

    >>> m = NumpyMachine()
    >>> float(m.fma(np.float64(3), np.float64(4), np.float64(5)))
    17.0
    """

    def bits(self, x: Any) -> int:
        return x.dtype.itemsize * 8

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """a * b + c, rounded once but for rare double roundings (float32 goes through float64)."""
        dtype = next(v.dtype for v in (a, b, c) if isinstance(v, (np.ndarray, np.generic)))
        a, b, c = (np.asarray(v, dtype) for v in (a, b, c))
        if dtype == np.float32:
            return (a.astype(np.float64) * b + c).astype(np.float32)
        product = a * b
        error = self._product_error(a, b, product)
        total = product + c
        back = total - product
        exact = total + (((product - (total - back)) + (c - back)) + error)
        return np.where(np.isfinite(exact) & np.isfinite(error), exact, total)

    @staticmethod
    def _product_error(a: Any, b: Any, product: Any) -> Any:
        """a * b - product by Dekker's splitting; not finite where the splitting overflows."""
        a_high, b_high = (v * 134217729.0 - (v * 134217729.0 - v) for v in (a, b))
        a_low, b_low = a - a_high, b - b_high
        return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low

    def const(self, value: float, like: Any) -> Any:
        return np.full_like(like, value)

    def has_ldexp(self, x: Any) -> bool:
        return False

    def rint(self, x: Any) -> Any:
        return np.rint(x)

    def floor(self, x: Any) -> Any:
        return np.floor(x)

    def ceil(self, x: Any) -> Any:
        return np.ceil(x)

    def trunc(self, x: Any) -> Any:
        return np.trunc(x)

    def fabs(self, x: Any) -> Any:
        return np.fabs(x)

    def sqrt(self, x: Any) -> Any:
        return np.sqrt(x)

    def copysign(self, x: Any, sign: Any) -> Any:
        return np.copysign(x, sign)

    def select(self, cond: Any, a: Any, b: Any) -> Any:
        dtype = next(v.dtype for v in (a, b) if isinstance(v, (np.ndarray, np.generic)))
        return np.where(cond, np.asarray(a, dtype), np.asarray(b, dtype))

    def as_int(self, x: Any) -> Any:
        return np.asarray(x).view(np.int32 if x.dtype == np.float32 else np.int64)

    def as_float(self, i: Any) -> Any:
        return np.asarray(i).view(np.float32 if i.dtype == np.int32 else np.float64)

    def to_float(self, i: Any) -> Any:
        return i.astype(np.float32 if i.dtype == np.int32 else np.float64)

    def wide(self, x: Any) -> Any:
        return x.astype(np.float64)

    def narrow(self, x: Any) -> Any:
        return x.astype(np.float32)

    def narrow_int(self, i: Any) -> Any:
        return i.astype(np.int32)

    def add_reassoc(self, a: Any, b: Any) -> Any:
        return a + b

    def mul_reassoc(self, a: Any, b: Any) -> Any:
        return a * b

    def max_reduction(self, a: Any, b: Any) -> Any:
        return np.maximum(a, b)

    def min_reduction(self, a: Any, b: Any) -> Any:
        return np.minimum(a, b)
