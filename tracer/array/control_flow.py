"""`foreach`, `while_loop` and `cond` of `npx` and `nd.contrib`, by Python's control flow, as arrays are imperative."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base import as_list
from ..core.invoke import invoke
from .views import internal


def _listed(x: Any) -> list[Any]:
    return [] if x is None else list(as_list(x))


def _stacked(steps: list[list[Any]], single: bool) -> Any:
    out = [invoke(internal("np.stack"), type(each[0]), each, (0, None)) for each in zip(*steps, strict=True)]
    return out[0] if single and out else out


def foreach(body: Callable, data: Any, init_states: Any) -> tuple[Any, Any]:
    """Call `body(slice, states) -> (output, states)` for each slice of `data` along its first axis.

    Returns the outputs, stacked along a new first axis, and the last states. `data` and the outputs are arrays or
    lists of arrays.
    """
    several, states, outputs, single = isinstance(data, (list, tuple)), init_states, [], True
    for i in range(len(data[0] if several else data)):
        output, states = body([d[i] for d in data] if several else data[i], states)
        single = not isinstance(output, (list, tuple))
        outputs.append(_listed(output))
    return _stacked(outputs, single), states


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
