"""`x[key] = value` for both flavours: written at once where no other value uses the memory, else recorded."""
from __future__ import annotations

from sys import getrefcount
from typing import Any

import numpy as np

from tracer.jit.runtime.buffers import Buffer
from tracer.jit.runtime.packed import forget
from tracer.ops.ir.errors import BroadcastError, MXNetError
from tracer.ops.ir.node import const_op, const_value, converted
from tracer.ops.primitive.gather_scatter import slice_key

from ..core.invoke import Composite, Handle, constant, wrap
from ..core.segment import written_over
from ..core.trace import Value, current, effects
from .getitem import leading, leaf
from .index_keys import Advanced, Basic, parse
from .views import WRITE, Slice, internal, live, run

PUT, MASK, OVER = internal("index.write_put"), internal("index.write_mask"), internal("index.overwrite")

#: MXNet's message when an array that autograd needs is overwritten.
INPLACE = ("Inplace operations (+=, -=, x[:]=, etc) are not supported when recording with autograd: assigning to "
           "NDArrays that are already in a computational graph will cause undefined behavior when evaluating "
           "gradients. Use an out-of-place operation, or write outside record()")

_ALL = slice(None)

#: The largest number of handles (an array and its views) that `_unseen` checks.
FAMILY_BOUND = 16


def setitem(self: Any, key: Any, value: Any) -> None:
    """`x[key] = value`, broadcast and converted to the dtype of `x`.

    MXNetError under `record()` when a derivative needs the old elements. When the shapes do not fit, MXNetError in
    `mx.np` and ValueError in `mx.nd`. IndexError for an index out of range.
    """
    self._check_writable()
    if type(key) is slice and key == _ALL and _rebound(self, value):
        return
    _write(self, key, value)


def _rebound(self: Any, value: Any) -> bool:
    """Whether a whole write bound the handle to the value of `value`, a constant; the old memory is free at once."""
    if self._base is not None or not isinstance(value, Handle):
        return False
    new = value._whole
    if new.aval is not self._value.aval or new.history:
        return False
    self._rebind(new)
    return True


def _write(self: Any, key: Any, value: Any) -> None:
    try:
        _write_part(self, key, value)
    except BroadcastError as error:
        raise self._misfit(str(error)).with_traceback(None) from None


def _write_part(self: Any, key: Any, value: Any) -> None:
    parsed = _parsed(self, key)
    if type(value) is type(self) and value._base is not None and value._base[0] is self \
            and type(parsed) is Basic and type(value._base[1]) is Slice and value._base[1].spec == parsed[0]:
        return  # `x[key] += …` has already written to x through the view x[key]
    value = _operand(self, value)
    if type(parsed) is Basic:
        _write_slice(self, parsed, value)
    else:
        _check_partial(value)
        self._rebind(_written(self, parsed, value))  # type: ignore[arg-type]


def _parsed(self: Any, key: Any) -> Basic | Advanced | Handle:
    shape = self._value.aval.shape
    found = leading(key, shape, self._scalar)
    if found is not None:
        return found
    mask = _mask(self, key)
    return parse(key, shape, self._scalar, self._masks) if mask is None else mask


def _mask(self: Any, key: Any) -> Any:
    """The handle of the mask if the key is a single mask, so that writing need not read it; else None."""
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
    """The value to write, as a handle or a Python number."""
    if isinstance(value, Composite):
        return value.dense()
    if isinstance(value, Handle) or type(value) in (int, float, bool):
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
    return wrap(Handle, constant(_array(value, self.dtype)))


def _array(values: Any, dtype: Any) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(values).astype(dtype, copy=False)


def _plain(value: Any) -> Any:
    return value._value if isinstance(value, Handle) else value


def written_while_recording(array: Any) -> MXNetError:
    """The error for a write to an array that autograd needs; it names the parameter, if the array is one's."""
    name = getattr(array._variable, "name", "")
    return MXNetError(f"{INPLACE} (the array of Parameter '{name}')" if name else INPLACE)


def _check_partial(value: Any) -> None:
    if isinstance(value, Handle) and live(value._value):
        raise MXNetError(INPLACE)


def _written(self: Any, key: Advanced | Handle, value: Any) -> Value:
    if isinstance(key, Handle):
        return run(MASK, (self._value, key._value, _plain(value)), ())
    if not isinstance(value, Handle):
        value = wrap(Handle, constant(converted(value, self._value.aval.dtype)))
    indices = [_plain(leaf(i)) for i in key.indices]
    return run(PUT, (self._value, value._value, *indices), (key.template,))


def _write_slice(self: Any, key: Basic, value: Any) -> None:
    whole = all(count == n and step == 1 for (_, count, step), n in zip(key.spec, self.shape))
    if not whole:
        _check_partial(value)
    # A whole write to an array that is no view rebinds the handle: the old memory is not needed.
    if (not whole or self._base is not None) and _write_now(self, key, value):
        return
    if whole and _rebound(self, value):  # a copy of a NumPy array
        return
    self._rebind(run(WRITE, (self._value, _plain(value)), (key.spec, key.shape)))


def overwritten(old: Value, new: Value) -> Value:
    """The result of a write outside `record()` over the recorded value `old`: the elements of `new`, `old`'s history.

    As in MXNet, such a write changes the elements and not the history: derivatives flow to the operands of `old`.
    """
    trace = current().trace
    recording, trace.recording = trace.recording, True
    try:
        return run(OVER, (new, written_over(old)), ())
    finally:
        current().trace.recording = recording


# ---- immediate writes -------------------------------------------------------------------------------------

def _write_now(self: Any, key: Basic, value: Any) -> bool:
    """Write into the memory of `self` at once, if all is computed and only `self` and its views use that memory.

    Returns whether it has written. A loop that fills an array element by element then records nothing, and compiles
    nothing.
    """
    source = value._value if isinstance(value, Handle) else None
    if source is not None and (source.buffer is None or live(source)):
        return False
    if self._base is None:
        _compute_constant(self)
    if self._value.buffer is None or not _unseen(self):
        return False
    of, buffer = self._value.aval, self._value.buffer
    forget((buffer,))
    memory, place = buffer.view(of), slice_key(key.spec)
    if type(value) is float and of.dtype.kind == "f" and -6e4 < value < 6e4:
        next(effects)
        memory[place] = value
        return True
    if source is None:
        array = np.asarray(converted(value, of.dtype))
    else:
        array = _array(source.buffer.lend(source.aval), of.dtype)  # type: ignore[union-attr]
    lead = max(array.ndim - len(key.shape), 0)
    if array.ndim and set(array.shape[:lead]) <= {1}:
        array = array.reshape(array.shape[lead:])
    try:
        array = np.broadcast_to(array, key.shape)
    except ValueError as error:
        raise BroadcastError(f"could not broadcast input array from shape {array.shape} into shape {key.shape}"
                             ) from error
    next(effects)
    memory[place] = array.reshape([count for _, count, _ in key.spec])
    return True


def _counts(value: Value) -> tuple[int, int]:
    return getrefcount(value), getrefcount(value.buffer)


def _calibrate() -> tuple[int, int]:
    handle = wrap(Handle, constant(np.zeros(1, np.float32)))
    return _counts(handle._value)


#: The result of `_counts` for a value of one handle and its memory; measured, as it varies with Python's version.
ALONE = _calibrate()


def _unseen(self: Any) -> bool:
    """Whether `self`, its base and all their views are computed constants whose memory nothing else refers to."""
    root = self
    while root._base is not None:
        root = root._base[0]
    if root._views is None:
        return _constant(root) and _counts(root._value) == ALONE and root._value.buffer.parent is None
    family = [root]
    for member in family:
        family += [v for reference, _ in member._views or () if (v := reference()) is not None]
        if len(family) > FAMILY_BOUND or not _constant(member):
            return False
    if root._value.buffer.parent is not None:
        return False
    if any(_memory(member) is not root._value.buffer for member in family):
        root._bind(root._value)  # views computed on their own, not from their base: let them share its memory again
    owners: dict[Buffer, int] = {}
    for member in family:
        buffer = member._value.buffer
        if buffer not in owners and buffer.parent is not None:
            owners[buffer.parent] = owners.get(buffer.parent, 0) + 1
        owners[buffer] = owners.get(buffer, 0) + 1
    # The dictionary owns each buffer once; so does the variable `buffer` the last one.
    del buffer
    return all(_counts(m._value) == (ALONE[0], ALONE[1] + owners[m._value.buffer]) for m in family)


def _memory(handle: Any) -> Buffer:
    buffer = handle._value.buffer
    while buffer.parent is not None:
        buffer = buffer.parent
    return buffer


def _constant(handle: Any) -> bool:
    value = handle._value
    return (value.buffer is not None and not value.history and value.entry is None
            and handle._variable is None)


def _compute_constant(self: Any) -> None:
    """Materialize a pending array all of whose elements are one number, such as zeros."""
    node = self._value.node
    if node is None or self._value.history:
        return
    number = node.inputs[0] if len(node.inputs) == 1 else node
    if number.op is const_op and node.op.name in ("broadcast_to", "const"):
        self._bind(constant(np.full(node.shape, const_value(number), node.dtype)))
