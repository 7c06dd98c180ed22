"""Smooth functions of whole arrays: the Jacobian is found column by column, by finite differences."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .elementwise import cast
from .noise import Noise, rounded
from .values import WORLD, NoAnswer, Op, Step, Value, apply


class Dense(Op):
    """A smooth function of whole arrays: its Jacobian is found by finite differences, column by column.

    slack: the allowed error of a right implementation, in roundings relative to the largest element.
    """

    def __init__(self, fn: Callable[..., Any], slack: float = 16.0) -> None:
        self.fn = fn
        self.slack = slack

    def compute(self, arrays: list[np.ndarray]) -> np.ndarray:
        return np.asarray(self.fn(*arrays))

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Noise) -> np.ndarray:
        moved = [rounded(a, dtype, noise, self.slack, False, np.max(abs(a), initial=0)) if a.dtype.kind == "f" else a
                 for a in arrays]
        out = np.asarray(self.fn(*moved))
        return rounded(out, dtype, noise, self.slack, False, np.max(abs(out), initial=0))

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        if WORLD.recording and step.inputs[i].data.size > 24:
            raise NoAnswer("a second derivative that takes too long")
        fn = lambda *arrays: jacobian_transposed(self.fn, i, arrays[:-1], arrays[-1])
        return cast(apply(Dense(fn, self.slack), [*step.inputs, g], g.dtype), step.inputs[i].dtype)


def jacobian_transposed(fn: Callable[..., Any], i: int, arrays: Sequence[np.ndarray], g: np.ndarray) -> np.ndarray:
    """The transposed Jacobian of `fn` by argument `i`, times `g`: central differences of order 4.

    A noisy run takes another step size, so that the spread shows the error of the differences.
    """
    x = arrays[i]
    out = np.zeros(x.size)
    h = 2.0**-11 if WORLD.noise is None else 2.0**-12.5

    def at(k: int, shift: float) -> np.ndarray:
        moved = x.copy().reshape(-1)
        moved[k] += shift
        given = list(arrays)
        given[i] = moved.reshape(x.shape)
        return np.asarray(fn(*given))

    for k in range(x.size):
        slope = (8 * (at(k, h) - at(k, -h)) - (at(k, 2 * h) - at(k, -2 * h))) / (12 * h)
        out[k] = np.sum(slope * g)
    return out.reshape(x.shape)
