"""The parts that iterators over files share: the present batch, and batches of rows that go on from epoch to epoch."""
from __future__ import annotations

import logging
from typing import Any

import numpy as np

from ..base import MXNetError
from .batches import DataBatch
from .iterators import DataIter

__all__ = ["MXDataIter"]


class MXDataIter(DataIter):
    """The base class of iterators over files, in MXNet that of its C++ library's. Making one raises
    NotImplementedError: there is no such library.

    >>> MXDataIter(None)
    Traceback (most recent call last):
    NotImplementedError: mx.io.MXDataIter wraps an iterator of MXNet's C++ library, which tracer does not have
    """

    def __init__(self, handle: Any, data_name: str = "data", label_name: str = "softmax_label", **_: Any) -> None:
        raise NotImplementedError("mx.io.MXDataIter wraps an iterator of MXNet's C++ library, "
                                  "which tracer does not have")


class PresentBatch(MXDataIter):
    """An iterator whose `iter_next` sets `_current`, a batch with one array of data and one of labels."""

    _current: DataBatch | None = None
    _debug_skip_load = False

    def __init__(self, batch_size: int) -> None:
        DataIter.__init__(self, batch_size)

    def debug_skip_load(self) -> None:
        """From now on give the same batch again and again, to measure what is done with it; there is no last one."""
        self._debug_skip_load = True
        logging.info("Set debug_skip_load to be true, will simply return first batch")

    def next(self) -> DataBatch:
        """The next batch. StopIteration after the last one."""
        if self._debug_skip_load and self._current is not None:
            return self._current
        if not self.iter_next():
            raise StopIteration
        return self._present()

    def _present(self) -> DataBatch:
        assert self._current is not None, "there is no batch yet: call next() or iter_next()"
        return self._current

    def getitems(self) -> tuple[Any, ...]:
        """The arrays of the present batch: the data and the labels."""
        return self.getdata(), self.getlabel()

    def getdata(self) -> Any:
        """The data of the present batch, an array."""
        return self._present().data[0]

    def getlabel(self) -> Any:
        """The labels of the present batch, an array."""
        return self._present().label[0]

    def getindex(self) -> Any:
        """The numbers of the examples in the present batch."""
        return self._present().index

    def getpad(self) -> Any:
        """The number of examples that only fill the present batch."""
        return self._present().pad


class RowBatches(PresentBatch):
    """An iterator over batches of the rows of a file. A subclass calls `_begin`, and defines `_batch`.

    The last batch is filled with the first rows, and the next epoch begins after these; or it isn't filled.
    """

    def _begin(self, rows: int, round_batch: bool) -> None:
        """Set the number of rows, and whether the last batch is filled. MXNetError if there are too few for that."""
        self._rows = rows
        self._round = round_batch
        self._cursor = self._next = 0
        self._pad(0)

    def _pad(self, start: int) -> int:
        """The number of examples that fill the batch from a row on."""
        pad = max(start + self.batch_size - self._rows, 0)
        if self._round and start < self._rows < pad:
            raise MXNetError(f"{type(self).__name__}: number of input must be bigger than batch size: {self._rows} "
                             f"rows, batches of {self.batch_size}")
        return pad

    def _batch(self, places: np.ndarray) -> tuple[Any, Any]:
        """The data and labels of the rows at these places."""
        raise NotImplementedError

    def reset(self) -> None:
        """Begin a new epoch: after the examples that the last batch was filled with."""
        self._cursor, self._next = self._next, 0
        self._current = None

    def iter_next(self) -> bool:
        """Go on to the next batch, and tell whether there is one."""
        rows, size, start = self._rows, self.batch_size, self._cursor
        if start >= rows:
            return False
        pad = self._pad(start)
        places = np.arange(start, start + size)
        if self._round:
            self._next = pad
        # as in MXNet: a batch that is not filled keeps the last rows of the one before it
        places = places % rows if self._round else np.where(places < rows, places, np.maximum(places - size, 0))
        self._cursor = start + size
        data, label = self._batch(places)
        self._current = DataBatch([data], [label], pad, places.astype("uint64"))
        return True


def sizes_of(shape: Any) -> tuple[int, ...]:
    """The shape that an argument tells: a number, or several."""
    return (int(shape),) if np.ndim(shape) == 0 else tuple(int(n) for n in shape)
