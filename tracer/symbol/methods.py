"""Operators and methods of symbols: each makes a symbol by the function of its name."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import autograd
from ..base import NotImplementedForSymbol, numeric_types
from ..ndarray import NDArray
from .binding.bind import bind, simple_bind
from .creation import split_v2
from .evaluate import evaluate
from .graph.node import SymbolNode
from .namespaces import GENERATED, INTERNAL
from .symbol import Symbol, refuse

#: The methods that are the function of the same name, with the symbol as first argument: those that arrays have.
_METHODS = [name for name in GENERATED[""] if hasattr(NDArray, name) and name not in ("dot", "softsign")]

#: Python's operators of two operands: the functions of two symbols, of a number on the right, and on the left.
_OPERATORS = {
    "add": ("_Plus", "_PlusScalar", "_PlusScalar"), "sub": ("_Minus", "_MinusScalar", "_RMinusScalar"),
    "mul": ("_Mul", "_MulScalar", "_MulScalar"), "truediv": ("_Div", "_DivScalar", "_RDivScalar"),
    "mod": ("_Mod", "_ModScalar", "_RModScalar"), "pow": ("_Power", "_PowerScalar", "_rpower_scalar")}
_COMPARISONS = {"eq": "_equal", "ne": "_not_equal", "gt": "_greater", "ge": "_greater_equal", "lt": "_lesser",
                "le": "_lesser_equal"}


def _named(made: Callable[..., Any], name: str, doc: str) -> Callable[..., Any]:
    made.__name__, made.__qualname__, made.__doc__ = name, f"Symbol.{name}", doc
    return made


def _method(name: str) -> Callable[..., Any]:
    operate = GENERATED[""][name]

    def method(self: Symbol, *args: Any, **kwargs: Any) -> Symbol:
        return operate(self, *args, **kwargs)

    return _named(method, name, f"The function `{name}` of this symbol.")


def _binary(two: str, scalar: str) -> Callable[[Any, Any], Any]:
    of_two, of_scalar = INTERNAL[two], INTERNAL[scalar]

    def operate(self: Symbol, other: Any) -> Any:
        if isinstance(other, Symbol):
            return of_two(self, other)
        if isinstance(other, numeric_types):
            return of_scalar(self, scalar=other)
        raise TypeError(f"type {type(other)} not supported")

    return operate


def _reversed(two: str, scalar: str) -> Callable[[Any, Any], Any]:
    forward = _binary(two, scalar)
    return lambda self, other: INTERNAL[two](other, self) if isinstance(other, Symbol) else forward(self, other)


def _in_place(name: str) -> Callable[[Any, Any], Any]:
    def operate(self: Symbol, other: Any) -> Any:
        raise NotImplementedForSymbol(operate, name, other)

    return operate


def astype(self: Symbol, *args: Any, **kwargs: Any) -> Symbol:
    """The elements converted to a type."""
    return GENERATED[""]["cast"](self, *args, **kwargs)


def flatten(self: Symbol, inplace: bool = False, **kwargs: Any) -> Symbol:
    """The function `flatten` of this symbol."""
    return GENERATED[""]["flatten"](self, **kwargs)


def expand_dims(self: Symbol, axis: int, inplace: bool = False, **kwargs: Any) -> Symbol:
    """The function `expand_dims` of this symbol."""
    return GENERATED[""]["expand_dims"](self, axis=axis, **kwargs)


def squeeze(self: Symbol, axis: Any = None, inplace: bool = False, **kwargs: Any) -> Symbol:
    """The function `squeeze` of this symbol."""
    return GENERATED[""]["squeeze"](self, axis=axis, **kwargs)


def evaluated(self: Symbol, ctx: Any = None, **kwargs: Any) -> list[NDArray]:
    """The outputs for arrays by the names of the symbol's variables, in prediction mode.

    ctx: without effect: outputs are where the arrays are.

    ValueError for a variable without an array.
    """
    for name in self.list_inputs():
        if name not in kwargs:
            raise ValueError(f"key `{name}` is missing in `args`")
    with autograd.pause(train_mode=False):
        return evaluate(self, kwargs)


def optimize_for(self: Symbol, backend: str, args: Any = None, aux: Any = None, ctx: Any = None,
                 shape_dict: Any = None, type_dict: Any = None, stype_dict: Any = None, skip_infer: bool = False,
                 **kwargs: Any) -> Symbol:
    """A copy: what the backends of MXNet do to a graph, tracer does to what it records.

    All arguments: without effect.
    """
    return self.__copy__()


def get_backend_symbol(self: Symbol, backend: str) -> Symbol:
    """A copy, as `optimize_for` gives."""
    return self.__copy__()


def _gen_atomic_symbol(self: Symbol) -> Symbol:
    """A symbol of the same operator and attributes without inputs."""
    node = self._outputs[0][0]
    made = SymbolNode(node.op, node.name, node.attrs, (), node.output_names, node.visible)
    return Symbol([(made, i) for i in range(node.visible)])


def as_nd_ndarray(self: Symbol) -> Symbol:
    """The symbol, as one of `mx.sym`."""
    return Symbol(self._outputs)


def _methods() -> dict[str, Any]:
    """The methods and operators of `Symbol`, by name."""
    found: dict[str, Any] = {name: _method(name) for name in _METHODS}
    for method in (astype, flatten, expand_dims, squeeze, as_nd_ndarray):
        found[method.__name__] = method
    found |= {"eval": evaluated, "bind": bind, "_bind": bind, "simple_bind": simple_bind,
              "_simple_bind": simple_bind, "_gen_atomic_symbol": _gen_atomic_symbol,
              "optimize_for": optimize_for, "get_backend_symbol": get_backend_symbol,
              "handle": property(lambda self: self)}
    found["split_v2"] = lambda self, *args, **kwargs: split_v2(self, *args, **kwargs)
    for name, (two, right, left) in _OPERATORS.items():
        for full, made in ((f"__{name}__", _binary(two, right)), (f"__r{name}__", _reversed(two, left)),
                           (f"__i{name}__", _in_place(f"{name}="))):
            found[full] = _named(made, full, f"Python's operator {name}.")
    for name, two in _COMPARISONS.items():
        found[f"__{name}__"] = _named(_binary(two, f"{two}_scalar"), f"__{name}__", f"Python's {name}.")
    for name in ("wait_to_read", "asnumpy", "asscalar", "copy", "as_in_context", "detach", "backward", "gradient"):
        found[name] = refuse(name)
    found |= {"__bool__": refuse("__bool__", "bool"), "__div__": found["__truediv__"], "__hash__": None,
              "__rdiv__": found["__rtruediv__"]}
    found["__abs__"] = lambda self: found["abs"](self)
    found["__neg__"] = lambda self: found["__mul__"](self, -1.0)
    return found


for _name, _made in _methods().items():
    setattr(Symbol, _name, _made)
