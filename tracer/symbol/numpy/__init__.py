"""`mx.sym.np` and `mx.sym.npx`: functions that make symbols with NumPy's semantics."""
import sys
import types
from typing import Any

from . import methods, written
from .functions import generated, made
from .symbol import _Symbol as _Symbol
from .written import *  # noqa: F403

__all__ = ["linalg", "methods", "random", *written.__all__]


def _namespace(name: str, functions: dict[str, Any]) -> types.ModuleType:
    module = types.ModuleType(name, f"`{name}`.")
    vars(module).update(functions)
    sys.modules[name] = module
    return module


def _uniform(low: Any = 0.0, high: Any = 1.0, size: Any = None, dtype: Any = None, ctx: Any = None) -> Any:
    """Random numbers, uniform in [low, high)."""
    return made("_npi_uniform", "uniform", [], low=low, high=high, size=size, dtype=dtype or "float32",
                ctx=str(ctx or "cpu(0)"))


def _normal(loc: Any = 0.0, scale: Any = 1.0, size: Any = None, dtype: Any = None, ctx: Any = None) -> Any:
    """Random numbers of the normal distribution."""
    return made("_npi_normal", "normal", [], loc=loc, scale=scale, size=size, dtype=dtype or "float32",
                ctx=str(ctx or "cpu(0)"))


def _randint(low: int, high: Any = None, size: Any = None, dtype: Any = None, ctx: Any = None) -> Any:
    """Random integers in [low, high), or in [0, low)."""
    low, high = (0, low) if high is None else (low, high)
    return made("_random_randint", "random_randint", [], low=low, high=high, shape=size or (1,),
                dtype=dtype or "int64", ctx=str(ctx or "cpu(0)"))


globals().update({name: f for name, f in generated("np").items() if name not in globals()})
linalg = _namespace(f"{__name__}.linalg", generated("np.linalg"))
random = _namespace(f"{__name__}.random", {"uniform": _uniform, "normal": _normal, "randint": _randint})
