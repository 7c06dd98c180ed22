"""`install_as_mxnet()`: after this call, every form of `import mxnet` gives tracer.

The modules are the same objects under two names (`mxnet.np is tracer.np`), so classes, flags and state are
shared. `import mxnet` loads all modules that MXNet's loads; until then, `mxnet` is not in `sys.modules`.

Processes started by `multiprocessing`'s *spawn* method run the main script again without the call that their parent
made: a script that uses them calls `install_as_mxnet()` at its top.
"""
from __future__ import annotations

import importlib
import multiprocessing.pool  # noqa: F401  # MXNet leaves it imported, and scripts use it without an import
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from . import generation, libinfo, mxnet_modules
from .numpy_extension import mode
from .shims.supply import supply

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
    """The finder of `mxnet` and `mxnet.x.y`, for modules that tracer has."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == _ALIAS:
            return ModuleSpec(fullname, _SameModule(_load_all))
        parent, _, child = fullname.rpartition(".")
        if parent != _ALIAS and not parent.startswith(_ALIAS + "."):
            return None
        load = _loader_of(sys.modules[parent], child)
        return None if load is None else ModuleSpec(fullname, _SameModule(load))


def _load_all() -> ModuleType:
    """Load MXNet's modules, as far as tracer has them, under both names; returns the package."""
    package = sys.modules[_ALIAS] = importlib.import_module(_PACKAGE)
    for space in (package, libinfo):
        vars(space)["__version__"] = generation.version()
    for name in mxnet_modules.MODULES:
        parent, _, child = f"{_ALIAS}.{name}".rpartition(".")
        load = _loader_of(sys.modules[parent], child) if parent in sys.modules else None
        if load is not None:
            sys.modules[f"{_ALIAS}.{name}"] = load()
    return package


def _loader_of(parent: ModuleType, child: str) -> Callable[[], ModuleType] | None:
    """A function that returns the submodule `child` of tracer's module `parent`; None if there is none.

    It imports the module or reads an attribute: some MXNet modules have a second name that is only an attribute
    (`mxnet.nd` is `mxnet.ndarray`).
    """
    name = f"{parent.__name__}.{child}"
    if name in sys.modules or mxnet_modules.has_file(parent, child):
        return partial(importlib.import_module, name)
    found = getattr(parent, child, None)
    if isinstance(found, ModuleType) and found.__name__.startswith(_PACKAGE + "."):
        return lambda: found
    return None


def install_as_mxnet(version: str | None = None, shims: bool = False) -> None:
    """Make `import mxnet` and every `mxnet.x.y` resolve to tracer. Further calls add what they ask for.

    version: "1.9.1" or "2.0", the generation that applies where the two contradict each other, and that
        `mxnet.__version__` names; None: what the environment's TRACER_MXNET says, or 1.9.1.
    shims: whether names that newer versions of NumPy and Python removed are supplied again (shims/).

    RuntimeError when another mxnet has already been imported, as arrays of both would mix, or when the other
    generation is in use; ValueError for another version.

    >>> install_as_mxnet()
    >>> import mxnet, tracer
    >>> mxnet is tracer, mxnet.__version__
    (True, '1.9.1')
    """
    present = sys.modules.get(_ALIAS)
    package = importlib.import_module(_PACKAGE)
    if present is not None and present is not package:
        where = getattr(present, "__file__", None) or "an unknown place"
        raise RuntimeError(
            f"install_as_mxnet(): another mxnet is already imported, from {where}. "
            "Call it before the first `import mxnet`."
        )
    if version is not None:
        generation.choose(version)
        mode.begin()
    if shims:
        supply()
    package.MXNetError.__module__ = f"{_ALIAS}.base"  # shown in tracebacks, and in logs that are compared
    if not any(isinstance(finder, _MXNetFinder) for finder in sys.meta_path):
        # First in the list, or Python's path finder would load a second copy of tracer's files as mxnet.x.
        sys.meta_path.insert(0, _MXNetFinder())
