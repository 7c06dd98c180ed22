"""`mx.contrib.io`: a Gluon data loader as an iterator for Module."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..io import DataDesc, DataIter
from ..ndarray import NDArray, empty

__all__ = ["DataLoaderIter"]


class DataLoaderIter(DataIter):
    """The batches of a `gluon.data.DataLoader`, a data and a label array each, as an iterator of `mx.io`.

    loader: the loader. Its first batch, which is read at once, says the shapes.
    data_name, label_name: the names of the arrays.
    dtype: what data and labels are cast to.

    A last batch that is smaller is padded to the size of the others; what is in the padding is not said.

    >>> from tracer import nd
    >>> from tracer.gluon.data import ArrayDataset, DataLoader
    >>> batches = DataLoaderIter(DataLoader(ArrayDataset(nd.ones((5, 2)), nd.zeros(5)), 2))
    >>> [(batch.data[0].shape, batch.pad) for batch in batches]
    [((2, 2), 0), ((2, 2), 0), ((2, 2), 1)]
    """

    def __init__(self, loader: Any, data_name: str = "data", label_name: str = "softmax_label",
                 dtype: Any = "float32") -> None:
        super().__init__()
        self._loader = loader
        data, label = next(iter(loader))
        self.batch_size = data.shape[0]
        self.dtype = dtype
        self.provide_data = [DataDesc(data_name, data.shape, dtype)]
        self.provide_label = [DataDesc(label_name, label.shape, dtype)]
        self._current_batch: Any = None
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._iter: Iterator = iter(self._loader)

    def iter_next(self) -> bool:
        """Go to the next batch. Returns whether there is one."""
        self._current_batch = next(self._iter, None)
        return self._current_batch is not None

    def _whole(self, part: Any) -> list[NDArray]:
        part = part.astype(self.dtype)
        if not self.getpad():
            return [part]
        padded = empty((self.batch_size, *part.shape[1:]))
        padded[:part.shape[0]] = part
        return [padded]

    def getdata(self) -> list[NDArray]:
        """The batch's data, in a list."""
        return self._whole(self._current_batch[0])

    def getlabel(self) -> list[NDArray]:
        """The batch's labels, in a list."""
        return self._whole(self._current_batch[1])

    def getpad(self) -> int:
        """The number of rows that were added to the batch."""
        return self.batch_size - self._current_batch[0].shape[0]

    def getindex(self) -> None:
        """None: a loader does not say where its samples are."""
