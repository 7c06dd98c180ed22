"""The functions of `mx.sym` that are written by hand: constants, and operators of symbols and numbers."""
from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..base import numeric_types
from .namespaces import INTERNAL
from .symbol import Symbol

__all__ = ["arange", "eye", "full", "histogram", "hypot", "linspace", "maximum", "minimum", "ones", "pow", "power",
           "split_v2", "zeros"]


def _dtype(dtype: Any) -> Any:
    return np.float32 if dtype is None else dtype


def eye(N: int, M: int = 0, k: int = 0, dtype: Any = None, **kwargs: Any) -> Symbol:
    """A matrix of N rows and M columns (0: N) with ones on the diagonal `k`."""
    return INTERNAL["_eye"](N=N, M=M, k=k, dtype=_dtype(dtype), **kwargs)


def zeros(shape: Any, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Zeros, float32 by default."""
    return INTERNAL["_zeros"](shape=shape, dtype=_dtype(dtype), **kwargs)


def ones(shape: Any, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Ones, float32 by default."""
    return INTERNAL["_ones"](shape=shape, dtype=_dtype(dtype), **kwargs)


def full(shape: Any, val: float, dtype: Any = None, **kwargs: Any) -> Symbol:
    """Elements that are all `val`, float32 by default."""
    return INTERNAL["_full"](shape=shape, dtype=_dtype(dtype), value=float(val), **kwargs)


def arange(start: float, stop: float | None = None, step: float = 1.0, repeat: int = 1, infer_range: bool = False,
           name: str | None = None, dtype: Any = None) -> Symbol:
    """Evenly spaced numbers from `start` to below `stop`, each `repeat` times."""
    return INTERNAL["_arange"](start=start, stop=stop, step=step, repeat=repeat, infer_range=infer_range, name=name,
                               dtype=_dtype(dtype))


def linspace(start: float, stop: float, num: int, endpoint: bool = True, name: str | None = None,
             dtype: Any = None) -> Symbol:
    """`num` evenly spaced numbers from `start` to `stop`, which is one of them with `endpoint`."""
    return INTERNAL["_linspace"](start=start, stop=stop, num=num, endpoint=endpoint, name=name, dtype=_dtype(dtype))


def histogram(a: Symbol, bins: Any = 10, range: Any = None, **kwargs: Any) -> Symbol:
    """The counts and the edges of a histogram's bins.

    bins: their number, with `range` from the first edge to the last; or a symbol of the edges.

    ValueError for a number without a range.
    """
    if isinstance(bins, Symbol):
        return INTERNAL["_histogram"](data=a, bins=bins, **kwargs)
    if not isinstance(bins, int):
        raise ValueError("bins argument should be either an integer or an NDArray")
    if range is None:
        raise ValueError("null range is not supported in symbol mode")
    return INTERNAL["_histogram"](data=a, bin_cnt=bins, range=range, **kwargs)


def split_v2(ary: Symbol, indices_or_sections: Any, axis: int = 0, squeeze_axis: bool = False) -> Symbol:
    """The parts of `ary` along an axis: an equal number of them, or at indices. ValueError for other arguments."""
    if isinstance(indices_or_sections, int):
        indices, sections = [], indices_or_sections
    elif isinstance(indices_or_sections, tuple):
        indices, sections = [0, *indices_or_sections], 0
    else:
        raise ValueError("indices_or_sections must either int or tuple of ints")
    return INTERNAL["_split_v2"](ary, indices, axis, squeeze_axis, sections)


# ---- operators of symbols and numbers ------------------------------------------------------------

def _of_two(doc: str, two: str, right: str, left: str, plain: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """A function of two operands, symbols or numbers.

    two, right, left: the operators of two symbols, and those where the operand of that side is a number.
    plain: the function of two numbers.
    """
    def operate(base: Any, other: Any) -> Any:
        if isinstance(base, Symbol) and isinstance(other, Symbol):
            return INTERNAL[two](base, other)
        if isinstance(base, Symbol) and isinstance(other, numeric_types):
            return INTERNAL[right](base, scalar=other)
        if isinstance(base, numeric_types) and isinstance(other, Symbol):
            return INTERNAL[left](other, scalar=base)
        if isinstance(base, numeric_types) and isinstance(other, numeric_types):
            return plain(base, other)
        raise TypeError(f"types ({type(base)}, {type(other)}) not supported")

    operate.__doc__ = f"{doc} of two symbols of one shape, or of a symbol and a number."
    return operate


power = _of_two("The power", "_Power", "_PowerScalar", "_RPowerScalar", operator.pow)
pow = power
maximum = _of_two("The larger elements", "_Maximum", "_MaximumScalar", "_MaximumScalar", max)
minimum = _of_two("The smaller elements", "_Minimum", "_MinimumScalar", "_MinimumScalar", min)
hypot = _of_two("The hypotenuse", "_Hypot", "_HypotScalar", "_HypotScalar", np.hypot)
for _name in ("power", "maximum", "minimum", "hypot"):
    globals()[_name].__name__ = globals()[_name].__qualname__ = _name
