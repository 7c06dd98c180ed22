"""Nodes of control flow: `_foreach`, `_while_loop` and `_cond` run the graphs of their bodies."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..stateful import control_flow
from .graph.node import Entry, SymbolNode, topological
from .operators.attributes import value_of

#: The evaluation of a graph: its outputs for arrays by the names of its variables.
Evaluation = Callable[[tuple[Entry, ...], dict[str, Any]], list[Any]]


def variables(outputs: Sequence[Entry]) -> list[str]:
    """The names of a graph's variables, in order."""
    return [node.name for node in topological(outputs) if node.op is None]


def locations(node: SymbolNode, key: str) -> list[int]:
    """A node's attribute that is a tuple of numbers."""
    found = value_of(node.attrs.get(key, "()"))
    return list(found) if isinstance(found, tuple) else [found]


def outputs_of_loop(node: SymbolNode, inputs: list[Any], evaluation: Evaluation) -> list[Any]:
    """The arrays that a node of control flow makes of its inputs."""
    return _RUN[str(node.op)](node, inputs, evaluation)


def _foreach(node: SymbolNode, inputs: list[Any], evaluation: Evaluation) -> list[Any]:
    graph: Any = node.subgraphs[0]
    names = variables(graph)
    data_at, states_at, rest_at = (locations(node, k) for k in ("in_data_locs", "in_state_locs", "remain_locs"))
    count = int(node.attrs["num_out_data"])
    data, states = inputs[:len(data_at)], inputs[len(data_at):len(data_at) + len(states_at)]
    fixed = {names[at]: x for at, x in zip(rest_at, inputs[len(data_at) + len(states_at):])}

    def body(parts: list[Any], now: list[Any]) -> tuple[list[Any], list[Any]]:
        values = {**fixed, **{names[at]: x for at, x in zip(data_at, parts)},
                  **{names[at]: x for at, x in zip(states_at, now)}}
        found = evaluation(graph, values)
        return found[:count], found[count:]

    outputs, last = control_flow.foreach(body, data, states)
    return [*outputs, *last]


def _while_loop(node: SymbolNode, inputs: list[Any], evaluation: Evaluation) -> list[Any]:
    test, func = node.subgraphs
    names: Any = [variables(test), variables(func)]  # type: ignore[arg-type]
    test_at, func_at = locations(node, "cond_input_locs"), locations(node, "func_input_locs")
    variable_at = locations(node, "func_var_locs")
    count = int(node.attrs["num_out_data"])
    places = [func_at[at] for at in variable_at]  # of the loop's variables among the inputs

    def values(graph: int, at: list[int], now: Sequence[Any]) -> dict[str, Any]:
        given = list(inputs)
        for place, x in zip(places, now):
            given[place] = x
        return {name: given[i] for name, i in zip(names[graph], at)}

    def going_on(*now: Any) -> Any:
        return evaluation(test, values(0, test_at, now))[0]  # type: ignore[arg-type]

    def step(*now: Any) -> tuple[list[Any], list[Any]]:
        found = evaluation(func, values(1, func_at, now))  # type: ignore[arg-type]
        return found[:count], found[count:]

    start = [inputs[place] for place in places]
    limit = int(node.attrs["max_iterations"])
    outputs, last = control_flow.while_loop(going_on, step, start, limit)
    if count and not outputs:  # no iteration: zeros in the shapes of a step's outputs
        outputs = [(x * 0).expand_dims(0).broadcast_to((limit, *x.shape)) for x in step(*start)[0]]
    return [*outputs, *last]


def _cond(node: SymbolNode, inputs: list[Any], evaluation: Evaluation) -> list[Any]:
    found: list[Any] = []
    for graph, key in zip(node.subgraphs, ("cond_input_locs", "then_input_locs", "else_input_locs")):
        at = locations(node, key)
        names = variables(graph)  # type: ignore[arg-type]
        found.append((graph, {name: inputs[i] for name, i in zip(names, at)}))
    test, true, false = found
    return control_flow.cond(evaluation(*test)[0], lambda: evaluation(*true), lambda: evaluation(*false))


_RUN = {"_foreach": _foreach, "_while_loop": _while_loop, "_cond": _cond}
