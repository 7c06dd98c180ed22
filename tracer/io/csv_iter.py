"""`CSVIter`: batches of the rows of text files."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..base import MXNetError, required
from ..ndarray.creation import array
from ..whole_files import opened
from .batches import DataDesc
from .present_batch import RowBatches, sizes_of

__all__ = ["CSVIter"]

#: The dtypes that MXNet reads.
_DTYPES = ("float32", "int32", "int64")


class CSVIter(RowBatches):
    """An iterator over batches of the rows of a file of comma separated numbers.

    data_csv: the file.
    data_shape: the shape of an example, a row of the file.
    label_csv: the file with the labels; without it they are 0.
    label_shape: the shape of a label.
    batch_size: the number of examples in a batch.
    round_batch: whether the last batch is filled with the first examples, which the next epoch then begins after.
    dtype: "float32", "int32" or "int64".
    data_name, label_name: the names of the inputs.

    Other keywords of MXNet, which tell how to read ahead, have no effect. MXNetError for rows of another size.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/mxnet/io/index.html

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "data.csv")
    >>> with open(path, "w") as file:
    ...     _ = file.write("1,2\\n3,4\\n5,6\\n")
    >>> batches = CSVIter(data_csv=path, data_shape=(2,), batch_size=2)
    >>> [(batch.data[0].asnumpy().tolist(), batch.pad) for batch in batches]
    [([[1.0, 2.0], [3.0, 4.0]], 0), ([[5.0, 6.0], [1.0, 2.0]], 1)]
    """

    def __init__(self, *, data_csv: str | None = None, data_shape: Any = None, label_csv: str = "NULL",
                 label_shape: Any = (1,), batch_size: int | None = None, round_batch: bool = True,
                 dtype: str | None = None, data_name: str = "data", label_name: str = "softmax_label",
                 **_: Any) -> None:
        required("CSVIter", data_csv=data_csv, data_shape=data_shape, batch_size=batch_size)
        assert data_csv is not None and batch_size is not None
        super().__init__(batch_size)
        kind = np.dtype(dtype or "float32")
        if kind.name not in _DTYPES:
            raise MXNetError(f"CSVIter(dtype={dtype!r}): must be one of {', '.join(_DTYPES)}")
        self._data = _read(data_csv, sizes_of(data_shape), kind)
        rows = len(self._data)
        self._label = np.zeros((rows, *sizes_of(label_shape)), kind) if label_csv == "NULL" else \
            _read(label_csv, sizes_of(label_shape), kind)
        if len(self._label) != rows:
            raise MXNetError(f"CSVIter: {rows} rows in {data_csv}, {len(self._label)} in {label_csv}")
        if self._label.shape[1:] == (1,):
            self._label = self._label.reshape(rows)
        self._begin(rows, bool(round_batch))
        self.provide_data = [DataDesc(data_name, (batch_size, *self._data.shape[1:]), kind.type)]
        self.provide_label = [DataDesc(label_name, (batch_size, *self._label.shape[1:]), kind.type)]

    def _batch(self, places: np.ndarray) -> tuple[Any, Any]:
        return (array(self._data[places], dtype=self._data.dtype), array(self._label[places], dtype=self._label.dtype))


def _read(path: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """The rows of a file, each in a shape."""
    with opened(path, "r") as file:
        lines = [line.split(",") for line in file if line.strip()]
    size = int(np.prod(shape))
    for i, line in enumerate(lines):
        if len(line) != size:
            raise MXNetError(f"The data size in CSV do not match size of shape: specified shape={list(shape)}, the csv "
                             f"row-length={len(line)} in row {i} of {path}")
    if not lines:
        raise MXNetError(f"CSVIter: there is no row in {path}")
    try:
        return np.array(lines).astype(dtype).reshape(len(lines), *shape)
    except (ValueError, OverflowError) as error:
        raise MXNetError(f"CSVIter: {path}: {error}") from None
