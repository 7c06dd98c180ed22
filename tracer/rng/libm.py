"""The C library's elementary functions, bit for bit, over NumPy arrays.

MXNet's kernels call `logf`, `log`, `powf`, ... of the system's C library. NumPy's own vector versions differ from them
in the last bit, which would change random draws. `logf` is computed here with array operations, as glibc 2.27 and later
compute it; the others call the C library one element at a time, and only the rarer distributions use them.
"""
from __future__ import annotations

import ctypes
import ctypes.util
import math
import struct
from collections.abc import Callable

import numpy as np

# The table and polynomial of glibc's logf: 16 intervals, each with 1/c and log(c) for a c near its centre.
_INVERSE = np.array([float.fromhex(v) for v in (
    "0x1.661ec79f8f3bep+0", "0x1.571ed4aaf883dp+0", "0x1.49539f0f010bp+0", "0x1.3c995b0b80385p+0",
    "0x1.30d190c8864a5p+0", "0x1.25e227b0b8eap+0", "0x1.1bb4a4a1a343fp+0", "0x1.12358f08ae5bap+0",
    "0x1.0953f419900a7p+0", "0x1p+0", "0x1.e608cfd9a47acp-1", "0x1.ca4b31f026aap-1",
    "0x1.b2036576afce6p-1", "0x1.9c2d163a1aa2dp-1", "0x1.886e6037841edp-1", "0x1.767dcf5534862p-1")])
_LOGARITHM = np.array([float.fromhex(v) for v in (
    "-0x1.57bf7808caadep-2", "-0x1.2bef0a7c06ddbp-2", "-0x1.01eae7f513a67p-2", "-0x1.b31d8a68224e9p-3",
    "-0x1.6574f0ac07758p-3", "-0x1.1aa2bc79c81p-3", "-0x1.a4e76ce8c0e5ep-4", "-0x1.1973c5a611cccp-4",
    "-0x1.252f438e10c1ep-5", "0x0p+0", "0x1.aa5aa5df25984p-5", "0x1.c5e53aa362eb4p-4",
    "0x1.526e57720db08p-3", "0x1.bc2860d22477p-3", "0x1.1058bc8a07ee1p-2", "0x1.4043057b6ee09p-2")])
_LN2 = float.fromhex("0x1.62e42fefa39efp-1")
_A0, _A1, _A2 = (float.fromhex(v) for v in ("-0x1.00ea348b88334p-2", "0x1.5575b0be00b6ap-2",
                                            "-0x1.ffffef20a4123p-2"))
# 1/c in two parts: the product of a 24-bit z and the high one is exact, so z/c - 1 is rounded once, as by an FMA.
_INVERSE_HIGH = (_INVERSE.view(np.uint64) & np.uint64(0xFFFFFFFFFE000000)).view(np.float64)
_INVERSE_LOW = _INVERSE - _INVERSE_HIGH
_HIGH_LIST, _LOW_LIST, _LOGARITHM_LIST = (a.tolist() for a in (_INVERSE_HIGH, _INVERSE_LOW, _LOGARITHM))
_FLOAT = struct.Struct("<f")
_WORD = struct.Struct("<I")
_OFFSET = np.uint32(0x3F330000)
_TINY = np.float32(2.0**-126)


def logf(x: np.ndarray) -> np.ndarray:
    """The natural logarithm of a float32 array as glibc's `logf` computes it.

    >>> logf(np.float32([1, 2, 0]))
    array([0.       , 0.6931472,      -inf], dtype=float32)
    """
    bits = np.ascontiguousarray(x).view(np.uint32)
    shifted = bits - _OFFSET
    i = ((shifted >> np.uint32(19)) & np.uint32(15)).astype(np.intp)
    k = shifted.view(np.int32) >> np.int32(23)
    z = (bits - (shifted & np.uint32(0xFF800000))).view(np.float32).astype(np.float64)
    r = z * _INVERSE_HIGH.take(i)
    r -= 1.0
    z *= _INVERSE_LOW.take(i)
    r += z
    y = k * _LN2
    y += _LOGARITHM.take(i)
    y += r
    square = r * r
    r *= _A1
    r += _A2
    r += _A0 * square
    r *= square
    r += y
    result = r.astype(np.float32)
    if x.size and not (x.min() >= _TINY and x.max() < np.inf):  # zero, subnormal, negative, infinite, NaN
        odd = ~((x >= _TINY) & (x < np.inf))
        with np.errstate(divide="ignore", invalid="ignore"):
            result[odd] = np.log(x[odd].astype(np.float64))
    return result


def logf_one(x: float) -> float:
    """`logf` of one float32 value above 2**-126; argument and result are Python floats."""
    bits, = _WORD.unpack(_FLOAT.pack(x))
    shifted = bits - 0x3F330000
    i = shifted >> 19 & 15
    k = shifted >> 23
    z, = _FLOAT.unpack(_WORD.pack(bits - (k << 23)))
    r = z * _HIGH_LIST[i] - 1.0 + z * _LOW_LIST[i]
    square = r * r
    y = (_A0 * square + (_A1 * r + _A2)) * square + (_LOGARITHM_LIST[i] + k * _LN2 + r)
    return _FLOAT.unpack(_FLOAT.pack(y))[0]


def log_one(x: float) -> float:
    """The C library's `log` of one value, with -inf for 0 and NaN for negative values instead of exceptions."""
    return math.log(x) if x > 0 else -math.inf if x == 0 else math.nan


def _load() -> ctypes.CDLL | None:
    """The C library's mathematical part, or None if it is not a separate file (Windows)."""
    for name in ("libm.so.6", "libm.dylib"):  # tried first, as find_library starts one process or several
        try:
            return ctypes.CDLL(name)
        except OSError:
            pass
    other = ctypes.util.find_library("m")
    try:
        return ctypes.CDLL(other) if other else None
    except OSError:
        return None


_LIBRARY = _load()


def _one(name: str, fallback: Callable[..., float], arguments: int = 1) -> Callable[..., float]:
    """The C function `name` of floats; without the library, `fallback` rounded to float32."""
    if _LIBRARY is None or not hasattr(_LIBRARY, name):
        return lambda *x: _FLOAT.unpack(_FLOAT.pack(fallback(*x)))[0]
    function = getattr(_LIBRARY, name)
    function.argtypes = [ctypes.c_float] * arguments
    function.restype = ctypes.c_float
    return function


def _each(function: Callable[..., float], dtype: type) -> Callable[..., np.ndarray]:
    """A function that applies `function`, of numbers, to each element of broadcast arrays."""
    def apply(*arrays: np.ndarray) -> np.ndarray:
        columns = np.broadcast_arrays(*arrays)
        values = map(function, *[c.ravel().tolist() for c in columns])
        return np.fromiter(values, dtype, columns[0].size).reshape(columns[0].shape)
    return apply


expf_one = _one("expf", math.exp)
powf_one = _one("powf", math.pow, 2)
tanf_one = _one("tanf", math.tan)
lgammaf_one = _one("lgammaf", math.lgamma)
log = _each(log_one, np.float64)
exp = _each(math.exp, np.float64)
expf = _each(expf_one, np.float32)
powf = _each(powf_one, np.float32)
