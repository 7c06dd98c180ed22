"""`foreach`, `while_loop` and `cond` of `npx` and `nd.contrib`.

They are Python's control flow, as arrays are imperative. In a hybridized block `foreach` is a scan
(ops/control/loops.py) of what one call of its body has recorded, unless that reads or writes arrays or draws random
numbers.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracer.ops.control.loops import scan
from tracer.ops.control.recorded import argument, recorded
from tracer.ops.ir.devices import place
from tracer.ops.ir.node import items

from ..base import as_list
from ..core.capture import Capture
from ..core.invoke import Handle, invoke, stopped, wrap
from ..core.trace import VARIABLE, Trace, current, effects
from .views import internal


def _listed(x: Any) -> list[Any]:
    return [] if x is None else list(as_list(x))


def _stacked(steps: list[list[Any]], single: bool) -> Any:
    out = [invoke(internal("np.stack"), type(each[0]), each, (0, None)) for each in zip(*steps, strict=True)]
    return out[0] if single and out else out


def foreach(body: Callable, data: Any, init_states: Any) -> tuple[Any, Any]:
    """Call `body(slice, states) -> (output, states)` for each slice of `data` along its first axis.

    Returns the outputs, stacked along a new first axis, and the last states. `data` and the outputs are arrays or
    lists of arrays. In a hybridized block a body that only computes is called once, as MXNet does, and the loop is one
    operation of the graph: with another length it is no other program.
    """
    several, states, outputs, single = isinstance(data, (list, tuple)), init_states, [], True
    arrays, trace = _listed(data), current().trace
    for i in range(len(arrays[0])):
        loop = _loop_of(trace, arrays, _listed(states)) if i == 0 else None
        slices = [d[i] for d in arrays] if loop is None else loop.slices
        given = states if loop is None else nested(states, loop.states)
        output, states = body(slices if several else slices[0], given)
        single = not isinstance(output, (list, tuple))
        step = _listed(output)
        if loop is not None:
            found = loop.repeated(step, _listed(states))
            if found is not None:
                made, last = found
                return made[0] if single and made else made, nested(states, last)
            step, states = loop.ended(step), nested(states, loop.ended(_listed(states)))
        outputs.append(step)
    return _stacked(outputs, single), states


def nested(like: Any, arrays: list[Any]) -> Any:
    """The arrays in a list or a tuple, or the only one alone, as `like` is."""
    return type(like)(arrays) if isinstance(like, (list, tuple)) else arrays[0] if arrays else like


def _loop_of(trace: Trace, data: list[Any], states: list[Any]) -> _Loop | None:
    """The loop, if it is part of a pass that is to be cached."""
    fits = isinstance(trace, Capture) and all([isinstance(x, Handle) for x in (*data, *states)])
    return _Loop(trace, data, states) if fits else None  # type: ignore[arg-type]


class _Loop:
    """The first step of a loop, whose arguments are told apart from all other arrays, and the scan of all steps."""

    def __init__(self, trace: Capture, data: list[Any], states: list[Any]) -> None:
        self.trace, self.draws = trace, len(trace.draws)
        self.flags = self.trace.recording, self.trace.training
        self.data, self.first = data, states
        self.given = [*[d[0] for d in data], *states]
        self.own: list[Any] = []  # the histories of arguments that are constants at the first step
        arguments = [self._argument(x) for x in self.given]
        self.values = [x._value for x in arguments]
        self.slices, self.states = arguments[:len(data)], arguments[len(data):]
        self.effects = next(effects)

    def _argument(self, x: Handle) -> Any:
        value, trace, history = x._value, self.trace, None
        recorded_now = trace.recording and bool(value.history)
        if trace.recording and value.aval.dtype.kind == "f":
            history = [None, value.history] if recorded_now else [None]
            if not recorded_now:
                self.own.append(history)
        node = trace.recorded_node_of(value) if recorded_now else trace.node_of(value)
        trace.marks += 1
        return wrap(type(x), trace.new(argument(node, trace.marks), history, None))

    def ended(self, arrays: list[Any]) -> list[Any]:
        """The arrays of a step that is not repeated: its arguments are those that they stand for, as written to."""
        found = list(arrays)
        for x, argument_of, value in zip(self.given, [*self.slices, *self.states], self.values, strict=True):
            if argument_of._value is not value:
                x[:] = argument_of
                value = argument_of._value
            found = [x if one is argument_of else one for one in found]
        return found

    def repeated(self, outputs: list[Any], states: list[Any]) -> tuple[list[Any], list[Any]] | None:
        """The stacked outputs and the last states of all steps; None where the body does more than compute these."""
        trace = self.trace
        if current().trace is not trace or next(effects) != self.effects + 1 or len(states) != len(self.first) \
                or self.flags != (trace.recording, trace.training) or self.draws != len(trace.draws):
            return None
        results = [*states, *outputs]
        if not results or not all([isinstance(x, Handle) and x._value.trace is trace for x in results]):
            return None
        before = [x._value.aval for x in self.first]
        if any([(of.shape, of.dtype) != (x._value.aval.shape, x._value.aval.dtype) or type(x) is not type(first)
                for of, x, first in zip(before, states, self.first, strict=True)]):
            return None
        nodes = [x._value.node for x in results]
        different = list(dict.fromkeys(nodes[len(states):]))
        body = recorded([v.node for v in self.values], [*nodes[:len(states)], *different])
        if body is None:
            return None
        operands = [*self.data, *self.first]
        inputs = [trace.recorded_node_of(x._value) if trace.recording and x._value.history else trace.node_of(x._value)
                  for x in operands]
        is_recorded = self._is_recorded([x._value.history for x in results])
        if is_recorded:
            inputs = stopped(trace, operands, inputs)
        made = items(scan([place(n, None) for n in (*inputs, *body.constants)], body.body, len(self.data), len(states)))
        of_output = dict(zip(different, made[len(states):], strict=True))
        parts = [*made[:len(states)], *[of_output[n] for n in nodes[len(states):]]]
        found = []
        for x, part in zip(results, parts, strict=True):
            history = [None, x._value.history] if is_recorded and x._value.history else None
            found.append(wrap(type(x), trace.new(place(part, x._value.aval.device), history, None)))
        return found[len(states):], found[:len(states)]

    def _is_recorded(self, histories: list[Any]) -> bool:
        """Whether a derivative can be taken through one of the histories by more than the loop's own arguments."""
        seen = {id(history) for history in self.own}
        stack = [history for history in histories if history is not None]
        for history in stack:
            if history is VARIABLE or not history:
                return True
            if id(history) not in seen:
                seen.add(id(history))
                stack += [x for x in history[1:] if x is not None]
        return False


def while_loop(cond: Callable, func: Callable, loop_vars: Any,
               max_iterations: int | None = None) -> tuple[Any, Any]:
    """Call `func(*loop_vars) -> (output, loop_vars)` while `cond(*loop_vars)` is true; each test is a sync point.

    Returns the outputs, stacked and padded with zeros to `max_iterations`, and the last loop_vars. ValueError if
    `max_iterations` is not given.
    """
    if max_iterations is None:
        raise ValueError("max_iterations should be specified")
    outputs: list[list[Any]] = []
    values, single = _listed(loop_vars), True
    while len(outputs) < max_iterations and cond(*values):
        output, new = func(*values)
        single = not isinstance(output, (list, tuple))
        values = _listed(new)
        outputs.append(_listed(output))
    if outputs:
        blank = [invoke(internal("nd.zeros_like"), type(x), (x,), ()) for x in outputs[0]]
        outputs += [blank] * (max_iterations - len(outputs))
    return _stacked(outputs, single), values if isinstance(loop_vars, (list, tuple)) else values[0]


def cond(pred: Any, then_func: Callable, else_func: Callable, inputs: Any = (), name: str = "cond") -> Any:
    """`then_func(*inputs)` if `pred` is true, else `else_func(*inputs)`.

    pred: an array of one element, or a function of the inputs that returns one; reading it is a sync point.
    """
    given = _listed(inputs)
    return (then_func if bool(pred(*given) if callable(pred) else pred) else else_func)(*given)
