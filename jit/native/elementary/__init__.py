"""Elementary functions that are emitted inside the calling loop and vectorize with it.

`FUNCTIONS[name]` is a function of a machine and its lanes; a file of `routines/` has its name in `__all__`.
`intrinsics.INTRINSICS[name]` makes compiled code of it. The docstring states the largest error in units in the last
place.
"""
from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from . import routines

_MODULES = [import_module(f"{routines.__name__}.{module.name}") for module in iter_modules(routines.__path__)]
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(module, name) for module in _MODULES for name in module.__all__}
