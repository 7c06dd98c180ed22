"""`x[key]` and `x[key] = value`, of both flavours: views, slices, gathers, and writes."""
from __future__ import annotations

from functools import lru_cache
from math import prod
from sys import getrefcount
from typing import Any

import numpy as np

from tracer.ops.errors import MXNetError
from tracer.ops.indexing import slice_key
from tracer.ops.node import const_op, const_value

from .keys import Advanced, Basic, parse
from .record import Handle, constant, invoke, wrap
from .trace import Value
from .views import READ, WRITE, Slice, internal, live, run, slice_offset

GATHER, PUT, MASK = internal("index.read_gather"), internal("index.write_put"), internal("index.write_mask")

#: The message of MXNet when an array that autograd needs is overwritten.
INPLACE = ("Inplace operations (+=, -=, x[:]=, etc) are not supported when recording with autograd. "
           "Use an out-of-place operation, or write outside record()")


# ---- reading -------------------------------------------------------------------------------------

def getitem(self: Any, key: Any) -> Any:
    """`x[key]`: a view for a contiguous slice, else a copy.

    IndexError for an index out of range; ValueError for a key that is no index.
    """
    shape = self._value.aval.shape
    parsed: Any = _leading(key, shape, self._scalar)
    if parsed is not None:
        start = parsed.spec[0][0]
        return self._view(Slice(parsed.spec, parsed.shape, start * prod(shape[1:]) if start else 0))
    parsed = parse(key, shape, self._scalar, self._masks)
    if type(parsed) is Advanced:
        arrays = (self, *map(_leaf, parsed.indices))
        return invoke(GATHER, type(self), arrays, (parsed.template,))
    spec, out = parsed
    offset = slice_offset(spec, shape)
    if offset is None:
        return invoke(READ, type(self), (self,), (spec, out))
    return self._view(Slice(spec, out, offset))


@lru_cache(maxsize=1024)
def _whole(shape: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
    """The slice of everything."""
    return tuple((0, n, 1) for n in shape)


def _leading(key: Any, shape: tuple[int, ...], scalar: tuple[int, ...]) -> Basic | None:
    """The parsed form of the commonest keys, an integer or a slice of the first axis; None for all others."""
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


def _leaf(index: Any) -> Any:
    """An index array as an operand: a handle, or a number that is a run-time input."""
    return wrap(Handle, constant(index)) if isinstance(index, np.ndarray) else index


# ---- writing -------------------------------------------------------------------------------------

def setitem(self: Any, key: Any, value: Any) -> None:
    """`x[key] = value`, broadcast and converted to `x`'s dtype.

    MXNetError under `record()` when a derivative needs the old elements; ValueError when shapes don't fit.
    """
    self._check_writable()
    shape = self._value.aval.shape
    parsed: Any = _leading(key, shape, self._scalar)
    if parsed is None:
        parsed = _mask(self, key)
    if parsed is None:
        parsed = parse(key, shape, self._scalar, self._masks)
    if type(value) is type(self) and value._base is not None and value._base[0] is self \
            and type(parsed) is Basic and type(value._base[1]) is Slice and value._base[1].spec == parsed[0]:
        return  # `x[key] += …` has already written to x through the view x[key]
    value = _operand(self, value)
    if type(parsed) is Basic:
        _write_slice(self, parsed, value)
        return
    _check_partial(value)
    if isinstance(parsed, Handle):
        result = run(MASK, (self._value, parsed._value, value), ())
    else:
        indices = [i._value if isinstance(i, Handle) else i for i in map(_leaf, parsed.indices)]
        result = _put(self, value, indices, parsed.template)
    self._rebind(result)


def _put(self: Any, value: Any, indices: list[Any], template: tuple) -> Value:
    if not isinstance(value, Value):
        value = constant(np.asarray(value, self.dtype))
    return run(PUT, (self._value, value, *indices), (template,))


def _mask(self: Any, key: Any) -> Any:
    """The handle of a mask that stands alone between the brackets, so that writing need not read it; or
    None."""
    if not self._masks or not self.shape:
        return None
    if isinstance(key, (list, np.ndarray)):
        array = np.asarray(key) if not isinstance(key, list) or all(type(k) is bool for k in key) else None
        if array is None or array.dtype.kind != "b" or not array.size:
            return None
        key = wrap(Handle, constant(array))
    if not isinstance(key, Handle) or key._value.aval.dtype.kind != "b" or not key._value.aval.shape:
        return None
    mask = key._value.aval.shape
    if mask != self.shape[:len(mask)]:
        raise IndexError(f"boolean index of shape {mask} did not match an array of shape {self.shape}")
    return key


def _operand(self: Any, value: Any) -> Any:
    """The value to write, as a `Value` or a Python number."""
    if isinstance(value, Handle):
        return value._value
    if type(value) in (int, float, bool):
        return value
    if value is None:
        return float("nan")
    if isinstance(value, (np.generic, int, float)):
        return value.item() if isinstance(value, np.generic) else float(value)
    if isinstance(value, (list, tuple)):
        value = [v.asnumpy() if isinstance(v, Handle) else v for v in value]  # type: ignore[attr-defined]
    elif not hasattr(type(value), "__array__"):
        raise TypeError(f"{type(self).__name__} does not support assignment with non-array-like object "
                        f"{value} of type {type(value)}")
    return constant(np.asarray(value, dtype=self.dtype))


def _check_partial(value: Any) -> None:
    if isinstance(value, Value) and live(value):
        raise MXNetError(INPLACE)


def _write_slice(self: Any, key: Basic, value: Any) -> None:
    whole = all(count == n and step == 1 for (_, count, step), n in zip(key.spec, self.shape))
    if not whole:
        _check_partial(value)
        if _write_now(self, key, value):
            return
    self._rebind(run(WRITE, (self._value, value), (key.spec, key.shape)))


def _exclusive(value: Value) -> tuple[int, int]:
    return getrefcount(value), getrefcount(value.buffer)


def _alone(value: Value) -> bool:
    """Whether nothing but one handle (and the two callers here) can see the computed `value` or its
    memory."""
    return _exclusive(value) == _ALONE and value.buffer.parent is None  # type: ignore[union-attr]


def _write_now(self: Any, key: Basic, value: Any) -> bool:
    """Write into the memory of `self` at once, if all is computed and nobody else sees it; whether it was
    done.

    A loop that fills an array element by element records nothing, then, and compiles nothing.
    """
    if isinstance(value, Value) and value.buffer is None:
        return False
    if self._base is not None or self._variable is not None:
        return False
    _compute_constant(self)
    old = self._value
    if old.buffer is None or old.recorded or old.entry is not None or not _alone(old):
        return False
    place = slice_key(key.spec)
    memory = old.buffer.view(old.aval)
    if type(value) is float and old.aval.dtype.kind == "f" and -6e4 < value < 6e4:
        memory[place] = value
        return True
    if isinstance(value, Value):
        value = value.buffer.view(value.aval)  # type: ignore[union-attr]
    with np.errstate(all="ignore"):
        value = np.asarray(value).astype(old.aval.dtype)
    lead = max(value.ndim - len(key.shape), 0)
    if value.ndim and set(value.shape[:lead]) <= {1}:
        value = value.reshape(value.shape[lead:])
    region = tuple(count for _, count, _ in key.spec)
    value = np.broadcast_to(value, key.shape).reshape(region)
    memory[place] = value
    return True


def _compute_constant(self: Any) -> None:
    """Make the memory of an array that is one number everywhere, such as zeros, if it is still only
    recorded."""
    node = self._value.node
    if node is None or self._value.recorded or self._value.variable is not None:
        return
    number = node.inputs[0] if len(node.inputs) == 1 else node
    if number.op is const_op and node.op.name in ("broadcast_to", "const"):
        self._bind(constant(np.full(node.shape, const_value(number), node.dtype)))


def _calibrate() -> tuple[int, int]:
    class One:
        __slots__ = ("_value",)

    def inner(handle: Any) -> tuple[int, int]:
        old = handle._value
        return outer(old)

    def outer(value: Value) -> tuple[int, int]:
        return _exclusive(value)

    handle = One()
    handle._value = constant(np.zeros(1, np.float32))
    return inner(handle)


#: The reference counts that `_alone` finds for a value of one handle: measured, as they vary with Python's
#: version.
_ALONE = _calibrate()
