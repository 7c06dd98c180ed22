"""Variables, groups, and symbols from files."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import attribute
from ..base import MXNetError
from ..ndarray import _STORAGE_TYPE_STR_TO_ID
from .graph import loading
from .graph.element_types import TYPE_NUMBERS
from .graph.node import SymbolNode
from .operators.attributes import text_of
from .symbol import Symbol

__all__ = ["Group", "Variable", "fromjson", "load", "load_json", "var"]


def var(name: str, attr: dict[str, str] | None = None, shape: Any = None, lr_mult: float | None = None,
        wd_mult: float | None = None, dtype: Any = None, init: Any = None, stype: str | None = None,
        profiler_scope: str | None = None, **kwargs: Any) -> Symbol:
    """A variable: an input of graphs, by its name.

    attr: attributes, strings.
    shape, dtype: what inference knows of it.
    lr_mult, wd_mult: factors of the optimizer's learning rate and weight decay.
    init: its initializer, or the JSON of one.
    stype: its storage type.
    kwargs: further attributes, with names of the form __key__.

    TypeError for a name that is no string; ValueError for other keywords.

    >>> var("x", shape=(2, 3), lr_mult=0.5).list_attr()
    {'__shape__': '(2, 3)', '__lr_mult__': '0.5', 'lr_mult': '0.5'}
    """
    if not isinstance(name, str):
        raise TypeError("Expect a string for variable `name`")
    found = attribute.current().get(attr)
    for key, value in (("__shape__", shape), ("__lr_mult__", lr_mult), ("__wd_mult__", wd_mult)):
        if value is not None:
            found[key] = text_of(value)
    if dtype is not None:
        found["__dtype__"] = str(TYPE_NUMBERS[np.dtype(dtype)])
    if init is not None:
        found["__init__"] = init if isinstance(init, str) else init.dumps()
    if stype is not None:
        found["__storage_type__"] = str(_STORAGE_TYPE_STR_TO_ID[stype])
    if profiler_scope is not None:
        found["__profiler_scope__"] = profiler_scope
    for key, value in kwargs.items():
        if not (key.startswith("__") and key.endswith("__")):
            raise ValueError(f"Attribute name={key} is not supported. Additional attributes must start and end with "
                             "double underscores, e.g, __yourattr__")
        found[key] = str(value)
    made = Symbol([(SymbolNode(None, name), 0)])
    made._set_attr(**found)
    return made


Variable = var


def Group(symbols: Sequence[Symbol], create_fn: Callable[..., Any] = Symbol) -> Any:
    """A symbol of the outputs of several symbols.

    create_fn: the class of the result.

    >>> Group([var("x"), var("y")])
    <Symbol group [x, y]>
    """
    if not symbols or any(not isinstance(s, Symbol) for s in symbols):
        raise TypeError("Expected a list of symbols as input")
    return create_fn([entry for s in symbols for entry in s._outputs])


def load(fname: str) -> Symbol:
    """The symbol in a file that `Symbol.save` or MXNet has written. MXNetError if there is none."""
    if not isinstance(fname, str):
        raise TypeError("fname need to be string")
    try:
        with open(fname) as file:
            return Symbol(loading.loads(file.read()))
    except OSError as error:
        raise MXNetError(f"Cannot open {fname}: {error}") from None
    except UnicodeDecodeError as error:
        raise MXNetError(f"{fname} is not JSON: {error}") from None


def load_json(json_str: str) -> Symbol:
    """The symbol in a JSON text of MXNet 0.8 to 2.0. MXNetError for any other text."""
    if not isinstance(json_str, str):
        raise TypeError("json_str required to be string")
    return Symbol(loading.loads(json_str))


fromjson = load_json
