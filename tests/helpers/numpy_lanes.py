"""The elementary functions on NumPy arrays: a machine that checks their formulas without a compiler."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.jit.native.elementary import FUNCTIONS


class NumpyMachine:
    """The machine that runs lane functions (llvm_lanes.py) on NumPy arrays."""

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


def _numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` over arrays of one float type; float16 is computed in float32, and rounded."""

    def run(*args: Any) -> Any:
        arrays = [np.asarray(a) for a in args]
        dtype = arrays[-1].dtype
        lanes = [np.atleast_1d(a.astype(np.float32) if a.dtype == np.float16 else a) for a in arrays]
        with np.errstate(all="ignore"):
            y = function(NumpyMachine(), *lanes).astype(dtype)
        return y.reshape(np.broadcast_shapes(*(a.shape for a in arrays)))

    run.__name__ = function.__name__
    run.__doc__ = function.__doc__
    return run



NUMPY: dict[str, Callable[..., Any]] = {name: _numpy(function) for name, function in FUNCTIONS.items()}
