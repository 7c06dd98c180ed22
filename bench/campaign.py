"""The campaign: for each case, first calls in fresh processes, checks of the results, and rounds of timing.

Every engine runs in a process of its own (OpenMP pools, allocators and signal handlers of several frameworks
conflict in one process), a new one for each case, so that first calls and memory are the case's own. Engines
that keep compiled code on disk are started twice: with an empty cache, then with the one just filled. Then
all are timed in turn, A B C A B C, for a number of rounds. An engine with wrong results is not timed.
"""
from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any

import numpy as np

from bench import check, workloads
from bench.engines import ENGINES
from bench.machine import ROOT, environment
from bench.pipe import Pipe, Timeout
from bench.progress import Progress
from bench.results import Results

_CALLS = 5  # calls of the first batch: by then every tier of every engine has compiled
_KEEP = [1, 3, _CALLS]  # the calls whose results are checked


@dataclasses.dataclass
class Plan:
    """The parameters of a run."""

    engines: list[str]
    interpreters: dict[str, str]
    threads: int
    before: Path | None = None  # the checkout of an earlier commit
    rounds: int = 7
    seconds: float = 0.15  # the length of an engine's turn in a round
    warm: float = 0.3  # seconds of untimed calls before the first round
    timeout: float = 180.0  # seconds for one answer of a worker


class Failed(Exception):
    """A worker answered with an error, or not at all; args: (status, reason)."""


class Process:
    """A worker's process, and the pipe to it."""

    def __init__(self, engine: str, plan: Plan, cache: Path) -> None:
        self._log = tempfile.TemporaryFile()
        self._timeout = plan.timeout
        self._idle = True  # the worker waits for a command
        elsewhere = ENGINES[engine].elsewhere
        root = plan.before if elsewhere and plan.before else ROOT
        self._process = subprocess.Popen(
            [plan.interpreters.get(engine, sys.executable), "-m", "bench.worker", elsewhere or engine,
             str(plan.threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, cwd=root,
            env=environment(plan.threads, cache, root))
        assert self._process.stdin and self._process.stdout
        self._pipe = Pipe(self._process.stdout.fileno(), self._process.stdin.fileno())

    def ask(self, do: str, **arguments: Any) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Send one command; return its answer. Failed("failed" or "timeout", reason) if there is none."""
        try:
            self._idle = False
            self._pipe.send({"do": do, **arguments})
            head, arrays = self._pipe.receive(self._timeout)
            self._idle = True
        except Timeout:
            raise Failed("timeout", f"no answer in {self._timeout:.0f} s ({do})") from None
        except (EOFError, BrokenPipeError):
            raise Failed("failed", f"the process ended: {self._last_words()}") from None
        if "error" in head:
            raise Failed("failed", head["error"])
        return head, arrays

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {self._process.wait()}"

    def close(self) -> None:
        """End the process: close its input, so that it can write its caches; kill it after 10 s, or at once if busy."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(10 if self._idle else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()


def survey(plan: Plan) -> dict[str, dict[str, Any]]:
    """The facts about every engine of the plan: its version, or the reason why it is missing.

    Missing engines are removed from the plan.
    """
    found: dict[str, dict[str, Any]] = {}
    for engine in plan.engines:
        with tempfile.TemporaryDirectory(prefix="tracer-bench-") as cache:
            process = Process(engine, plan, Path(cache))
            try:
                found[engine] = process.ask("load")[0]
            except Failed as failure:
                found[engine] = {"missing": failure.args[1]}
            finally:
                process.close()
    plan.engines = [engine for engine in plan.engines if "missing" not in found[engine]]
    return found


class Entrant:
    """One engine in one case: its process, samples, results and facts."""

    def __init__(self, engine: str, workload: str, case: str, plan: Plan, cache: Path) -> None:
        self.engine, self._plan, self._cache = engine, plan, cache
        self._workload, self._case = workload, case
        self._number = 1
        self.process: Process
        self.samples: list[float] = []
        self.results: list[np.ndarray] = []
        self.racing = True
        self.facts: dict[str, Any] = {"status": "unfinished", "reason": "not timed yet"}

    def _start(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        self.process = Process(self.engine, self._plan, self._cache)
        self.facts["import_ms"] = 1e3 * self.process.ask("load")[0]["seconds"]
        size = self.process.ask("prepare", workload=self._workload, case=self._case)[0]["rss"]
        self.facts["rss_mb"] = size / 1e6
        return self.process.ask("first", calls=_CALLS, keep=_KEEP)

    def first(self, reference: Sequence[np.ndarray], tolerance: float) -> None:
        """Run the first calls, without and with the disk cache, and check their results."""
        head, self.results = self._start()
        self._note("cold", head)
        self._verify(reference, tolerance)
        if ENGINES[self.engine].cached:
            self.process.close()
            head, self.results = self._start()
            self._note("disk", head)
            self._verify(reference, tolerance)

    def _note(self, cache: str, head: dict[str, Any]) -> None:
        self.facts[f"first_{cache}_ms"] = 1e3 * head["seconds"][0]
        self.facts[f"calls_{cache}_ms"] = [1e3 * seconds for seconds in head["seconds"]]
        self.facts[f"counters_{cache}"] = head["counters"]

    def _verify(self, reference: Sequence[np.ndarray], tolerance: float) -> None:
        error = max(self.facts.get("error", 0.0), check.farthest(self.results, reference))
        self.facts["error"] = error
        if not error <= tolerance:
            raise Failed("wrong", f"off by {error:.1e} of the largest value; {tolerance:.0e} allowed")

    def warm(self) -> None:
        """Run untimed calls, and determine the number of calls in a sample."""
        self._number = self.process.ask("warm", seconds=self._plan.warm, least=3)[0]["number"]

    def turn(self) -> None:
        """Time one turn of calls, and update the facts."""
        head, _ = self.process.ask("time", seconds=self._plan.seconds, number=self._number)
        self.samples += head["samples"]
        low, middle, high = quantiles(self.samples, n=4)
        self.facts.update(status="ok", median_us=1e6 * middle, low_us=1e6 * low, high_us=1e6 * high,
                          least_us=1e6 * min(self.samples), samples=len(self.samples))
        self.facts.pop("reason", None)

    def finish(self, reference: Sequence[np.ndarray], tolerance: float) -> None:
        """Measure memory and the time to dispatch a step; check tracer's results again, with everything compiled."""
        memory = self.process.ask("memory")[0]
        self.facts["peak_mb"] = memory["peak"] / 1e6
        self.facts["dispatch_us"] = 1e6 * self.process.ask("dispatch", calls=11)[0]["seconds"]
        if self.engine == "tracer":
            _, self.results = self.process.ask("first", calls=_CALLS, keep=_KEEP)
            self._verify(reference, tolerance)

    def fail(self, failure: Failed) -> None:
        """Take the engine out of the case; facts measured so far stay."""
        self.racing = False
        self.facts["status"], self.facts["reason"] = failure.args


def run_case(workload: str, case: str, plan: Plan, results: Results, progress: Progress) -> None:
    """Add one row to the results: every engine's facts for one case."""
    module = workloads.load(workload)
    data = workloads.inputs(module, case)
    reference = _reference(module, data)
    moved = [*workloads.arrays(vars(data)), *reference[:len(reference) // len(_KEEP)]]
    folder = Path(tempfile.mkdtemp(prefix="tracer-bench-"))
    entrants = [Entrant(engine, workload, case, plan, folder / engine) for engine in plan.engines
                if ENGINES[engine].offers(module)]
    row: dict[str, Any] = {
        "name": case, "workload": workload, "title": (module.__doc__ or "").strip().splitlines()[0],
        "parameters": module.CASES[case], "tolerance": module.TOLERANCE,
        "by_hand": case in getattr(module, "BY_HAND", ()), "bytes": sum(a.size * min(a.itemsize, 4) for a in moved),
        "flops": module.flops(**module.CASES[case]) if hasattr(module, "flops") else 0.0,
        "rounds": 0, "complete": False, "results": {entrant.engine: entrant.facts for entrant in entrants}}
    results.run["cases"].append(row)
    try:
        _race(entrants, row, plan.rounds, reference, results.save, progress)
    finally:
        for entrant in entrants:
            if hasattr(entrant, "process"):
                entrant.process.close()
        shutil.rmtree(folder, ignore_errors=True)
    _compare(entrants)
    row["complete"] = True
    results.save()
    progress.advance(len(plan.engines))


def _race(entrants: list[Entrant], row: dict[str, Any], rounds: int, reference: list[np.ndarray],
          save: Callable[[], object], progress: Progress) -> None:
    def each(doing: str, act: Callable[[Entrant], None]) -> None:
        for entrant in entrants:
            if entrant.racing:
                progress.show(row["name"], f"{entrant.engine}: {doing}")
                try:
                    act(entrant)
                except Failed as failure:
                    entrant.fail(failure)

    each("first calls", lambda entrant: entrant.first(reference, row["tolerance"]))
    save()
    each("warming up", lambda entrant: entrant.warm())
    while row["rounds"] < rounds:
        each(f"round {row['rounds'] + 1} of {rounds}", lambda entrant: entrant.turn())
        row["rounds"] += 1
        save()
    each("memory", lambda entrant: entrant.finish(reference, row["tolerance"]))


def _reference(module: Any, data: Any) -> list[np.ndarray]:
    """The results of the calls that are checked, in float64."""
    step = module.in_numpy(workloads.widened(data))
    kept: list[np.ndarray] = []
    for call in range(1, _CALLS + 1):
        results = step()
        if call in _KEEP:
            kept += [np.array(result) for result in results]
    return kept


def _compare(entrants: list[Entrant]) -> None:
    """Note the distance of each engine's results from tracer's, in which an error that engines share does not show."""
    ours = next((e.results for e in entrants if e.engine == "tracer" and e.facts["status"] == "ok"), None)
    for entrant in entrants:
        if ours is not None and entrant.engine != "tracer" and entrant.facts["status"] == "ok":
            entrant.facts["from_tracer"] = check.farthest(entrant.results, ours)
