"""The worker processes of a `DataLoader`, seen from the process that uses their batches."""
from __future__ import annotations

import mmap
import multiprocessing
import os
import pickle
import signal
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from typing import Any, NoReturn
from weakref import finalize

import numpy as np

from tracer.jit.process import interrupts

from ....numpy_extension.mode import is_np_array, is_np_shape
from ..loading import BATCHIFY, IDLE, ROWS, STARTING
from . import messages
from .shared_batches import Mappings
from .worker import PARENTS_ENDS, STATE, work

#: The most batches that a worker is asked for at once.
_AHEAD = 16
#: Seconds in which a worker must start, which are not those of a batch.
_START = 60.0
#: Seconds in which a worker may end before it is killed.
_PATIENCE = 2.0


class WorkerError(Exception):
    """The cause of an error that a worker process has sent: where it happened, and the traceback there."""

    def __str__(self) -> str:
        return "".join(self.args)


class _Worker:
    """One worker process.

    process, end: the process, and this side of the socket.
    state: its memory with the batch and sample at which it is.
    asked: the numbers and indices of the batches it was asked for, in order.
    """

    def __init__(self, context: Any, arguments: tuple[Any, ...], seed: int) -> None:
        self.end, other = socket.socketpair()
        PARENTS_ENDS.add(self.end)
        self.asked: dict[int, Any] = {}
        self.mappings = Mappings()
        fd = messages.memory_file(STATE.size)
        try:
            self.state = mmap.mmap(fd, STATE.size)
            STATE.pack_into(self.state, 0, 0, STARTING)
            self.process = context.Process(target=work, args=(other, os.getpid(), *arguments, seed), daemon=True)
            if context.get_start_method() != "fork":
                resource_tracker.ensure_running()  # while it starts a process it lets Ctrl-C through
            with interrupts.held():  # or it ends a process that does not ignore it yet
                self.process.start()
            messages.send(self.end, b"", [fd])
        finally:
            other.close()
            os.close(fd)

    def ask(self, number: int, indices: Any) -> None:
        """Ask for a batch."""
        self.asked[number] = indices
        try:
            messages.send(self.end, pickle.dumps((number, indices, self.mappings.unused()), pickle.HIGHEST_PROTOCOL))
        except OSError:
            pass  # it is gone: `receive` says so

    def starting(self) -> bool:
        """Whether the process has not begun to work yet."""
        return STATE.unpack_from(self.state)[1] == STARTING and self.process.is_alive()

    def where(self) -> str:
        """The sample at which the worker is, in words."""
        number, place = STATE.unpack_from(self.state)
        if place == STARTING:
            return "starting"
        indices = self.asked.get(number)
        if place == IDLE or indices is None:
            return "between two batches"
        if place == ROWS:
            return f"taking the rows {_few(indices)}"
        if place == BATCHIFY:
            return f"in batchify_fn, on the samples {_few(indices)}"
        return f"reading the sample with index {indices[place]}, place {place} of its batch"

    def death(self) -> RuntimeError:
        """The error that says how and where it ended."""
        self.process.join(_PATIENCE)
        code = self.process.exitcode
        if code is None:
            how = "closed its connection"
        elif code < 0:
            how = f"was killed by signal {-code} ({signal.Signals(-code).name})"
        else:
            how = f"ended with exit code {code}"
        return RuntimeError(f"DataLoader: worker process {self.process.pid} {how} while {self.where()}")


def _few(indices: Any) -> str:
    text = ", ".join([str(i) for i in list(indices)[:4]])
    return text + (", …" if len(indices) > 4 else "")


class WorkerPool:
    """Processes that make batches of a dataset; they start when the first batch is asked for.

    count: their number.
    dataset, batchify_fn: the dataset, and the function that makes a batch of a list of samples. With the start method
        "fork" processes have the objects as they are then; with others these are pickled.
    """

    def __init__(self, count: int, dataset: Any, batchify_fn: Callable[[list[Any]], Any]) -> None:
        self._count = count
        self._arguments = dataset, batchify_fn
        self._workers: list[_Worker] = []
        self._owner = 0
        self._arrived: dict[int, tuple[Any, ...]] = {}
        self._asked = 0
        self._end: Any = None

    def _start(self) -> list[_Worker]:
        if not self._workers or self._owner != os.getpid():
            context = multiprocessing.get_context()
            self._owner, self._arrived = os.getpid(), {}
            self._workers = workers = list[_Worker]()
            self._end = finalize(self, _stop, workers, self._owner)
            state: Any = np.random.get_state()
            seed = zlib.crc32(state[1].tobytes())
            arguments = (*self._arguments, (is_np_shape(), is_np_array()))
            for i in range(self._count):
                workers.append(_Worker(context, arguments, (seed + i) % 2 ** 32))
        return self._workers

    def ask(self, worker: int, indices: Any) -> int | None:
        """Ask a worker for a batch; returns its number, or None if the worker has enough to do."""
        chosen = self._start()[worker % self._count]
        if len(chosen.asked) >= _AHEAD:
            return None
        self._asked += 1
        chosen.ask(self._asked, indices)
        return self._asked

    def forget(self, number: int) -> None:
        """Drop a batch that was asked for."""
        self._arrived.pop(number, None)
        for worker in self._workers:
            if number in worker.asked:
                worker.asked[number] = None

    def get(self, number: int, timeout: float) -> Any:
        """The batch of a number. The workers end with an error of one of them, except one that it raised.

        An error that a worker raised is raised here, with `WorkerError` as its cause; RuntimeError if it ended;
        multiprocessing.TimeoutError after so many seconds. All name the sample.
        """
        owner = next((w for w in self._workers if number in w.asked), None)
        begin = time.monotonic()
        end = begin + timeout
        try:
            while number not in self._arrived:
                if owner is None:
                    raise RuntimeError("DataLoader: its worker processes were ended")
                if not messages.wait(owner.end, end - time.monotonic(), interrupts.GLANCE, _not_interrupted):
                    if owner.starting() and time.monotonic() < begin + _START:
                        end = time.monotonic() + timeout
                        continue
                    raise multiprocessing.TimeoutError(
                        f"DataLoader: a batch took longer than timeout={timeout} seconds; worker process "
                        f"{owner.process.pid} is {owner.where()}. Give a longer timeout, or a faster dataset")
                self._receive(owner)
        except BaseException:
            self.terminate()
            raise
        batch, error, indices = self._arrived.pop(number)
        if error is None:
            return batch
        try:
            _raise(indices, *error)
        finally:
            del error  # its traceback has this frame: a cycle would keep the loader, and its processes

    def _receive(self, worker: _Worker) -> None:
        """Take one message of a worker. RuntimeError if the worker is gone."""
        received = messages.receive(worker.end)
        if received is None:
            raise worker.death()
        number, parts, error = pickle.loads(received[0])
        batch = None if parts is None else worker.mappings.unpack(parts, received[1])
        indices = worker.asked.pop(number)
        if indices is not None:
            self._arrived[number] = batch, error, indices

    def terminate(self) -> None:
        """End the processes; they start again when a batch is asked for."""
        if self._end is not None:
            self._end()
        self._workers, self._arrived = [], {}


def _raise(indices: Any, error: Exception, trace: str, place: int) -> NoReturn:
    """Raise a worker's error."""
    where = "in batchify_fn" if place == BATCHIFY else f"taking the rows {_few(indices)}" if place < 0 else \
        f"at the sample with index {indices[place]}"
    try:
        raise error from WorkerError(f"in a worker process of DataLoader, {where}:\n{trace}")
    finally:
        del error  # as in `get`


def _not_interrupted() -> bool:
    """True; KeyboardInterrupt after Ctrl-C."""
    if interrupts.wanted():
        interrupts.deliver()
    return True


def _stop(workers: list[_Worker], owner: int) -> None:
    """End the processes, and wait for their end."""
    for worker in workers:
        worker.end.close()
        if owner == os.getpid() and worker.process.is_alive():
            worker.process.terminate()
    if owner == os.getpid():
        for worker in workers:
            worker.process.join(_PATIENCE)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()
    workers.clear()


class ProcessIter:
    """An iterator over batches that worker processes make, in the order of the batch sampler.

    pool: the processes.
    batches: an iterator over lists of indices.
    workers: the number of processes, which take turns.
    prefetch: the number of batches requested before the first is asked for; one more is at each batch.
    timeout: the most seconds to wait for a batch.
    """

    def __init__(self, pool: WorkerPool, batches: Iterator[Any], workers: int, prefetch: int, timeout: float) -> None:
        self._pool = pool
        self._batches = batches
        self._workers = workers
        self._ahead = prefetch
        self._timeout = timeout
        self._turn = 0
        self._numbers: list[int] = []
        self._waiting: Any = None
        self._request(prefetch)

    def _request(self, count: int) -> None:
        """Request more batches until so many are on their way, if there are more."""
        while len(self._numbers) < count:
            if self._waiting is None:
                self._waiting = next(self._batches, None)
                if self._waiting is None:
                    return
                if not isinstance(self._waiting, (list, tuple, np.ndarray)):
                    self._waiting = list(self._waiting)
            number = self._pool.ask(self._turn % self._workers, self._waiting)
            if number is None:
                return
            self._numbers.append(number)
            self._turn += 1
            self._waiting = None

    def __iter__(self) -> ProcessIter:
        return self

    def __next__(self) -> Any:
        self._request(self._ahead + 1)
        if not self._numbers:
            raise StopIteration
        return self._pool.get(self._numbers.pop(0), self._timeout)

    next = __next__

    def __del__(self) -> None:
        for number in getattr(self, "_numbers", ()):
            self._pool.forget(number)
