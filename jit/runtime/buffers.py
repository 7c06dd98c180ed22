"""Memory: the buffers of values, and the pools that keep freed memory for reuse.

Fresh pages cost more than the arithmetic done on them, so the memory of a dead buffer is kept, up to a stated bound,
for the next buffer of its size class.
"""
from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.ops.ir.aval import Aval

#: The most bytes of large buffers that are kept for reuse; any more are given back to the system.
KEEP_BYTES = 1 << 30
#: Bytes from which a buffer is large. Of each smaller size up to SMALL_BYTES are kept.
LARGE = 1 << 16
SMALL_BYTES = 1 << 20

Block = tuple[np.ndarray, int]  # memory and its address

#: The functions that read one element, by its dtype.
ONE = {np.dtype(kind): struct.Struct("=" + kind).unpack_from for kind in "?efdbBhHiIqQ"}


def size_class(nbytes: int) -> int:
    """Bytes really allocated for a request: cache lines, or an eighth of the leading power of two, if larger.

    >>> size_class(1), size_class(1000), size_class(100_000)
    (64, 1024, 106496)
    """
    grain = max(64, 1 << max(nbytes.bit_length() - 4, 0))
    return max(64, -(-nbytes // grain) * grain)


class FreeList(list[Block]):
    """The free blocks of one size.

    size: the bytes of a block.
    room: the most blocks that are kept without regard to all other pools; 0 for large ones.
    """

    __slots__ = ("size", "room")
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.room = SMALL_BYTES // size if size < LARGE else 0

    def give_back(self, block: Block) -> None:
        """Keep a large block while the bound allows it."""
        global _kept, _held
        if not self.room and _kept + self.size <= KEEP_BYTES:
            _kept += self.size
            self.append(block)
        else:
            _held -= self.size

    def take(self) -> Buffer:
        """A buffer on a free block, or on a fresh one."""
        return Buffer(self.pop() if self.room and self else self._block(), self)

    def _block(self) -> Block:
        """One of the large blocks that are kept, or a fresh one."""
        global _kept, _held
        if self:
            _kept -= self.size
            return self.pop()
        _held += self.size
        return self.fresh()

    def fresh(self) -> Block:
        """A new block."""
        raw = np.empty(self.size + 64, np.uint8)
        start = -raw.ctypes.data % 64
        return raw[start:start + self.size], raw.ctypes.data + start


class Buffer:
    """Aligned memory at `addr`, which returns to its pool when the last reference to the buffer goes.

    forms: packed forms of its elements (packed.py); not set while there are none.
    keeps_forms: whether all writes to its memory are known, so that such forms may be kept.
    """

    __slots__ = ("addr", "block", "pool", "forms")
    parent: Buffer | None = None
    keeps_forms = True
    forms: dict[Any, Any]

    def __init__(self, block: Block, pool: FreeList) -> None:
        self.block = block
        self.addr = block[1]
        self.pool = pool

    def view(self, of: Aval) -> np.ndarray:
        """The memory as an array of the shape and dtype of `of`, which does not keep the buffer alive.

        Hold the buffer in a variable of your own meanwhile: another thread may drop all other references to it.
        """
        return np.ndarray(of.shape, of.dtype, self.block[0])

    def lend(self, of: Aval) -> np.ndarray:
        """The same, for arrays that are handed out: this one keeps the buffer, so that its memory is not reused."""
        memory: Any = (ctypes.c_char * of.nbytes).from_address(self.addr)
        memory.owner = self
        return np.ndarray(of.shape, of.dtype, memory)

    def item(self, of: Aval) -> Any:
        """The only element of a value with the aval `of`, as a Python number."""
        return ONE[of.dtype](self.block[0].data)[0]

    def part(self, offset: int, nbytes: int) -> Buffer:
        """The `nbytes` at byte `offset` as a buffer of their own, which keeps this one alive."""
        block = self.block[0][offset:offset + max(nbytes, 1)], self.addr + offset
        return BufferPart(block, self)

    def __del__(self) -> None:
        pool = self.pool
        if len(pool) < pool.room:
            pool.append(self.block)
        else:
            pool.give_back(self.block)


class BufferPart(Buffer):
    """Some of the memory of another buffer, its parent."""

    __slots__ = ("parent",)
    keeps_forms = False  # a write to the parent's memory changes it, too

    def __init__(self, block: Block, parent: Buffer) -> None:
        super().__init__(block, parent.pool)
        self.parent = parent

    def __del__(self) -> None:
        """Do nothing: the memory is the parent's."""


class OutsideBuffer(Buffer):
    """A buffer on memory that is not from a pool, such as that of another process.

    memory: an array of uint8, which is kept; it begins at a multiple of 64.
    """

    __slots__ = ()
    keeps_forms = False

    def __init__(self, memory: np.ndarray) -> None:
        super().__init__((memory, memory.ctypes.data), _OUTSIDE)

    def __del__(self) -> None:
        """Do nothing: the memory goes with its last reference."""


_OUTSIDE = FreeList(64)
_pools: dict[int, FreeList] = {}  # by the bytes requested; requests of one size class share one
_kept = 0  # of large blocks
_held = 0  # bytes got from the system, kept or in use


def _shared(nbytes: int) -> FreeList:
    """The pool of a size class."""
    size = size_class(nbytes)
    return _pools.setdefault(size, FreeList(size))


#: The function that makes the pool for a new size; poison.py puts another one in its place.
new_pool: Callable[[int], FreeList] = _shared


def pool_of(nbytes: int) -> FreeList:
    """The pool that serves a request of `nbytes`."""
    pool = _pools.get(nbytes)
    if pool is None:
        pool = _pools[nbytes] = new_pool(nbytes)
    return pool


def allocate(nbytes: int) -> Buffer:
    """An uninitialized buffer, from the pool when it has one."""
    return pool_of(nbytes).take()


def from_array(array: Any) -> Buffer:
    """A buffer with a copy of `array`, row-major and in the machine's byte order."""
    array = np.asarray(array)
    dtype = array.dtype if array.dtype.isnative else array.dtype.newbyteorder("=")
    buffer = allocate(array.nbytes)
    np.ndarray(array.shape, dtype, buffer.block[0])[...] = array
    return buffer


def trim() -> None:
    """Give all kept memory back to the system."""
    global _kept, _held
    for pool in set(_pools.values()):
        _held -= len(pool) * pool.size
        pool.clear()
    _kept = 0


def used_bytes() -> int:
    """Bytes of all buffers that have an owner.

    >>> before, buffer = used_bytes(), allocate(1000)
    >>> used_bytes() - before
    1024
    """
    return _held - sum([len(pool) * pool.size for pool in set(_pools.values())])
