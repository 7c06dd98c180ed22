"""`mx.sym`: symbols, graphs of operators that run when they are bound to arrays."""
import sys
import types
from typing import Any

from . import control_flow, creation, methods, numpy, numpy_extension, random, recorded, variables
from .creation import *  # noqa: F403
from .namespaces import GENERATED, INTERNAL
from .symbol import Symbol
from .variables import *  # noqa: F403

__all__ = ["Symbol", "contrib", "image", "linalg", "methods", "np", "npx", "op", "random", "recorded",
           *creation.__all__, *variables.__all__]


def _namespace(name: str, functions: dict[str, Any]) -> types.ModuleType:
    """A new module `tracer.symbol.name` with functions."""
    module = types.ModuleType(f"{__name__}.{name}", f"`mx.sym.{name}`.")
    vars(module).update(functions)
    sys.modules[module.__name__] = module
    return module


op, _internal = _namespace("op", GENERATED[""]), _namespace("_internal", INTERNAL)
_CONTROL_FLOW = {name: getattr(control_flow, name) for name in control_flow.__all__}
contrib = _namespace("contrib", {**GENERATED["contrib"], **_CONTROL_FLOW, "rand_zipfian": random.rand_zipfian})
linalg = _namespace("linalg", GENERATED["linalg"])
image, sparse = _namespace("image", GENERATED["image"]), _namespace("sparse", GENERATED[""])
np, npx = numpy, numpy_extension
globals().update({name: made for name, made in GENERATED[""].items() if name not in globals()})
