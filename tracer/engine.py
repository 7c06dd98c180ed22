"""`mx.engine`: how many operations run at a time. They are always recorded and run together here."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["bulk", "set_bulk_size"]

_size = 15


def set_bulk_size(size: int) -> int:
    """Remember a bulk size, which changes nothing; returns what it was."""
    global _size
    before, _size = _size, size
    return before


@contextmanager
def bulk(size: int) -> Iterator[None]:
    """A scope with a bulk size, which changes nothing."""
    before = set_bulk_size(size)
    try:
        yield
    finally:
        set_bulk_size(before)
