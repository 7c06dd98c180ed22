"""Operations: shapes, gradients, scalar expressions or library calls, sample inputs and public names.

A file declares a family of ops; being here is enough for it to be loaded.
"""
import importlib
import pkgutil

if __name__ != "tracer.ops":
    raise ImportError("ops is a layer of tracer: import tracer.ops", name=__name__)


def load() -> None:
    """Import every family, so that the tables of primitives and of public functions are full."""
    for info in pkgutil.walk_packages(__path__, __name__ + "."):
        importlib.import_module(info.name)
