"""Reverse-mode differentiation: a pass from nodes to nodes.

Rules (`Op.vjp`) are written with ops, so that a derivative is an ordinary graph that fuses and differentiates
again. This pass does what every rule would repeat: accumulation, and undoing broadcasts.
"""
from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ..ir.devices import place
from ..ir.graph import toposort
from ..ir.node import FORGETTERS, Node, item_op, leaf_op, mark_op, stop_op
from ..ir.op import ELEMENTWISE
from ..primitive.arithmetic import add, cast, like
from ..primitive.linear import broadcast_to, unbroadcast

_MEMO: dict[tuple, tuple[Node, ...]] = {}


def gradient(heads: tuple[Node, ...], cotangents: tuple[Node | None, ...],
             targets: tuple[Node, ...]) -> tuple[Node, ...]:
    """The cotangents of `targets` (leaves, marks, or any nodes) for those of `heads`; None stands for ones.

    Memoized: for a request seen before it is one look-up.
    """
    key = (heads, cotangents, targets)
    found = _MEMO.get(key)
    if found is None:
        found = _MEMO.setdefault(key, tuple(_expand(heads, cotangents, targets)))
    return found


def forget() -> None:
    """Drop all memoized derivatives."""
    _MEMO.clear()


FORGETTERS.append(forget)


def _reached(heads: Sequence[Node]) -> set[Node]:
    """The recorded nodes from which the heads are computed, also where the derivative is 0."""
    found: set[Node] = set()
    left = [*heads]
    while left:
        n = left.pop()
        if n not in found:
            found.add(n)
            if n.op is not leaf_op and n.op is not mark_op and n.op is not stop_op:
                left += n.inputs
    return found


def _expand(heads: Sequence[Node], cotangents: Sequence[Node | None], targets: Sequence[Node]) -> list[Node]:
    wanted = set(targets)
    order = toposort(heads)
    # A node matters when a target is among its differentiable ancestors (or is the node itself).
    matters = set(wanted)
    for n in order:
        if n.op is leaf_op or n.op is mark_op or n.op is stop_op:
            continue
        if any(i in matters for i in n.inputs) and n not in wanted:
            matters.add(n)
    reached = lru_cache(lambda: _reached(heads))
    sums: dict[Node, Node] = {}
    multi: dict[Node, dict[int, Node]] = {}

    def deposit(node: Node, g: Node) -> None:
        g = place(cast(unbroadcast(g, node.shape), node.dtype), node.aval.device)
        sums[node] = add(sums[node], g) if node in sums else g

    for head, g in zip(heads, cotangents, strict=True):
        deposit(head, broadcast_to(like(head, 1), head.shape) if g is None else g)
    for n in reversed(order):
        if n not in matters or n.op is leaf_op or n.op is mark_op or n.op is stop_op:
            continue
        if isinstance(n.aval, tuple):
            parts = multi.get(n)
            if parts is None:
                continue
            g_all = [parts.get(i) for i in range(len(n.aval))]
            for source, cot in zip(n.inputs, n.op.vjp(n, g_all), strict=True):
                if cot is not None and source in matters and source.dtype in n.op.backward_dtypes:
                    deposit(source, cot)
            continue
        g = sums.get(n)
        if g is None:
            if n.op.seeds is None or not n.op.seeds(n) or n not in reached():
                continue
            g = broadcast_to(like(n, 0), n.shape)
        if n.op is item_op:
            slot = multi.setdefault(n.inputs[0], {})
            slot[n.attrs[0]] = g
            continue
        if n.op.vjp is None or all(i.dtype not in n.op.backward_dtypes for i in n.inputs):
            continue
        if n.op.kind == ELEMENTWISE and g.shape != n.shape:
            g = broadcast_to(g, n.shape)
        for source, cot in zip(n.inputs, n.op.vjp(n, g), strict=True):
            if cot is not None and source in matters and source.dtype in n.op.backward_dtypes:
                deposit(source, cot)
    return [sums[t] if t in sums else place(broadcast_to(like(t, 0), t.shape), t.aval.device) for t in targets]
