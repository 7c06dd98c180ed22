"""`mx.sym`: symbols, graphs of operators that run when they are bound to arrays."""
import sys
import types
from typing import Any

from . import creation, methods, numpy, random, variables
from .creation import *  # noqa: F403
from .namespaces import GENERATED, INTERNAL
from .symbol import Symbol
from .variables import *  # noqa: F403

__all__ = ["Symbol", "contrib", "image", "linalg", "methods", "np", "npx", "op", "random", *creation.__all__,
           *variables.__all__]


def _namespace(name: str, functions: dict[str, Any]) -> types.ModuleType:
    """A new module `tracer.symbol.name` with functions."""
    module = types.ModuleType(f"{__name__}.{name}", f"`mx.sym.{name}`.")
    vars(module).update(functions)
    sys.modules[module.__name__] = module
    return module


op, _internal = _namespace("op", GENERATED[""]), _namespace("_internal", INTERNAL)
contrib, linalg = _namespace("contrib", GENERATED["contrib"]), _namespace("linalg", GENERATED["linalg"])
image, sparse = _namespace("image", GENERATED["image"]), _namespace("sparse", GENERATED[""])
np, npx, numpy_extension = numpy, numpy.numpy_extension, numpy.numpy_extension
globals().update({name: made for name, made in GENERATED[""].items() if name not in globals()})
