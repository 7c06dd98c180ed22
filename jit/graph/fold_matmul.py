"""Sums folded into matrix products: `w - lr * (x.T @ d)` becomes one product with BLAS's alpha and beta.

The product then need not be written, and read again by a kernel that adds. That pays where the other term's memory
can become the result's:

- it is another product that no other node uses, as in `x @ w + h @ u` and in gradients summed over time;
- or it is an array of the user's whose new value is the sum: `w -= lr * g`, `m[:] = 0.9 * m + g`, an accumulated
  gradient.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, const_op, leaf_op, scalar_op
from tracer.ops.ir.op import LEAF

from .builder import Nodes
from .known_ops import ADD, BROADCAST_TO, DIVIDE, MATMUL, MATMUL_ONTO, MULTIPLY, NEGATIVE, RESHAPE, SUBTRACT
from .scalars import number_of

#: Factors between this and its reciprocal are folded: with others, another order may take float32 to 0 or infinity.
LEAST = 1e-30


def fold_products(outputs: Sequence[Node], nodes: Nodes | None = None) -> list[Node]:
    """`outputs` with such sums folded, made of `nodes`; the results have the same avals, in the same order."""
    nodes = Nodes() if nodes is None else nodes
    order = toposort(outputs)
    if not any(n.op is MATMUL for n in order):
        return list(outputs)
    uses = Counter(x for n in order for x in n.inputs)
    uses.update(outputs)
    ends = set(outputs)
    done: dict[Node, Node] = {}
    for n in order:
        folded = _folded(n, uses, ends, done, nodes) if n.op is ADD or n.op is SUBTRACT else None
        if folded is None:
            inputs = tuple([done[x] for x in n.inputs])
            folded = nodes.keep(n) if inputs == n.inputs else nodes.make(n.op, inputs, n.attrs, n.aval)
        done[n] = folded
    return [done[o] for o in outputs]


def aliases(graph: Sequence[Node], ends: set[Node]) -> dict[Node, Node]:
    """For values that a product is added to and that nothing else needs, the last such sum: all share its memory."""
    found: dict[Node, Node] = {}
    for n in reversed(toposort(graph)):
        if n.op is MATMUL_ONTO and n.inputs[2].op.kind != LEAF and n.inputs[2] not in ends:
            found[n.inputs[2]] = found.get(n, n)
    return found


class Term(NamedTuple):
    """A term factor * number * value, where `number` is a run-time scalar, if any."""

    factor: float
    number: Node | None
    value: Node


def _folded(n: Node, uses: Counter[Node], ends: set[Node], done: dict[Node, Node], nodes: Nodes) -> Node | None:
    if n.dtype.kind != "f" or n.dtype.itemsize < 4 or not n.size:
        return None
    terms = [_term(x, uses) for x in n.inputs]
    if n.op is SUBTRACT:
        terms[1] = terms[1]._replace(factor=-terms[1].factor)
    for product, other in (terms[::-1], terms):
        p, c = product.value, other.value
        if p.op is not MATMUL or uses[p] != 1 or p.shape != n.shape or not p.inputs[0].size:
            continue
        if c.shape != n.shape or c.dtype != n.dtype or not all(LEAST < abs(t.factor) < 1 / LEAST for t in terms):
            continue
        dies = c.op is MATMUL or c.op is MATMUL_ONTO or done[c].op is MATMUL_ONTO
        if dies and uses[c] != 1 or not dies and not (c.op is leaf_op and n in ends):
            continue
        numbers = list(dict.fromkeys(t.number for t in (product, other) if t.number is not None))
        alpha_at, beta_at = (-1 if t.number is None else numbers.index(t.number) for t in (product, other))
        a, b = p.inputs
        ta, tb = p.attrs
        return nodes.apply(MATMUL_ONTO, done[a], done[b], done[c], *numbers, of=n.aval,
                           attrs=(ta, tb, product.factor, other.factor, alpha_at, beta_at))
    return None


def _term(x: Node, uses: Counter[Node]) -> Term:
    """`x` as a term: its scalar factors, and the value that they multiply."""
    factor, number = 1.0, None
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
                if op is MULTIPLY and number is None and plain.op is scalar_op and plain.dtype.kind == "f":
                    number = plain
                    break
            else:
                break
            x = value
        else:
            break
    return Term(factor, number, x)


def _plain(x: Node) -> Node:
    """`x` without its broadcasts, reshapes and casts to a wide float: a number's node, or some other one."""
    while x.op is BROADCAST_TO or x.op is RESHAPE or (x.op.converts and x.dtype.kind == "f" and x.dtype.itemsize >= 4):
        x = x.inputs[0]
    return x
