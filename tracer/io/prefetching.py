"""`PrefetchingIter`: iterators whose next batches threads prepare while the present ones are used."""
from __future__ import annotations

import threading
from typing import Any

from .batches import DataBatch, DataDesc
from .iterators import HoldsBatch

__all__ = ["PrefetchingIter"]


class PrefetchingIter(HoldsBatch):
    """An iterator whose batches are those of several others side by side, each prepared ahead by a thread.

    iters: an iterator, or a list of them, which end together.
    rename_data: for each of them, a dictionary from its names of data to new ones.
    rename_label: the same for labels.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/mxnet/io/index.html

    >>> from tracer import nd
    >>> from tracer.io import NDArrayIter
    >>> both = PrefetchingIter([NDArrayIter(nd.ones((4, 1)), batch_size=2) for _ in range(2)],
    ...                        rename_data=[{"data": "a"}, {"data": "b"}])
    >>> [name for name, _ in both.provide_data], [len(batch.data) for batch in both]
    (['a', 'b'], [2, 2])
    """

    def __init__(self, iters: Any, rename_data: Any = None, rename_label: Any = None) -> None:
        super().__init__()
        self.iters = iters if isinstance(iters, list) else [iters]
        self.n_iter = len(self.iters)
        assert self.n_iter > 0
        self.rename_data = rename_data
        self.rename_label = rename_label
        self.batch_size = self.provide_data[0][1][0]
        self.data_ready = [threading.Event() for _ in self.iters]
        self.data_taken = [threading.Event() for _ in self.iters]
        for taken in self.data_taken:
            taken.set()
        self.current_batch = None
        self.next_batch: list[Any] = [None] * self.n_iter
        self._stopped = threading.Event()
        self.prefetch_threads = [
            threading.Thread(target=_prefetch, daemon=True,
                             args=(self.iters[i], self.next_batch, i, taken, ready, self._stopped))
            for i, (taken, ready) in enumerate(zip(self.data_taken, self.data_ready))]
        for thread in self.prefetch_threads:
            thread.start()

    def __del__(self) -> None:
        if hasattr(self, "prefetch_threads"):
            self._stopped.set()
            for taken in self.data_taken:
                taken.set()

    @property
    def provide_data(self) -> list[Any]:
        """The descriptions of the data."""
        return _renamed([one.provide_data for one in self.iters], self.rename_data)

    @property
    def provide_label(self) -> list[Any]:
        """The descriptions of the labels."""
        return _renamed([one.provide_label for one in self.iters], self.rename_label)

    def reset(self) -> None:
        """Begin a new epoch."""
        for ready in self.data_ready:
            ready.wait()
        for one in self.iters:
            one.reset()
        self._go_on()

    def _go_on(self) -> None:
        """Let the threads prepare the next batches."""
        for ready in self.data_ready:
            ready.clear()
        for taken in self.data_taken:
            taken.set()

    def iter_next(self) -> bool:
        """Go on to the next batch, and tell whether there is one. AssertionError if the iterators differ in length."""
        for ready in self.data_ready:
            ready.wait()
        batches = self.next_batch
        for batch in batches:
            if isinstance(batch, Exception):
                raise batch
        first = batches[0]
        ended = first is None
        for batch in batches:
            same = batch is None if ended else batch is not None and batch.pad == first.pad
            assert same, "Number of entry mismatches between iterators"
        if ended:
            return False
        self.current_batch = DataBatch([x for batch in batches for x in batch.data],
                                       [x for batch in batches for x in batch.label], first.pad, first.index,
                                       provide_data=self.provide_data, provide_label=self.provide_label)
        self._go_on()
        return True

    def next(self) -> Any:
        """The next batch. StopIteration after the last one."""
        if not self.iter_next():
            raise StopIteration
        return self.current_batch


def _prefetch(iterator: Any, batches: list[Any], i: int, taken: threading.Event, ready: threading.Event,
              stopped: threading.Event) -> None:
    """Put the iterator's next batch into `batches[i]` whenever the last has been taken: None at the end, or an error.

    It knows the lists only, so that an iterator that nobody uses is freed, which stops its threads.
    """
    while True:
        taken.wait()
        if stopped.is_set():
            return
        try:
            batches[i] = iterator.next()
        except StopIteration:
            batches[i] = None
        except Exception as error:
            batches[i] = error
        taken.clear()
        ready.set()


def _renamed(described: list[list[Any]], names: Any) -> list[Any]:
    """The descriptions of several iterators in one list, with new names by the old ones for each iterator."""
    if names is None:
        return [one for descriptions in described for one in descriptions]
    return [DataDesc(new[one.name], one.shape, one.dtype) if isinstance(one, DataDesc) else DataDesc(*one)
            for new, descriptions in zip(names, described) for one in descriptions]
