"""Deferred initialization: parameters of unknown shape get one from the first data that a block is called with.

A pass without effects runs the block's Python. In it, placeholders stand for the parameters. The first function that
takes one as an operand finds its shape by the rule in the function's declaration (ops/npx/parameter_shapes.py), and
recording goes on with a value without elements. Afterwards the parameters are initialized in the order in which the
results depend on them, as in MXNet, so that random initializers draw in the same order.
"""
from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer.ops.declare.public import REQUIRED, Function
from tracer.ops.ir.aval import Aval, aval
from tracer.ops.ir.graph import toposort

from ..base import MXNetError
from ..context import Context, key_of
from ..core.flush import flush
from ..core.invoke import Deferred, Handle
from ..core.trace import Trace, Value, current
from ..ndarray import NDArray
from ..numpy import ndarray
from ..rng.state import STREAMS
from ..util import is_np_array


class aside:
    """A scope with a trace of its own: what is recorded in it runs at its end, and pending values outside stay so."""

    def __enter__(self) -> None:
        self.outer = current().trace
        current().trace = Trace()

    def __exit__(self, kind: type | None, *rest: object) -> None:
        try:
            if kind is None:
                flush("initialization")
        finally:
            current().trace = self.outer


def aval_on(shape: Any, dtype: Any, ctx: Context) -> Aval:
    """The aval of an array on a context."""
    return aval(tuple(shape), np.dtype(dtype), key_of(ctx))


class _Active(threading.local):
    """The inference that this thread is in, if any."""

    def __init__(self) -> None:
        self.inference: Inference | None = None


_ACTIVE = _Active()


def active() -> bool:
    """Whether this thread runs a pass that finds shapes."""
    return _ACTIVE.inference is not None


class _ShapesTrace(Trace):
    """The trace of a pass that finds shapes. It does not run, unless the pass reads elements."""

    __slots__ = ()
    puts_off = True


class Inference:
    """The pass that finds shapes. Its trace is dropped at its end, and the random streams go back.

    found: the parameters whose shapes have been found, each with the shape that it had before.
    placeholders: one for each parameter and context.
    """

    def __init__(self) -> None:
        self.found: dict[Any, Any] = {}
        self.placeholders: dict[tuple[int, Context | None], Any] = {}

    def __enter__(self) -> Inference:
        outer = self.outer = current().trace
        current().trace = _ShapesTrace(training=outer.training)
        self.streams = STREAMS.state()
        _ACTIVE.inference = self
        return self

    def __exit__(self, kind: type | None, *rest: object) -> None:
        _ACTIVE.inference = None
        current().trace.pending.clear()
        current().trace = self.outer
        STREAMS.restore(self.streams)
        for parameter, shape in self.found.items():
            parameter._undo_late(shape if kind is not None else parameter._shape)

    def order(self, result: Any) -> list[Any]:
        """The parameters that were found, in the order in which `result` depends on them, then all others."""
        trace = current().trace
        owners = {trace.nodes[x._value]: p for p in self.found for x in p.list_data() if x._value in trace.nodes}
        heads = tuple([x._value.node for x in arrays_in(result) if x._value.trace is trace])
        used = [owners[node] for node in toposort(heads) if node in owners]
        return list(dict.fromkeys([*used, *self.found]))


def arrays_in(x: Any) -> list[Any]:
    """The arrays in nested lists, tuples and dictionaries."""
    if isinstance(x, Handle):
        return [x]
    if isinstance(x, dict):
        x = list(x.values())
    return [y for i in x for y in arrays_in(i)] if isinstance(x, (list, tuple)) else []


def infer(forward: Callable[[], Any]) -> list[Any]:
    """The parameters whose shapes a pass `forward` has found, in the order in which they are to be initialized.

    ValueError if a function refuses its operands before any shape is found.
    """
    with Inference() as inference:
        try:
            return inference.order(forward())
        except ShapeUnknown as error:
            raise ValueError(f"Deferred initialization failed because shape cannot be inferred: {error}") from None
        except MXNetError as error:
            if inference.found:
                raise
            raise ValueError(f"Deferred initialization failed because shape cannot be inferred. {error}") from None


class ShapeUnknown(AttributeError, ValueError):
    """The error of what needs the shape of a parameter before it is known: as an array it has no such attribute."""


class Placeholder(Deferred):
    """A handle of a parameter's array on one context, which has a value once the parameter's shape is known."""

    __slots__ = ()
    _parameter: Any
    _place: Context | None

    @property
    def _value(self) -> Value:
        if self._parameter._data is None:
            raise ShapeUnknown(f"the shape of Parameter '{self._parameter.name}' is not known yet")
        return self._parameter._check_and_get(self._parameter._data, self._place)._value

    @_value.setter
    def _value(self, value: Value) -> None:
        self._parameter._check_and_get(self._parameter._data, self._place)._value = value

    def settle(self, function: Function, operands: tuple, statics: tuple) -> None:
        """Find the shapes of all placeholders among the operands of a function."""
        named = dict(zip(function.arrays, operands))
        shapes = _shapes(function, operands, statics)
        for name, x in named.items():
            if isinstance(x, Placeholder) and x._parameter._data is None:
                found(x._parameter, _shape_for(function, name, x._parameter, shapes))


class _NDPlaceholder(Placeholder, NDArray):
    """A placeholder in `mx.nd`."""


class _NPPlaceholder(Placeholder, ndarray):
    """A placeholder in `mx.np`."""


def _shapes(function: Function, operands: tuple, statics: tuple) -> dict[str, tuple[int, ...]]:
    data = operands[0] if operands else None
    if function.shapes is None or not isinstance(data, Handle) or isinstance(data, Placeholder):
        return {}
    given = {k: v for k, v in zip(function.statics, statics) if v is not REQUIRED and v is not None}
    return function.shapes(data._value.aval.shape, **given)


def _shape_for(function: Function, name: str, parameter: Any, shapes: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    if name not in shapes:
        raise ValueError(f"Deferred initialization failed because shape cannot be inferred: {function.name} takes "
                         f"Parameter '{parameter.name}' of shape {parameter.shape} as {name}. Give the parameter's "
                         "shape (in_units, in_channels, ...)")
    return shapes[name]


def found(parameter: Any, shape: Sequence[int]) -> None:
    """Note in this pass that a parameter has a shape; from then on it has arrays, which have no elements yet."""
    inference = _ACTIVE.inference
    assert inference is not None
    before = parameter._shape
    parameter.shape = shape
    inference.found[parameter] = before
    parameter._begin_late()


def _place_of(ctx: Context) -> tuple[int, int]:
    """The device of a context: pinned and shared memory are the CPU's."""
    return ctx.device_typeid & 1, ctx.device_id


def placeholder(parameter: Any, ctx: Context | None) -> Any:
    """The placeholder of a parameter's array on a context (None: the only one) in this pass."""
    inference = _ACTIVE.inference
    assert inference is not None
    key = id(parameter), ctx
    if key not in inference.placeholders:
        places = parameter._deferred_init[1]
        if ctx is not None and not any([_place_of(ctx) == _place_of(place) for place in places]):
            raise RuntimeError(f"Parameter '{parameter.name}' was not initialized on context {ctx}. "
                               f"It was only initialized on {places}.")
        known: Any = object.__new__(_NPPlaceholder if is_np_array() else _NDPlaceholder)
        known._parameter = parameter
        known._place = ctx
        inference.placeholders[key] = known
    return inference.placeholders[key]
