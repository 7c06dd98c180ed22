"""`mx.engine`: bulk execution. tracer always records operations and runs them together, so the size has no effect."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["bulk", "set_bulk_size"]

_size = 15


def set_bulk_size(size: int) -> int:
    """Store a bulk size, which has no effect here; returns the previous one."""
    global _size
    before, _size = _size, size
    return before


@contextmanager
def bulk(size: int) -> Iterator[None]:
    """A scope with a bulk size, which has no effect here."""
    before = set_bulk_size(size)
    try:
        yield
    finally:
        set_bulk_size(before)
