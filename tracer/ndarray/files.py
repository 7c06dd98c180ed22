"""`nd.save` and `nd.load`: MXNet's binary format of named arrays, as in `.params` files.

A file: 0x112, 0, the arrays (a count, then each), the names (a count, then each with its length), all little-endian.
An array: a magic number that identifies the version, its storage, shape, context, dtype and elements.
"""
from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

from tracer.array.nd_array import NDArray
from tracer.array.np_flags import is_np_shape
from tracer.core.invoke import constant, wrap
from tracer.ops.ir.errors import MXNetError
from tracer.sparse.base import BaseSparseNDArray
from tracer.sparse.creation import csr_matrix, row_sparse_array
from tracer.sparse.forms import Cells

FILE_MAGIC = 0x112
#: Versions of an array: 1 has 64-bit dimensions, 2 also a storage type, 3 (written under np_shape, where MXNet reads no
#: other) also 0-d and empty shapes.
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
TYPES = [np.dtype(t) for t in ("float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool",
                               "int16", "uint16", "uint32", "uint64")]

#: The storage types, by number.
STORAGE = ("default", "row_sparse", "csr")

Arrays = NDArray | Sequence[NDArray] | dict[str, NDArray]


def save(fname: str, data: Arrays) -> None:
    """Write an array, a list of arrays, or a dict of them to a file in MXNet's format. This is a sync point.

    TypeError for anything else. For a file that cannot be written an MXNetError that is an OSError too.
    """
    data_bytes = dumps(data)
    with opened(fname, "wb") as file:
        file.write(data_bytes)


def opened(fname: str, mode: str) -> IO[bytes]:
    """Open a file. A failure raises an MXNetError that is Python's error too, such as FileNotFoundError."""
    try:
        return open(fname, mode)
    except OSError as error:
        raise _file_error(type(error))(error.errno, error.strerror, error.filename) from None


def _file_error(kind: type[OSError]) -> type[OSError]:
    """A subclass of both MXNetError and `kind`."""
    plain = {"__module__": MXNetError.__module__, "__reduce__": lambda self: (MXNetError, (str(self),))}
    return type(MXNetError.__name__, (kind, MXNetError), plain)


def dumps(data: Arrays) -> bytes:
    """The bytes that `save` writes."""
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
    parts = [struct.pack("<QQQ", FILE_MAGIC, 0, len(arrays))]
    for x in arrays:
        parts += _sparse_bytes(x) if isinstance(x, BaseSparseNDArray) else _array_bytes(x._read("save"))
    parts.append(struct.pack("<Q", len(names)))
    for name in names:
        text = name.encode()
        parts += [struct.pack("<Q", len(text)), text]
    return b"".join(parts)


def _array_bytes(array: np.ndarray) -> list[bytes]:
    if array.dtype not in TYPES:
        raise MXNetError(f"save: dtype {array.dtype} has no place in the file format")
    version = V3 if is_np_shape() or not (array.ndim and array.size) else V2
    head = struct.pack("<Ii", version, 0) + _shape_bytes(array.shape)
    return [head, struct.pack("<iii", 1, 0, TYPES.index(array.dtype)), np.ascontiguousarray(array).tobytes()]


def _shape_bytes(shape: Sequence[int]) -> bytes:
    return struct.pack(f"<i{len(shape)}q", len(shape), *shape)


def _sparse_bytes(array: BaseSparseNDArray) -> list[bytes]:
    """The bytes of a sparse array: its stored elements and, after all shapes and dtypes, these and the indices."""
    form = array._components()
    data = form.data.asnumpy()
    indices = [x.asnumpy() for x in ([form.indptr, form.indices] if isinstance(form, Cells) else [form.indices])]
    head = struct.pack("<Ii", V3 if is_np_shape() else V2, STORAGE.index(array.stype))
    parts = [head, _shape_bytes(data.shape), _shape_bytes(array.shape),
             struct.pack("<iii", 1, 0, TYPES.index(data.dtype))]
    parts += [struct.pack("<i", TYPES.index(x.dtype)) + _shape_bytes(x.shape) for x in indices]
    return parts + [np.ascontiguousarray(x).tobytes() for x in (data, *indices)]


def load(fname: str) -> list[NDArray] | dict[str, NDArray]:
    """Load the arrays of a file that `save` or real MXNet has written: a dict if they have names, else a list.

    MXNetError for a file of another format. For a file that cannot be read an MXNetError that is an OSError too.
    """
    with opened(fname, "rb") as file:
        return load_frombuffer(file.read())


def load_frombuffer(buf: bytes) -> list[NDArray] | dict[str, NDArray]:
    """Load the arrays from the bytes of a file; results and errors as in `load`."""
    reader = _Reader(buf)
    if reader.numbers("Q") != FILE_MAGIC:
        raise MXNetError("Invalid NDArray file format")
    reader.numbers("Q")
    found = [reader.array() for _ in range(reader.numbers("Q"))]
    arrays = [x if isinstance(x, BaseSparseNDArray) else wrap(NDArray, constant(x)) for x in found]
    names = [reader.name() for _ in range(reader.numbers("Q"))]
    if names and len(names) != len(arrays):
        raise MXNetError(f"Invalid NDArray file format: {len(arrays)} arrays and {len(names)} names")
    return dict(zip(names, arrays, strict=True)) if names else arrays


def elements(data: bytes, start: int, descr: Any, shape: Sequence[int]) -> np.ndarray:
    """The array of this dtype and shape whose elements are in `data` from `start` on.

    ValueError if `data` is too short, or for a negative dimension.

    >>> elements(b"..\\x01\\0", 2, "<i2", [1]).tolist()
    [1]
    """
    dtype, count = np.dtype(descr), math.prod(shape)
    if any(n < 0 for n in shape) or count * dtype.itemsize > len(data) - start:
        raise ValueError(f"too short for {str(tuple(shape))[:100]} elements of {dtype}")
    if not count:
        return np.empty(shape, dtype)
    found = np.frombuffer(data, np.uint8 if dtype.kind == "b" else dtype, count, start).reshape(shape)
    return found != 0 if dtype.kind == "b" else found  # a bool's byte is 0 or 1


class _Reader:
    """A reader of the bytes of a file, with a position. MXNetError when they end too early."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise MXNetError("Invalid NDArray file format: it ends too early")
        self.at += count
        return bytes(self.data[self.at - count:self.at])

    def numbers(self, form: str) -> Any:
        found = struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))
        return found[0] if len(found) == 1 else found

    def shape(self, rank: int, letter: str = "q") -> tuple[int, ...]:
        size = struct.calcsize("<" + letter)
        return tuple(n for (n,) in struct.iter_unpack("<" + letter, self.take(size * rank)))

    def name(self) -> str:
        try:
            return self.take(self.numbers("Q")).decode()
        except UnicodeDecodeError as error:
            raise MXNetError(f"Invalid NDArray file format: a name: {error}") from None

    def array(self) -> Any:
        """The next array: one of NumPy, or a sparse one."""
        version = self.numbers("I")
        if version in (V2, V3):
            storage = self.numbers("i")
            if storage in (1, 2):
                return self.sparse_array(STORAGE[storage])
            if storage:
                raise MXNetError(f"Invalid NDArray file format: storage type {storage}")
            rank = self.numbers("i")
            if version == V2 and rank == 0:  # an array without a value
                return np.zeros((0,), np.float32)
            shape = self.shape(rank)
        elif version == V1:
            shape = self.shape(self.numbers("i"))
        else:
            if version > 32:
                raise MXNetError("Invalid NDArray file format: an array of an unknown version")
            shape = self.shape(version, "I")  # the first format: this number is the rank
        self.numbers("ii")
        return self.elements(self.dtype(), shape)

    def sparse_array(self, stype: str) -> Any:
        stored, shape = self.shape(self.numbers("i")), self.shape(self.numbers("i"))
        self.numbers("ii")
        dtype = self.dtype()
        kinds = [(self.dtype(), self.shape(self.numbers("i"))) for _ in range(1 if stype == "row_sparse" else 2)]
        data = self.elements(dtype, stored)
        indices = [self.elements(*kind) for kind in kinds]
        fits = all([x.ndim == 1 and x.dtype.kind in "iu" for x in indices]) and min(shape, default=-1) >= 0
        try:
            if fits and stype == "row_sparse" and data.shape == (*indices[0].shape, *shape[1:]):
                return row_sparse_array((data, indices[0]), shape=shape, dtype=data.dtype)
            if fits and stype == "csr" and data.shape == indices[1].shape and indices[0].size == shape[0] + 1:
                return csr_matrix((data, indices[1], indices[0]), shape=shape, dtype=data.dtype)
        except ValueError as error:
            raise MXNetError(f"Invalid NDArray file format: {error}") from None
        raise MXNetError(f"Invalid NDArray file format: components of shapes {data.shape}, "
                         f"{', '.join([str(x.shape) for x in indices])} for a {stype} array of shape {shape}")

    def dtype(self) -> np.dtype:
        kind = self.numbers("i")
        if not 0 <= kind < len(TYPES):
            raise MXNetError(f"Invalid NDArray file format: dtype number {kind}")
        return TYPES[kind].newbyteorder("<")

    def elements(self, dtype: np.dtype, shape: Sequence[int]) -> np.ndarray:
        try:
            found = elements(self.data, self.at, dtype, shape)
        except ValueError as error:
            raise MXNetError(f"Invalid NDArray file format: {error}") from None
        self.at += found.nbytes
        return found
