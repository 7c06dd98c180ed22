"""The functions of `mx.sym.np` that are generated from the declarations of `mx.np`'s."""
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tracer.ops.declare.public import FUNCTIONS, Function

from ... import numpy
from ..functions import created, function
from ..graph.composing import single
from ..operators.numpy_operators import (
    COMMUTATIVE,
    EXTENSION,
    MIRRORED,
    UNDERSCORED,
    operator_name,
    scalar_name,
    takes_two,
)
from ..operators.operator import Operator
from ..operators.registry import OPERATORS, operator_of
from ..symbol import Symbol
from .symbol import _Symbol

#: Parameters of functions of arrays that operators lack.
_UNUSED = ("out", "where", "order", "ctx", "device", "subok", "casting")
#: Parameters that are left out where they are None, as MXNet does.
_OPTIONAL = ("dtype", "initial", "correction", "prepend", "append")
#: Parameters with another name in JSON, by function.
_RENAMED = {"swapaxes": {"axis1": "dim1", "axis2": "dim2"}}
#: Parameters in JSON that functions of arrays lack, by function.
_FURTHER: dict[str, dict[str, Any]] = {"sort": {"is_ascend": True}, "argsort": {"is_ascend": True, "dtype": "int64"},
                                       "average": {"weighted": False}}


def check(symbol: Symbol, name: str) -> Symbol:
    """The symbol, if it is one of `mx.np`. TypeError for one of `mx.sym`, as in MXNet."""
    if not isinstance(symbol, _Symbol):
        raise TypeError(f"Operator `{name}` is a numpy operator, which can only accept MXNet numpy ndarrays, while "
                        f"received a legacy symbol. Please call `as_np_ndarray()` on {symbol}")
    return symbol


def made(kind: str, hint: str, inputs: list[Any], /, **attrs: Any) -> Any:
    """A symbol of the operator `kind` in JSON; several outputs are a list of symbols."""
    operator = operator_of(kind)
    entries = [single(check(x, hint)._outputs, "Argument") for x in inputs]
    if not operator.star:
        given = {k: check(x, hint) for k, x in zip(operator.inputs({k: str(v) for k, v in attrs.items()}), inputs)}
        found = created(operator, hint, [], {**given, **attrs}, _Symbol)
    else:
        found = created(operator, hint, entries, attrs, _Symbol)
    return found if found.num_outputs == 1 else list(found)


def _of_two(short: str) -> Callable[..., Any]:
    mirrored, plain = MIRRORED.get(short), getattr(numpy, short)
    reversed_name = scalar_name(mirrored or (short if short in COMMUTATIVE else f"r{short}"))

    def operate(x1: Any, x2: Any, out: Any = None, **kwargs: Any) -> Any:
        left, right = isinstance(x1, Symbol), isinstance(x2, Symbol)
        if left and right:
            return made(operator_name(short), short, [x1, x2], **kwargs)
        if left:
            return made(scalar_name(short), f"{short}_scalar", [x1], scalar=float(x2), is_int=_is_int(x2), **kwargs)
        if right:
            hint = reversed_name.removeprefix("_npi_").removeprefix("_")
            return made(reversed_name, hint, [x2], scalar=float(x1), is_int=False, **kwargs)
        return plain(x1, x2)

    return operate


def _is_int(x: Any) -> bool:
    return isinstance(x, int)


def _of_several(short: str) -> Callable[..., Any]:
    return lambda *arrays, **kwargs: made(operator_name(short), short, list(arrays), **kwargs)


def _of_sequence(short: str, parameters: tuple[str, ...]) -> Callable[..., Any]:
    def operate(arrays: Any, *args: Any, **kwargs: Any) -> Any:
        given = {**dict(zip(parameters, args)), **kwargs}
        attrs = {k: v for k, v in given.items() if k not in _UNUSED}
        if short in ("concatenate", "stack"):
            attrs.setdefault("axis", 0)
        return made(operator_name(short), short, list(arrays), **attrs)

    return operate


def _general(short: str, f: Function, name: str) -> Callable[..., Any]:
    plain = getattr(numpy, short, None)

    def operate(*args: Any, **kwargs: Any) -> Any:
        node_name = kwargs.pop("name", None)
        bound = f.signature.bind(*args, **{k: v for k, v in kwargs.items() if k in f.signature.parameters})
        explicit = set(bound.arguments)
        bound.apply_defaults()
        given = bound.arguments
        inputs = [given[a] for a in f.arrays if isinstance(given[a], Symbol)]
        if not inputs and plain is not None:
            return plain(*args, **kwargs)
        names = _RENAMED.get(short, {})
        attrs = {names.get(k, k): v for k, v in given.items()
                 if k not in f.arrays and k not in _UNUSED and not (k in _OPTIONAL and v is None)}
        known = OPERATORS[name].parameters
        attrs = {k: v for k, v in attrs.items() if k in known and (short not in UNDERSCORED or k in explicit)}
        attrs |= _FURTHER.get(short, {})
        if short == "average":
            attrs["weighted"] = len(inputs) > 1
        return made(name, short, inputs, name=node_name, **attrs)

    return operate


def generated(space: str) -> dict[str, Callable[..., Any]]:
    """The functions declared directly under `space`, "np" or "np.linalg", for symbols."""
    found = {}
    for f in FUNCTIONS:
        for full in f.names:
            prefix, _, short = full.rpartition(".")
            if prefix != space or short.startswith("_"):
                continue
            name = operator_name(short)
            if takes_two(f):
                operate = _of_two(short)
            elif f.star:
                operate = _of_several(short)
            elif f.variadic:
                operate = _of_sequence(short, tuple([p for p in f.signature.parameters][1:]))
            elif name in OPERATORS:
                operate = _general(short, f, name)
            else:
                continue
            operate.__name__ = operate.__qualname__ = short
            operate.__doc__ = inspect.getdoc(f.build)
            found[short] = operate
    return found


def extension() -> dict[str, Callable[..., Any]]:
    """The functions of `mx.sym.npx`."""
    return {short: _listed(function(operator, short, _Symbol)) for short, operator in EXTENSION.items()}


def _listed(make: Callable[..., Any]) -> Callable[..., Any]:
    """The function `make`, which returns a list of symbols for several outputs."""
    def operate(*args: Any, **kwargs: Any) -> Any:
        found = make(*args, **kwargs)
        return found if found.num_outputs == 1 else list(found)

    operate.__name__ = operate.__qualname__ = make.__name__
    operate.__doc__ = make.__doc__
    return operate


def of_operator(operator: Operator, short: str) -> Callable[..., Any]:
    """The function of an operator's own parameters that makes symbols of `mx.np`."""
    return function(operator, short, _Symbol)
