"""The static form of the key in `x[key]`: a slice of each axis, or a template of index arrays."""
from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from ..core.invoke import Handle


class Basic(NamedTuple):
    """A key of integers, slices, `...` and None.

    spec: (start, count, step) for each axis.
    shape: the shape of `x[key]`.
    """

    spec: tuple[tuple[int, int, int], ...]
    shape: tuple[int, ...]


class Advanced(NamedTuple):
    """A key with index arrays.

    template: their places among slices and new axes (see ops/primitive/gather_scatter.py).
    indices: the index arrays and integers.
    """

    template: tuple[tuple, ...]
    indices: list[Any]


def parse(key: Any, shape: tuple[int, ...], scalar: tuple[int, ...], masks: bool) -> Basic | Advanced:
    """The static form of `key` for an array of `shape`.

    scalar: the shape of a single element.
    masks: whether bool arrays are masks (np) or integers (nd).

    IndexError for an index out of range and for too many indices; ValueError for an object that is not an index.
    """
    entries = list(key) if isinstance(key, tuple) else [key]
    if not shape:
        if entries:
            raise IndexError("scalar tensor can only accept `()` as index")
        return Basic((), ())
    entries = _expand([e if _plain(e) else _array(e, masks) for e in entries], len(shape))
    if any(isinstance(e, (Handle, np.ndarray)) for e in entries):
        return _advanced(entries, shape)
    return _basic(entries, shape, scalar)


def _plain(entry: Any) -> bool:
    return entry is None or entry is Ellipsis or isinstance(entry, slice) or type(entry) is int


def _array(entry: Any, masks: bool) -> Any:
    """The entry as an int, as an index array (int64, or a handle), or as a mask (a bool NumPy array)."""
    if isinstance(entry, Handle):
        if entry._value.aval.dtype.kind == "b" and masks:
            return entry._read("shape").copy()  # type: ignore[attr-defined]
        return entry
    if isinstance(entry, (bool, np.bool_)):
        return np.array(entry) if masks else int(entry)
    if isinstance(entry, np.ndarray) and not entry.ndim and entry.dtype.kind in "iu":
        return int(entry)
    if isinstance(entry, (list, tuple, range, np.ndarray)):
        array = _from_sequence(entry)
        if array.dtype.kind == "b" and masks:
            return array
        if array.dtype.kind in "iufb":
            return array.astype(np.int64)
    elif hasattr(type(entry), "__index__"):
        return operator.index(entry)
    raise ValueError(f"NDArray does not support slicing with key {entry} of type {type(entry)}.")


def _from_sequence(entry: Any) -> np.ndarray:
    if not isinstance(entry, np.ndarray):
        entry = [e.asnumpy() if isinstance(e, Handle) else e for e in entry]  # type: ignore[attr-defined]
        entry = np.array(entry) if len(entry) else np.zeros(0, np.int64)
    return entry


def _expand(entries: list[Any], ndim: int) -> list[Any]:
    """The entries with full slices for `...` and for the axes left out."""
    used = sum(e.ndim if _is_mask(e) else 0 if e is None or e is Ellipsis else 1 for e in entries)
    if used > ndim:
        raise IndexError(f"too many indices ({used}) for array with {ndim} dimensions")
    fill = [slice(None)] * (ndim - used)
    dots = [i for i, e in enumerate(entries) if e is Ellipsis]
    if len(dots) > 1:
        raise IndexError("Cannot use more than one ellipsis (`...`) for indexing")
    at = dots[0] if dots else len(entries)
    return [*entries[:at], *fill, *entries[at + 1:]]


def _is_mask(entry: Any) -> bool:
    return isinstance(entry, np.ndarray) and entry.dtype.kind == "b"


def _integer(entry: int, axis: int, size: int) -> int:
    if not -size <= entry < size:
        raise IndexError(f"index {entry} is out of bounds for axis {axis} with size {size}")
    return entry + size if entry < 0 else entry


def _range(entry: slice, size: int) -> tuple[int, int, int]:
    start, stop, step = entry.indices(size)
    count = len(range(start, stop, step))
    return (start, count, step) if count else (0, 0, 1)


def _basic(entries: list[Any], shape: tuple[int, ...], scalar: tuple[int, ...]) -> Basic:
    spec: list[tuple[int, int, int]] = []
    out = []
    for e in entries:
        if e is None:
            out.append(1)
            continue
        axis = len(spec)
        if isinstance(e, slice):
            spec.append(_range(e, shape[axis]))
            out.append(spec[-1][1])
        else:
            spec.append((_integer(e, axis, shape[axis]), 1, 1))
    return Basic(tuple(spec), tuple(out) or scalar)


def _advanced(entries: list[Any], shape: tuple[int, ...]) -> Advanced:
    template: list[tuple] = []
    indices: list[Any] = []
    axis = 0
    for e in entries:
        if e is None:
            template.append(("n",))
        elif isinstance(e, slice):
            template.append(("s", *_range(e, shape[axis])))
            axis += 1
        elif _is_mask(e):
            if e.shape != shape[axis:axis + e.ndim]:
                raise IndexError(f"boolean index did not match indexed array along axis {axis}: its shape is "
                                 f"{e.shape}, the array's {shape}")
            if not e.ndim:
                raise NotImplementedError("indexing with a bool scalar among other indices")
            for along in e.nonzero():
                template.append(("i", len(indices)))
                indices.append(along)
            axis += e.ndim
        else:
            if isinstance(e, int):
                _integer(e, axis, shape[axis])
            else:
                _check_bounds(e, axis, shape[axis])
            template.append(("i", len(indices)))
            indices.append(e)
            axis += 1
    return Advanced(tuple(template), indices)


def _check_bounds(index: Any, axis: int, size: int) -> None:
    """Raise IndexError for an index out of range; a pending index array is not checked, as that would compute it."""
    if isinstance(index, Handle):
        if index._value.buffer is None:
            return
        index = index._read("index")  # type: ignore[attr-defined]
    if index.size:
        low, high = int(index.min()), int(index.max())
        if low < -size or high >= size:
            bad = high if high >= size else low
            raise IndexError(f"index {bad} is out of bounds for axis {axis} with size {size}")
