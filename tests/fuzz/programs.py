"""Programs: Hypothesis's strategy for imperative Python scripts over all public functions."""
from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from .draws import BATCHES, Draws, Program
from .reference.values import WORLD
from .statements import OUTSIDE, attempt, differentiated, leaf


@dataclass(frozen=True)
class Script:
    """A program: its text, batch sizes (it was made for the first), descriptions of its answers, and names it calls."""

    text: str
    sizes: tuple[int, ...]
    names: tuple[str, ...]
    functions: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return runnable(self.text, self.sizes[0])


def runnable(text: str, size: int, runs: int = 5) -> str:
    """The program as a standalone script."""
    used = [name for name in ("autograd", "nd", "np", "npx") if re.search(rf"\b{name}\.", text)]
    return (f"import numpy as onp\n\nfrom tracer import {', '.join(used)}\n\n\n{text}\n\nfor _ in range({runs}):\n"
            f"    print(program({size}))\n")


@st.composite
def scripts(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Script:
    """A program with its batch sizes."""
    d = Draws(draw)
    WORLD.noise, WORLD.recording, WORLD.training = None, False, False
    p = Program(d)
    for i in range(d.integer(1, 3)):
        attempt(p, lambda p, i=i: leaf(p, None if i else "float32"))
    if d.flag(40):
        attempt(p, lambda p: leaf(p, "int32"))
    _several(p, 4)
    if d.flag(75):
        for _ in range(d.pick([1, 1, 2])):
            attempt(p, differentiated, 1)
            _several(p, 3)
    else:
        _several(p, 8)
    _finish(p)
    return Script(p.text, _sizes(p), tuple(p.names), tuple(sorted(p.functions)))


def _several(p: Program, most: int) -> None:
    for _ in range(p.d.integer(0, most)):
        attempt(p, p.d.pick(OUTSIDE))


def _finish(p: Program) -> None:
    """Delete the variables that are not looked at; the others are the program's answers."""
    kept = [v for v in p.vars if v.made_by == "leaf" or p.d.flag(60)] or p.vars[-1:]
    gone = [v.name for v in p.vars if v not in kept]
    if gone:
        p.line(f"del {', '.join(gone)}")
    for v in kept:
        p.answer(f"{v.name}.asnumpy()", v.name)


def _sizes(p: Program) -> tuple[int, ...]:
    """The size that the program was made for; more sizes if its arrays have the batch size."""
    if not re.search(r"[(,] ?n[,)]", p.text.partition("\n")[2]):
        return (p.n,)
    return (p.n, *dict.fromkeys(p.d.pick(BATCHES) for _ in range(2)))
