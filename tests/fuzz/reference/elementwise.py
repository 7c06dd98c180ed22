"""Functions of scalars, broadcast: their derivatives are finite differences."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from .movement import spread, summed_to
from .noise import EPS, Noise, cancelled, rounded
from .values import WORLD, Op, Step, Value, apply, bounded


class Elementwise(Op):
    """A function of scalars, broadcast over arrays.

    exact: computed with one rounding; else with some `ulps`. slopes: for each operand its derivative, if finite
    differences do not serve (steps, kinks); blunt: formulas of its derivative lose what is small beside 1.
    """

    def __init__(self, name: str, fn: Callable[..., Any], *, exact: bool = False, ulps: float = 4.0,
                 slopes: Sequence[Callable[..., Any] | None] | None = None, blunt: bool = False) -> None:
        self.name = name
        self.fn = fn
        self.exact = exact
        self.ulps = ulps
        self.slopes = slopes
        self.blunt = blunt
        self.differences = 0  # how often finite differences were taken of it, each of which costs 12 of 64 bits

    def compute(self, arrays: list[np.ndarray]) -> np.ndarray:
        bounded(np.broadcast_shapes(*(a.shape for a in arrays)))
        return np.asarray(self.fn(*arrays))

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Noise) -> np.ndarray:
        twice = self.differences > 1  # a difference of differences is not exactly 0 where the derivative is
        least = 1.0 if self.exact else self.ulps
        ulps = max(least, 2.0**(12 * self.differences - 63) / EPS[dtype.name] if self.differences else 0.0)
        if self.fn in (np.add, np.subtract):
            out = cancelled(out, abs(arrays[0]) + abs(arrays[1]), dtype, noise)
        if self.exact and not twice:
            return rounded(out, dtype, noise, ulps)
        return rounded(out, dtype, noise, ulps, exact=False, floor=1.0 if self.blunt or twice else 0.0)

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        slope = spread(apply(self.slope(i), step.inputs, g.dtype), step.output.shape)
        return self.summed(step, i, apply(SCALED, [slope, g], g.dtype))

    @staticmethod
    def summed(step: Step, i: int, g: Value) -> Value:
        """A cotangent of the output's shape as operand `i`'s."""
        return cast(summed_to(g, step.inputs[i].shape), step.inputs[i].dtype)

    def slope(self, i: int) -> Elementwise:
        """The derivative by operand `i`, itself a function of scalars."""
        return _slope(self, i)


class Choice(Elementwise):
    """A choice among the elements of several operands: the gradient goes to where each came from, zeros elsewhere.

    masks: for each operand the function that says where it was chosen.
    """

    def __init__(self, name: str, fn: Callable[..., Any], masks: Sequence[Callable[..., Any]]) -> None:
        super().__init__(name, fn, exact=True)
        self.masks = masks

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        mask = self.masks[i](*(x.data for x in step.inputs))
        kept = Choice("kept", lambda x: np.where(mask, x, 0.0), [lambda x: mask])
        return self.summed(step, i, apply(kept, [g], g.dtype))


class Scaled(Elementwise):
    """A slope times a gradient. A noisy run leaves open what 0 times infinity or NaN is: some formulas choose."""

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Noise) -> np.ndarray:
        out = super().error(out, arrays, dtype, noise)
        slope, g = np.broadcast_arrays(*arrays)
        return np.where((slope == 0) & ~np.isfinite(g), noise.unit(out.shape), out)


@cache
def _slope(op: Elementwise, i: int) -> Elementwise:
    known = op.slopes[i] if op.slopes else None
    made = Elementwise(f"d{op.name}/d{i}", known or (lambda *arrays: difference(op.fn, i, arrays)), exact=op.exact,
                       ulps=op.ulps, blunt=not op.exact)
    made.differences = op.differences + (known is None)
    return made


def difference(fn: Callable[..., Any], i: int, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The derivative of `fn` by argument `i`: a central difference of order 6, in 80 bits where NumPy can.

    At a kink a noisy run decides at random between the slopes of the two sides; where the function is not defined it
    takes any number, as what a formula of the derivative gives there is open. A jump is a kink as well.
    """
    wide = [np.asarray(a, np.longdouble) for a in np.broadcast_arrays(*arrays)]
    x = wide[i]
    h = 2.0**-12 * np.exp2(np.floor(np.log2(np.where((x == 0) | (abs(x) > 1), 1, abs(x)))))

    def at(k: int) -> np.ndarray:
        return np.asarray(fn(*(w + k * h if j == i else w for j, w in enumerate(wide))), np.longdouble)

    up, down = [at(k) for k in (1, 2, 3)], [at(-k) for k in (1, 2, 3)]
    central = (45 * (up[0] - down[0]) - 9 * (up[1] - down[1]) + (up[2] - down[2])) / (60 * h)
    right, left = (up[1] - up[0]) / h, (down[0] - down[1]) / h
    middle = (up[0] - down[0]) / (2 * h)
    bent = abs(right - left) > 0.02 * (abs(right) + abs(left)) + 1e-3 * abs(middle) + 1e-12
    bent &= abs(middle - central) > 1e-6 * (abs(central) + abs(middle))
    jumps = (abs(central - right) * h > 0.01) & (abs(central - left) * h > 0.01)
    central = np.where(jumps, (left + right) / 2, central)
    if WORLD.noise is not None:
        share = (WORLD.noise.unit(x.shape) + 1) / 2
        central = np.where(bent | jumps, left + share * (right - left), central)
        central = np.where(np.isnan(central), share, central)
    return central


MULTIPLY = Elementwise("multiply", lambda x, y: x * y, exact=True,
                       slopes=[lambda x, y: np.broadcast_arrays(x, y)[1], lambda x, y: np.broadcast_arrays(x, y)[0]])
SCALED = Scaled("scaled", lambda x, y: x * y, exact=True)
ADD = Elementwise("add", np.add, exact=True)
SAME = Elementwise("same", lambda x: x, exact=True)
CAST = Elementwise("cast", lambda x: x, exact=True)


def cast(x: Value, dtype: np.dtype) -> Value:
    """`x` in another dtype; floats become integers by truncation, and wrap around as integers do."""
    if x.dtype == dtype:
        return x
    data = x.data
    if x.dtype.kind == "f" and dtype.kind in "iu":
        # What C leaves open is done as by the processor: through 32 bits or 64, whose lowest number means "too large".
        wide = np.dtype(np.int64 if dtype.itemsize == 8 else np.int32)
        limits = np.iinfo(wide)
        inside = (data > limits.min - 1.0) & (data < limits.max + (0.0 if wide.itemsize == 8 else 1.0))
        whole = np.where(inside, np.trunc(np.where(inside, data, 0.0)), limits.min).astype(wide)
        made = Value(whole.astype(dtype), dtype)
        if WORLD.recording and x.source is not None:
            made.source = Step(CAST, [x], made)  # to MXNet, this has the derivative of the identity
        return made
    if dtype.kind == "b":
        return Value(data != 0, dtype)
    return apply(CAST, [x], dtype)
