"""`CSRNDArray` and `RowSparseNDArray`: the sparse arrays of `mx.nd`."""
from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from ..array.nd_array import NDArray
from ..base import integer_types
from ..core.trace import Value
from .base import BaseSparseNDArray, sparse_array
from .checks import check_cells, check_rows
from .forms import Cells, Dense, Rows, Sums, array_of, joined
from .gradients import rows_of_gradient


class CSRNDArray(BaseSparseNDArray):
    """A matrix of compressed rows: its stored elements, their columns, and where each row begins.

    >>> from tracer import nd
    >>> x = nd.array([[0, 1], [2, 0]]).tostype("csr")
    >>> x.data.asnumpy().tolist(), x.indices.asnumpy().tolist(), x.indptr.asnumpy().tolist()
    ([1.0, 2.0], [1, 0], [0, 1, 2])
    """

    __slots__ = ()
    _stype = "csr"

    def _components(self) -> Cells:
        form = self._form
        if isinstance(form, Cells):
            return form
        assert isinstance(form, Dense)
        made = form.cells()
        if not form.array._value.history:
            self._form = made
        return made

    @property
    def indptr(self) -> NDArray:
        """A copy of the places where the rows begin, int64."""
        return self._components().indptr.copy()  # type: ignore[attr-defined]

    def check_format(self, full_check: bool = True) -> None:
        """Raise MXNetError if the indices are out of range or order. This is a sync point."""
        check_cells(self._components(), self.shape, full_check)

    def asscipy(self) -> Any:
        """A `scipy.sparse.csr_matrix` with a copy of the elements. ImportError without SciPy."""
        try:
            sparse = import_module("scipy.sparse")
        except ImportError:
            raise ImportError("scipy could not be imported. Please make sure that the scipy is installed.") from None
        form = self._components()
        return sparse.csr_matrix((form.data.asnumpy(), form.indices.asnumpy(), form.indptr.asnumpy()),
                                 shape=self.shape, dtype=self.dtype)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, integer_types):
            begin = self.shape[0] - 1 if key == -1 else int(key)
            return self.slice(begin=begin, end=begin + 1)  # type: ignore[attr-defined]
        if isinstance(key, slice):
            if key.step is not None:
                raise ValueError("CSRNDArray only supports continuous slicing on axis 0")
            if key.start is None and key.stop is None:
                return self
            return self.slice(begin=key.start or 0, end=key.stop or self.shape[0])  # type: ignore[attr-defined]
        if isinstance(key, tuple):
            raise ValueError("Multi-dimension indexing is not supported")
        raise ValueError(f"Undefined behaviour for {key}")


class RowSparseNDArray(BaseSparseNDArray):
    """An array of which only some rows are stored, with their numbers; the others are 0.

    >>> from tracer import nd
    >>> x = nd.array([[0, 0], [1, 2]]).tostype("row_sparse")
    >>> x.data.asnumpy().tolist(), x.indices.asnumpy().tolist()
    ([[1.0, 2.0]], [1])
    """

    __slots__ = ()
    _stype = "row_sparse"

    def _components(self) -> Rows:
        form = self._form
        if isinstance(form, Rows):
            return form
        assert isinstance(form, (Dense, Sums))
        made = form.rows()
        if isinstance(form, Sums) or not form.array._value.history:
            self._form = made
        return made

    def check_format(self, full_check: bool = True) -> None:
        """Raise MXNetError if the indices are out of range or order. This is a sync point."""
        check_rows(self._components(), self.shape, full_check)

    def receive(self, values: list[Value], onto: bool) -> None:
        """Take the sum of gradients as the array's elements, or add it to these (onto).

        Where the gradients are sums of some rows, these are kept instead of whole arrays.
        """
        parts = [rows_of_gradient(value) for value in values]
        form = self._form
        if None in parts or not parts or onto and isinstance(form, (Dense, Cells)):
            super().receive(values, onto)
            return
        found = [rows for part in parts for rows in part or ()]
        if onto and not isinstance(form, (Dense, Cells)):
            found.insert(0, Sums(form.data, form.indices))
        self._form = found[0] if len(found) == 1 else Sums(joined([x.data for x in found]),
                                                           joined([x.indices for x in found]))

    def _fill(self, value: Any) -> None:
        self._form = Dense(array_of(np.full(self.shape, value, self._aval.dtype), self._aval.device), whole=True)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int):
            raise Exception("__getitem__ with int key is not implemented for RowSparseNDArray yet")
        if isinstance(key, slice):
            if key != slice(None):
                raise Exception("RowSparseNDArray only supports [:] for __getitem__")
            return self
        if isinstance(key, tuple):
            raise ValueError("Multi-dimension indexing is not supported")
        raise ValueError(f"Undefined behaviour for {key}")


def from_dense(array: Any, stype: str) -> Any:
    """A sparse array with the elements of a dense one. ValueError for an unknown storage type or one that does not fit.

    >>> from tracer import nd
    >>> from_dense(nd.ones((1, 2)), "csr")
    <BLANKLINE>
    <CSRNDArray 1x2 @cpu(0)>
    """
    if stype not in ("row_sparse", "csr"):
        raise ValueError(f"unknown storage type {stype!r}: one of 'default', 'row_sparse', 'csr'")
    if stype == "csr" and array.ndim != 2:
        raise ValueError(f"To convert to a CSR, the NDArray should be 2 Dimensional. Current shape is {array.shape}")
    of = array._value.aval
    return sparse_array(CSRNDArray if stype == "csr" else RowSparseNDArray, Dense(array), of)
