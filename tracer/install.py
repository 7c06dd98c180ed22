"""`install_as_mxnet()`: after this call, every form of `import mxnet` gives tracer.

The modules are the same objects under two names (`mxnet.np is tracer.np`), so classes, flags and state are
shared. Modules are still imported lazily.

Processes started by `multiprocessing`'s *spawn* method run the main script again without the call that their parent
made: a script that uses them calls `install_as_mxnet()` at its top.
"""
from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_ALIAS = "mxnet"
_PACKAGE = "tracer"


class _SameModule(Loader):
    """The loader of `mxnet.x.y`: it puts the module that `load` returns into `sys.modules` under that name."""

    def __init__(self, load: Callable[[], ModuleType]) -> None:
        self.load = load

    def exec_module(self, module: ModuleType) -> None:
        # The import system takes the module from sys.modules after this call. Returning tracer's module from
        # create_module() instead would overwrite its __spec__ with the alias's.
        assert module.__spec__ is not None
        sys.modules[module.__spec__.name] = self.load()


class _MXNetFinder(MetaPathFinder):
    """The finder of `mxnet.x.y`, for modules that tracer has; for others Python raises its usual error."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        parent, _, child = fullname.rpartition(".")
        if parent != _ALIAS and not parent.startswith(_ALIAS + "."):
            return None
        load = _loader_of(sys.modules[parent], child)
        return None if load is None else ModuleSpec(fullname, _SameModule(load))


def _loader_of(parent: ModuleType, child: str) -> Callable[[], ModuleType] | None:
    """A function that returns the submodule `child` of tracer's module `parent`; None if there is none.

    It imports the module or reads an attribute: some MXNet modules have a second name that is only an attribute
    (`mxnet.nd` is `mxnet.ndarray`).
    """
    name = f"{parent.__name__}.{child}"
    if name in sys.modules or importlib.util.find_spec(name) is not None:
        return partial(importlib.import_module, name)
    found = getattr(parent, child, None)
    if isinstance(found, ModuleType) and found.__name__.startswith(_PACKAGE + "."):
        return lambda: found
    return None


def install_as_mxnet() -> None:
    """Make `import mxnet` and every `mxnet.x.y` resolve to tracer. Further calls do nothing.

    RuntimeError when another mxnet has already been imported: arrays of both would mix.

    >>> install_as_mxnet()
    >>> import mxnet, tracer
    >>> mxnet is tracer
    True
    """
    present = sys.modules.get(_ALIAS)
    package = importlib.import_module(_PACKAGE)
    if present is not None and present is not package:
        where = getattr(present, "__file__", None) or "an unknown place"
        raise RuntimeError(
            f"install_as_mxnet(): another mxnet is already imported, from {where}. "
            "Call it before the first `import mxnet`."
        )
    sys.modules[_ALIAS] = package
    package.MXNetError.__module__ = f"{_ALIAS}.base"  # shown in tracebacks, and in logs that are compared
    if not any(isinstance(finder, _MXNetFinder) for finder in sys.meta_path):
        # First in the list, or Python's path finder would load a second copy of tracer's files as mxnet.x.
        sys.meta_path.insert(0, _MXNetFinder())
