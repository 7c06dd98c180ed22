"""`mx.nd`: the imperative functions of MXNet 1.x."""
import sys
import types
from typing import Any

from tracer.arrays import NDArray
from tracer.namespaces import fill

from . import methods
from .creation import (
    arange,
    array,
    concatenate,
    empty,
    eye,
    from_dlpack,
    from_numpy,
    full,
    linspace,
    ones,
    to_dlpack_for_read,
    to_dlpack_for_write,
    waitall,
    zeros,
)
from .files import load, load_frombuffer, save

__all__ = ["NDArray", "arange", "array", "concatenate", "empty", "eye", "from_dlpack", "from_numpy", "full",
           "linspace", "load", "load_frombuffer", "methods", "ones", "save", "to_dlpack_for_read",
           "to_dlpack_for_write", "waitall", "zeros"]

fill(sys.modules[__name__], "nd", NDArray)


def _namespace(name: str, prefix: str) -> types.ModuleType:
    """A module `tracer.ndarray.name` with the functions declared under `prefix`."""
    module = types.ModuleType(f"{__name__}.{name}", f"`mx.nd.{name}`.")
    fill(module, prefix, NDArray)
    sys.modules[module.__name__] = module
    return module


op = _namespace("op", "nd")
linalg = _namespace("linalg", "nd.linalg")
contrib = _namespace("contrib", "nd.contrib")


class _Sparse(types.ModuleType):
    """`mx.nd.sparse`: not here. Every name of it raises NotImplementedError when called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError(f"nd.sparse.{name}: tracer has dense arrays only")

        return missing


sparse = _Sparse(f"{__name__}.sparse")
sys.modules[sparse.__name__] = sparse
