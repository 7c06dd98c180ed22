"""`mx.executor_manager`: the division of a batch among devices. Its executors need the symbolic API."""
from __future__ import annotations

from collections.abc import Sequence

__all__: list[str] = []


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
