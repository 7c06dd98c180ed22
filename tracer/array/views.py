"""Views: arrays that share the elements of another array, their base. Writing to one writes to the other.

A view is a handle with a part: a `Slice`, a `Whole`, or `SAME`. The part reads the view's value from the base's
(`read`), and computes the base's new value from one written to the view (`write`).
"""
from __future__ import annotations

import math

from tracer import ops
from tracer.ops.declare.public import FUNCTIONS, Function
from tracer.ops.ir.aval import Aval, aval

from ..core.invoke import Handle, invoke, wrap
from ..core.trace import Value, computed, current

ops.load()
_BY_NAME = {f.name: f for f in FUNCTIONS}


def internal(name: str) -> Function:
    """The function declared under `name` for use inside tracer, such as "index.read_slice"."""
    return _BY_NAME[name]


READ, WRITE = internal("index.read_slice"), internal("index.write_slice")


def run(function: Function, operands: tuple, statics: tuple) -> Value:
    """The value of `function` applied to values and numbers, as `invoke` records it."""
    handles = tuple([wrap(Handle, x) if isinstance(x, Value) else x for x in operands])
    return invoke(function, Handle, handles, statics)._value


def live(value: Value) -> bool:
    """Whether an operation on `value` would now be recorded for a derivative."""
    return current().trace.recording and bool(value.history)


class Slice:
    """A contiguous slice of the base.

    spec: (start, count, step) for each axis.
    shape: the view's shape.
    offset: the position of the view's first element in the base.
    """

    __slots__ = ("spec", "shape", "offset", "_of")

    def __init__(self, spec: tuple, shape: tuple[int, ...], offset: int) -> None:
        self.spec = spec
        self.shape = shape
        self.offset = offset
        self._of: Aval | None = None  # aval of the last value read: the next one nearly always has the same dtype

    def read(self, value: Value) -> Value:
        """The slice of the base's value: it shares memory if that is computed; in a `Capture` it does not."""
        buffer = value.buffer
        if buffer is None or current().trace.captures or live(value):
            return run(READ, (value,), (self.spec, self.shape))
        base, of = value.aval, self._of
        dtype = base.dtype
        if of is None or of.dtype is not dtype or of.device is not base.device:
            of = self._of = aval(self.shape, dtype, base.device)
        return computed(of, buffer.part(self.offset * dtype.itemsize, of.nbytes))

    def write(self, old: Value, new: Value) -> Value:
        """The base's value `old` with the slice replaced by `new`."""
        return run(WRITE, (old, new), (self.spec, self.shape))


class Whole:
    """All elements of the base.

    shape: the view's shape.
    constant: whether derivatives treat the view as a constant.
    """

    __slots__ = ("shape", "constant")

    def __init__(self, shape: tuple[int, ...], constant: bool = False) -> None:
        self.shape = shape
        self.constant = constant

    def read(self, value: Value) -> Value:
        """The base's value in the view's shape."""
        if value.buffer is not None and not current().trace.captures and (self.constant or not live(value)):
            of = aval(self.shape, value.aval.dtype, value.aval.device)
            return computed(of, value.buffer)
        return _reshaped(value, self.shape, self.constant)

    def write(self, old: Value, new: Value) -> Value:
        """The value `new` in the base's shape."""
        return _reshaped(new, old.aval.shape, False)


class Same:
    """The base itself, as an array of another flavour: it shares the base's value, with its history and its gradient.

    A view that is made a variable later, or whose base is, no longer shares the value, but still the elements.
    """

    __slots__ = ()

    def read(self, value: Value) -> Value:
        """The base's value."""
        return value

    def write(self, old: Value, new: Value) -> Value:
        """The value `new`."""
        return new


SAME = Same()


def _reshaped(value: Value, shape: tuple[int, ...], constant: bool) -> Value:
    recording = current().trace.recording
    current().trace.recording = recording and not constant
    try:
        return run(READ, (value,), (tuple((0, n, 1) for n in value.aval.shape), shape))
    finally:
        current().trace.recording = recording


def slice_offset(spec: tuple[tuple[int, int, int], ...], shape: tuple[int, ...]) -> int | None:
    """The position of the slice's first element, if the slice is contiguous, else None.

    >>> slice_offset(((1, 1, 1), (2, 2, 1)), (3, 4)), slice_offset(((0, 2, 1), (2, 2, 1)), (3, 4))
    (6, None)
    """
    if 0 in [count for _, count, _ in spec]:
        return 0
    inner_full = True
    for (_, count, step), size in zip(reversed(spec), reversed(shape)):
        if count > 1 and (step != 1 or not inner_full):
            return None
        inner_full = inner_full and count == size
    offset, stride = 0, math.prod(shape)
    for (start, _, _), size in zip(spec, shape):
        stride //= size
        offset += start * stride
    return offset
