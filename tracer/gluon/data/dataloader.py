"""`DataLoader`: the batches of a dataset.

Samples are read in this process, in worker processes (processes/), or in threads. Where samples are rows of arrays,
a batch is taken from each array at once (rows.py), in this process: handing it over would take longer.
"""
from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from multiprocessing.pool import ThreadPool
from multiprocessing.reduction import ForkingPickler as ForkingPickler  # scripts import it from here
from typing import Any

from ...context import cpu_pinned
from ...ndarray import waitall
from ...numpy_extension.mode import is_np_array, is_np_shape, set_np
from . import sampler as _sampler
from .collate import as_in_context as _as_in_context
from .collate import default_batchify_fn, default_mp_batchify_fn
from .loading import load, taken_at_once
from .processes import messages
from .processes.worker_pool import ProcessIter, WorkerPool

__all__ = ["DataLoader"]


class DataLoader:
    """The batches of a dataset, in an order given by a sampler. Each iteration goes over the dataset once.

    dataset: a dataset, list or array: an object with `len()` and `[]`.
    batch_size: the number of samples in a batch; required unless `batch_sampler` is given (ValueError).
    shuffle: whether each iteration draws a new order, from NumPy's global generator.
    sampler: the sampler of the indices, instead of `shuffle` (ValueError for both).
    last_batch: "keep" (the default), "discard" or "rollover"; see `BatchSampler`.
    batch_sampler: the sampler of lists of indices, instead of the four parameters before (ValueError for both).
    batchify_fn: the function that makes a batch of a list of samples; None: `default_batchify_fn`, and with workers
        `default_mp_batchify_fn`.
    num_workers: the number of processes, or of threads with `thread_pool`; 0: samples are read in this process. Arrays
        reach this process through shared memory, on `cpu_shared(0)`. Processes are started by multiprocessing's start
        method; one that dies, raises or takes too long gives an error that names the sample.
    pin_memory, pin_device_id: whether batches are copied to `cpu_pinned(pin_device_id)`.
    prefetch: the number of batches that workers load ahead; None: twice their number.
    thread_pool: whether threads load the batches.
    timeout: the most seconds to wait for a batch of a worker; AssertionError if it is not positive.
    auto_reload: whether the next iteration's first batches are loaded before it begins.
    try_nopython: no effect: there is one implementation.

    >>> from tracer import nd
    >>> data = nd.array([[1, 2], [3, 4], [5, 6]])
    >>> for batch in DataLoader(data, batch_size=2):
    ...     print(batch.shape)
    (2, 2)
    (1, 2)
    """

    _worker_pool: Any = None
    _iter: Any = None

    def __init__(self, dataset: Any, batch_size: int | None = None, shuffle: bool = False, sampler: Any = None,
                 last_batch: str | None = None, batch_sampler: Any = None,
                 batchify_fn: Callable[[list[Any]], Any] | None = None, num_workers: int = 0,
                 pin_memory: bool = False, pin_device_id: int = 0, prefetch: int | None = None,
                 thread_pool: bool = False, timeout: float = 120, auto_reload: bool = False,
                 try_nopython: bool | None = None) -> None:
        assert timeout > 0, f"timeout must be positive, given {timeout}"
        self._dataset = dataset
        self._pin_memory = pin_memory
        self._pin_device_id = pin_device_id
        self._thread_pool = thread_pool
        self._timeout = timeout
        self._batch_sampler = batch_sampler if batch_sampler is not None else \
            _batches(dataset, batch_size, shuffle, sampler, last_batch)
        if batch_sampler is not None and (batch_size is not None or shuffle or sampler is not None
                                          or last_batch is not None):
            raise ValueError("batch_size, shuffle, sampler and last_batch must not be specified if batch_sampler is "
                             "specified.")
        self._num_workers = max(num_workers, 0)
        self._prefetch = max(0, 2 * self._num_workers if prefetch is None else int(prefetch))
        if batchify_fn is None:
            batchify_fn = default_mp_batchify_fn if self._num_workers > 0 else default_batchify_fn
        self._batchify_fn = batchify_fn
        if self._num_workers > 0 and thread_pool:
            self._worker_pool = ThreadPool(self._num_workers, _thread_worker_initializer,
                                           (is_np_shape(), is_np_array()))
        elif self._num_workers > 0 and messages.POSSIBLE:
            self._worker_pool = WorkerPool(self._num_workers, dataset, batchify_fn)
        self.auto_reload = auto_reload
        if auto_reload:
            self.refresh()

    def __iter__(self) -> Iterator[Any]:
        if self._iter is None:
            self.refresh()
        batches, self._iter = self._iter, None  # two iterations have an iterator each
        yield from batches
        if self._iter is None and self.auto_reload:
            self.refresh()

    def _prefetch_iter(self) -> Iterator[Any]:
        """An iterator over the batches."""
        if self._worker_pool is None:
            return self._same_process_iter()
        if not self._thread_pool:
            if len(self._dataset) and taken_at_once(self._dataset, [0], self._batchify_fn) is not None:
                return self._same_process_iter()
            return self._pinned(ProcessIter(self._worker_pool, iter(self._batch_sampler), self._num_workers,
                                            self._prefetch, self._timeout))
        return _MultiWorkerIter(self._worker_pool, self._batchify_fn, self._batch_sampler, self._pin_memory,
                                self._pin_device_id, _thread_worker_fn, self._prefetch, self._dataset, self,
                                self._timeout)

    def _same_process_iter(self) -> Iterator[Any]:
        return self._pinned(load(indices, self._batchify_fn, self._dataset) for indices in self._batch_sampler)

    def _pinned(self, batches: Iterator[Any]) -> Iterator[Any]:
        """The batches, in pinned memory if that is asked for."""
        if not self._pin_memory:
            return batches
        return (_as_in_context(batch, cpu_pinned(self._pin_device_id)) for batch in batches)

    def __len__(self) -> int:
        return len(self._batch_sampler)

    def __del__(self) -> None:
        if self._worker_pool is not None:
            self._worker_pool.terminate()

    def refresh(self) -> None:
        """Begin a new iteration, which the next `iter()` continues; threads load its first batches now."""
        self._iter = self._prefetch_iter()

    def clean(self) -> None:
        """Drop the iteration that `refresh` began."""
        self._iter = None


def _batches(dataset: Any, batch_size: int | None, shuffle: bool, sampler: Any, last_batch: str | None) -> Any:
    """The batch sampler of a loader that was given none."""
    if batch_size is None:
        raise ValueError("batch_size must be specified unless batch_sampler is specified")
    if sampler is None:
        kind = _sampler.RandomSampler if shuffle else _sampler.SequentialSampler
        sampler = kind(len(dataset))
    elif shuffle:
        raise ValueError("shuffle must not be specified if sampler is specified")
    return _sampler.BatchSampler(sampler, batch_size, last_batch or "keep")


def _thread_worker_initializer(active_shape: bool, active_array: bool) -> None:
    """Set the np mode of a thread of the pool."""
    set_np(active_shape, active_array)


def _thread_worker_fn(samples: Any, batchify_fn: Callable[[list[Any]], Any], dataset: Any) -> Any:
    """The batch of the samples at the indices `samples`, computed in this thread."""
    batch = load(samples, batchify_fn, dataset)
    waitall()
    return batch


class _MultiWorkerIter:
    """An iterator over batches that a pool of threads loads, or a library's pool of processes.

    worker_pool: the pool, or another object with its `apply_async`.
    batchify_fn, dataset: passed to `worker_fn`, after the indices of a batch.
    batch_sampler: the lists of indices.
    prefetch: the number of batches requested before the first is asked for; one more is at each batch.
    dataset: None for a pool of processes that have it: `worker_fn`, given by a subclass, then pickles its batch.
    data_loader: the loader, kept alive with its pool.
    timeout: the most seconds to wait for a batch: multiprocessing.TimeoutError then.
    """

    def __init__(self, worker_pool: Any, batchify_fn: Any, batch_sampler: Any, pin_memory: bool = False,
                 pin_device_id: int = 0, worker_fn: Callable[..., Any] = _thread_worker_fn, prefetch: int = 0,
                 dataset: Any = None, data_loader: Any = None, timeout: float = 120) -> None:
        self._worker_pool = worker_pool
        self._batchify_fn = batchify_fn
        self._batch_sampler = batch_sampler
        self._data_buffer: dict[int, Any] = {}
        self._rcvd_idx = 0
        self._sent_idx = 0
        self._iter = iter(batch_sampler)
        self._worker_fn = worker_fn
        self._pin_memory = pin_memory
        self._pin_device_id = pin_device_id
        self._dataset = dataset
        self._data_loader = data_loader
        self._timeout = timeout
        for _ in range(prefetch):
            self._push_next()

    def __len__(self) -> int:
        return len(self._batch_sampler)

    def _push_next(self) -> None:
        """Request the next batch, if there is one."""
        indices = next(self._iter, None)
        if indices is not None:
            arguments = indices, self._batchify_fn, self._dataset
            self._data_buffer[self._sent_idx] = self._worker_pool.apply_async(self._worker_fn, arguments)
            self._sent_idx += 1

    def __next__(self) -> Any:
        self._push_next()
        if self._rcvd_idx == self._sent_idx:
            raise StopIteration
        requested = self._data_buffer.pop(self._rcvd_idx)
        self._rcvd_idx += 1
        try:
            batch = requested.get(self._timeout)
        except multiprocessing.TimeoutError as error:
            raise multiprocessing.TimeoutError(f"DataLoader: a batch took longer than timeout={self._timeout} seconds; "
                                               "give a longer timeout or a faster transform") from error
        if self._dataset is None:
            batch = pickle.loads(batch)
        return _as_in_context(batch, cpu_pinned(self._pin_device_id)) if self._pin_memory else batch

    def next(self) -> Any:
        """The next batch."""
        return self.__next__()

    def __iter__(self) -> _MultiWorkerIter:
        return self
