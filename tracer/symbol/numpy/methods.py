"""Operators and methods of the symbols of `mx.np`."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...base import numeric_types
from ..symbol import Symbol, refuse
from .functions import generated, made
from .symbol import _Symbol
from .written import part

_FUNCTIONS = generated("np")
_OPERATORS = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "mod": "mod",
              "pow": "power", "floordiv": "floor_divide", "matmul": "matmul", "and": "bitwise_and",
              "or": "bitwise_or", "xor": "bitwise_xor"}
_COMPARISONS = {"eq": "equal", "ne": "not_equal", "gt": "greater", "ge": "greater_equal", "lt": "less",
                "le": "less_equal"}
#: The methods that are the function of the same name.
_METHODS = """
all any argmax argmin argsort clip cumsum diag dot expand_dims max mean min prod repeat round sort squeeze std sum
swapaxes take tile transpose var broadcast_to flip abs
""".split()

#: The parameters of methods that are written even at their defaults, as MXNet does.
_EXPLICIT: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("sum", "prod", "max", "min", "all", "any"), {"axis": None, "keepdims": False}),
    "squeeze": {"axis": None}}
_ORDER = {**dict.fromkeys(("sum", "prod"), ("axis", "dtype", "out", "keepdims")), "squeeze": ("axis",),
          **dict.fromkeys(("max", "min", "all", "any"), ("axis", "out", "keepdims"))}


def _binary(short: str, reverse: bool) -> Callable[[Any, Any], Any]:
    operate = _FUNCTIONS[short]

    def method(self: _Symbol, other: Any) -> Any:
        if not isinstance(other, (Symbol, *numeric_types)):
            raise TypeError(f"type {type(other)} not supported")
        return operate(other, self) if reverse else operate(self, other)

    return method


def _method(short: str) -> Callable[..., Any]:
    operate = _FUNCTIONS[short]

    def method(self: _Symbol, *args: Any, **kwargs: Any) -> Any:
        given = {**dict(zip(_ORDER.get(short, ()), args)), **kwargs}
        return operate(self, **{**_EXPLICIT.get(short, {}), **given}) if short in _ORDER else \
            operate(self, *args, **kwargs)

    method.__name__, method.__doc__ = short, f"The function `{short}` of this symbol."
    return method


def _reshape(self: _Symbol, *shape: Any, order: str = "C", **kwargs: Any) -> Any:
    """The elements in another shape, given as a tuple or as numbers."""
    wanted = kwargs.get("shape", shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)
    return made("_np_reshape", "reshape", [self], newshape=wanted, order=order)


def _transpose(self: _Symbol, *axes: Any) -> Any:
    """The array with its axes in another order, reversed by default."""
    order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
    return _FUNCTIONS["transpose"](self, order)


def _astype(self: _Symbol, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True,
            copy: bool = True) -> Any:
    """The elements converted to a type."""
    return made("Cast", "cast", [self], dtype=dtype)


def _flatten(self: _Symbol, order: str = "C") -> Any:
    """The elements along one axis."""
    return _reshape(self, (-1,), order=order)


def as_np_ndarray(self: Symbol) -> _Symbol:
    """The symbol, as one of `mx.np`."""
    return _Symbol(self._outputs)


def _methods() -> dict[str, Any]:
    found: dict[str, Any] = {name: _method(name) for name in _METHODS if name in _FUNCTIONS}
    for name, short in _OPERATORS.items():
        found[f"__{name}__"], found[f"__r{name}__"] = _binary(short, False), _binary(short, True)
    for name, short in _COMPARISONS.items():
        found[f"__{name}__"] = _binary(short, False)
    found["__neg__"] = lambda self: found["__mul__"](self, -1.0)
    return found | {"reshape": _reshape, "transpose": _transpose, "astype": _astype, "flatten": _flatten,
                    "_part": part, "T": property(lambda self: _transpose(self)), "__hash__": None,
                    "copy": refuse("copy"), "__abs__": found["abs"]}


for _name, _made in _methods().items():
    setattr(_Symbol, _name, _made)
setattr(Symbol, as_np_ndarray.__name__, as_np_ndarray)
