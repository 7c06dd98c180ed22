"""`LibSVMIter`: batches of the rows of text files in which only the numbers other than 0 are written."""
from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..base import MXNetError, required
from ..ndarray.creation import array
from ..sparse.creation import csr_matrix
from ..whole_files import opened
from .batches import DataDesc
from .present_batch import RowBatches, sizes_of

__all__ = ["LibSVMIter"]


class LibSVMIter(RowBatches):
    """An iterator over batches of storage type csr, of the rows of a file in LibSVM's format: a label, and pairs
    `column:number`, where columns begin at 0.

    data_libsvm: the file, or a folder of files.
    data_shape: the number of columns, in a tuple.
    label_libsvm: a file, or a folder, whose rows are the labels, csr too; "NULL": the labels before the rows.
    label_shape: the number of columns of the labels; (1,) without `label_libsvm`.
    batch_size: the number of rows in a batch. The last one is filled with the first rows, after which the next epoch
        begins.
    num_parts, part_index: the number of parts that the bytes are divided into, and the number of the one to read.
    round_batch: must be true.
    dtype: None or "float32".
    data_name, label_name: the names of the inputs.

    Other keywords of MXNet have no effect. MXNetError, with the file and the line, for text of another form and for a
    column outside the shape.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/mxnet/io/index.html

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "data")
    >>> with open(path, "w") as file:
    ...     _ = file.write("1 0:0.5 2:1.5\\n-2\\n3 1:4\\n")
    >>> for batch in LibSVMIter(data_libsvm=path, data_shape=(3,), batch_size=2):
    ...     print(batch.data[0].asnumpy().tolist(), batch.label[0].asnumpy().tolist(), batch.pad)
    [[0.5, 0.0, 1.5], [0.0, 0.0, 0.0]] [1.0, -2.0] 0
    [[0.0, 4.0, 0.0], [0.5, 0.0, 1.5]] [3.0, 1.0] 1
    """

    def __init__(self, *, data_libsvm: str | None = None, data_shape: Any = None, label_libsvm: str = "NULL",
                 label_shape: Any = (1,), batch_size: int | None = None, num_parts: int = 1, part_index: int = 0,
                 round_batch: bool = True, dtype: str | None = None, data_name: str = "data",
                 label_name: str = "softmax_label", **_: Any) -> None:
        required("LibSVMIter", data_libsvm=data_libsvm, data_shape=data_shape, batch_size=batch_size)
        assert data_libsvm is not None and batch_size is not None
        super().__init__(batch_size)
        columns, label_columns = sizes_of(data_shape), sizes_of(label_shape)
        given = label_libsvm != "NULL"
        for wrong, text in (
                (len(columns) != 1, f"dimension of data_shape is expected to be 1, not {columns}"),
                (num_parts < 1, f"number of parts should be positive, not {num_parts}"),
                (not 0 <= part_index < max(num_parts, 1), f"part_index {part_index} of num_parts {num_parts}"),
                (given and np.prod(label_columns) == 1, "label_shape is not expected to be (1,) with label_libsvm"),
                (not given and np.prod(label_columns) != 1,
                 f"label_shape is expected to be (1,) without label_libsvm, not {label_columns}"),
                (len(label_columns) != 1, f"dimension of label_shape is expected to be 1, not {label_columns}"),
                (not round_batch, "sparse batch loader doesn't support round_batch == false yet"),
                (dtype not in (None, "float32", np.float32), f"dtype={dtype!r}: numbers are float32")):
            if wrong:
                raise MXNetError(f"LibSVMIter: {text}")
        self._data = _Table(data_libsvm, columns[0], num_parts, part_index)
        self._labels = _Table(label_libsvm, label_columns[0], num_parts, part_index) if given else None
        rows = len(self._data.labels)
        if self._labels is not None and len(self._labels.labels) < rows:
            raise MXNetError(f"LibSVMIter: {rows} rows in {data_libsvm}, {len(self._labels.labels)} in {label_libsvm}")
        self._begin(rows, True)
        self.provide_data = [DataDesc(data_name, (batch_size, *columns))]
        self.provide_label = [DataDesc(label_name, (batch_size, *label_columns) if given else (batch_size,))]

    def _batch(self, places: np.ndarray) -> tuple[Any, Any]:
        return self._data.rows(places), (array(self._data.labels[places]) if self._labels is None
                                         else self._labels.rows(places))


class _Table:
    """The rows of a file, or of the files of a folder in the order of their names."""

    def __init__(self, path: str, columns: int, parts: int, part: int) -> None:
        text = _part(_read(path), parts, part)
        labels: list[bytes] = []
        words: list[bytes] = []
        counts: list[int] = []
        for line in text.splitlines():
            line = line.partition(b"#")[0]
            head = line.split(None, 1)
            if not head:
                continue
            rest = head[1] if len(head) > 1 else b""
            if rest.startswith(b"qid:"):
                rest = (rest.split(None, 1) + [b""])[1]
            pairs = rest.replace(b":", b" ").split()
            if len(pairs) != 2 * rest.count(b":"):
                raise MXNetError(f"LibSVMIter: {path}, row {len(labels)}: {line!r} is no label with pairs "
                                 "column:number")
            labels.append(head[0].partition(b":")[0])
            words += pairs
            counts.append(len(pairs) // 2)
        self.labels = _numbers(labels, np.float32, path)
        self._values = _numbers(words[1::2], np.float32, path)
        self._places = _numbers(words[::2], np.int64, path)
        wrong = self._places[(self._places < 0) | (self._places >= columns)]
        if wrong.size:
            raise MXNetError(f"LibSVMIter: {path} has a column {wrong[0]}, where the shape has {columns}: columns are "
                             "counted from 0")
        self._starts = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
        self._columns = columns

    def rows(self, places: np.ndarray) -> Any:
        """The rows at these places, csr."""
        starts = self._starts[places]
        counts = self._starts[places + 1] - starts
        ends = np.concatenate(([0], np.cumsum(counts)))
        cells = np.repeat(starts - ends[:-1], counts) + np.arange(ends[-1])
        return csr_matrix((self._values[cells], self._places[cells], ends), (len(places), self._columns))


def _numbers(words: list[bytes], dtype: Any, path: str) -> np.ndarray:
    """Words as numbers. MXNetError for one that is none."""
    try:
        return np.array(words, "S").astype(dtype)
    except (ValueError, OverflowError) as error:
        raise MXNetError(f"LibSVMIter: {path}: {error}") from None


def _read(path: str) -> bytes:
    """The bytes of a file, or of the files of a folder. MXNetError if there are none."""
    texts = []
    for one in [os.path.join(path, name) for name in sorted(os.listdir(path))] if os.path.isdir(path) else [path]:
        with opened(one, "rb") as file:
            texts.append(file.read())
    if not any(texts):
        raise MXNetError(f"LibSVMIter: there is no text in {path}")
    return b"".join([text if text.endswith((b"\n", b"\r")) else text + b"\n" for text in texts if text])


def _part(text: bytes, parts: int, part: int) -> bytes:
    """The lines that begin in one of equal parts of a text; a line that a part begins within is the one before's."""
    step = -(-len(text) // parts)
    start, end = [_line_after(text, min(step * n, len(text))) for n in (part, part + 1)]
    return text[start:end]


def _line_after(text: bytes, place: int) -> int:
    """The beginning of the first line after a place; the text's beginning is one."""
    if not place:
        return 0
    while place < len(text) and text[place] not in b"\r\n":
        place += 1
    while place < len(text) and text[place] in b"\r\n":
        place += 1
    return place
