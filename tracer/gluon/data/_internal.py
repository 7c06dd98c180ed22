"""`mx.gluon.data._internal`: the datasets, samplers and batchify functions that MXNet 2 has in C++, in Python here.

`__mx_handle__()` of datasets and batchify functions makes them. The functions take keywords; MXNetError for one that is
missing, and unknown ones are ignored.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError

from ... import ndarray as nd
from ... import numpy as mx_np
from ...array.nd_array import NDArray
from ...base import required
from ...numpy_extension.mode import is_np_array
from . import items, sampler
from .collate import padded, stack
from .dataset import MXDataset

__all__ = ["GroupBatchify", "GroupDataset", "ImageRecordFileDataset", "ImageSequenceDataset", "IndexedDataset",
           "LazyTransformDataset", "MXBatchifyFunction", "MXDataset", "MXSampler", "NDArrayDataset", "PadBatchify",
           "RecordFileDataset", "StackBatchify"]


# ---- datasets ------------------------------------------------------------------------------------

def NDArrayDataset(*, arr: Any = None, **_: Any) -> MXDataset:
    """The rows of an array.

    >>> from tracer import nd
    >>> NDArrayDataset(arr=nd.array([[1, 2], [3, 4]]))[1].asnumpy().tolist()
    [3.0, 4.0]
    """
    required("NDArrayDataset", arr=arr)
    return MXDataset(items.Rows(arr), arr=arr)


def GroupDataset(*, datasets: Sequence[MXDataset] | None = None, **_: Any) -> MXDataset:
    """The items of several datasets of one length side by side, as one tuple. MXNetError for other lengths."""
    required("GroupDataset", datasets=datasets)
    return MXDataset(items.Together([one.handle for one in datasets or ()]), datasets=datasets)


def IndexedDataset(*, base: MXDataset | None = None, indices: Sequence[int] | None = None, **_: Any) -> MXDataset:
    """The items of a dataset at some indices."""
    required("IndexedDataset", base=base, indices=indices)
    assert base is not None and indices is not None
    return MXDataset(items.Chosen(base.handle, indices), base=base, indices=indices)


def LazyTransformDataset(*, cached_op: Callable[..., Any] | None = None, dataset: MXDataset | None = None,
                         transform_indices: Sequence[int] = (), scalar_outputs: Any = None, **_: Any) -> MXDataset:
    """The results of a block on the items of a dataset.

    cached_op: the block.
    transform_indices: the numbers of the arrays that it takes, one by one; (): it takes all of them together.
    scalar_outputs: no effect.
    """
    required("LazyTransformDataset", cached_op=cached_op, dataset=dataset)
    assert cached_op is not None and dataset is not None
    return MXDataset(items.Transformed(dataset.handle, cached_op, tuple(transform_indices)), cached_op=cached_op,
                     dataset=dataset, transform_indices=transform_indices)


def RecordFileDataset(*, rec_file: str | None = None, idx_file: str | None = None, **_: Any) -> MXDataset:
    """The records of a file, as arrays of int8."""
    required("RecordFileDataset", rec_file=rec_file, idx_file=idx_file)
    assert rec_file is not None and idx_file is not None
    return MXDataset(items.Records(rec_file, idx_file), rec_file=rec_file, idx_file=idx_file)


def ImageRecordFileDataset(*, rec_file: str | None = None, idx_file: str | None = None, flag: int = 1, **_: Any
                           ) -> MXDataset:
    """The pictures in a record file, and their labels.

    flag: 1: three channels, 0: one.
    """
    required("ImageRecordFileDataset", rec_file=rec_file, idx_file=idx_file)
    assert rec_file is not None and idx_file is not None
    return MXDataset(items.PictureRecords(rec_file, idx_file, flag), rec_file=rec_file, idx_file=idx_file, flag=flag)


def ImageSequenceDataset(*, img_list: str | None = None, path_sep: str = "|", flag: int = 1, **_: Any) -> MXDataset:
    """The pictures in files.

    img_list: their paths, separated by `path_sep`.
    flag: 1: three channels, 0: one.
    """
    required("ImageSequenceDataset", img_list=img_list)
    assert img_list is not None
    return MXDataset(items.Pictures(img_list.split(path_sep), flag), img_list=img_list, path_sep=path_sep, flag=flag)


# ---- samplers ------------------------------------------------------------------------------------

class MXSampler(sampler.Sampler):
    """Lists of indices; single ones for batches of one, as in MXNet.

    name: "SequentialSampler" or "RandomSampler"; ValueError for another.
    length, start, batch_size, last_batch: as in the samplers of these names, and in `BatchSampler`; MXNetError where
        `length` or `batch_size` is missing, or for another word as `last_batch`.

    >>> list(MXSampler("SequentialSampler", length=5, batch_size=2))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, name: str, **kwargs: Any) -> None:
        if name not in ("SequentialSampler", "RandomSampler"):
            raise ValueError(f"{name} is not a valid MXDataIter class")
        length, size, last = kwargs.get("length"), kwargs.get("batch_size"), kwargs.get("last_batch", "keep")
        required(name, length=length, batch_size=size)
        assert length is not None and size is not None
        if last not in ("keep", "discard", "rollover"):
            raise MXNetError(f"{name}: Invalid Input: {last!r}, valid values are: 'discard', 'keep', 'rollover'")
        one = sampler.RandomSampler(length) if name == "RandomSampler" else \
            sampler.SequentialSampler(length, kwargs.get("start", 0))
        self._iter = sampler.BatchSampler(one, size, last)

    def __len__(self) -> int:
        return len(self._iter)

    def __iter__(self) -> Iterator[Any]:
        for batch in self._iter:
            indices = [int(i) for i in batch]
            yield indices[0] if self._iter._batch_size == 1 else indices


# ---- batchify functions --------------------------------------------------------------------------

class MXBatchifyFunction:
    """A function that makes batches of samples: arrays or numbers, or tuples of these.

    handle: the function of a list for each element of the samples, of arrays; it returns a list of batches.
    """

    def __init__(self, handle: Callable[[list[list[Any]]], list[Any]], **kwargs: Any) -> None:
        self.handle = handle
        self._kwargs = kwargs

    def __call__(self, data: Sequence[Any], num_out: int = 1) -> Any:
        """The batches in a list; one by itself.

        num_out: the number of elements of a sample, where `data` has them one after the other.
        """
        if isinstance(data[0], (list, tuple)):
            return self([x for sample in data for x in sample], len(data[0]))
        arrays = [x if isinstance(x, NDArray) else (mx_np if is_np_array() else nd).array(x) for x in data]
        made = self.handle([arrays[i::num_out] for i in range(num_out)])
        return made[0] if len(made) == 1 else made


class _Each:
    """A function of arrays, applied to each list of them."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self._function = function
        self._args = args

    def __call__(self, columns: list[list[Any]]) -> list[Any]:
        return [self._function(column, *self._args) for column in columns]


def _stacked(arrays: list[Any]) -> Any:
    shapes = [x.shape for x in arrays]
    for shape in shapes:
        if shape != shapes[0]:
            raise MXNetError("StackBatchify requires all data along batch dim to be the same, mismatch "
                             f"{shapes[0]} vs. {shape}")
    return stack(arrays, False)


def _padded(arrays: list[Any], value: float, dtype: Any, round_to: int | None) -> Any:
    values = [x.asnumpy() for x in arrays]
    return items.array_of(padded(values, value, values[0].dtype if dtype is None else dtype, round_to))


class _InTurn:
    """Several functions, one for each list of arrays. MXNetError for another number of lists."""

    def __init__(self, functions: Sequence[MXBatchifyFunction]) -> None:
        self._functions = functions

    def __call__(self, columns: list[list[Any]]) -> list[Any]:
        if len(columns) != len(self._functions):
            raise MXNetError(f"GroupBatchify: {len(self._functions)} functions for samples of {len(columns)} elements")
        return [x for one, column in zip(self._functions, columns) for x in one.handle([column])]


#: The dtypes of MXNet's numbers of them.
_DTYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64")


def StackBatchify(*, use_shared_mem: int = 0, **_: Any) -> MXBatchifyFunction:
    """A function that stacks arrays of one shape. MXNetError for others.

    >>> StackBatchify()([(1, 2), (3, 4)])[1].asnumpy().tolist()
    [2.0, 4.0]
    """
    return MXBatchifyFunction(_Each(_stacked), creator_name="StackBatchify", use_shared_mem=use_shared_mem)


def PadBatchify(*, use_shared_mem: int = 0, pad_val: float = 0, dtype: int = -1, round_to: int = -1, **_: Any
                ) -> MXBatchifyFunction:
    """A function that pads arrays to the largest size of each axis, then stacks them.

    pad_val: the number in the padding.
    dtype: MXNet's number of the batch's dtype; -1: that of the first array. MXNetError for another object.
    round_to: each size is rounded up to a multiple of it; -1: it is not.
    """
    if isinstance(dtype, bool) or not isinstance(dtype, (int, np.integer)) or not -1 <= dtype < len(_DTYPES):
        raise MXNetError(f"PadBatchify: Invalid Parameter format for dtype expect int but value={dtype!r}")
    return MXBatchifyFunction(_Each(_padded, pad_val, None if dtype < 0 else np.dtype(_DTYPES[dtype]),
                                    round_to if round_to > 0 else None),
                              creator_name="PadBatchify", use_shared_mem=use_shared_mem, pad_val=pad_val, dtype=dtype,
                              round_to=round_to)


def GroupBatchify(*, functions: Sequence[MXBatchifyFunction] | None = None, **_: Any) -> MXBatchifyFunction:
    """A function that applies one of several to each element of the samples."""
    required("GroupBatchify", functions=functions)
    return MXBatchifyFunction(_InTurn(functions or ()), creator_name="GroupBatchify", functions=functions)
