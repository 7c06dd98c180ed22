"""Rules of shapes: what a node's operator tells about the shapes of its inputs and outputs from what is known."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph.node import SymbolNode
from ..operators.operator import Operator
from ..operators.registry import operator_of
from .placeholders import results
from .unify import Shape, common, known

Shapes = list[Shape]
Rule = Callable[[SymbolNode, Shapes, Shapes], tuple[Shapes, Shapes]]

#: Operators all of whose inputs and outputs have one shape, besides those whose declaration tells it.
ELEMENTWISE = frozenset("""
make_loss MakeLoss zeros_like ones_like Cast amp_cast clip smooth_l1 Activation Dropout SoftmaxActivation add_n
_grad_add log_softmax softmin _identity_with_attr_like_rhs _np_cumsum L2Normalization LRN hard_sigmoid
""".split())
#: Operators whose results' shapes depend on the elements.
DYNAMIC = frozenset(("_contrib_boolean_mask", "_npi_nonzero", "_npx_nonzero", "_npi_unique", "_npi_boolean_mask"))


def rule_of(node: SymbolNode) -> Rule:
    """The rule of a node's operator."""
    name = str(node.op)
    if name in ELEMENTWISE or operator_of(name).elementwise:
        return elementwise
    return RULES.get(name, general)


def elementwise(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """One shape for all inputs and outputs."""
    shape = common([*ins, *outs[:node.visible]])
    return [shape] * len(ins), [shape] * node.visible


def general(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """Parameters from the data by the operator's rule; outputs by the operator itself on placeholders."""
    operator = operator_of(str(node.op), node.name)
    ins = with_parameters(operator, node, ins)
    return ins, forward(node, ins, outs)


def with_parameters(operator: Operator, node: SymbolNode, ins: Shapes) -> Shapes:
    """The inputs' shapes, where those of parameters are found from the first, if that is known."""
    if operator.shapes is None or not known(ins[0]) or all(map(known, ins)):
        return ins
    named: dict[str, Any] = dict(operator.shapes(ins[0], **{k: v for k, v in operator.values(node.attrs).items()
                                                             if v is not None}))
    for one, other in (("running_mean", "moving_mean"), ("running_var", "moving_var")):
        if one in named:
            named[other] = named[one]
    return [named.get(name, shape) if not known(shape) else shape
            for name, shape in zip(operator.inputs(node.attrs, len(ins)), ins)]


def forward(node: SymbolNode, ins: Shapes, outs: Shapes) -> Shapes:
    """The outputs' shapes, if all inputs' are known."""
    if not all(map(known, ins)) or node.op in DYNAMIC:
        return outs[:node.visible]
    made = results(node, [(shape, np.float32) for shape in ins if shape is not None])
    return [shape for shape, _ in made[:node.visible]]


#: Rules of single operators.
RULES: dict[str, Rule] = {}
