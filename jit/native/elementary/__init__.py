"""Elementary functions that are emitted inside the calling loop and vectorize with it.

`FUNCTIONS[name]` is a function of a machine and its lanes; a file of `routines/` has its name in `__all__`.
`intrinsics.INTRINSICS[name]` makes compiled code of it. `NUMPY[name]` runs it on NumPy arrays (float16 is computed in
float32, and rounded). The docstring states the largest error in units in the last place.

>>> float(NUMPY["sigmoid"](0.0))
0.5
"""
from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np

from . import routines
from .lanes import NumpyMachine

_MODULES = [import_module(f"{routines.__name__}.{module.name}") for module in iter_modules(routines.__path__)]
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(module, name) for module in _MODULES for name in module.__all__}


def _numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` over arrays of one float type."""

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
