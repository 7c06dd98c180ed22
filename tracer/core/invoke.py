"""Recording: a call of a public function on handles becomes a node and a pending value. This is the hot path."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.jit import settings
from tracer.jit.runtime.buffers import allocate, from_array
from tracer.ops.declare.public import REQUIRED, Function
from tracer.ops.ir.aval import Aval, Device, aval
from tracer.ops.ir.devices import place, placed
from tracer.ops.ir.errors import MXNetError
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, const, is_number, literal, stop
from tracer.ops.primitive.arithmetic import add, cast
from tracer.ops.primitive.linear import broadcast_to

from .call_cache import CALL_CACHE, CachedCall, matches
from .flush import flush
from .history import history_of
from .trace import History, Trace, Value, computed, current, node_of
from .tracebacks import leave_out
from .user_lines import user_line

_new = object.__new__


class Handle:
    """A handle: a mutable reference to a value. The array classes of both flavours derive from it."""

    __slots__ = ("_value", "__dict__", "__weakref__")
    _value: Value
    _whole: Value
    _variable: Any = None
    _base: Any = None
    _views: Any = None

    @property
    def _aval(self) -> Aval:
        """The shape, dtype and device."""
        return self._value.aval

    def _store(self, result: Any) -> None:
        """Write the elements of an array of this shape, converted to this dtype."""
        raise NotImplementedError


#: The value of all elements: the same slot, so that reading it costs no more. A composite has a property here.
Handle._whole = Handle._value


class Deferred:
    """A parameter of a layer that is used before its shape is known. Its subclasses are handles without a value.

    `settle` is called when a function takes it as an operand: it finds the shape from the other operands, after which
    the handle has a value.
    """

    __slots__ = ()
    _value: Value

    def settle(self, function: Function, operands: tuple, statics: tuple) -> None:
        """Find the shapes of all operands without one."""
        raise NotImplementedError


class Composite(Handle):
    """A handle of several arrays instead of one value, such as a sparse array.

    It has no `_value`: AttributeError. Where whole arrays are taken apart or written, `_whole` and `_aval` serve all
    handles.
    """

    __slots__ = ()

    @property
    def _whole(self) -> Value:  # type: ignore[override]
        """The value of an array with the same elements; derivatives are taken through it outside of `record()` too."""
        return self.recorded()._value

    def redirect(self, function: Function, cls: type, operands: tuple, statics: tuple) -> Any:
        """The result of `function`, which has this handle among its operands. Arguments as of `invoke`."""
        raise NotImplementedError

    def dense(self) -> Any:
        """An array with the same elements that has a value."""
        raise NotImplementedError

    def recorded(self) -> Any:
        """The same as a function that derivatives are taken through, outside of `record()` too."""
        raise NotImplementedError

    def receive(self, values: list[Value], onto: bool) -> None:
        """Take the sum of pending values as the handle's elements, or add it to these (onto)."""
        raise NotImplementedError


def wrap(cls: type, value: Value) -> Any:
    """A handle of the flavour `cls` for a value."""
    handle: Any = _new(cls)
    handle._value = value
    return handle


def invoke(function: Function, cls: type, operands: tuple, statics: tuple) -> Any:
    """Record a call of `function` with static arguments; returns new handles of the class `cls`.

    operands: handles, numbers, NumPy arrays or None.
    """
    trace = current().trace
    recording = trace.recording
    history: list | None = None
    mixed = False
    nodes: list[Any] = []
    for x in operands:
        kind = type(x)
        if (kind is float or kind is int) and x not in function.literals:
            nodes.append(trace.number(x))
            continue
        try:
            value = x._value
        except AttributeError:
            if isinstance(x, Composite):
                return x.redirect(function, cls, operands, statics)
            if not isinstance(x, Deferred):
                nodes.append(operand(function, trace, x))
                continue
            x.settle(function, operands, statics)
            value = x._value
        if recording and value.history:
            if history is None:
                history = [None]
            history.append(value.history)
            nodes.append(trace.recorded_node_of(value))
        elif value.trace is trace:
            mixed = True
            nodes.append(value.node)
        else:
            nodes.append(trace.enter(value))
    if mixed and history is not None:
        nodes = stopped(trace, operands, nodes)
    last = trace.last
    call: Any = last.successor
    if not matches(call, function, statics, nodes):
        call = last.successor = look_up(function, statics, nodes)
    trace.last = call
    line = user_line() if call.fallible else None
    if history is not None and type(call.result) is not Node:
        return finish_each(call, cls, trace, operands, line)
    return finish(call.result, cls, trace, history, line)


def combine(function: Function, cls: type, left: Any, right: Any) -> Any:
    """Record a binary operator: the body of a generated operator method, for native_recording.py to compile."""
    return invoke(function, cls, (left, right), ())


def look_up(function: Function, statics: tuple, nodes: list[Any]) -> CachedCall:
    """The cached call of a function with these arguments, made by `learn` if it is new."""
    try:
        known = CALL_CACHE.get((function, statics, *nodes))
    except TypeError:
        known = None
    return known or learn(function, statics, nodes)


def learn(function: Function, statics: tuple, nodes: list[Any]) -> CachedCall:
    """The cached call with hashable static arguments; it is built if there is none."""
    try:
        hash(statics)
    except TypeError:
        statics = freeze(statics)
    key = (function, statics, *nodes)
    known = CALL_CACHE.get(key)
    if known is None:
        try:
            built = _build(function, nodes, statics)
        except Exception:
            leave_out()  # compiled callers have no frames
            raise
        known = CALL_CACHE[key] = CachedCall(function, statics, nodes, *built)
    return known


def finish(result: Any, cls: type, trace: Trace, history: list | None, line: Any) -> Any:
    """New handles of pending values for one node or several; a trace that reaches its limit is run."""
    if type(result) is Node:
        handle: Any = _new(cls)
        handle._value = trace.new(result, history, line)
        if len(trace.pending) >= trace.limit:
            flush("bound")
        return handle
    handles = [finish(node, cls, trace, history, line) for node in result]
    return type(result)(handles)


def finish_each(call: CachedCall, cls: type, trace: Trace, operands: tuple, line: Any) -> Any:
    """New handles of a call's results, each with the history of the operands that it depends on, as in MXNet."""
    if call.sources is None:
        graphs = [set(toposort([node], set(call.nodes))) for node in call.result]
        call.sources = [[i for i, n in enumerate(call.nodes) if n in graph] for graph in graphs]
    handles = []
    for node, sources in zip(call.result, call.sources):
        values = [x._value for i in sources if isinstance(x := operands[i], Handle)]
        handles.append(finish(node, cls, trace, history_of(values), line))
    return type(call.result)(handles)


def stopped(trace: Trace, operands: Sequence[Any], nodes: list[Any]) -> list[Any]:
    """The operands' nodes, where values without a history are constants for the derivatives by the others."""
    found = list(nodes)
    for i, x in enumerate(operands):
        if isinstance(x, Handle):
            value = x._value
            if not value.history and value.trace is trace:
                if value.node.reach:  # type: ignore[union-attr]
                    found[i] = stop(value.node)  # type: ignore[arg-type]
    return found


def operand(function: Function, trace: Trace, x: Any) -> Node | None:
    kind = type(x)
    if kind is float or kind is int:
        return literal(x) if x in function.literals else trace.number(x)
    if x is None:
        return None
    if kind is bool:
        return literal(x)
    if isinstance(x, (np.ndarray, np.generic)):
        if x.ndim == 0 and x.dtype.kind in "fiub":
            number = x.item()  # that of a longdouble is a longdouble again
            return operand(function, trace, float(number) if isinstance(number, np.generic) else number)
        return trace.enter(constant(x))
    if isinstance(x, (float, int)):
        return operand(function, trace, float(x) if isinstance(x, float) else int(x))
    error = AssertionError if engine_checks(function) else TypeError
    raise error(f"{function.name}: type {kind} not supported: {x!r} is neither an array nor a number")


def engine_checks(function: Function) -> bool:
    """Whether MXNet's engine checks the arguments, as for `mx.nd`: then every error is an MXNetError."""
    return function.name.startswith("nd.")


#: Exceptions by which declarations reject arguments. OverflowError, for a number beyond all integers, is none of them.
_BAD_ARGUMENT = (TypeError, ValueError, LookupError, AttributeError, AssertionError, ZeroDivisionError)


def _build(function: Function, nodes: list[Any], statics: tuple) -> tuple[Any, bool]:
    """The node or nodes that the function builds, and whether running them can fail: then the user's line is kept."""
    if None in nodes:
        for name, node in zip(function.arrays, nodes):
            if node is None and function.signature.parameters[name].annotation != "Optional":
                error = MXNetError if engine_checks(function) else TypeError
                raise error(f"{function.name}: {name} is None; wanted an array or a number")
    for name, value in zip(function.statics, statics):
        if value is REQUIRED:
            raise MXNetError(f"Required parameter {name} is not presented, in operator {function.name}")
    device = _device_of(function, nodes)
    plain = [n if n is None or n.aval.device is None else place(n, None) for n in nodes]
    try:
        result = function.build(plain, *statics) if function.variadic else function.build(*plain, *statics)
    except Exception as error:
        operands = ", ".join(repr(n.aval) for n in nodes if n is not None)
        kind = MXNetError if engine_checks(function) and isinstance(error, _BAD_ARGUMENT) else type(error)
        raise kind(f"{function.name}({operands}): {error}").with_traceback(None) from None
    if device is not None:
        result = placed(result, device)
    made = [result] if isinstance(result, Node) else result
    inner = toposort(made, {n for n in nodes if n is not None})
    return result, settings.mode == "compare" or any(n.op.may_fail and n not in nodes for n in inner)


#: Kinds of memory for transfers, to a GPU or between processes. As in MXNet, only parts and copies of an array there
#: are there, too.
_TRANSFER = ("cpu_pinned", "cpu_shared")
_KEEPING = frozenset(("nd.NDArray.copy", "nd.NDArray._astype", "np._copy", "index.read_slice", "index.write_slice",
                      "index.overwrite", "index.found", "index.write_put", "index.write_mask"))


def _device_of(function: Function, nodes: list[Any]) -> Device:
    """The results' device: that of the first array, but cpu(0) for most results of one in memory for transfers.

    Declared functions get and return nodes without a device.
    """
    for node in nodes:
        if node is not None and not is_number(node):
            device = node.aval.device
            if device is not None and device[0] in _TRANSFER:
                return device if function.name in _KEEPING else None
            return device
    return None


def freeze(x: Any) -> Any:
    """Static arguments as hashable values: lists become tuples, arrays and handles their contents."""
    if isinstance(x, (list, tuple)):
        return tuple(freeze(i) for i in x)
    if isinstance(x, slice):
        return ("slice", freeze(x.start), freeze(x.stop), freeze(x.step))
    if isinstance(x, np.ndarray):
        return freeze(x.tolist())
    if isinstance(x, Handle):
        return freeze(x.asnumpy())  # type: ignore[attr-defined]
    return x


# ---- values made directly ------------------------------------------------------------------------

def constant(array: Any) -> Value:
    """A computed value with a copy of a NumPy array."""
    array = np.asarray(array)
    return computed(aval(array.shape, array.dtype), from_array(array))


def pending(node: Node, history: History = None) -> Value:
    """A pending value of this thread's trace for a node over its leaves."""
    return current().trace.new(node, history, user_line())


def full_value(of: Aval, number: float) -> Value:
    """A pending value all of whose elements are the constant `number`."""
    node = CALL_CACHE.get((of, number))
    if node is None:
        node = CALL_CACHE[of, number] = place(broadcast_to(const(number, of.dtype), of.shape), of.device)
    return pending(node)


def ones_value(of: Aval) -> Value:
    """A pending value of ones."""
    return full_value(of, 1)


def zeros_value(of: Aval) -> Value:
    """A pending value of zeros."""
    return full_value(of, 0)


def zeros_when_read(of: Aval) -> Value:
    """A value of zeros that takes no memory until it is read or a program that uses it runs.

    In that program it is an operand and no constant: the program is that of other elements, too.
    """
    value = computed(of, None)
    value.late = _fill_with_zeros
    return value


def _fill_with_zeros(value: Value) -> None:
    buffer = allocate(value.aval.nbytes)
    buffer.view(value.aval)[...] = 0
    value.buffer = buffer
    value.late = None


def add_values(values: list[Value]) -> Value:
    """The sum of values of one aval."""
    if len(values) == 1:
        return values[0]
    total = None
    for v in values:
        total = node_of(v) if total is None else add(total, node_of(v))
    return pending(total)  # type: ignore[arg-type]


def cast_value(value: Value, dtype: np.dtype) -> Value:
    """The value in another dtype."""
    return pending(cast(node_of(value), dtype))


