"""Sums folded into scatters: `table - lr * scatter_add(rows)` adds the scaled rows to the table, in place.

The zeros, with the rows added, then need not be written, nor read by a kernel that adds them to the table: the gradient
of an embedding has as many rows as the table, most of which are 0. That pays where the table's memory can become the
result's: an array of the user's whose new value is the sum.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tracer.ops.ir.node import Node, leaf_op
from tracer.ops.primitive.gather_scatter import surely_inside

from .builder import Nodes
from .known_ops import DIVIDE, MULTIPLY, SCATTER_ADD, SCATTER_ONTO
from .terms import Term, pairs_of_terms, rewrite_sums


def fold_scatters(outputs: Sequence[Node], nodes: Nodes | None = None) -> list[Node]:
    """`outputs` with such sums folded, made of `nodes`; the results have the same avals, in the same order."""
    return rewrite_sums(outputs, nodes, SCATTER_ADD, _folded)


def _folded(n: Node, uses: Counter[Node], ends: set[Node], done: dict[Node, Node], nodes: Nodes) -> Node | None:
    if n.dtype.kind != "f" or n.dtype.itemsize < 4 or not n.size or n not in ends:
        return None
    for scattered, table in pairs_of_terms(n, uses):
        s, t = scattered.value, table.value
        if s.op is not SCATTER_ADD or uses[s] != 1 or s.shape != n.shape or not surely_inside(s):
            continue
        if t.op is leaf_op and (table.factor, table.scales) == (1.0, ()) and (t.shape, t.dtype) == (n.shape, n.dtype) \
                and 2 * s.inputs[0].size <= n.size:
            rows, indices = _scaled(done[s.inputs[0]], scattered, done, nodes), [done[i] for i in s.inputs[1:]]
            return nodes.apply(SCATTER_ONTO, rows, *indices, done[t], attrs=s.attrs, of=n.aval)
    return None


def _scaled(rows: Node, by: Term, done: dict[Node, Node], nodes: Nodes) -> Node:
    """The rows with the factors of their term."""
    for scale in reversed(by.scales):
        number = nodes.broadcast_to(nodes.reshape(done[scale.cast], ()), rows.shape)
        rows = nodes.apply(DIVIDE if scale.divides else MULTIPLY, rows, number, of=rows.aval)
    if by.factor == 1.0:
        return rows
    factor = nodes.broadcast_to(nodes.const(by.factor, rows.dtype), rows.shape)
    return nodes.apply(MULTIPLY, rows, factor, of=rows.aval)
