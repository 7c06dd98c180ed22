"""`x[key]` for both flavours: views, slices and gathers. `x[key] = value` is in setitem.py."""
from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from tracer.ops.ir.aval import Aval

from ..core.invoke import Handle, constant, invoke, wrap
from .index_keys import Advanced, Basic, parse
from .views import READ, Slice, internal, live, slice_offset

GATHER, FOUND = internal("index.read_gather"), internal("index.found")


def getitem(self: Any, key: Any) -> Any:
    """`x[key]`: the array itself for `x[:]` and `x[()]`, a view for another contiguous slice, else a copy.

    IndexError for an index out of range; ValueError for a key that is not an index.
    """
    of = self._value.aval
    if type(key) in _INTEGER:
        return self._view(_row(of, int(key), self._scalar))
    if type(key) is slice and key.step is None and type(key.start) in _BOUND and type(key.stop) in _BOUND:
        part = _rows(of, key.start, key.stop)
        if part is not None:
            return self if key.start is None and key.stop is None else self._view(part)
    if type(key) is tuple and not key:
        return self
    shape = of.shape
    parsed: Any = parse(key, shape, self._scalar, self._masks)
    if type(parsed) is Advanced:
        arrays = (self, *map(leaf, parsed.indices))
        made = invoke(GATHER, type(self), arrays, (parsed.template,))
        keys = key if type(key) is tuple else (key,)
        return found_by(made, *[x for x in keys if isinstance(x, Handle) and x._value.aval.dtype.kind == "b"])
    spec, out = parsed
    offset = slice_offset(spec, shape)
    if offset is None or type(key) is slice and key.step not in _ONE and not self._steps_share:
        return invoke(READ, type(self), (self,), (spec, out))
    return self._view(Slice(spec, out, offset))


def found_by(made: Any, *sources: Any) -> Any:
    """`made`, an array computed from values that were read, recorded as a function of its sources with a history."""
    for x in sources:
        if live(x._value):
            made = invoke(FOUND, type(made), (made, x), ())
    return made


_INTEGER = frozenset((int, np.int64, np.int32))  # samplers draw NumPy's integers
_BOUND = frozenset((int, type(None)))
_ONE = None, 1


# Minibatches recur every epoch, so their slices are cached.

@lru_cache(maxsize=4096)
def _row(of: Aval, index: int, scalar: tuple[int, ...]) -> Slice:
    """The slice of an array for `x[index]`."""
    if not of.shape:
        raise IndexError("scalar tensor can only accept `()` as index")
    size, tail, shape, stride = _within_row(of.shape, scalar)
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for axis 0 with size {size}")
    index %= size
    return Slice(((index, 1, 1), *tail), shape, index * stride)


@lru_cache(maxsize=1024)
def _within_row(shape: tuple[int, ...], scalar: tuple[int, ...]) -> tuple[int, tuple, tuple[int, ...], int]:
    """The facts that all rows have in common: their number, the slices of the other axes, the shape and the size."""
    rest = shape[1:]
    return shape[0], _whole(rest), rest or scalar, prod(rest)


@lru_cache(maxsize=4096)
def _rows(of: Aval, start: int | None, stop: int | None) -> Slice | None:
    """The slice of an array for `x[start:stop]`; None for a 0-d array."""
    found = leading(slice(start, stop), of.shape, ())
    return None if found is None else Slice(*found, found.spec[0][0] * prod(of.shape[1:]))


@lru_cache(maxsize=1024)
def _whole(shape: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
    """The full slice of each axis."""
    return tuple((0, n, 1) for n in shape)


def leading(key: Any, shape: tuple[int, ...], scalar: tuple[int, ...]) -> Basic | None:
    """The parsed form of the most frequent keys, an integer or a slice of the first axis; None for all others."""
    if not shape:
        return None
    size = shape[0]
    if type(key) is int:
        if not -size <= key < size:
            raise IndexError(f"index {key} is out of bounds for axis 0 with size {size}")
        rest = shape[1:]
        return Basic(((key % size, 1, 1), *_whole(rest)), rest or scalar)
    if type(key) is slice and key.step is None:
        start, stop, _ = key.indices(size)
        count = max(stop - start, 0)
        rest = shape[1:]
        return Basic(((start if count else 0, count, 1), *_whole(rest)), (count, *rest))
    return None


def leaf(index: Any) -> Any:
    """An index as an operand of `invoke`: a NumPy array becomes a handle; handles and numbers stay as they are."""
    return wrap(Handle, constant(index)) if isinstance(index, np.ndarray) else index
