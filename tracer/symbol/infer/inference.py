"""Inference of shapes: over a symbol's graph forward and backward, until nothing new is found, as in MXNet."""
from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from ...base import MXNetError
from ...util import is_np_shape
from ..graph.node import SymbolNode, mutated_variables, topological
from ..operators.attributes import value_of
from . import bodies
from .shape_rules import rule_of
from .unify import Shape, contradicts, known, unified

#: The number of sweeps over a graph after which inference gives up.
_SWEEPS = 64


def shapes_of(symbol: Any, args: Sequence[Any], kwargs: Mapping[str, Any],
              partial: bool) -> tuple[Any, Any, Any]:
    """The answer of `Symbol.infer_shape`; with `partial` that of `infer_shape_partial`."""
    given = _given(symbol, args, kwargs)
    nodes = topological(symbol._outputs)
    found = infer(nodes, given)
    states = mutated_variables(nodes)
    variables = [n for n in nodes if n.op is None]
    outputs = [found[n][i] for n, i in symbol._outputs]
    arguments = [found[n][0] for n in variables if n not in states]
    auxiliary = [found[n][0] for n in variables if n in states]
    if not partial and not all(map(known, (*arguments, *outputs, *auxiliary))):
        unknown = [f"{n.name}: {_shown(found[n][0])}" for n in variables if not known(found[n][0])]
        warnings.warn(f"Cannot decide shape for the following arguments (0s in shape means unknown dimensions). "
                      f"Consider providing them as input:\n\t{', '.join(unknown)}", stacklevel=4)
        return None, None, None
    return tuple([[_shown(s) for s in part] for part in (arguments, outputs, auxiliary)])  # type: ignore[return-value]


def _shown(shape: Shape) -> Any:
    """A shape as a user sees it: unknown ones are () and unknown dimensions 0, under NumPy's semantics None and -1."""
    if is_np_shape():
        return shape
    return () if shape is None else tuple([max(d, 0) for d in shape])


def _read(shape: Sequence[int]) -> Shape:
    """A shape that a user gives; in it unknown dimensions are 0, under NumPy's semantics -1."""
    if is_np_shape():
        return tuple(shape)
    return tuple([d if d > 0 else -1 for d in shape]) if shape else None


def _given(symbol: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Shape]:
    if args and kwargs:
        raise ValueError("Can only specify known argument shapes either by positional or kwargs way.")
    names = symbol.list_arguments()
    if len(args) > len(names):
        raise MXNetError(f"infer_shape: {len(args)} shapes for {len(names)} arguments")
    pairs: Any = [*zip(names, args)] if args else [*kwargs.items()]
    for i, (name, shape) in enumerate(pairs):
        if not isinstance(shape, tuple) and not (args and shape is None):
            where = f"argument {i}" if args else f"'{name}'"
            raise TypeError(f"Arguments need to be shapes (tuple), but {where} is {type(shape)}.")
    inputs = symbol.list_inputs()
    for name in kwargs:
        if name not in inputs:
            candidates = "\n".join([f"\t[{i}]{n}" for i, n in enumerate(names)])
            raise MXNetError(f"InferShapeKeyword argument name {name} not found.\nCandidate arguments:\n{candidates}\n")
    return {name: _read(shape) for name, shape in pairs if shape is not None}


def infer(nodes: Sequence[SymbolNode], given: Mapping[str, Shape]) -> dict[SymbolNode, list[Shape]]:
    """The shapes of the outputs of all nodes, in topological order, from shapes of some variables.

    A shape is None, or a tuple in which unknown dimensions are -1. MXNetError for shapes that contradict each other.
    """
    found: dict[SymbolNode, list[Shape]] = {}
    for node in nodes:
        own: Shape = None
        if node.op is None:
            own = given.get(node.name)
            if own is None and "__shape__" in node.attrs:
                declared = value_of(node.attrs["__shape__"])
                own = _read((declared,) if isinstance(declared, int) else declared)
        found[node] = [own] * node.num_outputs
    operators = [node for node in nodes if node.op is not None]
    waiting: dict[SymbolNode, object] = {}
    for sweep in range(_SWEEPS):
        changed = False
        for node in operators if sweep % 2 == 0 else reversed(operators):
            ins = [found[below][i] for below, i in node.inputs]
            state = (tuple(ins), tuple(found[node]))
            if waiting.get(node) == state:
                continue
            changed |= _apply(node, ins, found)
            waiting[node] = (tuple([found[below][i] for below, i in node.inputs]), tuple(found[node]))
        if not changed and sweep:
            break
    return found


def _apply(node: SymbolNode, ins: list[Shape], found: dict[SymbolNode, list[Shape]]) -> bool:
    """Use a node's rule; whether it found anything new."""
    outs = found[node]
    if all(map(known, ins)) and all(map(known, outs[:node.visible])) and node.visible == len(outs) and not ins:
        return False
    try:
        new_ins, new_outs = bodies.rule(node, ins, infer) if node.subgraphs else rule_of(node)(node, ins, outs)
    except MXNetError as error:
        text = str(error)
        raise MXNetError(text if text.startswith("Error in operator") else f"Error in operator {node.name}: {text}"
                         ).with_traceback(error.__traceback__) from None
    changed = False
    for i, ((below, at), shape) in enumerate(zip(node.inputs, new_ins)):
        changed |= _merge(node, found[below], at, shape, f"input {i} ({below.name})")
    for i, shape in enumerate(new_outs):
        changed |= _merge(node, outs, i, shape, f"output {i}")
    return changed


def _merge(node: SymbolNode, shapes: list[Shape], at: int, shape: Shape, what: str) -> bool:
    old = shapes[at]
    if contradicts(old, shape):
        raise MXNetError(f"Error in operator {node.name}: Shape inconsistent, Provided = {list(old or ())}, "
                         f"inferred shape={list(shape or ())} for {what}")
    shapes[at] = unified(old, shape)
    return shapes[at] != old
