"""The terms of a sum: each a value with the factors, numbers and run-time scalars, that multiply it."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, const_op, scalar_op
from tracer.ops.ir.op import ELEMENTWISE, LEAF, VIEW, Op

from .builder import Nodes
from .known_ops import ADD, BROADCAST_TO, DIVIDE, MULTIPLY, NEGATIVE, RESHAPE, SUBTRACT
from .scalars import number_of

#: Factors between this and its reciprocal are folded: with others, another order may take float32 to 0 or infinity.
LEAST = 1e-30

#: The most nodes of a factor that is computed from scalars.
FEW = 16


class Scale(NamedTuple):
    """A run-time scalar that a value is multiplied by, or divided.

    divides: whether it is divided.
    number: the scalar, or one element that is computed from scalars.
    cast: the node of one element that it is rounded to before that.
    """

    divides: bool
    number: Node
    cast: Node


class Term(NamedTuple):
    """A term factor * value, with the value scaled by run-time scalars, the last one first."""

    factor: float
    scales: tuple[Scale, ...]
    value: Node


def pairs_of_terms(n: Node, uses: Counter[Node]) -> list[tuple[Term, Term]]:
    """The two terms of a sum or difference, in both orders; none if a factor is too small or large to be folded."""
    left, right = [_term(x, uses) for x in n.inputs]
    if n.op is SUBTRACT:
        right = right._replace(factor=-right.factor)
    foldable = all([LEAST < abs(t.factor) < 1 / LEAST for t in (left, right)])
    return [(right, left), (left, right)] if foldable else []


#: What a pass makes of a sum, if anything: it is given the sum, the number of uses of each value, the outputs, the new
#: nodes of those before the sum, and the table that makes nodes.
Fold = Callable[[Node, Counter[Node], set[Node], dict[Node, Node], Nodes], Node | None]


def rewrite_sums(outputs: Sequence[Node], nodes: Nodes | None, op: Op, fold: Fold) -> list[Node]:
    """`outputs` with what `fold` makes of sums and differences in their place; the same ones where `op` is not used."""
    order = toposort(outputs)
    if not any(n.op is op for n in order):
        return list(outputs)
    nodes, ends = Nodes() if nodes is None else nodes, set(outputs)
    uses = Counter(x for n in order for x in n.inputs)
    uses.update(outputs)
    done: dict[Node, Node] = {}
    for n in order:
        folded = fold(n, uses, ends, done, nodes) if n.op is ADD or n.op is SUBTRACT else None
        if folded is None:
            inputs = tuple([done[x] for x in n.inputs])
            folded = nodes.keep(n) if inputs == n.inputs else nodes.make(n.op, inputs, n.attrs, n.aval)
        done[n] = folded
    return [done[o] for o in outputs]


def _term(x: Node, uses: Counter[Node]) -> Term:
    factor, scales = 1.0, []
    while uses[x] == 1:
        op = x.op
        if op is NEGATIVE:
            factor, x = -factor, x.inputs[0]
        elif op is MULTIPLY or op is DIVIDE:
            sides = [x.inputs] if op is DIVIDE else [x.inputs, x.inputs[::-1]]
            for value, by in sides:
                if value.shape != x.shape or value.dtype != x.dtype:
                    continue
                plain = _plain(by)
                if plain.op is const_op and number_of(plain):
                    factor = factor / number_of(plain) if op is DIVIDE else factor * number_of(plain)
                    break
                if _is_number(plain):
                    scales.append(Scale(op is DIVIDE, plain, _one_element(by)))
                    break
            else:
                break
            x = value
        else:
            break
    return Term(factor, tuple(scales), x)


def _plain(x: Node) -> Node:
    """`x` without its broadcasts, reshapes and casts to a wide float: a number's node, or some other one."""
    while x.op is BROADCAST_TO or x.op is RESHAPE or (x.op.converts and x.dtype.kind == "f" and x.dtype.itemsize >= 4):
        x = x.inputs[0]
    return x


def _one_element(x: Node) -> Node:
    while x.op is BROADCAST_TO or x.op is RESHAPE:
        x = x.inputs[0]
    return x


def _is_number(x: Node) -> bool:
    """Whether `x` is a run-time scalar, or one element that is computed from a few scalars and constants alone."""
    if x.op is scalar_op:
        return True
    if x.size != 1 or x.op is const_op or x.op.kind == LEAF or x.dtype.kind != "f":
        return False
    seen = [x]
    for n in seen:
        if len(seen) > FEW or n.op.kind == LEAF and n.op is not scalar_op and n.op is not const_op:
            return False
        if n.op.kind not in (LEAF, ELEMENTWISE, VIEW) or isinstance(n.aval, tuple):
            return False
        seen += n.inputs
    return True
