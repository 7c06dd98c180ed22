"""Blocks called with symbols: their graphs, for `export` and `SymbolBlock`."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .. import symbol
from ..ndarray import NDArray
from ..numpy import ndarray
from ..symbol import Symbol
from ..symbol.graph.node import SymbolNode, rebuilt


def any_symbol(args: Any) -> bool:
    """Whether there is a symbol among arguments, in lists too."""
    return any([isinstance(x, Symbol) or isinstance(x, (list, tuple)) and any_symbol(x) for x in args])


def call(block: Any, x: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """The result of a block's `hybrid_forward` on symbols: F is `mx.sym`, and parameters are variables."""
    variables = {name: p.var() for name, p in block._reg_params.items()}
    with block.name_scope():
        return block.hybrid_forward(symbol, x, *args, **kwargs, **variables)


def renamed(outputs: Symbol, names: list[tuple[Symbol, str]]) -> Symbol:
    """A copy of a graph in which variables have other names."""
    replace = {}
    for variable, name in names:
        node, _ = variable._outputs[0]
        replace[node] = SymbolNode(None, name, node.attrs), 0
    return type(outputs)(rebuilt(outputs._outputs, replace))


#: The format of one symbol or array, and of None.
ONE, NONE = 0, -1


def flat(args: Any, what: str) -> tuple[list[Any], Any]:
    """The symbols or arrays in nested lists, and the format of these, as MXNet's blocks keep it.

    ValueError for anything else.
    """
    if args is None:
        return [None], NONE
    if isinstance(args, NDArray):
        return [args], ONE
    if isinstance(args, Symbol):
        count = len(args.list_outputs())
        return [args], count if count > 1 else ONE
    if not isinstance(args, (list, tuple)):
        raise ValueError(f"When hybridized, the {what} of a block must be (nested) list of Symbol or NDArray, but got "
                         f"{args} of type {type(args)}")
    found, formats = [], []
    for x in args:
        inner, form = flat(x, what)
        found += inner
        formats.append(form)
    return found, formats


def nested(values: Iterator[Any], form: Any) -> Any:
    """The nested lists of which `form` is the format."""
    if form == NONE:
        value = next(values)
        if value is not None:
            raise ValueError("A hybridized block whose first argument was None does not take one that is not None, "
                             f"such as {value}")
        return None
    if form == ONE:
        return next(values)
    if isinstance(form, int):
        if form < 0:
            raise ValueError(f"Unsupported encoded format {form}.")
        return [next(values) for _ in range(form)]
    return [nested(values, one) for one in form]


def regrouped(args: Sequence[Any], form: Any) -> Any:
    """The nested lists of which `flat` gave the elements and the format."""
    return nested(iter(args), form)


def shape_of(args: Any) -> Any:
    """The format of a call's arguments: arrays are ONE, lists are lists; all else is kept as it is."""
    if isinstance(args, (list, tuple)):
        return [shape_of(x) for x in args]
    return ONE if isinstance(args, NDArray) else NONE if args is None else (args,)


def check_format(form: list[Any], cached: list[Any]) -> None:
    """Raise ValueError unless the formats of two calls agree, but for None at their ends, numbers and strings.

    MXNet's hybridized blocks take no numbers and strings; here another one is another graph.
    """
    if _structure(form) != _structure(cached):
        raise ValueError("The argument structure of HybridBlock does not match the cached version. Stored format = "
                         f"{cached}, input format = {form}; call hybridize() again to use another one")


def check_contexts(args: Any) -> None:
    """Raise ValueError for arrays on several contexts among a hybridized block's arguments."""
    found = {str(x.context) for x in _arrays(args)}
    if len(found) > 1:
        raise ValueError("Find multiple contexts in the input, After hybridized, the HybridBlock only supports one "
                         f"input context. Find all contexts = {', '.join(sorted(found))}")


def _arrays(args: Any) -> Iterator[NDArray]:
    if isinstance(args, (list, tuple)):
        for x in args:
            yield from _arrays(x)
    elif isinstance(args, NDArray):
        yield args


def _structure(form: list[Any]) -> list[Any]:
    """The format of a call without what other calls may have elsewhere."""
    found = [_plain(x) for x in form]
    while found and found[-1] == NONE:
        found.pop()
    return found


def _plain(form: Any) -> Any:
    return [_plain(x) for x in form] if isinstance(form, list) else () if isinstance(form, tuple) else form


def variables_for(form: Sequence[Any], avals: Sequence[Any] = ()) -> tuple[list[Symbol], list[Any]]:
    """The input variables of a graph for arguments of a format, and the arguments.

    avals: the class, shape and element type of each array; a variable for one of `mx.np` is one of `mx.sym.np`.

    One array is called data, several data0, data1, ...
    """
    count = _count(form)
    names = iter(["data"] if count == 1 else [f"data{i}" for i in range(count)])
    inputs: list[Symbol] = []

    def made(one: Any) -> Any:
        if isinstance(one, list):
            return [made(x) for x in one]
        if isinstance(one, tuple):
            return one[0]
        if one == NONE:
            return None
        variable: Any = symbol.var(next(names))
        of_np = len(inputs) < len(avals) and issubclass(avals[len(inputs)][0], ndarray)
        inputs.append(variable.as_np_ndarray() if of_np else variable)
        return inputs[-1]

    return inputs, [made(one) for one in form]


def _count(form: Any) -> int:
    return sum([_count(x) for x in form]) if isinstance(form, list) else int(form == ONE)
