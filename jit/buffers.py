"""Memory: the buffers that values live in, and the pool that keeps their pages warm.

Fresh pages cost more than the arithmetic done on them (design.md 7.6), so the memory of a dead buffer is kept,
up to a stated bound, for the next buffer of its size class.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops.aval import Aval

#: Bytes that the pool keeps for reuse; what would exceed it is given back to the system.
KEEP_BYTES = 1 << 30

_free: dict[int, list[tuple[np.ndarray, int]]] = {}
_classes: dict[int, int] = {}
_kept = 0
_held = 0  # what the system has given, kept and in use


def size_class(nbytes: int) -> int:
    """Bytes really allocated for a request: cache lines, or an eighth of the leading power of two, if larger.

    >>> size_class(1), size_class(1000), size_class(100_000)
    (64, 1024, 106496)
    """
    grain = max(64, 1 << max(nbytes.bit_length() - 4, 0))
    return max(64, -(-nbytes // grain) * grain)


class Buffer:
    """Aligned memory at `addr`, of at least `nbytes`. Returns to the pool when the last owner lets go."""

    __slots__ = ("mem", "addr", "nbytes", "parent")

    def __init__(self, mem: np.ndarray, addr: int, nbytes: int, parent: Buffer | None = None) -> None:
        self.mem = mem
        self.addr = addr
        self.nbytes = nbytes
        self.parent = parent

    def view(self, of: Aval) -> np.ndarray:
        """The memory as an array of shape and dtype `of`. It shares: keep the buffer while you use it."""
        return np.ndarray(of.shape, of.dtype, self.mem)

    def part(self, offset: int, nbytes: int) -> Buffer:
        """The `nbytes` at byte `offset` as a buffer of their own, which keeps this one alive."""
        return Buffer(self.mem[offset:offset + max(nbytes, 1)], self.addr + offset, nbytes, self)

    def __del__(self) -> None:
        global _kept, _held
        if self.parent is None:
            size = len(self.mem)
            if _kept + size <= KEEP_BYTES:
                _kept += size
                _free[size].append((self.mem, self.addr))
            else:
                _held -= size


def allocate(nbytes: int) -> Buffer:
    """An uninitialized buffer, from the pool when it has one."""
    global _kept
    size = _classes.get(nbytes) or _classes.setdefault(nbytes, size_class(nbytes))
    try:
        mem, addr = _free[size].pop()
    except (KeyError, IndexError):
        return _fresh(size, nbytes)
    _kept -= size
    return Buffer(mem, addr, nbytes)


def _fresh(size: int, nbytes: int) -> Buffer:
    global _held
    _free.setdefault(size, [])
    raw = np.empty(size + 64, np.uint8)
    _held += size
    start = -raw.ctypes.data % 64
    return Buffer(raw[start:start + size], raw.ctypes.data + start, nbytes)


def from_array(array: Any) -> Buffer:
    """A buffer with a row-major copy of `array`."""
    array = np.asarray(array)
    buffer = allocate(array.nbytes)
    np.ndarray(array.shape, array.dtype, buffer.mem)[...] = array
    return buffer


def trim() -> None:
    """Give all kept memory back to the system."""
    global _kept, _held
    for stack in _free.values():
        stack.clear()
    _held -= _kept
    _kept = 0


def used_bytes() -> int:
    """Bytes of all buffers that have an owner.

    >>> before, buffer = used_bytes(), allocate(1000)
    >>> used_bytes() - before
    1024
    """
    return _held - _kept
