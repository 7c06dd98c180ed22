"""A campaign: generates programs, runs each under every tier in another process, judges the results, and keeps each
kind of difference once, shrunk."""
from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from .executor import Executor, Run
from .judge import Difference, Expected, compare, functions_in
from .programs import Script, runnable, scripts


def plan(script: Script, rng: random.Random) -> list[Run]:
    """The runs of a program: five under "auto", the other batch sizes and the first again between them; other tiers."""
    first, *others = script.sizes
    patience = rng.choice([0, 1, 2])
    runs = [Run("auto", patience, first, i == 0) for i in range(5)]
    for size in others:
        runs += [Run("auto", patience, size), Run("auto", patience, size), Run("auto", patience, first)]
    runs += [Run("always", 0, first, i == 0) for i in range(5)]
    runs += [Run("compare", 0, first, i == 0) for i in range(2)]
    runs += [Run("never", 0, first), Run("never", 0, first)]
    return runs


@dataclass
class Verdict:
    """The result of examining a program: the difference found, if any, and the tiers that show it."""

    difference: Difference | None = None
    decided: float = 1.0
    skipped: bool = False  # the reference does not run it
    refused: bool = False  # some run of tracer raised NotImplementedError
    modes: tuple[str, ...] = ()


def examine(script: Script, executor: Executor) -> Verdict:
    """Run a program under all tiers and judge the outcomes."""
    expected: dict[int, Expected] = {}
    for size in script.sizes:
        try:
            expected[size] = Expected.of(script.text, size)
        except Exception:  # another batch size may not fit
            continue
    if script.sizes[0] not in expected:
        return Verdict(skipped=True)
    script = Script(script.text, tuple(s for s in script.sizes if s in expected), script.names)
    runs = plan(script, random.Random(script.text))
    outcomes = executor.run(script.text, runs)
    found, refused, modes = None, False, []
    for run, outcome in zip(runs, outcomes):
        refused |= outcome.is_refusal
        difference = compare(outcome, expected[run.size], run)
        if difference is not None:
            found = found or difference
            if run.mode not in modes:
                modes.append(run.mode)
    return Verdict(found, expected[script.sizes[0]].decided, False, refused, tuple(modes))


def rough(script: Script, verdict: Verdict) -> tuple:
    """A key of a difference before shrinking: the tiers, and the statement of the answer or the start of the error."""
    difference = verdict.difference
    assert difference is not None
    what = difference.detail[:60]
    if difference.answer >= 0:
        name, dot, grad = script.names[difference.answer].partition(".")
        lines = [line for line in script.text.splitlines() if line.strip().startswith(f"{name} = ")]
        what = f"{'.'.join(functions_in(lines[-1] if lines else ''))}{dot}{grad}"
    return difference.kind, what, verdict.modes


def signature(text: str, difference: Difference, modes: tuple[str, ...]) -> tuple:
    """A key that differences of one kind share after shrinking: kind, tiers, and functions involved."""
    what = difference.detail[:60] if difference.kind in ("raises", "crash", "hang") else ""
    return difference.kind, what, modes, functions_in(text)


@dataclass
class Finding:
    """A kind of difference with its smallest program."""

    key: tuple
    script: Script
    difference: Difference


@dataclass
class Campaign:
    """The state of one process's campaign."""

    seed: int
    folder: Path
    executor: Executor
    say: Callable[[str], None] = print
    label: str = ""
    shrink_seconds: float = 120.0
    findings: dict[tuple, Finding] = field(default_factory=dict)
    #: The number of times that each kind was met, by its text. `rough`: by key before shrinking, the kinds found.
    known: Counter[str] = field(default_factory=Counter)
    rough: dict[tuple, list] = field(default_factory=dict)
    functions: Counter[str] = field(default_factory=Counter)
    programs: int = 0
    skipped: int = 0
    refused: int = 0
    decided: float = 0.0

    def batch(self, number: int, count: int = 25) -> None:
        """Generate and judge one batch of programs."""
        made: list[Script] = []

        @seed(self.seed * 1_000_003 + number)
        @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))
        @given(scripts())
        def collect(script: Script) -> None:
            made.append(script)

        collect()
        for script in dict.fromkeys(made):
            self.judge(script)

    def judge(self, script: Script) -> None:
        """Judge one program; keep a difference."""
        (self.folder / f"{self.label}running.py").write_text(repr(script))
        verdict = examine(script, self.executor)
        self.programs += 1
        self.skipped += verdict.skipped
        self.refused += verdict.refused
        self.decided += verdict.decided
        self.functions.update(script.functions)
        if verdict.difference is not None:
            self.found(script, verdict)

    def found(self, script: Script, verdict: Verdict) -> None:
        """Shrink and keep a difference, unless its kind is known."""
        assert verdict.difference is not None
        alike = self.rough.setdefault(rough(script, verdict), [])
        if len(alike) > 2:  # three with this rough key were shrunk already
            self.known[alike[-1]] += 1
            return
        fresh = Executor(self.executor.recorder, self.executor.limit)
        history = [text for text, _ in self.executor.history[:-1]]
        alone = examine(script, fresh).modes == verdict.modes
        smallest, difference = self.shrink(script, verdict, fresh if alone else self.executor)
        fresh.close()
        key = signature(smallest.text, difference, verdict.modes)
        kind = f"{key[0]} {key[1]} ({', '.join(key[2])}): {' '.join(key[3])}"
        self.known[kind] += 1
        alike.append(kind)
        if key in self.findings:
            return
        self.findings[key] = Finding(key, smallest, difference)
        name = f"{self.label}{len(self.findings):03d}-{key[0]}.py"
        where = "" if alone else "only after the programs in the file with this name and .history\n"
        note = f'"""{kind}\n\n{difference.detail}\n{difference.run}\n{where}"""\n'
        (self.folder / name).write_text(note + runnable(smallest.text, difference.run.size))
        if not alone:
            (self.folder / f"{name}.history").write_text("\n\n".join(history))
        self.say(f"{name}: {kind}\n{difference.detail}\n{difference.run}\n{where}{smallest.text}")

    def shrink(self, script: Script, verdict: Verdict, executor: Executor) -> tuple[Script, Difference]:
        """The smallest program with the same kind of difference, reached by removing lines and reducing axis sizes."""
        assert verdict.difference is not None
        reducer = Reducer(script, verdict, executor, time.monotonic() + self.shrink_seconds)
        reducer.lines()
        reducer.axes()
        reducer.lines()
        return reducer.script, reducer.difference


class Reducer:
    """Reduces a program as long as it differs in the same way."""

    def __init__(self, script: Script, verdict: Verdict, executor: Executor, end: float) -> None:
        assert verdict.difference is not None
        self.script = script
        self.difference = verdict.difference
        self._modes = verdict.modes
        self._executor = executor
        self._end = end

    def lines(self) -> None:
        """Remove runs of lines, long ones first."""
        count = len(self.script.text.splitlines())
        size = max(count // 2, 1)
        while size:
            at = len(self.script.text.splitlines())
            while at > 0:
                at -= size
                lines = self.script.text.splitlines()
                start = max(at, 0)
                self._try("\n".join(lines[:start] + lines[at + size:]) + "\n", self.script.sizes)
            size //= 2

    def axes(self) -> None:
        """Reduce axis sizes, each wherever it is written."""
        first, *others = self.script.sizes
        for n in (1, 2, 3):
            if n < first and self._try(self.script.text, (n, *others)):
                break
        self._try(self.script.text, self.script.sizes[:1])
        for size in ("64", "33", "17", "16", "8", "5", "3", "2"):
            for smaller in ("1", "2", "3"):
                if int(smaller) < int(size) and self._try(
                        re.sub(rf"(?<=[(,] ){size}(?=[,)])|(?<=\(){size}(?=[,)])", smaller, self.script.text),
                        self.script.sizes):
                    break

    def _try(self, text: str, sizes: tuple[int, ...]) -> bool:
        if time.monotonic() > self._end or "def program" not in text or (text, sizes) == (
                self.script.text, self.script.sizes):
            return False
        trial = Script(text, sizes, self.script.names)
        try:
            compile(text, "", "exec")
            verdict = examine(trial, self._executor)
        except Exception:  # a needed line is gone: not a valid program
            return False
        found = verdict.difference
        if found is None or found.kind != self.difference.kind or verdict.modes != self._modes or \
                found.kind == "raises" and found.detail[:40] != self.difference.detail[:40]:
            return False
        self.script, self.difference = trial, found
        return True
