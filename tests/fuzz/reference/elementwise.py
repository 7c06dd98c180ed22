"""Functions of scalars, broadcast over arrays: their derivatives are finite differences."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from .movement import spread, summed_to
from .noise import EPS, Noise, any_zero, cancelled, rounded
from .values import WORLD, Op, Step, Value, apply, bounded


def zero(*arrays: Any) -> np.ndarray:
    """The slope of a step function: MXNet computes no derivative behind it, so that it hides an infinite one."""
    return np.zeros(np.broadcast_shapes(*(np.shape(a) for a in arrays)))


class Elementwise(Op):
    """A function of scalars, broadcast over arrays.

    exact: the function is computed with one rounding, not with an error of `ulps`.
    slopes: the derivative by each operand (a function, or an Elementwise with its own errors) where finite differences
        do not serve (steps, kinks).
    blunt: formulas of the derivative lose what is small beside 1.
    """

    def __init__(self, name: str, fn: Callable[..., Any], *, exact: bool = False, ulps: float = 4.0,
                 slopes: Sequence[Callable[..., Any] | None] | None = None, blunt: bool = False) -> None:
        self.name = name
        self.fn = fn
        self.exact = exact
        self.ulps = ulps
        self.slopes = slopes
        self.blunt = blunt
        self.difference_of: tuple[Elementwise, int] | None = None  # (f, i): this is f's finite difference by operand i

    def compute(self, arrays: list[np.ndarray]) -> np.ndarray:
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
        bounded(shape)
        return np.broadcast_to(self.fn(*arrays), shape)

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Noise) -> np.ndarray:
        ulps = 1.0 if self.exact else self.ulps
        floor: Any = 1.0 if self.blunt else 0.0
        if self.difference_of is not None:
            doubt = self.doubt([np.asarray(a, np.longdouble) for a in arrays]) / (ulps * EPS[dtype.name])
            floor = np.maximum(np.where(np.isfinite(doubt), doubt, 0.0), floor).astype(np.float64)
        if self.fn in (np.add, np.subtract):
            out = cancelled(out, abs(arrays[0]) + abs(arrays[1]), dtype, noise)
        if self.fn in (np.maximum, np.minimum, np.fmax, np.fmin):
            out = any_zero(out, noise)
        twice = self.difference_of is not None and self.difference_of[0].difference_of is not None
        if self.exact and not twice:  # a difference of differences is not exactly 0 where the derivative is
            return rounded(out, dtype, noise, ulps, floor=floor)
        return rounded(out, dtype, noise, ulps, exact=False, floor=floor)

    def doubt(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """The absolute error from digits that the evaluation loses: finite differences lose many."""
        if self.difference_of is None:
            values = np.asarray(self.fn(*arrays))
            eps = np.finfo(values.dtype).eps if values.dtype.kind == "f" else 0.0
            return np.maximum(abs(values), 1.0 if self.blunt else 0.0) * eps
        op, i = self.difference_of
        return op.doubt(arrays) * 2 / step_of(arrays[i])

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        if self.slopes is not None and self.slopes[i] is zero:
            return None
        slope = spread(apply(self.slope(i), step.inputs, g.dtype), step.output.shape)
        return self.summed(step, i, apply(SCALED, [slope, g], g.dtype))

    @staticmethod
    def summed(step: Step, i: int, g: Value) -> Value:
        """Reduce a cotangent of the output's shape to the shape and dtype of operand `i`."""
        return cast(summed_to(g, step.inputs[i].shape), step.inputs[i].dtype)

    def slope(self, i: int) -> Elementwise:
        """The derivative by operand `i`, itself a function of scalars."""
        return _slope(self, i)


class Choice(Elementwise):
    """A selection among the elements of several operands: the gradient goes to the source of each, zeros elsewhere.

    masks: for each operand a function that tells which elements come from it.
    """

    def __init__(self, name: str, fn: Callable[..., Any], masks: Sequence[Callable[..., Any]]) -> None:
        super().__init__(name, fn, exact=True)
        self.masks = masks

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        mask = self.masks[i](*(x.data for x in step.inputs))
        kept = Choice("kept", lambda x: np.where(mask, x, 0.0), [lambda x: mask])
        return self.summed(step, i, apply(kept, [g], g.dtype))


class Scaled(Elementwise):
    """A slope times a gradient. A noisy run leaves 0 times infinity or NaN open: some formulas select instead."""

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Noise) -> np.ndarray:
        out = super().error(out, arrays, dtype, noise)
        slope, g = np.broadcast_arrays(*arrays)
        return np.where((slope == 0) & ~np.isfinite(g), noise.unit(out.shape), out)


@cache
def _slope(op: Elementwise, i: int) -> Elementwise:
    known = op.slopes[i] if op.slopes else None
    if isinstance(known, Elementwise):
        return known
    made = Elementwise(f"d{op.name}/d{i}", known or (lambda *arrays: difference(op, i, arrays, {})), exact=op.exact,
                       ulps=op.ulps, blunt=not op.exact)
    made.difference_of = None if known else (op, i)
    return made


def step_of(x: np.ndarray) -> np.ndarray:
    """The step size of finite differences: a power of two, smaller near 0 and larger for large numbers.

    A noisy run takes another one, so that the spread shows the error of the differences.
    """
    size = abs(x)
    scale = np.where(size > 1, np.maximum(size / 16, 1.0), np.where(size > 0, size, 1.0))
    return np.asarray((2.0**-12 if WORLD.noise is None else 2.0**-11) * np.exp2(np.floor(np.log2(scale))))


def difference(op: Elementwise, i: int, arrays: Sequence[np.ndarray], steps: dict[int, np.ndarray]) -> np.ndarray:
    """The derivative of `op` by argument `i`: a central difference of order 6, in 80 bits where NumPy can.

    At a kink (or a jump) a noisy run picks the slope of one of the sides at random. Where the function is undefined or
    infinite it takes a random number, as the result of a derivative's formula is open there.
    steps: the step sizes, by argument, of an outer difference that calls this one.
    """
    wide = [np.asarray(a, np.longdouble) for a in np.broadcast_arrays(*arrays)]
    x = wide[i]
    steps = {i: step_of(x), **steps}
    h = steps[i]

    def at(k: int) -> np.ndarray:
        moved = [w + k * h if j == i else w for j, w in enumerate(wide)]
        found = difference(*op.difference_of, moved, steps) if op.difference_of else op.fn(*moved)
        return np.asarray(found, np.longdouble)

    here, up, down = at(0), [at(k) for k in (1, 2, 3)], [at(-k) for k in (1, 2, 3)]
    central = (45 * (up[0] - down[0]) - 9 * (up[1] - down[1]) + (up[2] - down[2])) / (60 * h)
    right, left = (up[1] - up[0]) / h, (down[0] - down[1]) / h
    near, far = (up[0] - 2 * here + down[0]) / h, (up[1] - 2 * here + down[1]) / (2 * h)  # h and 2h times the curvature
    bent = (abs(near) > 0.75 * abs(far)) & (abs(near) > 64 * op.doubt(wide) / h)
    least = 1e-3 * np.maximum(abs(up[0]), abs(down[0])) / h
    jumps = (abs(central - right) > least) & (abs(central - left) > least)
    central = np.where(np.isfinite(here), np.where(jumps, (left + right) / 2, central), np.nan)
    if WORLD.noise is not None:
        share = (WORLD.noise.unit(x.shape) + 1) / 2
        central = np.where(bent | jumps, left + share * (right - left), central)
        central = np.where(np.isnan(central), share, central)
    return central


ADD = Elementwise("add", np.add, exact=True, slopes=[lambda x, y: np.ones_like(x), lambda x, y: np.ones_like(y)])
SUBTRACT = Elementwise("subtract", np.subtract, exact=True, slopes=[
    lambda x, y: np.ones_like(x), lambda x, y: -np.ones_like(y)])
MULTIPLY = Elementwise("multiply", np.multiply, exact=True, slopes=[lambda x, y: y, lambda x, y: x])
DIVIDE = Elementwise("divide", np.divide, exact=True, slopes=[lambda x, y: 1 / y, lambda x, y: -x / (y * y)])
SCALED = Scaled("scaled", np.multiply, exact=True, slopes=MULTIPLY.slopes)
NEGATIVE = Elementwise("negative", np.negative, exact=True, slopes=[lambda x: -np.ones_like(x)])
SQUARE = Elementwise("square", np.square, exact=True, slopes=[lambda x: 2 * x])
SAME = Elementwise("same", lambda x: x, exact=True, slopes=[np.ones_like])
CAST = Elementwise("cast", lambda x: x, exact=True, slopes=[np.ones_like])


def cast(x: Value, dtype: np.dtype) -> Value:
    """`x` in another dtype; floats become integers by truncation, and wrap around as integers do."""
    if x.dtype == dtype:
        return x
    data = x.data
    if x.dtype.kind == "f" and dtype.kind in "iu":
        # C leaves this undefined. The processor converts to 32 or 64 bits, whose lowest number means "too large".
        wide = np.dtype(np.int64 if dtype.itemsize == 8 else np.int32)
        limits = np.iinfo(wide)
        inside = (data > limits.min - 1.0) & (data < limits.max + (0.0 if wide.itemsize == 8 else 1.0))
        whole = np.where(inside, np.trunc(np.where(inside, data, 0.0)), limits.min).astype(wide)
        made = Value(whole.astype(dtype), dtype)
        if WORLD.recording and x.source is not None:
            made.source = Step(CAST, [x], made)  # MXNet gives it the derivative of the identity
        return made
    if dtype.kind == "b":
        return Value(data != 0, dtype)
    return apply(CAST, [x], dtype)
