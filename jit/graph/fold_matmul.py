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

import numpy as np

from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, leaf_op, scalar_op
from tracer.ops.ir.op import LEAF

from .builder import Nodes
from .known_ops import CAST, DIVIDE, MATMUL, MATMUL_ONTO, MULTIPLY
from .terms import Term, pairs_of_terms, rewrite_sums


def fold_products(outputs: Sequence[Node], nodes: Nodes | None = None) -> list[Node]:
    """`outputs` with such sums folded, made of `nodes`; the results have the same avals, in the same order."""
    return rewrite_sums(outputs, nodes, MATMUL, _folded)


def aliases(graph: Sequence[Node], ends: set[Node]) -> dict[Node, Node]:
    """For values that a product is added to and that nothing else needs, the last such sum: all share its memory."""
    found: dict[Node, Node] = {}
    for n in reversed(toposort(graph)):
        if n.op is MATMUL_ONTO and n.inputs[2].op.kind != LEAF and n.inputs[2] not in ends:
            found[n.inputs[2]] = found.get(n, n)
    return found


def _folded(n: Node, uses: Counter[Node], ends: set[Node], done: dict[Node, Node], nodes: Nodes) -> Node | None:
    if n.dtype.kind != "f" or n.dtype.itemsize < 4 or not n.size:
        return None
    for product, other in pairs_of_terms(n, uses):
        p, c = product.value, other.value
        if p.op is not MATMUL or uses[p] != 1 or p.shape != n.shape or not p.inputs[0].size:
            continue
        if c.shape != n.shape or c.dtype != n.dtype:
            continue
        dies = c.op is MATMUL or c.op is MATMUL_ONTO or done[c].op is MATMUL_ONTO
        if dies and uses[c] != 1 or not dies and not (c.op is leaf_op and n in ends):
            continue
        factors = [_number_of(t, done, nodes) for t in (product, other)]
        numbers = list(dict.fromkeys([x for x in factors if x is not None]))
        alpha_at, beta_at = [-1 if x is None else numbers.index(x) for x in factors]
        a, b = p.inputs
        ta, tb = p.attrs
        return nodes.apply(MATMUL_ONTO, done[a], done[b], done[c], *numbers, of=n.aval,
                           attrs=(ta, tb, product.factor, other.factor, alpha_at, beta_at))
    return None


def _number_of(term: Term, done: dict[Node, Node], nodes: Nodes) -> Node | None:
    """The run-time number that scales a term: a scalar as it is, or the product and quotient of several, in float64."""
    if not term.scales:
        return None
    first = term.scales[0]
    if len(term.scales) == 1 and not first.divides and first.number.op is scalar_op and first.number.dtype.kind == "f":
        return done[first.number]
    of = nodes.aval((), np.dtype("float64"))
    product = nodes.const(1.0, of.dtype)
    for scale in term.scales:
        number = nodes.apply(CAST, nodes.reshape(done[scale.cast], ()), attrs=(of.dtype.name,), of=of)
        product = nodes.apply(DIVIDE if scale.divides else MULTIPLY, product, number, of=of)
    return product
