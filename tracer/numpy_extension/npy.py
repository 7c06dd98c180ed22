"""Readers of NumPy's formats: a .npy file is an array, an .npz file is a zip archive of .npy files.

NumPy's own readers raise a dozen kinds of errors for damaged files, and allocate any size that a header gives. Here
every error is an MXNetError, and no array is allocated that is larger than the file.
"""
from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError

MAGIC = b"\x93NUMPY"

#: An entry of the header, which is the text of a Python dictionary: a key, and a string, bool or tuple.
_ENTRY = re.compile(rb" *'(\w+)' *: *('[^']*'|True|False|\([^()']*\)) *(?:,|$)")
_DTYPE = re.compile(rb"'[<>=|]?[fiub]\d{1,2}'")
#: A tuple of sizes as Python writes it, with Python 2's suffix L.
_SHAPE = re.compile(rb"\( *\)|\( *(?:N, *)+(?:N)?\)".replace(b"N", rb"(?:0|[1-9]\d{0,18})L? *"))


def read_array(data: bytes) -> np.ndarray:
    """The array of a .npy file. MXNetError if it is damaged, or of a dtype that is not MXNet's."""
    if data[:6] != MAGIC or len(data) < 10:
        raise MXNetError("Invalid npy file format: it ends too early")
    size, start = (struct.unpack("<H", data[8:10])[0], 10) if data[6] == 1 else (_long_size(data), 12)
    header = data[start:start + size]
    if data[6:8] not in (b"\1\0", b"\2\0", b"\3\0") or len(header) < size:
        raise MXNetError("Invalid npy file format: an unknown version, or a header that ends too early")
    fields = _fields(header)
    order = fields.get(b"fortran_order")
    if fields.keys() != {b"descr", b"fortran_order", b"shape"} or order not in (b"True", b"False"):
        raise MXNetError(f"Invalid npy file format: the header {header[:100]!r}")
    if not _DTYPE.fullmatch(fields[b"descr"]):
        raise MXNetError(f"Invalid npy file format: dtype {fields[b'descr'][:100]!r} is not one of MXNet's")
    if not _SHAPE.fullmatch(fields[b"shape"]):
        raise MXNetError(f"Invalid npy file format: the shape {fields[b'shape'][:100]!r}")
    shape = [int(n) for n in re.findall(rb"\d+", fields[b"shape"])]
    try:
        descr = fields[b"descr"][1:-1].decode()
        found = elements(data, start + size, descr, shape[::-1] if order == b"True" else shape)
    except (TypeError, ValueError) as error:  # TypeError: no dtype has this size
        raise MXNetError(f"Invalid npy file format: {error}") from None
    return found.T if order == b"True" else found


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


def _long_size(data: bytes) -> int:
    """The header's size, from version 2 on."""
    return struct.unpack("<I", data[8:12])[0] if len(data) >= 12 else len(data)


def _fields(header: bytes) -> dict[bytes, bytes]:
    """The entries of a header; empty if it is malformed."""
    text = header.strip(b" \n")
    found: dict[bytes, bytes] = {}
    at, end = 1, len(text) - 1
    while text[:1] + text[-1:] == b"{}" and text[at:end].strip(b" "):
        entry = _ENTRY.match(text, at, end)
        if entry is None or entry[1] in found:
            return {}
        found[entry[1]], at = entry[2], entry.end()
    return found


def read_arrays(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, by name. MXNetError if it is damaged; NotImplementedError for sparse arrays."""
    import zipfile  # 1 ms, for scripts that load such files

    members = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name[:-4] for name in archive.namelist() if name.endswith(".npy")]
            for name in names:
                size = archive.getinfo(f"{name}.npy").file_size
                members.append(archive.open(f"{name}.npy").read(size))
                if len(members[-1]) < size:
                    raise EOFError(f"{name}.npy ends too early")
    except Exception as error:  # zipfile and its decompressors raise many kinds of errors
        raise MXNetError(f"Invalid npz file format: {error or type(error).__name__}") from error
    if len({*names}) < len(names):
        raise MXNetError("Invalid npz file format: two arrays of one name")
    if any(name.endswith("/format") and f"{name[:-7]}/data" in names for name in names):
        raise NotImplementedError("load: sparse arrays; tracer has dense arrays only")
    return {name: read_array(member) for name, member in zip(names, members)}
