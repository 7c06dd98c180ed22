"""`supply()`: the names of numpy_names.py and python_names.py are there again, where they are missing.

A module's `__getattr__` is asked for names that it lacks only, so nothing that exists is replaced. Each name that is
used is listed, with the user's first line, in `tracer.explain()`.
"""
from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from tracer.core.user_lines import OURS
from tracer.jit.report.counters import LOG, NOWHERE

from . import numpy_names, python_names


def _note(name: str) -> None:
    """List a name with the line that uses it, which may be an `import` statement."""
    if name in LOG.shims:
        return
    frame: FrameType | None = sys._getframe()
    while frame is not None and (OURS[frame.f_globals.get("__package__")] or
                                 frame.f_code.co_filename.startswith("<frozen importlib")):
        frame = frame.f_back
    LOG.shims[name] = NOWHERE if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def _attribute(module: ModuleType, lost: dict[str, Any], before: Callable[[str], Any] | None, name: str) -> Any:
    """The attribute of a module that lacks it: the one that it lost, or what its own `__getattr__` says."""
    if name in lost:
        _note(f"{module.__name__}.{name}")
        return lost[name]
    if before is not None:
        return before(name)
    raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")


class _Lost(Loader):
    """The loader of a module that Python lost."""

    def exec_module(self, module: ModuleType) -> None:
        _note(module.__name__)
        vars(module).update(python_names.MODULES[module.__name__])


class _LostFinder(MetaPathFinder):
    """The last finder, of modules that Python lost and that nothing else has."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        if fullname not in python_names.MODULES:
            return None
        package = any(name.startswith(fullname + ".") for name in python_names.MODULES)
        return ModuleSpec(fullname, _Lost(), is_package=package)


def supply() -> None:
    """Supply the names and modules that this NumPy and this Python lack. Further calls do nothing."""
    if any(isinstance(finder, _LostFinder) for finder in sys.meta_path):
        return
    sys.meta_path.append(_LostFinder())
    for module, lost in {np: numpy_names.names(), **python_names.NAMES}.items():
        before = vars(module).get("__getattr__")
        vars(module)["__getattr__"] = partial(_attribute, module, lost, before)
