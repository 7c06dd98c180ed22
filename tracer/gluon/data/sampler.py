"""Samplers: iterables of the indices of samples, or of batches of indices."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

__all__ = ["Sampler", "SequentialSampler", "RandomSampler", "FilterSampler", "BatchSampler", "IntervalSampler"]


class Sampler:
    """The base class of samplers: a subclass defines `__iter__` and `__len__`.

    >>> class Even(Sampler):
    ...     def __iter__(self):
    ...         return iter(range(0, 6, 2))
    ...     def __len__(self):
    ...         return 3
    >>> list(Even())
    [0, 2, 4]
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(f"{type(self).__name__} defines no __iter__, which yields the indices of samples")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} defines no __len__, the number of indices")


class SequentialSampler(Sampler):
    """The indices from `start` to `start + length - 1`, in order.

    length: the number of indices.
    start: the first index.

    >>> list(SequentialSampler(3, start=2))
    [2, 3, 4]
    """

    def __init__(self, length: int, start: int = 0) -> None:
        self._length = length
        self._start = start

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._start, self._start + self._length))

    def __len__(self) -> int:
        return self._length


class RandomSampler(Sampler):
    """The indices from 0 to `length - 1` in an order drawn anew for each iteration, from NumPy's global generator.

    length: the number of indices.

    >>> sorted(int(i) for i in RandomSampler(3))
    [0, 1, 2]
    """

    def __init__(self, length: int) -> None:
        self._length = length

    def __iter__(self) -> Iterator[Any]:
        indices = np.arange(self._length)
        np.random.shuffle(indices)
        return iter(indices)

    def __len__(self) -> int:
        return self._length


class FilterSampler(Sampler):
    """The indices of the samples of a dataset for which a function is true, computed once.

    fn: the function of a sample.
    dataset: the dataset.

    >>> list(FilterSampler(lambda sample: sample > 5, [4, 6, 8]))
    [1, 2]
    """

    def __init__(self, fn: Callable[[Any], Any], dataset: Iterable[Any]) -> None:
        self._fn = fn
        self._dataset = dataset
        self._indices = [i for i, sample in enumerate(dataset) if fn(sample)]

    def __iter__(self) -> Iterator[int]:
        return iter(self._indices)

    def __len__(self) -> int:
        return len(self._indices)


class BatchSampler(Sampler):
    """Lists of `batch_size` indices of another sampler.

    sampler: the sampler of the indices.
    batch_size: the number of indices in a batch.
    last_batch: the treatment of fewer indices at the end. "keep": a smaller batch. "discard": no batch. "rollover":
        they begin the first batch of the next iteration. ValueError for another word, when it is iterated.

    >>> list(BatchSampler(SequentialSampler(5), 2))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Any, batch_size: int, last_batch: str = "keep") -> None:
        self._sampler = sampler
        self._batch_size = batch_size
        self._last_batch = last_batch
        self._prev: list[Any] = []

    def __iter__(self) -> Iterator[list[Any]]:
        batch, self._prev = self._prev, []
        for index in self._sampler:
            batch.append(index)
            if len(batch) == self._batch_size:
                yield batch
                batch = []
        if not batch:
            return
        if self._last_batch == "keep":
            yield batch
        elif self._last_batch == "rollover":
            self._prev = batch
        elif self._last_batch != "discard":
            raise self._unknown()

    def __len__(self) -> int:
        if self._last_batch == "keep":
            return -(-len(self._sampler) // self._batch_size)
        if self._last_batch == "discard":
            return len(self._sampler) // self._batch_size
        if self._last_batch == "rollover":
            return (len(self._prev) + len(self._sampler)) // self._batch_size
        raise self._unknown()

    def _unknown(self) -> ValueError:
        return ValueError("last_batch must be one of 'keep', 'discard', or 'rollover', "
                          f"but got {self._last_batch}")


class IntervalSampler(Sampler):
    """Every `interval`-th index from 0 to `length - 1`.

    length: the number of indices.
    interval: the distance of two successive ones, at most `length` (AssertionError).
    rollover: whether to begin again with the first index left out, until all have come.

    >>> list(IntervalSampler(5, 2)), list(IntervalSampler(5, 2, rollover=False))
    ([0, 2, 4, 1, 3], [0, 2, 4])
    """

    def __init__(self, length: int, interval: int, rollover: bool = True) -> None:
        assert interval <= length, f"Interval {interval} must be smaller than or equal to length {length}"
        self._length = length
        self._interval = interval
        self._rollover = rollover

    def __iter__(self) -> Iterator[int]:
        for start in range(self._interval if self._rollover else 1):
            yield from range(start, self._length, self._interval)

    def __len__(self) -> int:
        return self._length  # without rollover too, as in MXNet
