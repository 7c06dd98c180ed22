"""Judgement: the reference's answers, the error bound of a right answer, and the differences."""
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from .executor import Outcome, Run
from .reference import autograd
from .reference.nd import nd as reference_nd
from .reference.noise import EPS, Noise
from .reference.np import np as reference_np
from .reference.np import npx as reference_npx
from .reference.values import WORLD

#: The number of noisy runs at first, and before a difference is reported.
FEW, MANY = 2, 24
#: The error bound of an answer, as a multiple of the spread of the noisy runs.
MARGIN = 8.0


def interpret(text: str, size: int, noise: Noise | None = None) -> list[Any]:
    """The answers of a program according to the reference."""
    space: dict[str, Any] = {"np": reference_np, "npx": reference_npx, "nd": reference_nd, "autograd": autograd,
                             "onp": np}
    WORLD.noise, WORLD.recording, WORLD.training = noise, False, False
    try:
        exec(compile(text, "<program>", "exec"), space)
        with np.errstate(all="ignore"):
            return list(space["program"](size))
    finally:
        WORLD.noise, WORLD.recording = None, False


@dataclass
class Expected:
    """The answers for one batch size, and the error bound of each element (inf: undecided)."""

    text: str
    size: int
    answers: list[np.ndarray]
    dtypes: list[np.dtype]
    slack: list[np.ndarray]
    noisy: int = 0

    @classmethod
    def of(cls, text: str, size: int) -> Expected:
        found = interpret(text, size)
        dtypes = [getattr(a, "stands_for", np.asarray(a).dtype) for a in found]
        answers = [np.asarray(a) for a in found]
        made = cls(text, size, answers, dtypes, [np.zeros(a.shape) for a in answers])
        made.widen(FEW)
        return made

    def widen(self, runs: int) -> None:
        """Do noisy runs up to this number; each may widen the bounds."""
        while self.noisy < runs:
            self.noisy += 1
            noisy = interpret(self.text, self.size, Noise(self.noisy))
            for i, (plain, other) in enumerate(zip(self.answers, noisy, strict=True)):
                other = np.asarray(other)
                if other.shape != plain.shape:
                    self.slack[i][...] = np.inf
                    continue
                if plain.dtype.kind == "f":
                    with np.errstate(all="ignore"):
                        apart = np.abs(other - plain)
                        least = 4 * EPS[self.dtypes[i].name] * np.abs(plain) if self.dtypes[i].kind == "f" else 0
                        apart = np.where(apart > 0, MARGIN * apart + least, apart)
                    alike = (np.isnan(other) & np.isnan(plain)) | (other == plain)
                    apart = np.where(alike, 0.0, np.where(np.isfinite(apart), apart, np.inf))
                else:
                    apart = np.where(other == plain, 0.0, np.inf)
                self.slack[i] = np.maximum(self.slack[i], apart)

    @property
    def decided(self) -> float:
        """The share of elements that are checked."""
        total = sum(s.size for s in self.slack)
        return 1.0 if not total else sum(int(np.isfinite(s).sum()) for s in self.slack) / total


@dataclass(frozen=True)
class Difference:
    """A difference of a run: its kind, the index of the answer, and a description."""

    kind: str
    answer: int
    detail: str
    run: Run


def compare(outcome: Outcome, expected: Expected, run: Run) -> Difference | None:
    """The difference between an outcome and the expected answers, or None."""
    if outcome.ending:
        return Difference("crash" if outcome.ending != "hang" else "hang", -1, outcome.ending, run)
    if outcome.is_refusal:
        return None
    if outcome.error:
        return Difference("raises", -1, outcome.error, run)
    if len(outcome.answers) != len(expected.answers):
        return Difference("length", -1, f"{len(outcome.answers)} answers, not {len(expected.answers)}", run)
    for i, got in enumerate(outcome.answers):
        found = _compare_one(np.asarray(got), expected, i)
        if found is not None:
            return Difference(found[0], i, found[1], run)
    return None


def _compare_one(got: np.ndarray, expected: Expected, i: int) -> tuple[str, str] | None:
    want, dtype = expected.answers[i], expected.dtypes[i]
    if got.dtype != dtype:
        return "dtype", f"dtype {got.dtype}, not {dtype}"
    if got.shape != want.shape:
        return "shape", f"shape {got.shape}, not {want.shape}"
    bad = _apart(got, want, expected.slack[i])
    if bad.any() and expected.noisy < MANY:
        expected.widen(MANY)
        bad = _apart(got, want, expected.slack[i])
    if not bad.any():
        return None
    at = tuple(int(k) for k in np.argwhere(bad)[0])
    return "value", (f"{int(bad.sum())} of {bad.size} elements differ, first at {at}: {got[at]!r}, not {want[at]!r} "
                     f"(within {expected.slack[i][at]:.2g})")


def _apart(got: np.ndarray, want: np.ndarray, slack: np.ndarray) -> np.ndarray:
    if want.dtype.kind != "f":
        return (got != want) & (slack == 0)
    with np.errstate(all="ignore"):
        wide = got.astype(np.float64)
        near = np.abs(wide - want) <= slack
    return ~(near | (wide == want) | (np.isnan(wide) & np.isnan(want)) | np.isinf(slack))


def functions_in(text: str) -> tuple[str, ...]:
    """The names of the functions, methods and operators in a program's text."""
    names = set(re.findall(r"(?:np|npx|nd|linalg)\.(\w+)\(", text)) | set(re.findall(r"v\d+\.(\w+)\(", text))
    return tuple(sorted(names - {"array", "asnumpy", "attach_grad", "RandomState"}))
