"""`nd.save` and `nd.load`: MXNet's binary format of named arrays, as in `.params` files.

A file: 0x112, 0, the arrays (a count, then each), the names (a count, then each with its length), all little-endian.
An array: a magic number that identifies the version, its storage, shape, context, dtype and elements.
"""
from __future__ import annotations

import io
import math
import os
import struct
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.array.nd_array import NDArray
from tracer.array.np_flags import is_np_shape
from tracer.core.invoke import constant, wrap
from tracer.core.trace import Value, computed
from tracer.jit.runtime.buffers import allocate
from tracer.ops.ir.aval import aval
from tracer.ops.ir.errors import MXNetError
from tracer.sparse.base import BaseSparseNDArray
from tracer.sparse.creation import csr_matrix, row_sparse_array
from tracer.sparse.forms import Cells
from tracer.whole_files import opened, replacing

FILE_MAGIC = 0x112
#: Versions of an array: 1 has 64-bit dimensions, 2 also a storage type, 3 (written under np_shape, where MXNet reads no
#: other) also 0-d and empty shapes.
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
TYPES = [np.dtype(t) for t in ("float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool",
                               "int16", "uint16", "uint32", "uint64")]

#: The storage types, by number.
STORAGE = ("default", "row_sparse", "csr")
_BYTE = np.dtype("uint8")
#: The most axes of an array in a file.
_MOST_AXES = 32

Arrays = NDArray | Sequence[NDArray] | dict[str, NDArray]


def save(fname: str, data: Arrays) -> None:
    """Write an array, a list of arrays, or a dict of them to a file in MXNet's format. This is a sync point.

    TypeError for anything else. For a file that cannot be written an MXNetError that is an OSError too.
    """
    parts = _file_parts(data)
    with replacing(fname) as file:
        file.writelines(parts)


def dumps(data: Arrays) -> bytes:
    """The bytes that `save` writes."""
    return b"".join(_file_parts(data))


def _file_parts(data: Arrays) -> list[Any]:
    """The same, in pieces: the arrays' own memory among them."""
    names: list[str] = []
    if isinstance(data, NDArray):
        arrays = [data]
    elif isinstance(data, dict):
        names, arrays = list(data), list(data.values())
        if not all(isinstance(name, str) for name in names):
            raise TypeError("save only accept dict str->NDArray or list of NDArray")
    else:
        arrays = list(data)
    if not all(isinstance(x, NDArray) for x in arrays):
        raise TypeError("save only accept dict str->NDArray or list of NDArray")
    parts: list[Any] = [struct.pack("<QQQ", FILE_MAGIC, 0, len(arrays))]
    for x in arrays:
        parts += _sparse_bytes(x) if isinstance(x, BaseSparseNDArray) else _array_bytes(x._read("save"))
    parts.append(struct.pack("<Q", len(names)))
    for name in names:
        text = name.encode()
        parts += [struct.pack("<Q", len(text)), text]
    return parts


def _array_bytes(array: np.ndarray) -> list[Any]:
    if array.dtype not in TYPES:
        raise MXNetError(f"save: dtype {array.dtype} has no place in the file format")
    version = V3 if is_np_shape() or not (array.ndim and array.size) else V2
    head = struct.pack("<Ii", version, 0) + _shape_bytes(array.shape)
    return [head, struct.pack("<iii", 1, 0, TYPES.index(array.dtype)), _element_bytes(array)]


def _shape_bytes(shape: Sequence[int]) -> bytes:
    return struct.pack(f"<i{len(shape)}q", len(shape), *shape)


def _element_bytes(array: np.ndarray) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _sparse_bytes(array: BaseSparseNDArray) -> list[Any]:
    """The bytes of a sparse array: its stored elements and, after all shapes and dtypes, these and the indices."""
    form = array._components()
    data = form.data.asnumpy()
    indices = [x.asnumpy() for x in ([form.indptr, form.indices] if isinstance(form, Cells) else [form.indices])]
    head = struct.pack("<Ii", V3 if is_np_shape() else V2, STORAGE.index(array.stype))
    parts = [head, _shape_bytes(data.shape), _shape_bytes(array.shape),
             struct.pack("<iii", 1, 0, TYPES.index(data.dtype))]
    parts += [struct.pack("<i", TYPES.index(x.dtype)) + _shape_bytes(x.shape) for x in indices]
    return parts + [_element_bytes(x) for x in (data, *indices)]


def load(fname: str) -> list[NDArray] | dict[str, NDArray]:
    """Load the arrays of a file that `save` or real MXNet has written: a dict if they have names, else a list.

    MXNetError, with the place in the file, for one of another format. For a file that cannot be read an MXNetError that
    is an OSError too. TypeError for another object than a path.
    """
    if not isinstance(fname, (str, os.PathLike)):
        raise TypeError(f"fname required to be a string, not {type(fname)}")
    with opened(fname, "rb") as file:
        if os.path.isfile(fname):
            return _Reader(file, os.fstat(file.fileno()).st_size).file_contents()
        return load_frombuffer(file.read())  # a pipe, for example


def load_frombuffer(buf: bytes) -> list[NDArray] | dict[str, NDArray]:
    """Load the arrays from the bytes of a file; results and errors as in `load`."""
    if isinstance(buf, str):
        raise MXNetError("load_frombuffer: a string is no file of arrays: give the file's bytes")
    return _Reader(io.BytesIO(buf), len(buf)).file_contents()


class _Reader:
    """A reader of a file of a known size, which sizes are compared with before memory is taken."""

    def __init__(self, file: Any, size: int) -> None:
        self.file = file
        self.size = size
        self.at = 0

    def invalid(self, why: str) -> MXNetError:
        """The error for what is not MXNet's format."""
        return MXNetError(f"Invalid NDArray file format, at byte {self.at} of {self.size}: {why}")

    def require(self, count: int) -> None:
        """Raise MXNetError unless so many bytes are left."""
        if count < 0 or count > self.size - self.at:
            raise self.invalid(f"it ends too early: {count} bytes are expected")

    def take(self, count: int) -> bytes:
        """So many bytes."""
        self.require(count)
        found = self.file.read(count)
        if len(found) < count:
            raise self.invalid("the file has become shorter")
        self.at += count
        return found

    def numbers(self, form: str) -> Any:
        """A number, or several."""
        found = struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))
        return found[0] if len(found) == 1 else found

    def shape(self, rank: int, letter: str = "q") -> tuple[int, ...]:
        """As many sizes."""
        if not 0 <= rank <= _MOST_AXES:
            raise self.invalid(f"an array of {rank} axes")
        return tuple(n for (n,) in struct.iter_unpack("<" + letter, self.take(struct.calcsize("<" + letter) * rank)))

    def file_contents(self) -> list[NDArray] | dict[str, NDArray]:
        """The arrays in the file, by their names if they have some."""
        if self.size < 8 or self.numbers("Q") != FILE_MAGIC:
            self.at = 0
            raise self.invalid("it does not begin with 0x112")
        self.numbers("Q")
        arrays = [self.array() for _ in range(self.numbers("Q"))]
        names = [self.name() for _ in range(self.numbers("Q"))]
        if names and len(names) != len(arrays):
            raise self.invalid(f"{len(arrays)} arrays and {len(names)} names")
        return dict(zip(names, arrays, strict=True)) if names else arrays

    def name(self) -> str:
        """The name of an array."""
        try:
            return self.take(self.numbers("Q")).decode()
        except UnicodeDecodeError as error:
            raise self.invalid(f"a name: {error}") from None

    def array(self) -> NDArray:
        """An array, dense or sparse."""
        version = self.numbers("I")
        if version in (V2, V3):
            storage = self.numbers("i")
            if storage in (1, 2):
                return self.sparse_array(STORAGE[storage])
            if storage:
                raise self.invalid(f"storage type {storage}")
            rank = self.numbers("i")
            if version == V2 and rank == 0:  # an array without a value
                return wrap(NDArray, constant(np.zeros((0,), np.float32)))
            shape = self.shape(rank)
        elif version == V1:
            shape = self.shape(self.numbers("i"))
        else:
            if version > _MOST_AXES:
                raise self.invalid("an array of an unknown version")
            shape = self.shape(version, "I")  # the first format: this number is the rank
        self.numbers("ii")
        return wrap(NDArray, self.elements(shape, self.dtype()))

    def sparse_array(self, stype: str) -> NDArray:
        """The rest of a sparse array."""
        stored, shape = self.shape(self.numbers("i")), self.shape(self.numbers("i"))
        self.numbers("ii")
        dtype = self.dtype()
        self.check_shape(shape, dtype)
        kinds = [(self.dtype(), self.shape(self.numbers("i"))) for _ in range(1 if stype == "row_sparse" else 2)]
        data = wrap(NDArray, self.elements(stored, dtype))
        *starts, places = [wrap(NDArray, self.elements(size, kind)).asnumpy() for kind, size in kinds]
        axis = 0 if stype == "row_sparse" else 1
        fits = len(shape) > axis and all(
            [x.ndim == 1 and x.dtype.kind in "iu" for x in (*starts, places)]) and (
            not places.size or 0 <= places.min() and places.max() < shape[axis])
        try:
            if fits and not starts and data.shape == (*places.shape, *shape[1:]):
                return row_sparse_array((data, places), shape=shape, dtype=data.dtype)
            if fits and starts and data.shape == places.shape and _delimit(starts[0], shape[0], places.size):
                return csr_matrix((data, places, starts[0]), shape=shape, dtype=data.dtype)
        except ValueError as error:
            raise self.invalid(str(error)) from None
        raise self.invalid(f"components of shapes {data.shape}, {', '.join([str(size) for _, size in kinds])} for a "
                           f"{stype} array of shape {shape}, or indices out of range")

    def dtype(self) -> np.dtype:
        """A dtype."""
        kind = self.numbers("i")
        if not 0 <= kind < len(TYPES):
            raise self.invalid(f"dtype number {kind}")
        return TYPES[kind]

    def check_shape(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        """Raise MXNetError for a shape that no array has: a size is negative, or they are too large beside a 0."""
        if any(n < 0 for n in shape) or math.prod([n for n in shape if n]) * dtype.itemsize >= 1 << 63:
            raise self.invalid(f"the shape {shape}")

    def elements(self, shape: tuple[int, ...], dtype: np.dtype) -> Value:
        """The elements of an array, read to its memory."""
        self.check_shape(shape, dtype)
        self.require(math.prod(shape) * dtype.itemsize)
        of = aval(shape, dtype)
        buffer = allocate(of.nbytes)
        memory = buffer.view(aval((of.nbytes,), _BYTE))
        if self.file.readinto(memory.data) < of.nbytes:
            raise self.invalid("the file has become shorter")
        self.at += of.nbytes
        if dtype.kind == "b":
            np.not_equal(memory, 0, out=memory.view(bool))  # a bool's byte is 0 or 1
        elif sys.byteorder == "big":
            buffer.view(of).byteswap(inplace=True)
        return computed(of, buffer)


def _delimit(starts: np.ndarray, rows: int, count: int) -> bool:
    """Whether these are the places where the rows of `count` elements begin, and their end."""
    return starts.shape == (rows + 1,) and starts[0] == 0 and starts[-1] == count and bool((np.diff(starts) >= 0).all())
