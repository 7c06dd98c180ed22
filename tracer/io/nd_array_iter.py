"""`NDArrayIter`: batches of arrays in memory."""
from __future__ import annotations

from typing import Any

import numpy as np

from .. import ndarray
from ..array.nd_array import NDArray
from ..sparse.arrays import CSRNDArray
from .batches import DataBatch, DataDesc
from .iterators import DataIter
from .utils import _getdata_by_idx, _has_instance, _init_data, _slice_along_batch_axis

nd: Any = ndarray  # its functions are generated: type checkers do not see them

__all__ = ["NDArrayIter"]


class NDArrayIter(DataIter):
    """An iterator over batches of arrays in memory.

    data: an array of ours, of NumPy's or of h5py's, a list of them, or a dictionary of them by name. All have the same
        number of examples.
    label: the same for the labels, or None.
    batch_size: the number of examples in a batch.
    shuffle: whether the examples are put in another order, drawn from NumPy's generator, for each epoch.
    last_batch_handle: "pad" fills the last batch with the first examples, "discard" leaves an incomplete one out,
        "roll_over" begins the next epoch with it.
    data_name, label_name: the names of the arrays, if the data is no dictionary.
    layout: a letter for each axis; N is the axis of the examples.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/mxnet/io/index.html

    >>> from tracer import nd
    >>> batches = NDArrayIter(nd.arange(5), batch_size=2)
    >>> [(batch.data[0].asnumpy().tolist(), batch.pad) for batch in batches]
    [([0.0, 1.0], 0), ([2.0, 3.0], 0), ([4.0, 0.0], 1)]
    """

    def __init__(self, data: Any, label: Any = None, batch_size: int = 1, shuffle: bool = False,
                 last_batch_handle: str = "pad", data_name: str = "data", label_name: str = "softmax_label",
                 layout: str = "NCHW") -> None:
        super().__init__(batch_size)
        self.data = _init_data(data, allow_empty=False, default_name=data_name)
        self.label = _init_data(label, allow_empty=True, default_name=label_name)
        if last_batch_handle != "discard" and _has_instance(self.data + self.label, CSRNDArray):
            raise NotImplementedError("`NDArrayIter` only supports ``CSRNDArray`` with `last_batch_handle` set to "
                                      "`discard`.")
        self.idx = np.arange(self.data[0][1].shape[0])
        self.shuffle = shuffle
        self.last_batch_handle = last_batch_handle
        self.cursor = -batch_size
        self.num_data = self.idx.shape[0]
        self.reset()
        self.data_list = [one for _, one in self.data + self.label]
        self.num_source = len(self.data_list)
        # the incomplete batch that "roll_over" keeps for the next epoch
        self._cache_data: list[Any] | None = None
        self._cache_label: list[Any] | None = None
        self.layout = layout

    @property
    def provide_data(self) -> list[DataDesc]:
        """The descriptions of the data of a batch."""
        return self._described(self.data)

    @property
    def provide_label(self) -> list[DataDesc]:
        """The descriptions of the labels of a batch."""
        return self._described(self.label)

    def _described(self, arrays: list[tuple[str, Any]]) -> list[DataDesc]:
        axis = self.layout.find("N")
        return [DataDesc(name, (*one.shape[:axis], self.batch_size, *one.shape[axis + 1:]), one.dtype,
                         layout=self.layout) for name, one in arrays]

    # ---- the position ----------------------------------------------------------------------------

    def hard_reset(self) -> None:
        """Begin a new epoch with the first example, also where a batch has been kept for it."""
        if self.shuffle:
            self._shuffle_data()
        self.cursor = -self.batch_size
        self._cache_data = None
        self._cache_label = None

    def reset(self) -> None:
        """Begin a new epoch."""
        if self.shuffle:
            self._shuffle_data()
        if self.last_batch_handle == "roll_over" and self.num_data - self.batch_size < self.cursor < self.num_data:
            self.cursor -= self.num_data + self.batch_size  # what is left of the data is the beginning of a batch
        else:
            self.cursor = -self.batch_size

    def iter_next(self) -> bool:
        """Go on to the next batch, and tell whether there is one."""
        self.cursor += self.batch_size
        return self.cursor < self.num_data

    def next(self) -> DataBatch:
        """The next batch. StopIteration after the last one."""
        if not self.iter_next():
            raise StopIteration
        data, label = self.getdata(), self.getlabel()
        if data[0].shape[self.layout.find("N")] != self.batch_size:
            self._cache_data = data
            self._cache_label = label
            raise StopIteration
        return DataBatch(data=data, label=label, pad=self.getpad(), index=None)

    # ---- the arrays ------------------------------------------------------------------------------

    def _getdata(self, data_source: list[tuple[str, Any]], start: int | None = None, end: int | None = None
                 ) -> list[Any]:
        """The examples from `start` on, up to and without `end`, of each array."""
        assert start is not None or end is not None, "should at least specify start or end"
        if end is None:
            end = data_source[0][1].shape[0] if data_source else 0
        part = slice(start or 0, end)
        axis = self.layout.find("N")
        return [_slice_along_batch_axis(one, part, axis) if isinstance(one, (np.ndarray, NDArray))
                else self._of_file(one, part) for _, one in data_source]

    def _of_file(self, one: Any, part: slice) -> Any:
        """Examples of a data set of h5py, which is read in ascending order."""
        order = self.idx[part]
        return nd.array(one[np.sort(order)][np.argsort(np.argsort(order))])

    def _concat(self, first_data: list[Any], second_data: list[Any]) -> list[Any]:
        """The arrays of two lists, pair by pair one after the other."""
        if not first_data or not second_data:
            return first_data or second_data
        assert len(first_data) == len(second_data), "data source should contain the same size"
        axis = self.layout.find("N")
        return [nd.concat(first, second, dim=axis) for first, second in zip(first_data, second_data)]

    def _tile(self, data: list[Any], repeats: int) -> list[Any]:
        """Each array several times, one after the other."""
        return [nd.tile(one, (repeats,) + (1,) * (len(one.shape) - 1)) for one in data]

    def _batchify(self, data_source: list[tuple[str, Any]]) -> list[Any]:
        """The arrays of the present batch."""
        assert self.cursor < self.num_data, "DataIter needs reset."
        end = self.cursor + self.batch_size
        if self.last_batch_handle == "roll_over" and -self.batch_size < self.cursor < 0:
            return self._rolled_over(data_source, end)
        if self.last_batch_handle == "pad" and end > self.num_data:
            first = self._getdata(data_source, start=self.cursor)
            return self._concat(first, self._padding(data_source, end - self.num_data))
        return self._getdata(data_source, self.cursor, min(end, self.num_data))

    def _rolled_over(self, data_source: list[tuple[str, Any]], end: int) -> list[Any]:
        """The batch that the last epoch left incomplete, filled with the first examples."""
        assert self._cache_data is not None or self._cache_label is not None, "next epoch should have cached data"
        if self._cache_data is not None:
            kept, self._cache_data = self._cache_data, None
        else:
            kept, self._cache_label = self._cache_label or [], None
        return self._concat(kept, self._getdata(data_source, end=end))

    def _padding(self, data_source: list[tuple[str, Any]], pad: int) -> list[Any]:
        """The first `pad` examples, all of them again and again if there are fewer."""
        if pad <= self.num_data:
            return self._getdata(data_source, end=pad)
        whole = self._tile(self._getdata(data_source, end=self.num_data), pad // self.num_data)
        rest = pad % self.num_data
        return self._concat(whole, self._getdata(data_source, end=rest)) if rest else whole

    def getdata(self) -> list[Any]:
        """The data of the present batch."""
        return self._batchify(self.data)

    def getlabel(self) -> list[Any]:
        """The labels of the present batch."""
        return self._batchify(self.label)

    def getpad(self) -> int:
        """The number of examples that only fill the present batch."""
        if self.last_batch_handle == "pad" and self.cursor + self.batch_size > self.num_data:
            return self.cursor + self.batch_size - self.num_data
        if self.last_batch_handle == "roll_over" and -self.batch_size < self.cursor < 0:
            return -self.cursor
        return 0

    def _shuffle_data(self) -> None:
        """Put the examples in another order."""
        np.random.shuffle(self.idx)
        self.data = _getdata_by_idx(self.data, self.idx)
        self.label = _getdata_by_idx(self.label, self.idx)
