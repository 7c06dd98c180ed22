"""Datasets: sequences of samples, and datasets made of others by functions, filters and choices."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ... import recordio
from ...array.nd_array import NDArray
from ..hybrid_block import HybridBlock
from . import items
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


class MXDataset(Dataset):
    """A dataset of tuples of arrays, in MXNet 2 one of its C++ library; see `_internal.py`.

    handle: the sequence of items, see items.py.

    Arrays of one element are NumPy's; a tuple of one array is that array. IndexError outside.
    """

    def __init__(self, handle: Any, **kwargs: Any) -> None:
        self.handle = handle
        self._kwargs = kwargs
        self._len = len(handle)

    def __len__(self) -> int:
        return self._len

    def __getitem__(self, idx: Any) -> Any:
        place = idx + self._len if idx < 0 else idx
        if not 0 <= place < self._len:
            raise IndexError(f"Index {idx} out of bound: (0, {self._len})")
        found = [_one(x) if x.size == 1 else items.array_of(x) for x in self.handle[place]]
        return tuple(found) if len(found) > 1 else found[0]


def _one(x: Any) -> Any:
    return x.asnumpy() if isinstance(x, NDArray) else x


def backend(dataset: Any) -> MXDataset:
    """The `MXDataset` of a dataset. NotImplementedError for one that has none."""
    if isinstance(dataset, MXDataset):
        return dataset
    if not hasattr(dataset, "__mx_handle__"):
        raise NotImplementedError(f"{dataset} not supported.")
    return dataset.__mx_handle__()


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

    def __mx_handle__(self) -> MXDataset:
        """The rows of the array as MXNet 2's backend reads them. NotImplementedError for another object."""
        if not isinstance(self._data, (np.ndarray, NDArray)):
            raise NotImplementedError("C++ handle for general type object is not supported, given "
                                      f"{type(self._data)}, expect np.ndarray")
        return MXDataset(items.Rows(self._data))


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

    def __mx_handle__(self) -> MXDataset:
        """The arrays and datasets side by side, as MXNet 2's backend reads them."""
        return MXDataset(items.Together([backend(x).handle if isinstance(x, Dataset) else items.Rows(x)
                                         for x in self._data]))


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

    def __mx_handle__(self) -> MXDataset:
        """The results as MXNet 2's backend reads them. NotImplementedError for a function that is no hybrid block."""
        if not hasattr(self._data, "__mx_handle__"):
            raise NotImplementedError(f"{self._data} don't support backend")
        first = isinstance(self._fn, _TransformFirstClosure)
        block = self._fn._fn if isinstance(self._fn, _TransformFirstClosure) else self._fn
        if not isinstance(block, HybridBlock):
            raise NotImplementedError("Block not supported." if first else
                                      "C++ handle Not implemented for transforms that are not hybridizable")
        block.hybridize()
        return MXDataset(items.Transformed(self._data.__mx_handle__().handle, block, (0,) if first else ()))


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

    def __mx_handle__(self) -> MXDataset:
        """The samples as MXNet 2's backend reads them. NotImplementedError for those of a dataset that it can't."""
        return MXDataset(items.Chosen(backend(self._dataset).handle, self._indices))


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

    def __mx_handle__(self) -> MXDataset:
        """The records as MXNet 2's backend reads them."""
        return MXDataset(items.Records(self.filename, self.idx_file))


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

    def __mx_handle__(self) -> MXDataset:
        """The data and labels as MXNet 2's backend reads them."""
        return MXDataset(items.Together([items.Rows(self._data), items.Rows(self._label)]))

    def _get_data(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} defines no _get_data, which sets _data and _label")
