"""Operations: shapes, gradients, scalar expressions or library calls, sample inputs and public names.

Each file declares a family of ops; `load` imports every file of this folder.
"""
import importlib
import pkgutil
from functools import cache

if __name__ != "tracer.ops":
    raise ImportError("ops is a layer of tracer: import tracer.ops", name=__name__)


@cache
def load() -> None:
    """Import every family, which fills the tables of primitives and of public functions."""
    for info in pkgutil.walk_packages(__path__, __name__ + "."):
        importlib.import_module(info.name)
