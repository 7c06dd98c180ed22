"""Partial shapes forward: an operator runs on placeholders, with two different sizes for dimensions that are unknown.

A dimension of a result is known if it is the same both times.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...base import MXNetError
from ..graph.node import SymbolNode
from ..operators.operator import Operator
from ..operators.registry import operator_of
from .placeholders import results
from .unify import Shape, known

Shapes = list[Shape]
Rule = Callable[[SymbolNode, Shapes, Shapes], tuple[Shapes, Shapes]]

#: Two sizes with many divisors, so that splitting and reshaping succeeds.
_PROBES = (5040, 10080)
#: Operators whose results' shapes depend on the elements.
_DYNAMIC = frozenset(("_contrib_boolean_mask", "_npi_nonzero", "_npx_nonzero", "_npi_unique", "_npi_boolean_mask"))


def general(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """Parameters from the data by the operator's rule; outputs by the operator itself."""
    ins = with_parameters(operator_of(str(node.op), node.name), node, ins)
    return ins, forward(node, ins, outs)


def forward(node: SymbolNode, ins: Shapes, outs: Shapes, whole: bool = False) -> Shapes:
    """The outputs' shapes, as far as the inputs' tell them; with `whole` only if all are known."""
    if any(s is None for s in ins) or node.op in _DYNAMIC:
        return outs[:node.visible]
    if all(map(known, ins)):
        return _run(node, ins)
    if whole:
        return outs[:node.visible]
    try:
        one, two = (_run(node, [_filled(s, size) for s in ins]) for size in _PROBES)
    except MXNetError:
        return outs[:node.visible]
    return [_same(a, b) for a, b in zip(one, two)]


def _run(node: SymbolNode, ins: Shapes) -> Shapes:
    return [shape for shape, _ in results(node, [(s or (), np.float32) for s in ins])[:node.visible]]


def _filled(shape: Shape, size: int) -> tuple[int, ...]:
    return tuple([size if d == -1 else d for d in shape or ()])


def _same(a: Shape, b: Shape) -> Shape:
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple([x if x == y else -1 for x, y in zip(a, b)])


def with_parameters(operator: Operator, node: SymbolNode, ins: Shapes) -> Shapes:
    """The inputs' shapes, where those of parameters are found from the first."""
    if operator.shapes is None or ins[0] is None or all(map(known, ins)):
        return ins
    given = {k: v for k, v in operator.values(node.attrs).items() if v is not None}
    names = operator.inputs(node.attrs, len(ins))
    one, two = (_parameters(operator.shapes, _filled(ins[0], size), given) for size in _PROBES)
    return [shape if known(shape) or name not in one else _same(one[name], two[name])
            for name, shape in zip(names, ins)]


def _parameters(rule: Callable[..., Mapping[str, Sequence[int]]], data: Sequence[int],
                given: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    found = {name: tuple(shape) for name, shape in rule(tuple(data), **given).items()}
    for name in ("mean", "var"):
        if f"running_{name}" in found:
            found[f"moving_{name}"] = found[f"running_{name}"]
    return found
