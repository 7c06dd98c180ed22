"""Abstract values: the shape and dtype of an array that may not exist yet, interned."""
from __future__ import annotations

import math

import numpy as np

from .errors import MXNetError

Shape = tuple[int, ...]


class Aval:
    """Shape and dtype of a value; equal ones are the same object, so `is` compares them.

    >>> aval((2, 3), np.dtype("float32")) is aval((2, 3), np.dtype("float32"))
    True
    """

    __slots__ = ("shape", "dtype", "size", "nbytes")

    def __init__(self, shape: Shape, dtype: np.dtype) -> None:
        self.shape = shape
        self.dtype = dtype
        self.size = math.prod(shape)
        self.nbytes = self.size * dtype.itemsize

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        return f"{SHORT.get(self.dtype.name, self.dtype.name)}{list(self.shape)}".replace(" ", "")


#: The field's short names, as they stand in printed graphs and generated kernels.
SHORT = {
    "float16": "f16", "float32": "f32", "float64": "f64", "int8": "i8", "int16": "i16", "int32": "i32",
    "int64": "i64", "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64", "bool": "b1",
}

_INTERNED: dict[tuple[Shape, np.dtype], Aval] = {}


def aval(shape: Shape, dtype: np.dtype) -> Aval:
    """The one `Aval` of `shape` (a tuple of ints) and `dtype` (a numpy.dtype, whose byte order becomes the machine's).
    MXNetError for a dtype that is not MXNet's.

    >>> aval((3,), np.dtype(">f4")) is aval((3,), np.dtype("<f4"))
    True
    """
    found = _INTERNED.get((shape, dtype))
    if found is None:
        if not dtype.isnative:
            return aval(shape, dtype.newbyteorder("="))
        if dtype.name not in SHORT:
            raise MXNetError(f"Invalid Input: '{dtype.name}', valid values are: {', '.join(SHORT)}")
        found = _INTERNED.setdefault((shape, dtype), Aval(shape, dtype))
    return found
