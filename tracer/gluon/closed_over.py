"""Arrays that a forward pass closes over: attributes of its blocks, and variables of its functions.

A cached pass treats them as operands. Each is found again at every call, by where it was found at first, as scripts
bind other arrays to these names.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import Any

from ..core.invoke import Handle
from ..core.trace import Value

Getter = Callable[[], Any]


def getters_of(values: Sequence[Value], block: Any) -> list[Getter] | None:
    """Functions that return the arrays with these values, in order; None if one is not found."""
    wanted = {id(v): i for i, v in enumerate(values)}
    found: dict[int, Getter] = {}
    for get in _places(block):
        x = get()
        place = wanted.get(id(x._value)) if isinstance(x, Handle) else None
        if place is not None:
            found.setdefault(place, get)
    return [found[i] for i in range(len(values))] if len(found) == len(values) else None


def _places(block: Any) -> Iterator[Getter]:
    """The places of arrays below a block: attributes, their items, and what the forward functions refer to."""
    for owner in _blocks(block):
        yield from _items(vars(owner))
        for name in ("forward", "hybrid_forward"):
            function = getattr(type(owner), name)
            yield from _variables(function)


def _blocks(block: Any) -> Iterator[Any]:
    yield block
    for child in block._children.values():
        yield from _blocks(child)


def _items(container: Any) -> Iterator[Getter]:
    """The items of a dictionary or list, and of those in it."""
    for key, x in list(container.items() if isinstance(container, dict) else enumerate(container)):
        if isinstance(x, Handle):
            yield lambda key=key: container[key]  # type: ignore[misc]
        elif isinstance(x, (list, tuple, dict)) and key not in ("_children", "_reg_params"):
            yield from _items(x)


def _variables(function: Any) -> Iterator[Getter]:
    """The variables of a function that lie outside of it: of enclosing functions, and of its module."""
    code = getattr(function, "__code__", None)
    if code is None:
        return
    for cell in function.__closure__ or ():
        yield lambda cell=cell: getattr(cell, "cell_contents", None)  # type: ignore[misc]
        if callable(getattr(cell, "cell_contents", None)):
            yield from _variables(cell.cell_contents)
    names = function.__globals__
    for name in _names(code):
        yield lambda name=name: names.get(name)  # type: ignore[misc]


def _names(code: CodeType) -> set[str]:
    """The global names in a function's code and in the functions inside it."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names(constant)
    return found
