"""`mx.name`: the names that are given to symbols and blocks without one."""
from __future__ import annotations

import threading
from typing import Any

__all__ = ["NameManager", "Prefix", "current"]


class _Current:
    """`NameManager.current`: the manager in force."""

    def __get__(self, instance: Any, owner: Any = None) -> NameManager:
        return current()


class NameManager:
    """A manager of names: inside `with manager:` it gives them, with a counter for each kind.

    >>> with NameManager():
    ...     current().get(None, "dense"), current().get(None, "dense"), current().get("mine", "dense")
    ('dense0', 'dense1', 'mine')
    """

    current = _Current()
    _current: Any

    def __init__(self) -> None:
        self._counter: dict[str, int] = {}
        self._old_manager: NameManager | None = None

    def get(self, name: str | None, hint: str) -> str:
        """The given name, or a new one: `hint` and the number of such names so far.

        name: the user's name, or None.
        hint: the kind.
        """
        if name:
            return name
        number = self._counter.get(hint, 0)
        self._counter[hint] = number + 1
        return f"{hint}{number}"

    def __enter__(self) -> NameManager:
        self._old_manager = current()
        NameManager._current.value = self
        return self

    def __exit__(self, *exc: object) -> None:
        NameManager._current.value = self._old_manager


class Prefix(NameManager):
    """A manager that puts a prefix before all names, the user's too.

    prefix: the prefix.

    >>> with Prefix("net_"):
    ...     current().get(None, "dense"), current().get("mine", "dense")
    ('net_dense0', 'net_mine')
    """

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix

    def get(self, name: str | None, hint: str) -> str:
        """The prefix and the given or new name."""
        return self._prefix + super().get(name, hint)


class _PerThread(threading.local):
    """The manager of each thread, at first one without a prefix."""

    def __init__(self) -> None:
        self.value = NameManager()


NameManager._current = _PerThread()


def current() -> NameManager:
    """The manager that gives names in this thread."""
    return NameManager._current.value
