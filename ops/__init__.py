"""What an operation is: shapes, gradient, scalar expression or library call, sample inputs, public names.

One file a family; a file that declares ops is loaded by being here.
"""
import importlib
import pkgutil


def load() -> None:
    """Import every family, so that the tables of primitives and of public functions are full."""
    for info in pkgutil.iter_modules(__path__, __name__ + "."):
        importlib.import_module(info.name)
