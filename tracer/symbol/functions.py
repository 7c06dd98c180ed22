"""The functions of `mx.sym`, one for each operator and name: they make a symbol of an operator's new node."""
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import attribute, name
from ..base import _Null
from .graph.composing import composed, single
from .graph.node import Entry
from .operators.attributes import text_of
from .operators.operator import Operator
from .symbol import Symbol

#: The keywords that all functions take besides the operator's.
_FURTHER = ("name", "attr", "out")


def function(operator: Operator, short: str, cls: type[Symbol] = Symbol) -> Callable[..., Any]:
    """The function `short` that makes symbols of the class `cls` with an operator."""
    order = (*operator.arrays, *operator.parameters, *_FURTHER)
    hint = short.lower()

    def make(*args: Any, **kwargs: Any) -> Any:
        if operator.star:
            return created(operator, hint, _symbols(args), kwargs, cls)
        if len(args) > len(order):
            raise TypeError(f"{short}() takes from 0 to {len(order)} positional arguments but {len(args)} were given")
        for key, value in zip(order, args):
            if key in kwargs:
                raise TypeError(f"{short}() got multiple values for argument '{key}'")
            kwargs[key] = value
        for key in operator.arrays:
            if key in kwargs and not isinstance(kwargs[key], Symbol):
                if kwargs[key] is not None:
                    raise AssertionError(f"Argument {key} must be Symbol instances, but got {kwargs[key]}")
                del kwargs[key]
        return created(operator, hint, [], kwargs, cls)

    make.__name__ = make.__qualname__ = short
    make.__doc__ = inspect.getdoc(operator.run)
    make.__module__ = __name__
    make.__signature__ = _signature(operator)  # type: ignore[attr-defined]
    return make


def _signature(operator: Operator) -> inspect.Signature:
    kind = inspect.Parameter
    own = [kind(operator.arrays[0] if operator.arrays else "data", kind.VAR_POSITIONAL)] if operator.star else \
        [kind(a, kind.POSITIONAL_OR_KEYWORD, default=None) for a in operator.arrays]
    where = kind.KEYWORD_ONLY if operator.star else kind.POSITIONAL_OR_KEYWORD
    rest = [kind(p, where, default=_Null) for p in operator.parameters]
    last = [kind(k, where, default=None) for k in _FURTHER]
    return inspect.Signature([*own, *rest, *last, kind("kwargs", kind.VAR_KEYWORD)])


def _symbols(args: tuple[Any, ...]) -> list[Entry]:
    for x in args:
        if not isinstance(x, Symbol):
            raise AssertionError(f"Positional arguments must be Symbol instances, but got {x}")
    return [single(x._outputs, f"Argument {i}") for i, x in enumerate(args)]


def created(operator: Operator, hint: str, args: list[Entry], kwargs: dict[str, Any], cls: type[Symbol]) -> Any:
    """A symbol of a new node.

    hint: the first part of its name, if it is not given one.
    args, kwargs: the arguments of the function: symbols, parameters, and `name` and `attr`.
    """
    attr, given = kwargs.pop("attr", None), kwargs.pop("name", None)
    kwargs.pop("out", None)
    scope = attribute.current().get(attr)
    symbols: dict[str, Entry] = {}
    attrs: dict[str, str] = {}
    for key, value in {**kwargs, **scope}.items():
        if isinstance(value, Symbol):
            symbols[key] = single(value._outputs, f"Keyword Argument {key}")
        elif value is not _Null:
            attrs[key] = _text(operator, key, value)
    if operator.count and operator.count not in attrs:
        attrs[operator.count] = str(len(args) + len(symbols))
    if args and symbols:
        raise TypeError("Operators with variable length input can only accept input Symbols either as positional or "
                        "as keyword arguments, not both")
    node = composed(operator, name.current().get(given, hint), attrs, args, symbols)
    return cls([(node, i) for i in range(node.visible)])


def _text(operator: Operator, key: str, value: Any) -> str:
    """The string of a parameter's value, as MXNet writes it."""
    if key == "dtype" and key in operator.parameters and not (operator.flavour == "np" and value is None):
        return np.dtype(value).name
    return text_of(value)
