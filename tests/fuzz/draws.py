"""Generator state: random choices from Hypothesis, and the program under construction. The reference runs each
statement as it is added, so that shapes fit and values stay bounded."""
from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from .reference import autograd
from .reference.arrays import Array
from .reference.nd import nd as reference_nd
from .reference.noise import EPS
from .reference.np import np as reference_np
from .reference.np import npx as reference_npx
from .reference.values import WORLD, NoAnswer

T = TypeVar("T")

#: Axis sizes; small ones are drawn more often.
SIZES = (1, 2, 3, 0, 1, 5, 8, 16, 17, 33, 64)
#: The largest number of elements of an array.
BOUND = 2500
#: Further batch sizes that a program is run with.
BATCHES = (1, 2, 3, 5, 8, 17)


@lru_cache(maxsize=4096)
def _between(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low, high)


class Draws:
    """A source of choices; each shrinks towards the first or the lowest."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return low if low >= high else self._draw(_between(low, high))

    def pick(self, among: Sequence[T]) -> T:
        return among[self.integer(0, len(among) - 1)]

    def flag(self, percent: int) -> bool:
        return self.integer(0, 99) >= 100 - percent

    def sample(self, among: Sequence[T], count: int) -> list[T]:
        """Several distinct elements, in any order."""
        left = list(among)
        return [left.pop(self.integer(0, len(left) - 1)) for _ in range(count)]


class Seeded(Draws):
    """Choices from a random generator."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        return low if low >= high else self._random.randint(low, high)


@dataclass
class Var:
    """A variable of the program: its array in the reference, the function that made it, the kinds of its readers."""

    name: str
    array: Any
    made_by: str
    recorded: bool = False  # whether it was made while recording
    readers: set[str] = field(default_factory=set)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype

    @property
    def is_float(self) -> bool:
        return self.array.dtype.kind == "f"

    @property
    def tracked(self) -> bool:
        return self.array.source is not None


class Refused(Exception):
    """The rejection of a statement: it fails, or its result is too large or not finite."""


class Program:
    """A program under construction: its lines, and the state of the reference after them."""

    def __init__(self, draws: Draws, flavour: str = "") -> None:
        self.d = draws
        self.flavour = flavour or ("nd" if draws.flag(35) else "np")
        sizes = SIZES if self.flavour == "np" else [n for n in SIZES if n]  # nd has no empty arrays
        self.n = draws.pick(sizes)
        self.lines: list[str] = []
        self.indent = 0
        self.vars: list[Var] = []
        self.popular: list[Var] = []
        self.counter = 0
        self.twice = False  # whether there is a second derivative, which needs the graphs of the first
        self.functions: set[str] = set()  # the public names called
        self.names: list[str] = []  # descriptions of the answers, for reports
        self.space: dict[str, Any] = {
            "np": reference_np, "npx": reference_npx, "nd": reference_nd, "autograd": autograd, "onp": np, "n": self.n,
            "out": []}
        #: Axis sizes that this program's arrays share; "n" is the batch size.
        self.dims: list[Any] = ["n", *(draws.pick(sizes) for _ in range(3))]

    # ---- statements ------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def execute(self, text: str) -> None:
        """Run a statement in the reference, and append it."""
        try:
            with np.errstate(all="ignore"):
                exec(text, self.space)
        except (NoAnswer, ValueError, IndexError, TypeError, AttributeError, ZeroDivisionError, KeyError,
                OverflowError, np.exceptions.AxisError) as error:
            raise Refused(f"{text}: {error!r}") from error
        for line in text.splitlines():
            self.line(line)

    def evaluate(self, expression: str) -> Any:
        try:
            with np.errstate(all="ignore"):
                return eval(expression, self.space)
        except (NoAnswer, ValueError, IndexError, TypeError, AttributeError, ZeroDivisionError, KeyError,
                OverflowError, np.exceptions.AxisError) as error:
            raise Refused(f"{expression}: {error!r}") from error

    def assign(self, expression: str, made_by: str, name: str | None = None) -> Var:
        """Append the statement `vK = expression`."""
        value = self.evaluate(expression)
        if isinstance(value, (list, tuple)):
            if not value:
                raise Refused("nothing")
            index = self.d.integer(0, len(value) - 1)
            expression, value = f"{expression}[{index}]", value[index]
        check(value)
        if name is None:
            name = f"v{self.counter}"
            self.counter += 1
        var = Var(name, value, made_by, self.recording)
        self.vars = [v for v in self.vars if v.name != name] + [var]
        self.popular = [v for v in self.popular if v.name != name]
        self.space[name] = value
        self.line(f"{name} = {expression}")
        return var

    def refresh(self, var: Var, made_by: str) -> None:
        """Update a variable that a statement has bound to another value."""
        value = self.space[var.name]
        check(value)
        self.vars = [v for v in self.vars if v is not var] + [Var(var.name, value, made_by, self.recording)]

    def answer(self, expression: str, name: str) -> None:
        self.execute(f"out.append({expression})")
        self.names.append(name)

    def drop(self, var: Var) -> None:
        self.line(f"del {var.name}")
        self.vars.remove(var)
        self.popular = [v for v in self.popular if v is not var]
        del self.space[var.name]

    # ---- operands --------------------------------------------------------------------------------

    def operand(self, kind: str, wanted: Callable[[Var], bool] = lambda v: True) -> Var:
        """A suitable variable: popular ones, which have readers of several kinds, come first; then the newest."""
        fits = [v for v in self.vars if wanted(v)]
        if not fits:
            raise Refused("no operand")
        favourites = [v for v in self.popular if v in fits and kind not in v.readers]
        if favourites and self.d.flag(50):
            found = self.d.pick(favourites)
        else:
            found = fits[len(fits) - 1 - self.d.integer(0, len(fits) - 1)]
        found.readers.add(kind)
        return found

    @property
    def recording(self) -> bool:
        return WORLD.recording

    @property
    def text(self) -> str:
        """The source of the program."""
        body = "\n".join("    " + line for line in self.lines)
        return f"def program(n):\n    out = []\n{body}\n    return out\n"

    def axis(self, ndim: int) -> int:
        """An axis number, counted from either end."""
        if not ndim:
            raise Refused("no axis")
        return self.d.integer(0, ndim - 1) - (ndim if self.d.flag(50) else 0)

    def pick_axis(self, shape: tuple[int, ...], size: int) -> int:
        """An axis of a given size."""
        fits = [i for i, n in enumerate(shape) if n == size]
        if not fits:
            raise Refused("no such axis")
        return self.d.pick(fits)

    def axes(self, ndim: int) -> Any:
        """None, an axis, or several."""
        choice = self.d.integer(0, 9)
        if choice < 2 or not ndim:
            return None
        if choice < 7:
            return self.axis(ndim)
        return tuple(self.d.sample(range(ndim), self.d.integer(1, ndim)))


LIMITS = {"float16": (300.0, 1e-2), "float32": (1e4, 1e-8), "float64": (1e4, 1e-12)}


def check(value: Any) -> None:
    """Refuse a value that is not an array, is too large, or leaves the safe range of its dtype."""
    if not isinstance(value, Array):
        raise Refused("no array")
    if value.size > BOUND or value.ndim > 5:
        raise Refused("too large")
    if value.dtype.kind == "f":
        if value.dtype.name not in EPS:
            raise Refused("dtype")
        high, low = LIMITS[value.dtype.name]
        size = np.abs(value.memory)
        if not np.isfinite(size).all() or (size > high).any() or ((size < low) & (size > 0)).any():
            raise Refused("range")
