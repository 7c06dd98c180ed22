"""The worker, a process that runs one workload on one engine: `python -m bench.worker ENGINE THREADS`.

It reads commands from its standard input and writes one answer for each to its standard output (`pipe.py`):

- load: import the engine. Answers `version`, `seconds`, and the `environment` and `processors` of the process.
- prepare(workload, case): make the inputs. Answers `rss`, the resident size of the process then.
- first(calls, keep): build the step and call it. Answers the `seconds` of each call (the first with the build), the
  `counters`, and the results of the calls listed in `keep`. A second such command starts afresh from the inputs, with
  everything compiled.
- warm(seconds, least): call the step until it is settled. Answers `number`, the calls in a sample.
- time(seconds, number): answers `samples`, each in seconds per call.
- dispatch(calls): answers the `seconds` from calling the step until it returns, results computed or not.
- memory: answers `peak` and `rss` in bytes.

An exception is answered as `error` and `trace`. Runs on Python 3.8.
"""
from __future__ import annotations

import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.engines import ENGINES
from bench.machine import cores, settings
from bench.pipe import Pipe
from bench.workloads import inputs

if TYPE_CHECKING:
    from bench.engines import Step

_SAMPLE = 2e-4  # the least seconds of a sample: in shorter ones the clock's own cost would show


def memory() -> tuple[int, int]:
    """The peak and the present resident size of this process in bytes; zeros where /proc is missing."""
    sizes = {"VmHWM:": 0, "VmRSS:": 0}
    if os.path.exists("/proc/self/status"):
        with open("/proc/self/status") as file:
            for words in map(str.split, file):
                if words[0] in sizes:
                    sizes[words[0]] = int(words[1]) * 1024
    return sizes["VmHWM:"], sizes["VmRSS:"]


def _settle() -> None:
    """Wait until this process's idle threads have stopped spinning, so that the next worker has the cores."""
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        before = time.process_time()
        time.sleep(0.004)
        if time.process_time() - before < 0.0004:
            return


class Worker:
    """The state of the process: engine, workload, inputs, step."""

    def __init__(self, engine: str, threads: int) -> None:
        self.engine, self.threads = ENGINES[engine], threads
        self.workload: ModuleType
        self.data: SimpleNamespace
        self.step: Step

    def load(self) -> dict[str, Any]:
        given = {"environment": settings(os.environ), "processors": cores()}
        start = time.perf_counter()
        version = self.engine.load(self.threads)
        return {"version": version, "seconds": time.perf_counter() - start, **given}

    def prepare(self, workload: str, case: str) -> dict[str, Any]:
        self.workload = importlib.import_module("bench.workloads." + workload)
        self.data = inputs(self.workload, case)
        return {"rss": memory()[1]}

    def first(self, calls: int, keep: list[int]) -> tuple[dict[str, Any], list[np.ndarray]]:
        times: list[float] = []
        kept: list[np.ndarray] = []
        start = time.perf_counter()
        self.step = self.engine.build(self.workload, self.data)
        for call in range(1, calls + 1):
            results = self.step()
            self.engine.sync(results)
            times.append(time.perf_counter() - start)
            if call in keep:
                kept += [np.array(self.engine.array(result)) for result in results]
            start = time.perf_counter()
        return {"seconds": times, "counters": dict(self.engine.counters())}, kept

    def warm(self, seconds: float, least: int) -> dict[str, Any]:
        self.engine.settle()
        end = time.perf_counter() + seconds
        calls = 0
        while calls < least or time.perf_counter() < end:
            self._batch(1)
            calls += 1
        number = 1
        while number < 10_000 and self._batch(number) * number < _SAMPLE:
            number *= 2
        return {"number": number}

    def time(self, seconds: float, number: int) -> dict[str, Any]:
        self._batch(number)  # brings the data back into the caches, which the other workers have replaced
        end = time.perf_counter() + seconds
        samples: list[float] = []
        while len(samples) < 2 or time.perf_counter() < end:
            samples.append(self._batch(number))
        _settle()
        return {"samples": samples}

    def _batch(self, number: int) -> float:
        step, sync = self.step, self.engine.sync
        start = time.perf_counter()
        for _ in range(number):
            sync(step())
        return (time.perf_counter() - start) / number

    def dispatch(self, calls: int) -> dict[str, Any]:
        times = []
        for _ in range(calls):
            start = time.perf_counter()
            results = self.step()
            times.append(time.perf_counter() - start)
            self.engine.sync(results)
        return {"seconds": sorted(times)[len(times) // 2]}

    def memory(self) -> dict[str, Any]:
        peak, rss = memory()
        return {"peak": peak, "rss": rss}


def _answer(command: Callable, arguments: dict[str, Any]) -> tuple[dict[str, Any], list[np.ndarray]]:
    try:
        answer = command(**arguments)
    except Exception as error:
        text = str(error).strip().split("\n")[0]
        return {"error": f"{type(error).__name__}: {text}", "trace": traceback.format_exc()}, []
    return answer if isinstance(answer, tuple) else (answer, [])


def main() -> None:
    """Execute commands until the input ends. Output of libraries goes to standard error, not into the pipe."""
    engine, threads = sys.argv[1], int(sys.argv[2])
    pipe = Pipe(os.dup(0), os.dup(1))
    os.dup2(2, 1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    worker = Worker(engine, threads)
    while True:
        try:
            arguments, _ = pipe.receive()
        except EOFError:
            return
        command = getattr(worker, arguments.pop("do"))
        pipe.send(*_answer(command, arguments))


if __name__ == "__main__":
    main()
