"""`foreach`, `while_loop` and `cond` of `npx` and `nd.contrib`.

They are Python's control flow, as arrays are imperative. In hybridized blocks and bound symbols they are parts of the
graph, made of scans (ops/control/loops.py) of what one call of each function has recorded: `while_loop` is a scan with
a condition as its guard, `cond` has a scan of one step for each branch, of which one is left out. A function that reads
or writes arrays or draws random numbers runs as Python (trials.py).
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracer.ops.control.body import duplicate
from tracer.ops.control.loops import GUARD, scan
from tracer.ops.ir.devices import place
from tracer.ops.ir.graph import substitute
from tracer.ops.ir.node import Node, const, items
from tracer.ops.primitive.arithmetic import cast, equal, like, not_equal, where
from tracer.ops.primitive.linear import broadcast_to, reshape

from ..array.views import internal
from ..base import as_list
from ..core.capture import Capture
from ..core.invoke import Handle, invoke
from .trials import Trial, alike, tried


def _listed(x: Any) -> list[Any]:
    return [] if x is None else list(as_list(x))


def _stacked(steps: list[list[Any]], single: bool) -> Any:
    out = [invoke(internal("np.stack"), type(each[0]), each, (0, None)) for each in zip(*steps, strict=True)]
    return out[0] if single and out else out


def nested(like: Any, arrays: list[Any]) -> Any:
    """The arrays in a list or a tuple, or the only one alone, as `like` is."""
    return type(like)(arrays) if isinstance(like, (list, tuple)) else arrays[0] if arrays else like


# ---- foreach -------------------------------------------------------------------------------------

def foreach(body: Callable, data: Any, init_states: Any) -> tuple[Any, Any]:
    """Call `body(slice, states) -> (output, states)` for each slice of `data` along its first axis.

    Returns the outputs, stacked along a new first axis, and the last states. `data` and the outputs are arrays or
    lists of arrays. In a hybridized block a body that only computes is called once, as MXNet does, and the loop is one
    operation of the graph: with another length it is no other program.
    """
    several, states, outputs, single = isinstance(data, (list, tuple)), init_states, [], True
    arrays = _listed(data)
    if len(arrays[0]):
        found = tried("foreach", [*arrays, *_listed(states)], lambda trace: _scanned(trace, body, data, states))
        if found is not None:
            return found
    for i in range(len(arrays[0])):
        slices = [d[i] for d in arrays]
        output, states = body(slices if several else slices[0], states)
        single = not isinstance(output, (list, tuple))
        outputs.append(_listed(output))
    return _stacked(outputs, single), states


def _scanned(trace: Capture, body: Callable, data: Any, states: Any) -> tuple[Any, Any] | None:
    """The results of `foreach`, as those of a scan."""
    arrays, first = _listed(data), _listed(states)
    trial = Trial(trace, [*[d[0] for d in arrays], *first])
    slices, now = trial.arguments[:len(arrays)], trial.arguments[len(arrays):]
    output, new = body(slices if isinstance(data, (list, tuple)) else slices[0], nested(states, now))
    outputs, last = _listed(output), _listed(new)
    made = [*last, *outputs]
    nodes = trial.results(made)
    if not nodes or len(last) != len(first) or not all(map(alike, first, last)):
        return None
    recorded = trial.body(trial.nodes, nodes, repeats=True)
    if recorded is None:
        return None
    is_recorded = trial.is_recorded(made)
    inputs = [*trial.inputs([*arrays, *first], is_recorded), *recorded.constants]
    parts = items(scan(inputs, recorded.body, len(arrays), len(first)))
    found = [trial.wrapped(x, part, [x._value.history] if is_recorded else [])
             for x, part in zip(made, parts, strict=True)]
    made_outputs = found[len(last):]
    return made_outputs if isinstance(output, (list, tuple)) else made_outputs[0], nested(new, found[:len(last)])


# ---- while_loop ----------------------------------------------------------------------------------

def while_loop(cond: Callable, func: Callable, loop_vars: Any,
               max_iterations: int | None = None) -> tuple[Any, Any]:
    """Call `func(*loop_vars) -> (output, loop_vars)` while `cond(*loop_vars)` is true; each test is a sync point.

    Returns the outputs, stacked and padded with zeros to `max_iterations`, and the last loop_vars. In a hybridized
    block functions that only compute are called once, and the loop is one operation of the graph, without sync points;
    the outputs of a loop without iterations are then zeros, too, and outside of it an empty list.

    ValueError if `max_iterations` is not given.
    """
    if max_iterations is None:
        raise ValueError("max_iterations should be specified")
    values, single, limit = _listed(loop_vars), True, int(max_iterations)
    if limit > 0:
        found = tried("while_loop", values, lambda trace: _guarded(trace, cond, func, loop_vars, limit))
        if found is not None:
            return found
    outputs: list[list[Any]] = []
    while len(outputs) < max_iterations and cond(*values):
        output, new = func(*values)
        single = not isinstance(output, (list, tuple))
        values = _listed(new)
        outputs.append(_listed(output))
    if outputs:
        blank = [invoke(internal("nd.zeros_like"), type(x), (x,), ()) for x in outputs[0]]
        outputs += [blank] * (max_iterations - len(outputs))
    return _stacked(outputs, single), values if isinstance(loop_vars, (list, tuple)) else values[0]


def _guarded(trace: Capture, cond: Callable, func: Callable, loop_vars: Any, limit: int) -> tuple[Any, Any] | None:
    """The results of `while_loop`, as those of a scan that the condition guards."""
    first = _listed(loop_vars)
    trial = Trial(trace, first)
    test = cond(*trial.arguments)
    output, new = func(*trial.arguments)
    outputs, last = _listed(output), _listed(new)
    tests, nodes = trial.results([test]), trial.results([*last, *outputs])
    if tests is None or nodes is None or test.size != 1 or len(last) != len(first) or not all(map(alike, first, last)):
        return None
    is_recorded = trial.is_recorded([*last, *outputs])
    inputs = dict(zip(trial.nodes, trial.inputs(first, is_recorded), strict=True))
    # Variables that no iteration changes are no states.
    kept = [k for k, (before, after) in enumerate(zip(trial.nodes, nodes, strict=False)) if before is not after]
    fixed = {n: inputs[n] for k, n in enumerate(trial.nodes) if k not in kept}
    after = {n: nodes[k] for k, n in enumerate(trial.nodes) if k in kept}
    step = substitute([_flag(substitute(tests, after)[0]), *after.values(), *nodes[len(first):]], fixed)
    counter, goes_on = duplicate(const(0, "int8"), 0), duplicate(const(0, "int64"), 0)
    recorded = trial.body([counter, goes_on, *after], step)
    if recorded is None or not kept:
        return None
    start = substitute([_flag(tests[0])], inputs)[0]
    parts = items(scan([broadcast_to(const(0, "int8"), (limit,)), place(start, None), *[inputs[n] for n in after],
                        *recorded.constants], recorded.body, 1, 1 + len(kept), False, 1))[1:]
    by_state = dict(zip(kept, parts, strict=False))
    found = []
    for k, (x, before) in enumerate(zip(last, first, strict=True)):
        part = by_state[k] if k in by_state else duplicate(inputs[trial.nodes[k]], 0)
        found.append(trial.wrapped(x, part, [x._value.history, before._value.history] if is_recorded else []))
    made = [trial.wrapped(x, part, [x._value.history] if is_recorded else [])
            for x, part in zip(outputs, parts[len(kept):], strict=True)]
    return (made if isinstance(output, (list, tuple)) or not made else made[0],
            found if isinstance(loop_vars, (list, tuple)) else found[0])


def _flag(test: Node) -> Node:
    """The guard for a test, an array of one element."""
    return cast(not_equal(reshape(place(test, None), ()), like(test, 0)), GUARD.dtype)


# ---- cond ----------------------------------------------------------------------------------------

def cond(pred: Any, then_func: Callable, else_func: Callable, inputs: Any = (), name: str = "cond") -> Any:
    """`then_func(*inputs)` if `pred` is true, else `else_func(*inputs)`.

    pred: an array of one element, or a function of the inputs that returns one; reading it is a sync point. In a
        hybridized block it is not read: functions that only compute are both called, and the graph runs one of them.
    """
    given = _listed(inputs)
    test = pred(*given) if callable(pred) else pred
    if isinstance(test, Handle) and test._aval.size == 1:
        found = tried("cond", given, lambda trace: _branches(trace, test, then_func, else_func, given))
        if found is not None:
            return found
    return (then_func if bool(test) else else_func)(*given)


def _branches(trace: Capture, test: Any, then_func: Callable, else_func: Callable, given: list[Any]) -> Any:
    """The results of `cond`: of each branch those of a scan of one step, which is left out if the other is taken."""
    trial = Trial(trace, ())
    made = [then_func(*given), else_func(*given)]
    one, other = (_listed(x) for x in made)
    single = [not isinstance(x, (list, tuple)) for x in made]
    nodes = trial.results([*one, *other])
    if not nodes or len(one) != len(other) or single[0] != single[1] or not all(map(alike, one, other)):
        return None
    is_recorded = trial.is_recorded([*one, *other])
    pred = reshape(trial.inputs([test], False)[0], ())
    flag, branches = duplicate(const(0, GUARD.dtype.name), 0), []
    for own, runs in ((nodes[:len(one)], not_equal), (nodes[len(one):], equal)):
        recorded = trial.body([flag], own)
        if recorded is None:
            return None
        guard = reshape(cast(runs(pred, like(pred, 0)), GUARD.dtype), (1,))
        branches.append(items(scan([guard, *recorded.constants], recorded.body, 1, 0, False, 0)))
    taken, found = not_equal(pred, like(pred, 0)), []
    for x, y, left, right in zip(one, other, *branches, strict=True):
        part = where(taken, reshape(left, x.shape), reshape(right, x.shape))
        found.append(trial.wrapped(x, part, [x._value.history, y._value.history] if is_recorded else []))
    return found[0] if single[0] else found
