"""NumPy's removed names, each with its value or with the function that does the same today."""
from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

#: The kinds of numbers, the lowest first.
_KINDS = "buifc"


def asfarray(a: Any, dtype: Any = np.float64) -> np.ndarray:
    """An array of floating-point numbers: of `dtype`, or of float64 if that is an integer type."""
    return np.asarray(a, dtype if np.issubdtype(dtype, np.inexact) else np.float64)


def asscalar(a: np.ndarray) -> Any:
    """The element of an array of size 1, as a Python number."""
    return a.item()


def in1d(ar1: Any, ar2: Any, assume_unique: bool = False, invert: bool = False, **kwargs: Any) -> np.ndarray:
    """Whether each element of `ar1`, flattened, is one of `ar2`."""
    return np.isin(np.ravel(ar1), ar2, assume_unique=assume_unique, invert=invert, **kwargs)


def issubclass_(arg1: Any, arg2: Any) -> bool:
    """`issubclass`, false for an object that is no class."""
    return isinstance(arg1, type) and issubclass(arg1, arg2)


def issubsctype(arg1: Any, arg2: Any) -> bool:
    """Whether the first scalar type is a subclass of the second."""
    return issubclass(obj2sctype(arg1), obj2sctype(arg2))


def msort(a: Any) -> np.ndarray:
    """A copy sorted along the first axis."""
    return np.sort(a, axis=0)


def obj2sctype(rep: Any, default: Any = None) -> Any:
    """The scalar type of an object; `default` for one that has none."""
    try:
        return np.dtype(rep.dtype if isinstance(rep, np.ndarray) else rep).type
    except TypeError:
        return default


def find_common_type(array_types: Any, scalar_types: Any) -> np.dtype:
    """The dtype of a result with arrays and scalars of these types: scalars count if they are of a higher kind."""
    arrays = [np.dtype(t) for t in array_types]
    scalars = [np.dtype(t) for t in scalar_types]
    if not arrays or not scalars:
        return np.result_type(*arrays, *scalars)
    one, other = np.result_type(*arrays), np.result_type(*scalars)
    return np.result_type(one, other) if _KINDS.find(other.kind) > _KINDS.find(one.kind) else one


class _Cast(dict[Any, Callable[[Any], np.ndarray]]):
    """`np.cast`: functions that convert to a dtype."""

    def __missing__(self, dtype: Any) -> Callable[[Any], np.ndarray]:
        return lambda x: np.asarray(x).astype(dtype)


def _removed_since(namespace: Any, **old: str) -> dict[str, Any]:
    """The objects of `namespace` by their former names in NumPy's main namespace."""
    return {name: getattr(namespace, now) for name, now in old.items() if hasattr(namespace, now)}


def names() -> dict[str, Any]:
    """The removed names and what they stood for. Those that NumPy has are not looked up here."""
    exceptions = getattr(np, "exceptions", np)
    found = {
        "bool": bool, "int": int, "float": float, "complex": complex, "object": object, "str": str, "long": int,
        "unicode": str, "bool8": np.bool_, "int0": np.intp, "uint0": np.uintp, "object0": np.object_, "str0": np.str_,
        "bytes0": np.bytes_, "void0": np.void, "float_": np.float64, "complex_": np.complex128, "cfloat": np.complex128,
        "singlecomplex": np.complex64, "clongfloat": np.clongdouble, "longcomplex": np.clongdouble,
        "longfloat": np.longdouble, "string_": np.bytes_, "unicode_": np.str_,
        "Inf": np.inf, "Infinity": np.inf, "infty": np.inf, "PINF": np.inf, "NINF": -np.inf, "NaN": np.nan,
        "PZERO": 0.0, "NZERO": -0.0, "math": math, "warnings": warnings,
        "product": np.prod, "cumproduct": np.cumprod, "alltrue": np.all, "sometrue": np.any, "row_stack": np.vstack,
        "round_": np.round, "mat": np.asmatrix, "rank": np.ndim, "asfarray": asfarray, "asscalar": asscalar,
        "in1d": in1d, "issubclass_": issubclass_, "issubsctype": issubsctype, "msort": msort, "obj2sctype": obj2sctype,
        "find_common_type": find_common_type, "cast": _Cast(), "typeDict": np.sctypeDict,
        "sctypes": {"int": [np.int8, np.int16, np.int32, np.int64], "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
                    "float": [np.float16, np.float32, np.float64, np.longdouble],
                    "complex": [np.complex64, np.complex128, np.clongdouble],
                    "others": [bool, object, bytes, str, np.void]},
    }
    found |= _removed_since(np, trapz="trapezoid")
    found |= _removed_since(exceptions, AxisError="AxisError", ComplexWarning="ComplexWarning",
                            RankWarning="RankWarning", TooHardError="TooHardError",
                            VisibleDeprecationWarning="VisibleDeprecationWarning",
                            ModuleDeprecationWarning="ModuleDeprecationWarning")
    return found
