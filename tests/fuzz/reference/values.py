"""Values and the tape: operations, and the record of them."""
from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .noise import Noise, limited

FLOAT64 = np.dtype(np.float64)


class NoAnswer(Exception):
    """The refusal of a program that MXNet refuses, or that the reference does not support."""


#: Bounds on elements of a value and on products in a sum: another batch size may make a program's arrays grow.
ELEMENTS, PRODUCTS = 1 << 15, 1 << 22


def bounded(shape: Sequence[int], most: int = ELEMENTS) -> None:
    """Refuse a computation that takes too long, before it starts."""
    if math.prod(shape) > most:
        raise NoAnswer("too large")


class World:
    """The state of the run in progress."""

    def __init__(self) -> None:
        self.noise: Noise | None = None
        self.recording = False
        self.training = False


WORLD = World()
_ORDER = itertools.count()


class Variable:
    """A variable: the array of its gradient, and the request (write, add) by which gradients are stored."""

    def __init__(self, grad: Any, request: str) -> None:
        self.grad = grad
        self.request = request


class Step:
    """An operation on the tape."""

    __slots__ = ("op", "inputs", "output", "order", "consumed")

    def __init__(self, op: Op, inputs: list[Value], output: Value) -> None:
        self.op = op
        self.inputs = inputs
        self.output = output
        self.order = next(_ORDER)
        self.consumed = False


class Value:
    """Immutable elements: floats in float64 whatever their `dtype`, integers and bools in it."""

    __slots__ = ("data", "dtype", "source")

    def __init__(self, data: np.ndarray, dtype: np.dtype, source: Step | Variable | None = None) -> None:
        self.data = data
        self.dtype = dtype
        self.source = source

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape


def stored(data: Any, dtype: np.dtype) -> np.ndarray:
    """`data` as a `Value` of `dtype` stores it."""
    with np.errstate(all="ignore"):
        return np.asarray(data).astype(FLOAT64 if dtype.kind == "f" else dtype)


class Op:
    """A primitive operation: `compute` on arrays, `error` for a noisy run, `pull` for the gradient."""

    own_gradient = False  # whether the gradient ignores the output's cotangent, even zeros

    def compute(self, arrays: list[np.ndarray]) -> np.ndarray:
        raise NotImplementedError

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Noise) -> np.ndarray:
        """`out` with the random rounding of a noisy run."""
        raise NotImplementedError

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        """The cotangent of input `i` from that of the output; None for zeros."""
        raise NotImplementedError

    def passed(self) -> None:
        """The hook of a backward that passes through the step, even with zeros."""


class Tie(Op):
    """The first input's elements, as a function of all inputs: the others only selected elements or gave their shape.

    quiet: the first input is a gradient, the others are the heads that it was derived from. A second derivative through
        it is no backward through the heads.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        if i and step.output.dtype.kind in "iu" and step.inputs[i].dtype.kind in "iu":
            raise NoAnswer("a derivative through integers")
        return None if i else g


class Once(Tie):
    """A gradient that MXNet cannot differentiate."""

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        raise NoAnswer("a derivative of this gradient")


TIE, DERIVATIVE, ONCE = Tie(), Tie(quiet=True), Once()


def tied(x: Value, operands: Sequence[Value], op: Tie = TIE) -> Value:
    """`x` as a function of those `operands` that are recorded."""
    recorded = [v for v in operands if v.source is not None]
    made = Value(x.data, x.dtype)
    if recorded:
        made.source = Step(op, [x, *recorded], made)
    return made if recorded else x


def apply(op: Op, inputs: Sequence[Value], dtype: np.dtype, data: np.ndarray | None = None) -> Value:
    """The value of `op`, recorded if a derivative passes through it. data: its elements, if already known."""
    arrays = [x.data for x in inputs]
    with np.errstate(all="ignore"):
        out = stored(op.compute(arrays) if data is None else data, dtype)
        if WORLD.noise is not None and dtype.kind == "f":
            out = limited(op.error(out, arrays, dtype, WORLD.noise), out, dtype, WORLD.noise)
    bounded(out.shape)
    made = Value(out, dtype)
    if WORLD.recording and dtype.kind == "f" and any(x.source is not None for x in inputs):
        made.source = Step(op, list(inputs), made)
    return made
