"""Forms of a sparse array: the ordinary arrays that hold its elements.

A sparse array has one form at a time. `Rows` and `Cells` are the components that MXNet's arrays have. `Sums` is a
gradient whose rows have not been added up, and `Dense` an array whose zeros have not been left out: both are converted
when the components are asked for, so that nothing is read before.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracer.ops.ir.aval import Aval, Device

from ..array.nd_array import NDArray
from ..array.placing import moved
from ..array.views import internal
from ..core.invoke import constant, invoke, wrap
from ..core.trace import current

_FROM_ROWS, _FROM_CELLS = internal("sparse.from_rows"), internal("sparse.from_cells")
_ADD_ROWS, _TAKE_ROWS = internal("sparse.add_rows"), internal("sparse.take_rows")
_DISTINCT, _CONCAT = internal("sparse.distinct"), internal("nd.concat")


#: A function by which a form's arrays are changed.
Change = Callable[[NDArray], NDArray]


def _same(array: NDArray) -> NDArray:
    return array


def array_of(values: Any, device: Device = None) -> NDArray:
    """An array with a copy of NumPy's elements, on a device."""
    return wrap(NDArray, moved(constant(np.asarray(values)), device))


def read(array: NDArray) -> np.ndarray:
    """The elements of an array, for reading."""
    return array._read("sparse")


@dataclass(eq=False)
class Rows:
    """The stored rows of an array of storage type row_sparse.

    data: the rows, along the first axis.
    indices: their numbers, int64, which users should give in ascending order.
    """

    data: NDArray
    indices: NDArray

    def mapped(self, data: Change, places: Change = _same) -> Rows:
        """The form with the elements and the numbers changed."""
        return Rows(data(self.data), places(self.indices))

    def dense(self, of: Aval) -> NDArray:
        """The whole array; of equal numbers the last counts."""
        return invoke(_FROM_ROWS, NDArray, (self.data, self.indices), (of.shape,))


@dataclass(eq=False)
class Sums:
    """Rows to be added up: those of equal number are one row of the array, in any order.

    data: the rows, along the first axis.
    indices: their numbers, of one axis.
    """

    data: NDArray
    indices: NDArray

    def mapped(self, data: Change, places: Change = _same) -> Sums:
        """The form with the elements and the numbers changed. The elements' change is linear."""
        return Sums(data(self.data), places(self.indices))

    def dense(self, of: Aval) -> NDArray:
        """The whole array."""
        return invoke(_ADD_ROWS, NDArray, (self.data, self.indices), (of.shape,))

    def distinct(self) -> tuple[NDArray, NDArray, NDArray]:
        """The distinct numbers, the sum of each one's rows, and whether one is valid, all of the length of `indices`.

        Before the distinct numbers the first is repeated, which is not valid; the sums there are 0.
        """
        ids, places, valid = invoke(_DISTINCT, NDArray, (self.indices,), ())
        return ids, invoke(_ADD_ROWS, NDArray, (self.data, places), (self.data.shape,)), valid

    def rows(self) -> Rows:
        """The stored rows: the sums, in ascending order of their numbers. Reading these is a sync point."""
        ids, sums, valid = self.distinct()
        start = self.indices.size - int(read(valid).sum())
        return Rows(sums[start:].copy(), ids[start:].copy())


@dataclass(eq=False)
class Cells:
    """The stored elements of an array of storage type csr.

    data: the elements, row by row.
    indices: their columns, int64.
    indptr: for each row, the place of its first element in `data`, and then the number of all; int64.
    """

    data: NDArray
    indices: NDArray
    indptr: NDArray
    _rows: NDArray | None = None

    def mapped(self, data: Change, places: Change = _same) -> Cells:
        """The form with the elements and their places changed."""
        rows = None if self._rows is None else places(self._rows)
        return Cells(data(self.data), places(self.indices), places(self.indptr), rows)

    @property
    def rows(self) -> NDArray:
        """The rows of the elements, int64."""
        if self._rows is None:
            counts = np.diff(read(self.indptr))
            self._rows = array_of(np.repeat(np.arange(counts.size), counts), self.data._value.aval.device)
        return self._rows

    def dense(self, of: Aval) -> NDArray:
        """The whole array; of elements at one place the last counts."""
        return invoke(_FROM_CELLS, NDArray, (self.data, self.rows, self.indices), (of.shape,))


@dataclass(eq=False)
class Dense:
    """An array whose zeros have not been left out.

    array: the array.
    whole: whether all rows are stored, zeros or not.
    places: the numbers of the stored rows, if they are known.
    """

    array: NDArray
    whole: bool = False
    places: NDArray | None = None

    def mapped(self, data: Change, places: Change = _same) -> Dense:
        """The form with the elements and the numbers changed."""
        return Dense(data(self.array), self.whole, None if self.places is None else places(self.places))

    def dense(self, of: Aval) -> NDArray:
        """The array itself."""
        return self.array

    def live(self) -> bool:
        """Whether an operation on the array would now be recorded for a derivative."""
        return current().trace.recording and bool(self.array._value.history)

    def rows(self) -> Rows:
        """The rows that are known to be stored, or those that are not all 0: reading the array is a sync point."""
        if self.places is not None:
            return Rows(take_rows(self.array.detach(), self.places), self.places)
        values, device = read(self.array), self.array._value.aval.device
        if self.whole:
            places = np.arange(values.shape[0])
        else:
            width = math.prod(values.shape[1:])
            places = np.flatnonzero((values.reshape(values.shape[0], width) != 0).any(1))
        return Rows(array_of(values[places], device), array_of(places.astype(np.int64), device))

    def cells(self) -> Cells:
        """The elements that are not 0. Reading the array is a sync point."""
        values, device = read(self.array), self.array._value.aval.device
        rows, columns = np.nonzero(values)
        starts = np.concatenate([[0], np.cumsum(np.count_nonzero(values, 1))])
        return Cells(array_of(values[rows, columns], device), array_of(columns.astype(np.int64), device),
                     array_of(starts.astype(np.int64), device), array_of(rows.astype(np.int64), device))


Form = Rows | Sums | Cells | Dense


def stored_rows(form: Form) -> NDArray | None:
    """The numbers of the rows that a form stores, where they are known without reading any; else None."""
    return form.indices if isinstance(form, Rows) else form.places if isinstance(form, Dense) else None


def take_rows(array: NDArray, indices: NDArray) -> NDArray:
    """The rows of an array at `indices`."""
    return invoke(_TAKE_ROWS, NDArray, (array, indices), ())


def joined(arrays: list[NDArray]) -> NDArray:
    """Arrays one after the other, along the first axis."""
    return arrays[0] if len(arrays) == 1 else invoke(_CONCAT, NDArray, tuple(arrays), (0, None))
