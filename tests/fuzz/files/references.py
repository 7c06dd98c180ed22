"""Readers of files that share no code with tracer's, and the comparison of their results."""
from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np

TYPES = "float32 float64 float16 uint8 int32 int8 int64 bool int16 uint16 uint32 uint64".split()
MAGIC = 0xCED7230A


class Wrong(Exception):
    """The error of a damaged file."""


class Sparse(Exception):
    """The error of a file with sparse arrays."""


def read_nd(data: bytes) -> Any:
    """The arrays of a file in nd's format, read as MXNet does (src/ndarray/ndarray.cc)."""
    at = 0

    def integer(width: int, signed: bool = False) -> int:
        nonlocal at
        if at + width > len(data):
            raise Wrong
        at += width
        return int.from_bytes(data[at - width:at], "little", signed=signed)

    if integer(8) != 0x112:
        raise Wrong
    integer(8)
    arrays = []
    for _ in range(integer(8)):
        version = integer(4)
        if version in (0xF993FAC9, 0xF993FACA):
            storage = integer(4)
            if storage in (1, 2):
                raise Sparse
            if storage != 0:
                raise Wrong
        if version in (0xF993FAC8, 0xF993FAC9, 0xF993FACA):
            rank, width = integer(4, signed=True), 8
        else:
            rank, width = version, 4
        if version == 0xF993FAC9 and rank == 0:
            arrays.append(np.zeros(0, "float32"))
            continue
        if not 0 <= rank <= (len(data) - at) // width or version < 2**31 and rank > 32:
            raise Wrong
        shape = [integer(width, signed=width == 8) for _ in range(rank)]
        integer(8)
        kind, count = integer(4, signed=True), 1
        for n in shape:
            count *= n
        if min(shape, default=0) < 0 or not 0 <= kind < len(TYPES):
            raise Wrong
        dtype = np.dtype(TYPES[kind])
        if count * dtype.itemsize > len(data) - at:
            raise Wrong
        try:
            made = np.empty(shape, dtype)  # raises for shapes that NumPy refuses
        except ValueError:
            raise Wrong from None
        flat = made.reshape(-1)
        for i in range(count):
            cell = data[at + i * dtype.itemsize:at + (i + 1) * dtype.itemsize]
            flat[i] = cell != b"\0" if dtype.kind == "b" else np.frombuffer(cell, dtype)[0]
        at += count * dtype.itemsize
        arrays.append(made)
    names = []
    for _ in range(integer(8)):
        size = integer(8)
        if at + size > len(data):
            raise Wrong
        try:
            names.append(data[at:at + size].decode())
        except UnicodeDecodeError:
            raise Wrong from None
        at += size
    if names and len(names) != len(arrays):
        raise Wrong
    return dict(zip(names, arrays, strict=True)) if names else arrays


def read_records(data: bytes) -> list[bytes]:
    """The records of a file."""
    records: list[bytes] = []
    parts: list[bytes] = []
    at = 0
    while at < len(data):
        if at + 8 > len(data):
            raise Wrong
        magic, number = struct.unpack_from("<II", data, at)
        part, length = number >> 29, number & (1 << 29) - 1
        end = at + 8 + -(-length // 4) * 4
        if magic != MAGIC or end > len(data) or part > 3 or (part in (0, 1)) == bool(parts):
            raise Wrong
        parts.append(data[at + 8:at + 8 + length])
        if part in (0, 3):
            records.append(struct.pack("<I", MAGIC).join(parts))
            parts = []
        at = end
    if parts:
        raise Wrong
    return records


def read_header(record: bytes) -> tuple[Any, ...]:
    """The labels, the two numbers and the bytes of a record with a header."""
    if len(record) < 24:
        raise Wrong
    flag, label, *numbers = struct.unpack_from("<IfQQ", record)
    if len(record) < 24 + 4 * flag:
        raise Wrong
    labels = record[24:24 + 4 * flag] if flag else struct.pack("<f", label)
    return labels, *numbers, record[24 + 4 * flag:]


def same(x: np.ndarray, y: np.ndarray) -> bool:
    y = y.astype(y.dtype.newbyteorder("="))
    if y.dtype.kind == "b":
        y = (np.frombuffer(y.tobytes(), np.uint8) != 0).reshape(y.shape)
    return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()


def equal(found: Any, wanted: Any) -> bool:
    """Whether tracer's arrays equal NumPy's, bit for bit."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and [*found] == [*wanted] and all(equal(found[k], wanted[k]) for k in found)
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(equal, found, wanted))
    return same(found.asnumpy(), wanted)


def by_numpy(data: bytes) -> Any:
    if data[:2] != b"PK":
        return np.load(io.BytesIO(data))
    with np.lib.npyio.NpzFile(io.BytesIO(data)) as archive:  # np.load checks two more of the first bytes
        return {name[:-4]: archive[name] for name in archive.zip.namelist() if name.endswith(".npy")}
