"""The functions that select elements by index arrays, and those on sequences."""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from .elementwise import ADD, Elementwise, cast
from .movement import Scatter, move
from .np_elementwise import FUNCTIONS
from .np_movement import moves
from .values import WORLD, NoAnswer, Value, apply, stored


def bounded(index: Any, n: int, mode: str) -> np.ndarray:
    """Indices within [0, n): clipped, or wrapped around."""
    places = index.memory.astype(np.int64)
    if mode == "raise" and ((places < 0) | (places >= n)).any():
        raise NoAnswer("out of range")
    return places % n if mode == "wrap" else np.clip(places, 0, n - 1)


def order(data: Any, axis: int | None, ascending: bool = True) -> np.ndarray:
    """The indices of a stable sort. MXNet gives a line with a NaN any order."""
    keys = data.memory if ascending else -data.memory
    if keys.dtype.kind == "f" and WORLD.noise is not None:
        unordered = np.isnan(keys).any(axis, keepdims=True)
        keys = np.where(unordered, WORLD.noise.unit(keys.shape), keys)
    return np.argsort(keys, axis, kind="stable")


def pick(data: Any, index: Any, axis: int | None = -1, mode: str = "clip", keepdims: bool = False) -> Any:
    if axis is None:
        data, axis = data.reshape(-1), 0
    axis %= data.ndim
    kept = tuple(1 if i == axis else n for i, n in enumerate(data.shape))
    rest = tuple(n for i, n in enumerate(data.shape) if i != axis)
    if index.shape not in (kept, rest):
        raise NoAnswer("shape")
    places = bounded(index, data.shape[axis], mode).reshape(kept)
    found = moves(lambda a: np.take_along_axis(a, places, axis))(data)
    return found if keepdims else found.reshape(rest)


def one_hot(data: Any, depth: int, on_value: float = 1.0, off_value: float = 0.0, dtype: Any = "float32") -> Any:
    hit = data.memory.astype(np.int64)[..., None] == np.arange(depth)
    kind = np.dtype(dtype)
    return type(data).of(Value(stored(np.where(hit, on_value, off_value), kind), kind))


def topk(data: Any, axis: int | None = -1, k: int = 1, ret_typ: str = "indices", is_ascend: bool = False,
         dtype: Any = "float32") -> Any:
    shape = data.shape
    if axis is None:
        data, axis = data.reshape(-1), 0
    axis %= data.ndim
    if k > data.shape[axis]:
        raise NoAnswer("k")
    places = order(data, axis, is_ascend)[(slice(None),) * axis + (slice(0, k or None),)]
    kind = np.dtype(dtype)
    indices = type(data).of(Value(stored(places, kind), kind))
    if ret_typ == "indices":
        return indices
    if ret_typ == "mask":
        mask = np.zeros(data.shape)
        np.put_along_axis(mask, places, 1, axis)
        return type(data).of(Value(stored(mask, data.dtype), data.dtype)).reshape(shape)
    values = moves(lambda a: np.take_along_axis(a, places, axis))(data)
    return values if ret_typ == "value" else [values, indices]


def gather_nd(data: Any, indices: Any) -> Any:
    places = tuple(indices.memory.astype(np.int64))
    return moves(lambda a: a[places])(data)


def _written(data: Value, places: tuple, onto: Value) -> Value:
    """`onto` with `data` written at `places`, each at most once."""
    def put(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        out = a.copy()
        out[places] = b
        return out

    return move(put, [onto, data], onto.dtype)


def _unique(places: tuple, shape: tuple[int, ...]) -> None:
    flat = np.ravel_multi_index(places, shape[:len(places)])
    if len(np.unique(flat)) < flat.size:
        raise NoAnswer("a place is written twice")


def scatter_nd(data: Any, indices: Any, shape: tuple[int, ...]) -> Any:
    places = tuple(indices.memory.astype(np.int64))
    _unique(places, shape)
    zeros = Value(stored(np.zeros(shape), data.dtype), data.dtype)
    return type(data).of(_written(data.value, places, zeros))


def index_update(a: Any, ind: Any, val: Any) -> Any:
    places = tuple(ind.memory.astype(np.int64))
    _unique(places, a.shape)
    return type(a).of(_written(cast(val.value, a.dtype), places, a.value))


def index_add(a: Any, ind: Any, val: Any) -> Any:
    places = tuple(ind.memory.astype(np.int64))
    numbers = np.arange(a.size).reshape(a.shape)[places]
    value = cast(val.value, a.dtype)
    wide = move(lambda v: np.broadcast_to(v, numbers.shape), [value], a.dtype)
    return type(a).of(apply(ADD, [a.value, apply(Scatter(numbers, a.shape), [wide], a.dtype)], a.dtype))


def embedding(data: Any, weight: Any, input_dim: Any = None, output_dim: Any = None, dtype: Any = "float32") -> Any:
    if weight.ndim != 2 or input_dim not in (None, weight.shape[0]) or output_dim not in (None, weight.shape[1]):
        raise NoAnswer("shape")
    places = bounded(data, weight.shape[0], "clip")
    return moves(lambda a: a[places])(weight)


def index_copy(old_tensor: Any, index_vector: Any, new_tensor: Any) -> Any:
    places = (index_vector.memory.astype(np.int64),)
    _unique(places, old_tensor.shape)
    return type(old_tensor).of(_written(new_tensor.value, places, old_tensor.value))


def ravel_multi_index(data: Any, shape: tuple[int, ...]) -> Any:
    weights = [math.prod(shape[i + 1:]) for i in range(len(shape))]
    found = sum(row.astype(np.int64) * w for row, w in zip(data.memory, weights, strict=True))
    return type(data).of(Value(stored(found, data.dtype), data.dtype))


def unravel_index(data: Any, shape: tuple[int, ...]) -> Any:
    found = np.stack(np.unravel_index(data.memory.astype(np.int64), shape))
    return type(data).of(Value(stored(found, data.dtype), data.dtype))


# ---- sequences: time along `axis`, 0 or 1, batch along the other -----------------------------------

def _steps(data: Any, axis: int) -> np.ndarray:
    return np.arange(data.shape[axis]).reshape([-1 if i == axis else 1 for i in range(data.ndim)])


def _lengths(data: Any, length: Any, axis: int) -> np.ndarray:
    if length.shape != (data.shape[1 - axis],):
        raise NoAnswer("lengths")
    return length.memory.astype(np.int64).reshape([-1 if i == 1 - axis else 1 for i in range(data.ndim)])


def sequence_mask(data: Any, sequence_length: Any = None, use_sequence_length: bool = False, value: float = 0.0,
                  axis: int = 0) -> Any:
    if not use_sequence_length:
        return data.copy()
    kept = np.broadcast_to(_steps(data, axis) < _lengths(data, sequence_length, axis), data.shape)
    op = Elementwise("sequence_mask", lambda a: np.where(kept, a, value), exact=True,
                     slopes=[lambda a: np.where(kept, 1.0, 0.0)])
    return type(data).of(apply(op, [data.value], data.dtype))


def sequence_last(data: Any, sequence_length: Any = None, use_sequence_length: bool = False, axis: int = 0) -> Any:
    last = np.full(data.shape[1 - axis], data.shape[axis] - 1)
    if use_sequence_length:
        last = _lengths(data, sequence_length, axis).reshape(-1) - 1
    rows = np.arange(data.shape[1 - axis])
    places = (last, rows) if axis == 0 else (rows, last)
    return moves(lambda a: a[places])(data)


def sequence_reverse(data: Any, sequence_length: Any = None, use_sequence_length: bool = False, axis: int = 0) -> Any:
    if not use_sequence_length:
        return FUNCTIONS["flip"](data, 0)
    steps = np.arange(data.shape[0])[:, None]
    back = _lengths(data, sequence_length, 0).reshape(1, -1) - 1 - steps
    places = np.where(back >= 0, back, steps)
    return moves(lambda a: a[places, np.arange(data.shape[1])[None, :]])(data)


NPX: dict[str, Any] = {
    "pick": pick, "one_hot": one_hot, "topk": topk, "gather_nd": gather_nd, "scatter_nd": scatter_nd,
    "index_update": index_update, "index_add": index_add, "embedding": embedding, "sequence_mask": sequence_mask,
    "sequence_last": sequence_last, "sequence_reverse": sequence_reverse}
