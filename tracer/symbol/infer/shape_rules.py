"""The rules of shapes: what a node's operator tells about the shapes of its inputs and outputs from what is known.

A rule takes a node and partial shapes (unify.py) of its inputs and outputs, and returns what it finds.
"""
from __future__ import annotations

from ...base import MXNetError
from ..graph.node import SymbolNode
from ..operators.registry import operator_of
from . import arranging, layers
from .probing import Rule, Shapes, forward, general
from .unify import Shape, common, known

#: Operators all of whose inputs and outputs have one shape, besides those whose declaration tells it.
_ELEMENTWISE = frozenset("""
make_loss MakeLoss zeros_like ones_like Cast amp_cast clip smooth_l1 Activation Dropout SoftmaxActivation add_n
_grad_add log_softmax softmin _identity_with_attr_like_rhs _np_cumsum L2Normalization LRN hard_sigmoid softmax
""".split())
#: Operators that tell nothing unless all shapes are known.
_STRICT = frozenset(("tile", "one_hot", "max", "min", "argmax", "argmin", "Flatten"))


def rule_of(node: SymbolNode) -> Rule:
    """The rule of a node's operator."""
    name = str(node.op)
    if name in _ELEMENTWISE and name != "softmax" or len(node.inputs) == 1 and name == "softmax":
        return _elementwise
    if operator_of(name, node.name).elementwise:
        return _elementwise
    if name in _STRICT:
        return _strict
    return _RULES.get(name, general)


def _elementwise(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    shape: Shape = common([*ins, *outs[:node.visible]])
    return [shape] * len(ins), [shape] * node.visible


def _strict(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    return ins, forward(node, ins, outs, whole=True)


def _where(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """Both choices have the output's shape, and the condition too, unless it has one axis; it must be known."""
    condition, *choices = ins
    if not known(condition):
        return ins, outs
    shape = common([*choices, *outs])
    if condition is not None and shape is not None and len(condition) == len(shape):
        condition = shape = common([shape, condition])
    return [condition, shape, shape], [shape]


def _np_dot(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """The last axis of the first operand is as long as the last but one of the second, or as its only one."""
    a, b = ins
    if not a or not b:
        return ins, forward(node, ins, outs)
    at = max(len(b) - 2, 0)
    length = max(a[-1], b[at])
    return [(*a[:-1], length), (*b[:at], length, *b[at + 1:])], [(*a[:-1], *b[:at], *b[at + 1:])]


def _custom(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """The rule of an operation that a user wrote: its own `infer_shape`."""
    operator = operator_of("Custom", node.name)
    count = len(operator.inputs(node.attrs)) - len(node.mutated)
    if any(s is None for s in ins[:1]):
        return ins, outs
    found = operator.infer_shape(node.attrs, [list(s or ()) for s in ins[:count]])  # type: ignore[attr-defined]
    if len(found) not in (2, 3):
        raise MXNetError(f"infer_shape of {node.attrs.get('op_type')} must return 2 or 3 lists, got {len(found)}")
    states = found[2] if len(found) == 3 else []
    return [tuple(s) for s in (*found[0], *states)], [tuple(s) for s in found[1]]


#: The rules of single operators; others have that of `probing.general`.
_RULES: dict[str, Rule] = {**layers.RULES, **arranging.RULES, "Custom": _custom, "_np_dot": _np_dot,
                          "where": _where}
