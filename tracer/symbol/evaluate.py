"""Evaluation: a symbol's graph runs by calls of the public functions of arrays, which record, as a user's code does."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import autograd
from ..base import MXNetError
from ..core.invoke import Composite, wrap
from ..ndarray import NDArray
from ..numpy import ndarray
from ..util import is_np_array
from .graph.node import Entry, SymbolNode, topological
from .infer.arranging import CONSTANTS, declared
from .infer.inference import infer
from .infer.unify import known
from .loops import outputs_of_loop
from .operators.calls import outputs_of
from .operators.registry import operator_of

Monitor = Callable[[str, Any], None]


def evaluate(symbol: Any, values: Mapping[str, Any], training: bool | None = None, monitor: Monitor | None = None,
             monitor_all: bool = False) -> list[Any]:
    """The outputs of a symbol for arrays by the names of its arguments and auxiliary states.

    training: the mode of Dropout and others; None: as it is.
    monitor: called with the name and the array of each output of each node, in order.
    monitor_all: whether it is called with each node's inputs, too.

    MXNetError for a variable without a value, and for operands that do not fit, with the node's name.
    """
    if training is not None and training != autograd.is_training():
        with autograd.train_mode() if training else autograd.predict_mode():
            return evaluate(symbol, values, None, monitor, monitor_all)
    found = run(symbol._outputs, values, monitor, monitor_all)
    np_flavour = any([isinstance(x, ndarray) for x in values.values()]) if values else is_np_array()
    flavour = ndarray if np_flavour else NDArray
    return [_of(flavour, found[node][i]) for node, i in symbol._outputs]


def _of(flavour: type, x: Any) -> Any:
    """The array as one of `mx.np` or `mx.nd`."""
    same = type(x) is flavour or not isinstance(x, NDArray) or isinstance(x, Composite)
    return x if same else wrap(flavour, x._value)


def run(outputs: tuple[Entry, ...], values: Mapping[str, Any],
        monitor: Monitor | None = None, monitor_all: bool = False) -> dict[SymbolNode, list[Any]]:
    """The arrays of all nodes below `outputs`; arguments as in `evaluate`."""
    found: dict[SymbolNode, list[Any]] = {}
    nodes = topological(outputs)
    shapes = _late_shapes(nodes, values)
    for node in nodes:
        if node.op is None:
            if node.name not in values:
                raise MXNetError(f"Variable {node.name} has no value: bind an array to it")
            found[node] = [values[node.name]]
            continue
        if node.subgraphs:
            found[node] = outputs_of_loop(node, [found[below][i] for below, i in node.inputs], _body)
            continue
        if monitor is not None and monitor_all:
            _show_inputs(node, found, monitor)
        late = shapes.get(node)
        found[node] = outputs_of(node, [found[below][i] for below, i in node.inputs], late and {"shape": late[0]})
        if monitor is not None:
            for i in range(node.visible):
                monitor(node.output_name(i), found[node][i])
    return found


def _show_inputs(node: SymbolNode, found: Mapping[SymbolNode, list[Any]], monitor: Monitor) -> None:
    """Call the monitor with the inputs of a node: variables under their own names first, as MXNet does."""
    names = operator_of(node.op or "", node.name).inputs(node.attrs, len(node.inputs))
    for (below, i), name in zip(node.inputs, names):
        if below.op is None:
            monitor(below.name, found[below][i])
        monitor(f"{node.name}_{name}", found[below][i])


def _body(outputs: tuple[Entry, ...], values: dict[str, Any]) -> list[Any]:
    """The outputs of the graph of a loop's body."""
    found = run(outputs, values)
    return [found[node][i] for node, i in outputs]


def _late_shapes(nodes: list[SymbolNode], values: Mapping[str, Any]) -> dict[SymbolNode, Any]:
    """The shapes of constants that are known in part, found by inference from the shapes of the values."""
    late = [node for node in nodes if node.op in CONSTANTS and not known(declared(node))]
    if not late:
        return {}
    found = infer(nodes, {name: tuple(x.shape) for name, x in values.items()})
    for node in late:
        if not known(found[node][0]):
            shape = node.attrs.get("shape")
            raise MXNetError(f"Error in operator {node.name}: the shape {shape} is known in part only")
    return {node: found[node] for node in late}
