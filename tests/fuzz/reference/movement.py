"""Movement, and sums, which are its transposes: index maps are found by letting NumPy move index numbers."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .noise import Noise, rounded_sums
from .values import WORLD, Op, Step, Value, apply, bounded, stored


class Gather(Op):
    """Each output element is an input element or a constant (index -1): `places` indexes the flattened input."""

    def __init__(self, places: np.ndarray, shape: tuple[int, ...]) -> None:
        self.places = places
        self.shape = shape

    def compute(self, arrays: list[np.ndarray]) -> np.ndarray:
        flat = np.concatenate([arrays[0].reshape(-1), np.zeros(1, arrays[0].dtype)])
        return flat[self.places]

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Noise) -> np.ndarray:
        return out

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        return apply(Scatter(self.places, self.shape), [g], g.dtype)


class Scatter(Op):
    """The transpose of a gather: each output element is the sum of the input elements at its indices."""

    def __init__(self, places: np.ndarray, shape: tuple[int, ...]) -> None:
        self.places = places
        self.shape = shape

    def compute(self, arrays: list[np.ndarray]) -> np.ndarray:
        flat, size = arrays[0].reshape(-1), int(np.prod(self.shape))
        places = self.places.reshape(-1)
        kept = places >= 0
        if flat.dtype.kind == "f":
            return np.bincount(places[kept], flat[kept], size)[:size].reshape(self.shape)
        out = np.zeros(size, flat.dtype)
        np.add.at(out, places[kept], flat[kept])
        return out.reshape(self.shape)

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Noise) -> np.ndarray:
        bound = self.compute([abs(arrays[0])])
        places = self.places.reshape(-1)
        alone = np.bincount(places[places >= 0], minlength=out.size).reshape(out.shape) <= 1
        return rounded_sums(out, arrays[:1], bound, dtype, noise, growth(arrays[0].size, out.size), alone)

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        return apply(Gather(self.places, self.shape), [g], g.dtype)


def growth(terms: int, sums: int) -> float:
    """The accumulated rounding error of sums, in units of one rounding."""
    return max(2.0, 0.5 * (terms / max(sums, 1)) ** 0.5)


def move(fn: Callable[..., Any], inputs: Sequence[Value], dtype: np.dtype) -> Any:
    """The result of `fn`, which moves the inputs' elements and may insert constants: an array, or a list.

    The index map is found by moving index numbers twice, the second time with an offset: a result that differs by the
    offset is an input element.
    """
    offset = sum(x.data.size for x in inputs)
    numbers, start = [], 0
    for x in inputs:
        numbers.append(np.arange(start, start + x.data.size, dtype=np.int64).reshape(x.shape))
        start += x.data.size
    made = fn(*[x.data for x in inputs])
    if not (WORLD.recording and dtype.kind == "f" and any(x.source is not None for x in inputs)):
        return [Value(stored(m, dtype), dtype) for m in made] if isinstance(made, (list, tuple)) \
            else Value(stored(made, dtype), dtype)
    once, twice = fn(*numbers), fn(*[n + offset for n in numbers])
    if isinstance(made, (list, tuple)):
        return [_moved(inputs, m, o, t, offset, dtype) for m, o, t in zip(made, once, twice, strict=True)]
    return _moved(inputs, made, once, twice, offset, dtype)


def _moved(inputs: Sequence[Value], data: np.ndarray, once: np.ndarray, twice: np.ndarray, offset: int,
           dtype: np.dtype) -> Value:
    places = np.where(twice - once == offset, once, -1)
    whole = inputs[0] if len(inputs) == 1 else _joined(inputs, dtype)
    return apply(Gather(places, whole.shape), [whole], dtype, data)


class Join(Op):
    """The concatenation of all inputs, flattened."""

    def compute(self, arrays: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([a.reshape(-1) for a in arrays])

    def error(self, out: np.ndarray, arrays: list[np.ndarray], dtype: np.dtype, noise: Noise) -> np.ndarray:
        return out

    def pull(self, step: Step, i: int, g: Value) -> Value | None:
        sizes = [x.data.size for x in step.inputs]
        start = sum(sizes[:i])
        places = np.arange(start, start + sizes[i]).reshape(step.inputs[i].shape)
        return apply(Gather(places, g.shape), [g], g.dtype)


def _joined(inputs: Sequence[Value], dtype: np.dtype) -> Value:
    return apply(Join(), list(inputs), dtype)


def spread(x: Value, shape: tuple[int, ...]) -> Value:
    """`x` broadcast to `shape`."""
    bounded(shape)
    return x if x.shape == shape else move(lambda a: np.broadcast_to(a, shape), [x], x.dtype)


def summed_to(x: Value, shape: tuple[int, ...]) -> Value:
    """`x` summed over the axes along which `shape` would be broadcast to the shape of `x`."""
    if x.shape == shape:
        return x
    places = np.broadcast_to(np.arange(int(np.prod(shape))).reshape(shape), x.shape)
    return apply(Scatter(places, shape), [x], x.dtype)
