"""Seeded random programs: NumPy-like functions on a growing list of arrays, valid by construction.

A program is made while NumPy runs it, so that shapes fit and values stay bounded. The same steps run on
`tracer.np`.
"""
from __future__ import annotations

import operator
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: The function of each step by its name: (xp, operands, static arguments) -> value.
MEANINGS: dict[str, Callable] = {
    "tanh": lambda xp, v, s: xp.tanh(v[0]),
    "sin": lambda xp, v, s: xp.sin(v[0]),
    "exp": lambda xp, v, s: xp.exp(xp.tanh(v[0])),
    "log": lambda xp, v, s: xp.log(1.5 + xp.tanh(v[0])),
    "sqrt": lambda xp, v, s: xp.sqrt(v[0] * v[0] + 0.5),
    "square": lambda xp, v, s: xp.square(v[0]) * 0.5,
    "negative": lambda xp, v, s: -v[0],
    "scale": lambda xp, v, s: v[0] * s[0] + s[1],
    "add": lambda xp, v, s: v[0] + v[1],
    "subtract": lambda xp, v, s: v[0] - v[1],
    "multiply": lambda xp, v, s: v[0] * v[1],
    "divide": lambda xp, v, s: v[0] / (v[1] * v[1] + 1.0),
    "sum": lambda xp, v, s: v[0].sum(axis=s[0], keepdims=s[1]) * 0.25,
    "mean": lambda xp, v, s: v[0].mean(axis=s[0], keepdims=s[1], dtype=v[0].dtype),
    "softmax": lambda xp, v, s: xp.exp(v[0]) / xp.exp(v[0]).sum(axis=s[0], keepdims=True),
    "center": lambda xp, v, s: v[0] - v[0].mean(axis=s[0], keepdims=True, dtype=v[0].dtype),
    "matmul": lambda xp, v, s: xp.matmul(v[0], v[1]) * 0.25,
    "dot": lambda xp, v, s: xp.dot(v[0], v[1].T) * 0.25,
    "reshape": lambda xp, v, s: v[0].reshape(s[0]),
    "transpose": lambda xp, v, s: v[0].transpose(s[0]),
    "slice": lambda xp, v, s: v[0][s[0]],
    "concatenate": lambda xp, v, s: xp.concatenate([v[0], v[1]], axis=s[0]),
    "stack": lambda xp, v, s: xp.stack([v[0], v[1]], axis=s[0]),
    "expand_dims": lambda xp, v, s: xp.expand_dims(v[0], s[0]),
    "broadcast_to": lambda xp, v, s: xp.broadcast_to(v[0], s[0]),
    "take": lambda xp, v, s: xp.take(v[0], xp.array(s[0], dtype="int32"), axis=s[1]),
    "cumsum": lambda xp, v, s: xp.cumsum(v[0], axis=s[0]) * 0.25,
    # with kinks or ties
    "abs": lambda xp, v, s: xp.abs(v[0]),
    "max": lambda xp, v, s: v[0].max(axis=s[0], keepdims=s[1]),
    "min": lambda xp, v, s: v[0].min(axis=s[0], keepdims=s[1]),
    "maximum": lambda xp, v, s: xp.maximum(v[0], v[1]),
    "minimum": lambda xp, v, s: xp.minimum(v[0], v[1]),
    "where": lambda xp, v, s: xp.where(v[0] > v[1], v[0], v[1] * 0.5),
    "floor": lambda xp, v, s: xp.floor(v[0] * 3) * 0.25,
    "mask": lambda xp, v, s: v[0] * (v[0] > 0.1),
    "whole": lambda xp, v, s: (v[0] * 4).astype("int32").astype(s[0]) * 0.25,
    "remainder": lambda xp, v, s: ((v[0] * 8).astype("int32") % 3).astype(s[0]),
    "argmax": lambda xp, v, s: v[0].argmax(axis=s[0]).astype(s[1]) * 0.25,
    # in place
    "write": lambda xp, v, s: _write(v[0], s[0], v[1][s[1]]),
    "fill": lambda xp, v, s: _write(v[0], s[0], 0.5),
    "write_view": lambda xp, v, s: _write_view(v[0], s[0]),
    "iadd": lambda xp, v, s: operator.iadd(v[0].copy(), v[1]),
    "imul": lambda xp, v, s: operator.imul(v[0].copy(), v[1]),
}
SMOOTH = list(MEANINGS)[:list(MEANINGS).index("abs")]
KINKED = list(MEANINGS)[len(SMOOTH):list(MEANINGS).index("write")]
IN_PLACE = list(MEANINGS)[list(MEANINGS).index("write"):]


def _write(a: Any, key: Any, value: Any) -> Any:
    a = a.copy()
    a[key] = value
    return a


def _write_view(a: Any, index: int) -> Any:
    a = a.copy()
    row = a[index]
    row *= 0.5
    row[:] = row + a[-1]
    return a


@dataclass
class RandomProgram:
    """A program: leaves, and steps of (name, positions of the operands, static arguments)."""

    leaves: list[np.ndarray]
    steps: list[tuple[str, list[int], tuple]] = field(default_factory=list)

    def run(self, xp: Any, leaves: list[Any],
            read: Callable[[Any], Any] = lambda value: None) -> list[Any]:
        """The values of all steps on leaves that are arrays of `xp`; `read` is called with each value as it is made."""
        values = list(leaves)
        for name, positions, statics in self.steps:
            values.append(MEANINGS[name](xp, [values[p] for p in positions], statics))
            read(values[-1])
        return values[len(leaves):]


def _key(rng: random.Random, shape: tuple[int, ...]) -> tuple:
    """A basic index that takes a slice, a strided slice or one element of each axis."""
    key: list[Any] = []
    for n in shape[:rng.randint(1, len(shape))]:
        if rng.random() < 0.3:
            key.append(rng.randrange(-n, n))
        else:
            start = rng.randrange(n)
            key.append(slice(start, rng.randint(start + 1, n), rng.choice([None, None, 1, 2])))
    return tuple(key)


def _statics(rng: random.Random, name: str, v: list[np.ndarray]) -> tuple | None:
    """Static arguments for a step on values `v`; None when the step does not apply to them."""
    a = v[0]
    axis = rng.randrange(-a.ndim, a.ndim) if a.ndim else None
    if name in ("sum", "mean", "max", "min"):
        many = tuple(sorted(rng.sample(range(a.ndim), 2))) if a.ndim > 1 else None
        return rng.choice([None, axis, axis, many]), rng.random() < 0.4
    if name == "scale":
        return rng.choice([0.5, -0.75, 1.25]), rng.choice([0.1, -0.2, 1])
    if name in ("softmax", "center", "cumsum"):
        return None if a.ndim == 0 else (axis,)
    if name == "argmax":
        return None if a.ndim == 0 else (axis, a.dtype.name)
    if name in ("whole", "remainder"):
        return (a.dtype.name,)
    if name in ("matmul", "dot"):
        b = v[1] if name == "matmul" else np.transpose(v[1])
        fits = a.ndim >= 2 and b.ndim == 2 and a.shape[-1] == b.shape[0] and (name == "matmul" or a.ndim == 2)
        return () if fits else None
    if name == "reshape":
        n, cut = a.size, rng.randint(1, max(a.size, 1))
        return ((cut, -1),) if n and n % cut == 0 else ((-1,),) if n else None
    if name == "transpose":
        return (tuple(rng.sample(range(a.ndim), a.ndim)),) if a.ndim else None
    if name == "slice":
        return (_key(rng, a.shape),) if a.ndim else None
    if name == "concatenate":
        fits = a.ndim and a.shape == v[1].shape
        return (rng.randrange(a.ndim),) if fits else None
    if name == "stack":
        return (rng.randrange(a.ndim + 1),) if a.shape == v[1].shape and a.ndim < 4 else None
    if name == "expand_dims":
        return (rng.randrange(a.ndim + 1),) if a.ndim < 4 else None
    if name == "broadcast_to":
        return ((rng.randint(1, 3), *a.shape),) if a.ndim < 4 else None
    if name == "take":
        if not a.ndim:
            return None
        n = a.shape[axis]
        return [rng.randrange(n) for _ in range(rng.randint(1, 4))], axis
    if name == "write":
        if not a.ndim or a.shape != v[1].shape:
            return None
        key = _key(rng, a.shape)
        return key, key
    if name == "fill":
        return (_key(rng, a.shape),) if a.ndim else None
    if name == "write_view":
        return (rng.randrange(a.shape[0]),) if a.ndim >= 2 else None
    if name in ("iadd", "imul"):
        return () if np.broadcast_shapes(a.shape, v[1].shape) == a.shape else None
    return ()


def make(seed: int, names: list[str], dtype: str = "float32", length: int | None = None) -> RandomProgram:
    """The program of a seed: 2 to 4 leaves of related shapes, then steps with names from `names`."""
    rng, draw = random.Random(seed), np.random.RandomState(seed)
    m, n, k = (rng.choice([1, 2, 3, 4, 5, 7]) for _ in range(3))
    shapes: list[tuple[int, ...]] = [(m, n), (n, k), (n,), (m, n), (1, n), (), (k, m, n), (m, 1)]
    leaves = [draw.uniform(-1, 1, s).astype(dtype) for s in rng.sample(shapes, rng.randint(2, 4))]
    program, values = RandomProgram(leaves), list(leaves)
    wanted = length or rng.randint(3, 20)
    for _ in range(60 * wanted):
        if len(program.steps) == wanted:
            break
        name = rng.choice(names)
        positions = [rng.randrange(len(values)) for _ in range(2)]
        operands = [values[p] for p in positions]
        try:
            statics = _statics(rng, name, operands)
            with np.errstate(all="ignore"):
                value = None if statics is None else np.asarray(MEANINGS[name](np, operands, statics))
        except ValueError:  # shapes that do not broadcast
            continue
        if value is None or value.size == 0 or value.size > 4096 or value.ndim > 5:
            continue
        value = value.astype(dtype)
        if not np.isfinite(value).all() or np.abs(value).max() > 50:
            continue
        program.steps.append((name, positions, statics))  # type: ignore[arg-type]
        values.append(value)
    return program
