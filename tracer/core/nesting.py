"""Nestings: the structure of lists, tuples and dictionaries of arrays, as the hashable part of a cache's key."""
from __future__ import annotations

from typing import Any

from .invoke import Handle

#: The nesting of a single array.
ARRAY = "array"


def flatten(x: Any, into: list[Handle]) -> Any:
    """The nesting of the arrays of `x`, which are appended to `into`; None if `x` contains anything unknown."""
    if isinstance(x, Handle):
        into.append(x)
        return ARRAY
    if x is None or isinstance(x, (bool, int, float, str)):
        return (None, type(x), x)
    if isinstance(x, (list, tuple)):
        inner = tuple([flatten(i, into) for i in x])
        return None if None in inner else (list, inner)
    if isinstance(x, dict):
        inner = tuple([flatten(i, into) for i in x.values()])
        return None if None in inner else (dict, inner, tuple(x))
    return None


def nest(nesting: Any, handles: Any) -> Any:
    """The object that `flatten` has flattened, with other arrays, and lists in the place of tuples."""
    if nesting == ARRAY:
        return next(handles)
    kind, inner = nesting[0], nesting[1]
    if kind is None:
        return nesting[2]
    made = [nest(i, handles) for i in inner]
    return made if kind is list else dict(zip(nesting[2], made))


def as_lists(x: Any) -> Any:
    """A result with its tuples as lists, as hybridized blocks return them."""
    return [as_lists(i) for i in x] if isinstance(x, (list, tuple)) else x
