"""`DataIter`, the base class of iterators over batches, and `ResizeIter`."""
from __future__ import annotations

from typing import Any

from .batches import DataBatch

__all__ = ["DataIter", "ResizeIter"]


class DataIter:
    """An iterator over batches, which a subclass defines by `next`, or by `iter_next`, `getdata` and the other parts.

    batch_size: the number of examples in a batch.

    A subclass also has `provide_data` and `provide_label`, lists of `DataDesc`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/mxnet/io/index.html

    >>> class Numbers(DataIter):
    ...     at = 0
    ...     def iter_next(self):
    ...         self.at += 1
    ...         return self.at < 3
    ...     def getdata(self):
    ...         return [self.at]
    >>> [batch.data for batch in Numbers(batch_size=1)]
    [[1], [2]]
    """

    def __init__(self, batch_size: int = 0) -> None:
        self.batch_size = batch_size

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self.next()

    def next(self) -> Any:
        """The next batch. StopIteration after the last one."""
        if not self.iter_next():
            raise StopIteration
        return DataBatch(data=self.getdata(), label=self.getlabel(), pad=self.getpad(), index=self.getindex())

    def reset(self) -> None:
        """Begin again with the first batch."""

    def iter_next(self) -> Any:
        """Go on to the next batch, and tell whether there is one."""

    def getdata(self) -> Any:
        """The data of the present batch: a list of arrays."""

    def getlabel(self) -> Any:
        """The labels of the present batch: a list of arrays."""

    def getindex(self) -> Any:
        """The numbers of the examples in the present batch, or None."""

    def getpad(self) -> Any:
        """The number of examples that only fill the present batch."""


class HoldsBatch(DataIter):
    """An iterator whose `iter_next` sets `current_batch`."""

    current_batch: Any = None

    def getdata(self) -> Any:
        """The data of the present batch."""
        return self.current_batch.data

    def getlabel(self) -> Any:
        """The labels of the present batch."""
        return self.current_batch.label

    def getindex(self) -> Any:
        """The numbers of the examples in the present batch, or None."""
        return self.current_batch.index

    def getpad(self) -> Any:
        """The number of examples that only fill the present batch."""
        return self.current_batch.pad


class ResizeIter(HoldsBatch):
    """An iterator with a given number of batches of another, which begins again when it ends.

    data_iter: the other iterator.
    size: the number of batches.
    reset_internal: whether `reset` also resets the other iterator.

    >>> from tracer import nd
    >>> from tracer.io import NDArrayIter
    >>> len(list(ResizeIter(NDArrayIter(nd.ones((6, 2)), batch_size=2), 5)))
    5
    """

    def __init__(self, data_iter: Any, size: int, reset_internal: bool = True) -> None:
        super().__init__(data_iter.batch_size)
        self.data_iter = data_iter
        self.size = size
        self.reset_internal = reset_internal
        self.cur = 0
        self.current_batch = None
        self.provide_data = data_iter.provide_data
        self.provide_label = data_iter.provide_label
        if hasattr(data_iter, "default_bucket_key"):
            self.default_bucket_key = data_iter.default_bucket_key

    def reset(self) -> None:
        """Begin a new epoch."""
        self.cur = 0
        if self.reset_internal:
            self.data_iter.reset()

    def iter_next(self) -> bool:
        """Go on to the next batch, and tell whether there is one."""
        if self.cur == self.size:
            return False
        try:
            self.current_batch = self.data_iter.next()
        except StopIteration:
            self.data_iter.reset()
            self.current_batch = self.data_iter.next()
        self.cur += 1
        return True
