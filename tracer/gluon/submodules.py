"""Packages of Gluon whose submodules are imported when they are first used."""
from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from ..mxnet_modules import absence, has_file


def importing(package: str) -> Callable[[str], ModuleType]:
    """The `__getattr__` of a package: it imports the submodule of a name. AttributeError for one that there is not."""
    def __getattr__(name: str) -> ModuleType:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{package}.{name}"
        if not has_file(sys.modules[package], name):
            raise AttributeError(absence(full.partition(".")[2]))
        return import_module(full)

    return __getattr__
