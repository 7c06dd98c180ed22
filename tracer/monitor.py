"""`mx.monitor`: statistics of the arrays that executors compute."""
from __future__ import annotations

import logging
import re
from collections.abc import Callable
from math import sqrt
from typing import Any

from . import ndarray
from .array.nd_array import NDArray

nd: Any = ndarray  # its functions are generated: type checkers do not see them

__all__ = ["Monitor"]


class Monitor:
    """A monitor of the arguments, states and outputs of executors.

    interval: the number of batches from one collection to the next.
    stat_func: a function from an array to an array, or a list of them; None: the norm by the root of the size.
    pattern: a regular expression; arrays whose names match it are monitored.
    sort: whether the results are sorted by name.
    monitor_all: whether the executors report inputs of operations, too.

    An executor is an object with `set_monitor_callback`, `arg_arrays`, `aux_arrays` and `_symbol`.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/monitor/index.html

    >>> monitor = Monitor(interval=2, pattern=".*weight")
    >>> monitor.tic()
    >>> monitor.activated, monitor.toc()
    (True, [])
    """

    def __init__(self, interval: int, stat_func: Callable[[Any], Any] | None = None, pattern: str = ".*",
                 sort: bool = False, monitor_all: bool = False) -> None:
        self.stat_func = _norm if stat_func is None else stat_func
        self.interval = interval
        self.activated = False
        self.queue: list[tuple[int, str, Any]] = []
        self.step = 0
        self.exes: list[Any] = []
        self.re_prog = re.compile(pattern)
        self.sort = sort
        self.monitor_all = monitor_all

    def stat_helper(self, name: str | bytes, array: Any) -> None:
        """Note the statistic of an array that an executor has computed."""
        if self.activated:
            self._note(name.decode() if isinstance(name, bytes) else name, array)

    def _note(self, name: str, array: Any) -> None:
        if self.re_prog.match(name):
            self.queue.append((self.step, name, self.stat_func(array)))

    def install(self, exe: Any) -> None:
        """Monitor an executor."""
        exe.set_monitor_callback(self.stat_helper, self.monitor_all)
        self.exes.append(exe)

    def tic(self) -> None:
        """Begin a batch: statistics of it are collected if it is time to."""
        if self.step % self.interval == 0:
            self._wait()
            self.queue = []
            self.activated = True
        self.step += 1

    def toc(self) -> list[tuple[int, str, str]]:
        """End a batch, and return its number, the names and the statistics as text. This is a sync point."""
        if not self.activated:
            return []
        self._wait()
        for exe in self.exes:
            for name, array in zip(exe._symbol.list_arguments(), exe.arg_arrays):
                self._note(name, array)
            for name, array in zip(exe._symbol.list_auxiliary_states(), exe.aux_arrays):
                self._note(name, array)
        self.activated = False
        if self.sort:
            self.queue.sort(key=lambda entry: entry[1])
        found = [(step, name, _text(statistic)) for step, name, statistic in self.queue]
        self.queue = []
        return found

    def toc_print(self) -> None:
        """End a batch, and log its statistics."""
        for step, name, text in self.toc():
            logging.info(f"Batch: {step:7d} {name:30s} {text:s}")

    def _wait(self) -> None:
        for exe in self.exes:
            for array in (*exe.arg_arrays, *exe.aux_arrays):
                array.wait_to_read()


def _norm(x: Any) -> Any:
    """The norm of an array by the root of its size."""
    return nd.norm(x) / sqrt(x.size)


def _text(statistic: Any) -> str:
    """Arrays as text, each followed by a tab."""
    arrays = [statistic] if isinstance(statistic, NDArray) else statistic
    assert isinstance(arrays, list), f"stat_func returns an array or a list of them, got {type(statistic).__name__}"
    for one in arrays:
        assert isinstance(one, NDArray), f"stat_func returns arrays, got {type(one).__name__}"
    return "".join([str(one.asscalar() if one.shape == (1,) else one.asnumpy()) + "\t" for one in arrays])
