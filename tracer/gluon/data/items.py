"""Sequences of items, which are lists of arrays: what MXNet 2's datasets of its C++ library read.

An item's arrays are NumPy's, or MXNet's where a transform has made them.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError

from ... import ndarray as nd
from ... import numpy as mx_np
from ... import recordio
from ...array.nd_array import NDArray
from ...numpy_extension.mode import is_np_array
from ...picture_files import decode
from ...whole_files import opened

__all__: list[str] = []


def array_of(values: Any) -> Any:
    """An array of the current flavour; NumPy's keep their dtype."""
    if isinstance(values, NDArray):
        return values
    return (mx_np if is_np_array() else nd).array(values, dtype=values.dtype)


class Rows:
    """The rows of one array, of float32 unless it is an array of MXNet's."""

    def __init__(self, values: Any) -> None:
        made = values if isinstance(values, NDArray) else (mx_np if is_np_array() else nd).array(values)
        self._values = made.asnumpy()

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, place: int) -> list[Any]:
        return [np.asarray(self._values[place])]


class Together:
    """The items of several sequences of one length side by side. MXNetError for others."""

    def __init__(self, sequences: Sequence[Any]) -> None:
        lengths = [len(one) for one in sequences]
        if len(set(lengths)) > 1:
            raise MXNetError(f"GroupDataset: all datasets must have the same length, given {lengths}")
        self._sequences = sequences

    def __len__(self) -> int:
        return len(self._sequences[0]) if self._sequences else 0

    def __getitem__(self, place: int) -> list[Any]:
        return [x for one in self._sequences for x in one[place]]


class Chosen:
    """The items at some places of another sequence."""

    def __init__(self, sequence: Any, places: Sequence[int]) -> None:
        self._sequence = sequence
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, place: int) -> list[Any]:
        return self._sequence[self._places[place]]


class Transformed:
    """The results of a function on the items of another sequence, or on those of their arrays with some numbers."""

    def __init__(self, sequence: Any, function: Callable[..., Any], numbers: Sequence[int] = ()) -> None:
        self._sequence = sequence
        self._function = function
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._sequence)

    def __getitem__(self, place: int) -> list[Any]:
        item = list(self._sequence[place])
        if not self._numbers:
            made = self._function(*[array_of(x) for x in item])
            return list(made) if isinstance(made, (list, tuple)) else [made]
        for number in self._numbers:
            item[number] = self._function(array_of(item[number]))
        return item


class Records:
    """The records of an indexed record file: their bytes as int8."""

    def __init__(self, path: str, index: str) -> None:
        self._records = recordio.MXIndexedRecordIO(index, path, "r")

    def __len__(self) -> int:
        return len(self._records.keys)

    def _bytes(self, place: int) -> bytes:
        found = self._records.read_idx(self._records.keys[place])
        if found is None:
            raise MXNetError(f"{self._records.uri} ends before the record of key {self._records.keys[place]}")
        return found

    def __getitem__(self, place: int) -> list[Any]:
        return [np.frombuffer(self._bytes(place), np.int8)]


class PictureRecords(Records):
    """The pictures in an indexed record file, and their labels."""

    def __init__(self, path: str, index: str, flag: int) -> None:
        super().__init__(path, index)
        self._color = bool(flag)

    def __getitem__(self, place: int) -> list[Any]:
        header, data = recordio.unpack(self._bytes(place))
        return [decode(data, self._color), np.asarray(header.label, np.float32)]


class Pictures:
    """The pictures in files."""

    def __init__(self, paths: Sequence[str], flag: int) -> None:
        self._paths = paths
        self._color = bool(flag)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, place: int) -> list[Any]:
        with opened(self._paths[place], "rb") as file:
            return [decode(file.read(), self._color)]
