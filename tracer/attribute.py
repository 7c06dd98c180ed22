"""`mx.attribute`: attributes of all symbols that are made in a scope."""
from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

__all__ = ["AttrScope", "current"]


class _Current:
    """`AttrScope.current`: the scope in force."""

    def __get__(self, instance: Any, owner: Any = None) -> AttrScope:
        return current()


class AttrScope:
    """A scope of attributes: inside `with scope:` new symbols have them, and those of the scopes around it.

    kwargs: the attributes, strings (ValueError for others).

    >>> with AttrScope(group="a"), AttrScope(stage="1"):
    ...     current().get({"stage": "2"})
    {'group': 'a', 'stage': '2'}
    """

    current = _Current()
    _current: Any
    _subgraph_names: defaultdict[str, int] = defaultdict(int)

    def __init__(self, **kwargs: str) -> None:
        self._old_scope: AttrScope | None = None
        for name, value in kwargs.items():
            if not isinstance(value, str):
                raise ValueError(f"Attributes need to be string: {name} is {value!r}")
        self._attr = kwargs

    def get(self, attr: dict[str, str] | None) -> dict[str, str]:
        """The scope's attributes and those given, which take precedence.

        attr: the attributes of one symbol, or None.
        """
        return {**self._attr, **(attr or {})}

    def __enter__(self) -> AttrScope:
        self._old_scope = current()
        self._attr = {**self._old_scope._attr, **self._attr}
        AttrScope._current.value = self
        return self

    def __exit__(self, *exc: object) -> None:
        AttrScope._current.value = self._old_scope


class _PerThread(threading.local):
    """The scope of each thread, at first one without attributes."""

    def __init__(self) -> None:
        self.value = AttrScope()


AttrScope._current = _PerThread()


def current() -> AttrScope:
    """The scope in force in this thread."""
    return AttrScope._current.value
