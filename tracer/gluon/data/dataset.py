"""Datasets: sequences of samples, and datasets made of others by functions, filters and choices."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from ... import recordio
from ...array.nd_array import NDArray
from .sampler import FilterSampler, Sampler, SequentialSampler

__all__ = ["Dataset", "SimpleDataset", "ArrayDataset", "RecordFileDataset"]


class Dataset:
    """The base class of datasets: a subclass defines `__getitem__` and `__len__`.

    Lists, NumPy arrays and arrays of tracer are accepted as datasets, too.

    >>> class Squares(Dataset):
    ...     def __getitem__(self, idx):
    ...         return idx ** 2
    ...     def __len__(self):
    ...         return 4
    >>> squares = Squares()
    >>> len(squares), squares[3], squares.transform(lambda x: -x)[3], squares.take(2)[1]
    (4, 9, -9, 1)
    """

    def __getitem__(self, idx: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} defines no __getitem__, which returns the sample of an index")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} defines no __len__, the number of samples")

    def filter(self, fn: Callable[[Any], Any]) -> Dataset:
        """The samples for which `fn` is true. It is called now, on each sample."""
        return _SampledDataset(self, FilterSampler(fn, _samples(self)))

    def shard(self, num_shards: int, index: int) -> Dataset:
        """One of `num_shards` parts in a row, which differ by at most one in length.

        index: the part's number. AssertionError if it is negative or not below `num_shards`.
        """
        assert index < num_shards, f"Shard index of out bound: {index} out of {num_shards}"
        assert num_shards > 0, "Number of shards must be greater than 0"
        assert index >= 0, "Index must be non-negative"
        each, extra = divmod(len(self), num_shards)
        return _SampledDataset(self, SequentialSampler(each + (index < extra), each * index + min(index, extra)))

    def take(self, count: int | None) -> Dataset:
        """The first `count` samples; all of them if there are fewer, or for None."""
        length = len(self)
        return _SampledDataset(self, SequentialSampler(length if count is None else min(count, length)))

    def sample(self, sampler: Sampler) -> Dataset:
        """The samples at the indices of a sampler, which are read now. TypeError for another object."""
        if not isinstance(sampler, Sampler):
            raise TypeError(f"Invalid sampler type: {type(sampler)}. Expected gluon.data.Sampler instead.")
        return _SampledDataset(self, sampler)

    def transform(self, fn: Callable[..., Any], lazy: bool = True) -> Dataset:
        """The results of `fn` on the samples; a tuple is passed as several arguments.

        lazy: whether `fn` is called each time that a sample is read; False: once for each sample, now.
        """
        made = _LazyTransformDataset(self, fn)
        return made if lazy else SimpleDataset(list(_samples(made)))

    def transform_first(self, fn: Callable[[Any], Any], lazy: bool = True) -> Dataset:
        """The samples with the result of `fn` in place of their first element; see `transform`.

        >>> ArrayDataset([1, 2], [3, 4]).transform_first(lambda x: -x)[0]
        (-1, 3)
        """
        return self.transform(_TransformFirstClosure(fn), lazy)


def _samples(dataset: Any) -> Iterator[Any]:
    """The samples in order, as `iter` gives those of a sequence: until one raises IndexError."""
    return iter(dataset)


class SimpleDataset(Dataset):
    """The elements of a list, an array, or another object with `len()` and `[]`.

    data: the object.

    >>> SimpleDataset([5, 6, 7])[1]
    6
    """

    def __init__(self, data: Any) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, idx: Any) -> Any:
        return self._data[idx]


class ArrayDataset(Dataset):
    """Tuples of the elements of several datasets, lists or arrays; of one, its elements.

    args: the datasets, of one length (AssertionError). A one-dimensional array of tracer is read into NumPy's memory,
        so that its elements are NumPy's numbers.

    >>> ArrayDataset([1, 2, 3], ["a", "b", "c"])[1]
    (2, 'b')
    """

    def __init__(self, *args: Any) -> None:
        assert len(args) > 0, "Needs at least 1 arrays"
        self._length = len(args[0])
        self._data: list[Any] = []
        for i, data in enumerate(args):
            assert len(data) == self._length, (
                f"All arrays must have the same length; array[0] has length {self._length} "
                f"while array[{i + 1}] has {len(data)}.")
            self._data.append(data.asnumpy() if isinstance(data, NDArray) and data.ndim == 1 else data)

    def __getitem__(self, idx: Any) -> Any:
        return self._data[0][idx] if len(self._data) == 1 else tuple([data[idx] for data in self._data])

    def __len__(self) -> int:
        return self._length


class _LazyTransformDataset(Dataset):
    """The results of a function on the samples of a dataset, computed when a sample is read."""

    def __init__(self, data: Any, fn: Callable[..., Any]) -> None:
        self._data = data
        self._fn = fn

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, idx: Any) -> Any:
        item = self._data[idx]
        return self._fn(*item) if isinstance(item, tuple) else self._fn(item)


class _TransformFirstClosure:
    """A function of samples that applies another one to the first element. Unlike a lambda, it can be pickled."""

    def __init__(self, fn: Callable[[Any], Any]) -> None:
        self._fn = fn

    def __call__(self, x: Any, *args: Any) -> Any:
        return (self._fn(x), *args) if args else self._fn(x)


class _SampledDataset(Dataset):
    """The samples of a dataset at the indices of a sampler."""

    def __init__(self, dataset: Any, sampler: Sampler) -> None:
        self._dataset = dataset
        self._sampler = sampler
        self._indices = list(sampler)

    def __len__(self) -> int:
        return len(self._sampler)

    def __getitem__(self, idx: Any) -> Any:
        return self._dataset[self._indices[idx]]


class RecordFileDataset(Dataset):
    """The records of a record file, as bytes.

    filename: the record file, beside which is its index, with the end .idx.

    It can be pickled, and read by threads and forked processes.
    """

    def __init__(self, filename: str) -> None:
        self.idx_file = os.path.splitext(filename)[0] + ".idx"
        self.filename = filename
        self._record = recordio.MXIndexedRecordIO(self.idx_file, self.filename, "r")

    def __getitem__(self, idx: Any) -> Any:
        return self._record.read_idx(self._record.keys[idx])

    def __len__(self) -> int:
        return len(self._record.keys)


class _DownloadedDataset(Dataset):
    """The base class of datasets in files of a folder: `_get_data` of a subclass sets `_data` and `_label`.

    root: the folder, which is made if it is missing; `~` is expanded.
    transform: a function of data and label; None: samples are pairs of both.
    """

    def __init__(self, root: str, transform: Callable[[Any, Any], Any] | None) -> None:
        self._transform = transform
        self._data: Any = None
        self._label: Any = None
        self._root = os.path.expanduser(root)
        os.makedirs(self._root, exist_ok=True)
        self._get_data()

    def __getitem__(self, idx: Any) -> Any:
        if self._transform is not None:
            return self._transform(self._data[idx], self._label[idx])
        return self._data[idx], self._label[idx]

    def __len__(self) -> int:
        return len(self._label)

    def _get_data(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} defines no _get_data, which sets _data and _label")
