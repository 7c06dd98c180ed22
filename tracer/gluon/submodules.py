"""Packages of Gluon whose submodules are imported when they are first used."""
from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from ..mxnet_modules import absence


def importing(package: str) -> Callable[[str], ModuleType]:
    """The `__getattr__` of a package: it imports the submodule of a name. AttributeError for one that there is not."""
    def __getattr__(name: str) -> ModuleType:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{package}.{name}"
        try:
            found = find_spec(full)
        except ModuleNotFoundError:  # the last finder refuses MXNet's modules that tracer lacks
            found = None
        if found is None:
            raise AttributeError(absence(full.partition(".")[2]))
        return import_module(full)

    return __getattr__
