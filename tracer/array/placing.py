"""Placement of values on devices: functions that make arrays put them on a given context or on the current one."""
from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from tracer.jit.runtime.buffers import from_array
from tracer.ops.ir.aval import Device, aval
from tracer.ops.ir.devices import place

from ..context import SCOPES, context_of, key_of
from ..core.history import history_of
from ..core.invoke import Composite, Handle, pending, wrap
from ..core.trace import Value, computed, current
from .views import live


def placed(array: Any, context: Any = None, device: Any = None) -> Any:
    """Put a new array on a context (MXNet 2: device), or on the current one if none is given; returns the array."""
    there = array._value.aval.device
    if context is None and device is None and there is None and not SCOPES.entered:
        return array
    key = key_of(device if context is None else context)
    if there != key:
        array._value = moved(array._value, key)
    return array


def moved(value: Value, device: Device) -> Value:
    """A value with the same elements on `device`, through which derivatives flow."""
    trace, of = current().trace, value.aval
    if live(value):
        return pending(place(trace.recorded_node_of(value), device), history_of([value]))
    if value.buffer is None or trace.captures:
        return pending(place(trace.node_of(value), device))
    return computed(aval(of.shape, of.dtype, device), value.buffer)


def shared(array: Any, context: Any) -> Any:
    """A new array with the elements of `array` on a context, without derivatives.

    Where it can, it shares the memory, as computed values do not change: a write to one of two arrays that share
    their memory gives that one another. A view's memory is copied: as a part of another array's, no run would ever
    write over it, and no packed form of it would be kept.
    """
    value = None if isinstance(array, Composite) or current().trace.captures else array._value
    if value is None or value.history or value.buffer is None:
        return array.copyto(context)
    of, buffer = value.aval, value.buffer
    return wrap(type(array), computed(aval(of.shape, of.dtype, key_of(context)),
                                      buffer if buffer.keeps_forms else from_array(buffer.view(of))))


def located(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function that draws or reads values: its results are placed on the device of its first array argument.

    Without arrays, they are placed on the context given as `ctx` or `device`, or on the current one.
    """
    names = list(inspect.signature(function).parameters)
    places = [names.index(name) for name in ("ctx", "device") if name in names]

    @functools.wraps(function)
    def placing(*args: Any, **kwargs: Any) -> Any:
        first = next((x for x in (*args, *kwargs.values()) if isinstance(x, Handle)), None)
        if first is not None:
            device = first._aval.device
        else:
            where = kwargs.get("ctx") or kwargs.get("device")
            for at in places:
                where = where or (args[at] if at < len(args) else None)
            if where is None:
                return function(*args, **kwargs)
            device = key_of(where)
        with context_of(device):
            return function(*args, **kwargs)

    return placing
