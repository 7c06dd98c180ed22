"""Functions that make batches of lists of samples, for `DataLoader(batchify_fn=…)`: MXNet 2's `gluon.data.batchify`."""
from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import ndarray as nd
from ... import numpy as mx_np
from ...array.nd_array import NDArray
from ...context import Context
from ...numpy_extension.mode import is_np_array
from ._internal import GroupBatchify, MXBatchifyFunction, PadBatchify, StackBatchify
from .collate import SHARED, SHARED_CONTEXT, array_of, collate, padded


class Stack:
    """A batchify function that stacks samples of one shape; tuples and lists become a list of batches.

    use_shared_mem: whether the batch is on `cpu_shared(0)`.

    >>> import numpy
    >>> Stack()([numpy.ones(2), numpy.zeros(2)])
    <BLANKLINE>
    [[1. 1.]
     [0. 0.]]
    <NDArray 2x2 @cpu(0)>
    """

    def __init__(self, use_shared_mem: bool = False) -> None:
        self._use_shared_mem = use_shared_mem

    def __call__(self, data: Sequence[Any]) -> Any:
        return collate(data, (tuple, list), self._use_shared_mem)

    def __mx_handle__(self) -> MXBatchifyFunction:
        """The function of MXNet 2's backend."""
        return StackBatchify()


class Pad:
    """A batchify function that pads arrays, or lists of numbers, to the largest size of each axis, then stacks them.

    val: the number in the padding; None: 0.
    dtype: the batch's dtype; None: that of the samples.
    round_to: each size is rounded up to a multiple of it.
    use_shared_mem: whether the batch is on `cpu_shared(0)`.

    >>> Pad()([[1, 2, 3], [4]])
    <BLANKLINE>
    [[1 2 3]
     [4 0 0]]
    <NDArray 2x3 @cpu(0)>
    """

    def __init__(self, val: float | None = None, dtype: Any = None, round_to: int | None = None,
                 use_shared_mem: bool = False) -> None:
        self._pad_val = 0 if val is None else val
        self._dtype = dtype
        self._warned = False
        self._round_to = round_to
        self._use_shared_mem = use_shared_mem

    def __call__(self, data: Sequence[Any]) -> Any:
        """The batch. NotImplementedError for samples of another type, such as tuples."""
        first = data[0]
        if not isinstance(first, (NDArray, np.ndarray, list)):
            raise NotImplementedError("Pad() does not support multiple items, use Group(Pad(), Pad(), ...) instead; "
                                      f"a sample is {type(first)}")
        if isinstance(first, NDArray) and not self._warned:
            self._warned = True
            warnings.warn("Pad reads each of its arrays: pad lists or NumPy arrays, before they become NDArrays",
                          stacklevel=2)
        arrays = [x.asnumpy() if isinstance(x, NDArray) else np.asarray(x) for x in data]
        dtype = arrays[0].dtype if self._dtype is None else self._dtype
        if isinstance(first, list) and self._dtype is None:
            dtype = arrays[0][0].dtype  # as MXNet, which refuses an empty first list here
        batch = padded(arrays, self._pad_val, dtype, self._round_to)
        return array_of(batch, SHARED if self._use_shared_mem else None)

    def __mx_handle__(self) -> MXBatchifyFunction:
        """The function of MXNet 2's backend, to which a dtype is a number (MXNetError otherwise)."""
        return PadBatchify(pad_val=self._pad_val, dtype=-1 if self._dtype is None else self._dtype)


class Append:
    """A batchify function that makes an array of each sample and returns them in a list; their shapes may differ.

    expand: whether each gets an axis of size 1, at `batch_axis`.
    batch_axis: that axis.
    use_shared_mem: whether the arrays are on `cpu_shared(0)`.

    >>> [x.shape for x in Append()([[1, 2, 3], [4]])]
    [(1, 3), (1, 1)]
    """

    def __init__(self, expand: bool = True, batch_axis: int = 0, use_shared_mem: bool = False) -> None:
        self._expand = expand
        self._batch_axis = batch_axis
        self._use_shared_mem = use_shared_mem

    def __call__(self, data: Sequence[Any]) -> list[Any]:
        arrays = [self._array(x, SHARED_CONTEXT if self._use_shared_mem else None) for x in data]
        if not self._expand:
            return arrays
        return [mx_np.expand_dims(x, self._batch_axis) if is_np_array() else x.expand_dims(axis=self._batch_axis)
                for x in arrays]

    @staticmethod
    def _array(x: Any, context: Context | None) -> Any:
        if isinstance(x, NDArray):
            return x if context is None else x.as_in_context(context)
        return (mx_np if is_np_array() else nd).array(x, ctx=context)


class Group:
    """A batchify function that applies one of several to each element of the samples, which are tuples or lists.

    fn, args: the functions, one by one or as a list. AssertionError if one is not callable.

    >>> tokens, labels = Group(Pad(), Stack())([([1, 2], 0), ([3], 1)])
    >>> tokens.shape, labels.shape
    ((2, 2), (2,))
    """

    def __init__(self, fn: Any, *args: Any) -> None:
        if isinstance(fn, (list, tuple)):
            assert not args, ("Input pattern not understood. The input of Group can be Group(A, B, C) or "
                              f"Group([A, B, C]) or Group((A, B, C)). Received fn={fn}, args={args}")
            self._fn: Sequence[Callable[[list[Any]], Any]] = fn
        else:
            self._fn = (fn, *args)
        for i, each in enumerate(self._fn):
            assert callable(each), f"Batchify functions must be callable! type(fn[{i}]) = {type(each)}"

    def __call__(self, data: Sequence[Any]) -> tuple[Any, ...]:
        """The batches in a tuple. AssertionError if a sample has another number of elements."""
        assert len(data[0]) == len(self._fn), (
            f"The number of attributes in each data sample should contains {len(self._fn)} elements: "
            f"the first has {len(data[0])}")
        return tuple([fn([sample[i] for sample in data]) for i, fn in enumerate(self._fn)])

    def __mx_handle__(self) -> MXBatchifyFunction:
        """The function of MXNet 2's backend. NotImplementedError if one of the functions has none."""
        try:
            made = [fn.__mx_handle__() for fn in self._fn]  # type: ignore[attr-defined]
        except Exception as error:
            raise NotImplementedError("GroupBatchify requires all internal batchify functions supported by backend. "
                                      f"{error}") from error
        return GroupBatchify(functions=made)


class AsList:
    """A batchify function that returns the samples in a list, for text.

    >>> Group(Stack(), AsList())([(1, "one"), (2, "two")])[1]
    ['one', 'two']
    """

    def __call__(self, data: Sequence[Any]) -> list[Any]:
        return list(data)
