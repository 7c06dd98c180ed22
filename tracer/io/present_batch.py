"""`PresentBatch`: the part that iterators over files share, which keep the present batch."""
from __future__ import annotations

from typing import Any

from .batches import DataBatch
from .iterators import DataIter

__all__: list[str] = []


class PresentBatch(DataIter):
    """An iterator whose `iter_next` sets `_current`, a batch with one array of data and one of labels."""

    _current: DataBatch | None = None

    def next(self) -> DataBatch:
        """The next batch. StopIteration after the last one."""
        if not self.iter_next():
            raise StopIteration
        return self._present()

    def _present(self) -> DataBatch:
        assert self._current is not None, "there is no batch yet: call next() or iter_next()"
        return self._current

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
