"""Parts of batches: batches are divided among devices, and their outputs are put together."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ndarray
from ..array.nd_array import NDArray

nd: Any = ndarray  # its functions are generated: type checkers do not see them

__all__: list[str] = []


def _sliced(array: Any, part: slice, axis: int) -> Any:
    """The part of an array along an axis; the array itself if that is all of it or the axis is -1."""
    if axis < 0 or part.start == 0 and part.stop == array.shape[axis]:
        return array
    return array[part] if axis == 0 else nd.slice_axis(array, axis=axis, begin=part.start, end=part.stop)


def _load_general(data: Sequence[Any], targets: Sequence[Any], major_axis: Sequence[int]) -> None:
    """Write inputs into arrays.

    data: an array for each input, which is divided, or a list of one array a device.
    targets: for each input an array, a list of arrays, or a list of pairs of slices and arrays.
    major_axis: the axis of the examples of each input.
    """
    for source, target, axis in zip(data, targets, major_axis):
        if isinstance(target, NDArray):
            source.copyto(target)
        elif isinstance(source, (list, tuple)):
            for one, into in zip(source, target):
                one.copyto(into)
        else:
            for part, into in target:
                _sliced(source, part, axis).copyto(into)


def _load_data(batch: Any, targets: Sequence[Any], major_axis: Sequence[int]) -> None:
    """Write a batch's data, or that of a list of one batch a device, into arrays."""
    _load(batch, "data", targets, major_axis)


def _load_label(batch: Any, targets: Sequence[Any], major_axis: Sequence[int]) -> None:
    """Write a batch's labels, or those of a list of one batch a device, into arrays."""
    _load(batch, "label", targets, major_axis)


def _load(batch: Any, name: str, targets: Sequence[Any], major_axis: Sequence[int]) -> None:
    if not isinstance(batch, list):
        _load_general(getattr(batch, name), targets, major_axis)
        return
    of_inputs = [[getattr(one, name)[i] for one in batch] for i in range(len(targets))]
    _load_general(of_inputs, [[into for _, into in target] for target in targets], major_axis)


def _merge_multi_context(outputs: Sequence[Sequence[Any]], major_axis: Sequence[int]) -> list[Any]:
    """Each output of several devices as one array on the first device.

    An output without an axis of examples is taken from the first device.
    """
    merged = []
    for arrays, axis in zip(outputs, major_axis):
        if axis < 0 or len(arrays) == 1:
            merged.append(arrays[0])
        else:
            merged.append(nd.concat(*[one.as_in_context(arrays[0].context) for one in arrays], dim=axis))
    return merged


def _split_input_slice(batch_size: int, work_load_list: Sequence[float]) -> list[slice]:
    """The slice of a batch for each device, in proportion to its load; the last one takes what rounding leaves.

    batch_size: the number of examples.
    work_load_list: the load of each device.

    ValueError when a device would get nothing.

    >>> _split_input_slice(10, [1, 1, 2])
    [slice(0, 2, None), slice(2, 4, None), slice(4, 10, None)]
    """
    total = sum(work_load_list)
    counts = [round(batch_size * load / total) for load in work_load_list]
    counts[-1] += max(batch_size - sum(counts), 0)
    slices = []
    end = 0
    for count in counts:
        begin, end = int(min(end, batch_size)), int(min(end + count, batch_size))
        if begin >= end:
            raise ValueError(f"Too many slices. Some splits are empty: {batch_size} examples for "
                             f"{len(work_load_list)} devices")
        slices.append(slice(begin, end))
    return slices
