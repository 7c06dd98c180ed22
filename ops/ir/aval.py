"""Abstract values: the shape, dtype and device of an array that may not exist yet, interned."""
from __future__ import annotations

import math

import numpy as np

from .errors import MXNetError

Shape = tuple[int, ...]
#: A device as (type, number), such as ("cpu", 1); None is cpu(0), the device of nearly all arrays.
Device = tuple[str, int] | None


class Aval:
    """Shape, dtype and device of a value; equal ones are the same object, so `is` compares them.

    >>> aval((2, 3), np.dtype("float32")) is aval((2, 3), np.dtype("float32"))
    True
    """

    __slots__ = ("shape", "dtype", "size", "nbytes", "device")

    def __init__(self, shape: Shape, dtype: np.dtype, device: Device = None) -> None:
        self.shape = shape
        self.dtype = dtype
        self.device = device
        self.size = math.prod(shape)
        self.nbytes = self.size * dtype.itemsize

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        where = "" if self.device is None else f"@{self.device[0]}({self.device[1]})"
        return f"{SHORT.get(self.dtype.name, self.dtype.name)}{list(self.shape)}{where}".replace(" ", "")


#: The usual short names of dtypes, for printed graphs and generated kernels.
SHORT = {
    "float16": "f16", "float32": "f32", "float64": "f64", "int8": "i8", "int16": "i16", "int32": "i32",
    "int64": "i64", "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64", "bool": "b1",
}

_INTERNED: dict[tuple[Shape, np.dtype, Device], Aval] = {}


def aval(shape: Shape, dtype: np.dtype, device: Device = None) -> Aval:
    """The interned `Aval` of a shape (a tuple of ints), a dtype and a device. MXNetError for a dtype that MXNet lacks.

    dtype: a numpy.dtype; its byte order becomes the machine's.

    >>> aval((3,), np.dtype(">f4")) is aval((3,), np.dtype("<f4"))
    True
    """
    key = shape, dtype, device
    found = _INTERNED.get(key)
    if found is None:
        if dtype.name not in SHORT:
            raise MXNetError(f"Invalid Input: '{dtype.name}', valid values are: {', '.join(SHORT)}")
        plain = np.dtype(dtype.name)
        if dtype is not plain:  # another byte order, or the machine's own, but spelled out in the repr
            return aval(shape, plain, device)
        found = _INTERNED.setdefault(key, Aval(shape, dtype, device))
    return found
