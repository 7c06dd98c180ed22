"""Evaluation: a symbol's graph runs by calls of the public functions of arrays, which record, as a user's code does."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import autograd
from ..base import MXNetError
from .graph.node import Entry, SymbolNode, topological
from .operators.registry import operator_of

Monitor = Callable[[str, Any], None]


def evaluate(symbol: Any, values: Mapping[str, Any], training: bool | None = None,
             monitor: Monitor | None = None) -> list[Any]:
    """The outputs of a symbol for arrays by the names of its arguments and auxiliary states.

    training: the mode of Dropout and others; None: as it is.
    monitor: called with the name and the array of each output of each node, in order.

    MXNetError for a variable without a value, and for operands that do not fit, with the node's name.
    """
    if training is not None and training != autograd.is_training():
        with autograd.train_mode() if training else autograd.predict_mode():
            return evaluate(symbol, values, None, monitor)
    found = run(symbol._outputs, values, monitor)
    return [found[node][i] for node, i in symbol._outputs]


def run(outputs: tuple[Entry, ...], values: Mapping[str, Any],
        monitor: Monitor | None = None) -> dict[SymbolNode, list[Any]]:
    """The arrays of all nodes below `outputs`; arguments as in `evaluate`."""
    found: dict[SymbolNode, list[Any]] = {}
    for node in topological(outputs):
        if node.op is None:
            if node.name not in values:
                raise MXNetError(f"Variable {node.name} has no value: bind an array to it")
            found[node] = [values[node.name]]
            continue
        found[node] = outputs_of(node, [found[below][i] for below, i in node.inputs])
        if monitor is not None:
            for i in range(node.visible):
                monitor(node.output_name(i), found[node][i])
    return found


def outputs_of(node: SymbolNode, inputs: list[Any]) -> list[Any]:
    """The arrays that a node's operator makes of its inputs."""
    operator = operator_of(node.op or "", node.name)
    given = operator.values(node.attrs)
    try:
        if operator.name == "Custom":
            custom = {k: v for k, v in node.attrs.items() if not k.startswith("__")}
            made = operator.run(*inputs, **custom)
        elif operator.star or operator.positional:
            made = operator.run(*inputs, **given)
        else:
            made = operator.run(**dict(zip(operator.inputs(node.attrs), inputs)), **given)
    except MXNetError as error:
        raise type(error)(f"Error in operator {node.name}: {error}").with_traceback(error.__traceback__) from None
    return list(made) if isinstance(made, (list, tuple)) else [made]
