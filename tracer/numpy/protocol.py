"""NumPy's protocols: NumPy functions called on `mx.np` arrays, and methods that call functions of the namespace."""
from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from tracer.array.nd_array import NDArray
from tracer.array.np_array import NP, ndarray

from . import fallback


def install(space: ModuleType) -> None:
    """Add the protocols to `ndarray`; functions are looked up in `space`, the module `mx.np`."""

    def __array_namespace__(self: ndarray, api_version: str | None = None) -> ModuleType:
        """The namespace of the array API standard: `mx.np`. ValueError for another version than "2021.10"."""
        if api_version not in (None, "2021.10"):
            raise ValueError(f"Unrecognized array API version: {api_version!r}")
        return space

    def __array_function__(self: ndarray, func: Callable, kinds: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        found = {"numpy": space, "numpy.linalg": space.linalg}.get(func.__module__)
        ours = vars(found).get(func.__name__) if found is not None else None
        if ours is None:
            return fallback.call(func.__name__, func, args, kwargs)
        return ours(*args, **kwargs)

    def nonzero(self: ndarray) -> tuple[ndarray, ...]:
        """The indices of the nonzero elements: one int64 array for each axis. A sync point."""
        return space.nonzero(self)

    for method in (__array_namespace__, __array_function__, __array_ufunc__, nonzero):
        setattr(ndarray, method.__name__, method)


def __array_ufunc__(self: ndarray, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    ours = getattr(NP, ufunc.__name__, None) if method == "__call__" and not set(kwargs) - {"out"} else None
    if ours is None or any(isinstance(x, (list, tuple)) for x in inputs):
        return fallback.call(ufunc.__name__, getattr(ufunc, method), inputs, kwargs)
    result = ours(*inputs)
    for out in kwargs.get("out", ()):
        out[...] = result if isinstance(out, NDArray) else result.asnumpy()
        return out
    return result
