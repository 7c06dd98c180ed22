"""Batches in shared memory: a worker writes the arrays of a batch to a piece of memory, and its parent uses them there.

A piece belongs to its worker, which uses it again when no array of the parent is left in it. It has no name: it is gone
when both processes are, however they end.
"""
from __future__ import annotations

import io
import mmap
import os
import pickle
from collections import deque
from typing import Any
from weakref import ref

import numpy as np

from tracer.jit.runtime.buffers import OutsideBuffer
from tracer.ops.ir.aval import aval

from ....array.nd_array import NDArray
from ....core.invoke import wrap
from ....core.trace import computed
from .messages import memory_file

#: Bytes from which NumPy's arrays are put into shared memory; smaller ones are pickled.
_LARGE = 1024
_LINE = 64


def _rounded(nbytes: int) -> int:
    return -(-max(nbytes, 1) // _LINE) * _LINE


class _Packer(pickle.Pickler):
    """A pickler that leaves out arrays: it lists them, and what must be known to make them again."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.arrays: list[np.ndarray] = []
        self.size = 0

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, NDArray):
            value, array = obj._value, obj._read("batch")
            of: Any = (type(obj), value.aval.device)
        elif type(obj) is np.ndarray and obj.dtype.kind in "fiubc" and obj.nbytes >= _LARGE:
            array, of = obj, None
        else:
            return None
        start = self.size
        self.size += _rounded(array.nbytes)
        self.arrays.append(array)
        return start, array.shape, array.dtype, of


class _Unpacker(pickle.Unpickler):
    """The unpickler for `_Packer`: its arrays lie in `memory`, an array of uint8."""

    def __init__(self, data: bytes, memory: np.ndarray | None) -> None:
        super().__init__(io.BytesIO(data))
        self.memory = memory

    def persistent_load(self, pid: Any) -> Any:
        start, shape, dtype, of = pid
        assert self.memory is not None
        nbytes = int(np.prod(shape)) * dtype.itemsize
        part = self.memory[start:start + max(nbytes, 1)]
        if of is None:
            return np.ndarray(shape, dtype, part)
        cls, device = of
        return wrap(cls, computed(aval(shape, dtype, device), OutsideBuffer(part)))


class Pieces:
    """The pieces of memory of a worker."""

    def __init__(self) -> None:
        self._made = 0
        self._free: list[tuple[int, int]] = []  # sizes and numbers
        self._memory: dict[int, mmap.mmap] = {}

    def release(self, numbers: list[int]) -> None:
        """Take back pieces that the parent does not use any more."""
        self._free += [(len(self._memory[n]), n) for n in numbers]
        self._free.sort()

    def pack(self, batch: Any) -> tuple[tuple[Any, ...], list[int]]:
        """The parts of a message with a batch, and the descriptor of a new piece of memory, to be closed when sent.

        The parts: the pickled batch, the piece's number or -1, its size if it is new, the numbers of pieces given up.
        """
        file = io.BytesIO()
        packer = _Packer(file)
        packer.dump(batch)
        if not packer.arrays:
            return (file.getvalue(), -1, 0, []), []
        number, fds, gone = self._take(packer.size)
        memory, start = self._memory[number], 0
        for array in packer.arrays:
            np.ndarray(array.shape, array.dtype, memory, start)[...] = array
            start += _rounded(array.nbytes)
        return (file.getvalue(), number, len(memory) if fds else 0, gone), fds

    def _take(self, nbytes: int) -> tuple[int, list[int], list[int]]:
        """The number of a piece of at least so many bytes, its descriptor if it is new, and pieces given up for it."""
        for i, (size, number) in enumerate(self._free):
            if size >= nbytes:
                del self._free[i]
                return number, [], []
        gone = [number for _, number in self._free]
        self._free.clear()
        for number in gone:
            del self._memory[number]
        size = -(-nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
        fd = memory_file(size)
        self._made += 1
        self._memory[self._made] = mmap.mmap(fd, size)
        return self._made, [fd], gone


class Mappings:
    """The pieces of a worker's memory in its parent."""

    def __init__(self) -> None:
        self._memory: dict[int, mmap.mmap] = {}
        self._numbers: dict[int, tuple[ref[np.ndarray], int]] = {}
        self._dead: deque[ref[np.ndarray]] = deque()

    def unused(self) -> list[int]:
        """The numbers of the pieces in which no array is left since the last call."""
        return [self._numbers.pop(id(self._dead.popleft()))[1] for _ in range(len(self._dead))]

    def unpack(self, parts: tuple[Any, ...], fds: list[int]) -> Any:
        """The batch in the parts of a message."""
        data, number, size, gone = parts
        for old in gone:
            self._memory.pop(old, None)
        for fd in fds:
            self._memory[number] = mmap.mmap(fd, size)
            os.close(fd)
        if number < 0:
            return _Unpacker(data, None).load()
        memory = np.frombuffer(self._memory[number], np.uint8)
        watched = ref(memory, self._dead.append)  # a C function: Ctrl-C cannot get lost in it
        self._numbers[id(watched)] = watched, number
        return _Unpacker(data, memory).load()
