"""Peephole rewrites: compositions (1 + erf(x), exp(-x * x)) replaced by one cheaper or more accurate routine."""
from __future__ import annotations

from tracer.ops.ir.node import Node, const_op, const_value
from tracer.ops.ir.op import LEAF, VIEW

from ..fusion.kernel import Kernel
from ..graph.known_ops import ABSOLUTE, ADD, ERF, EXP, MULTIPLY, NEGATIVE, RESHAPE, SQUARE, SUBTRACT


def is_never_positive(x: Node) -> bool:
    """Whether all elements of `x` are known to be at most zero, or NaN: as the exponents in softmax and exp(-x * x)."""
    if _root_of_minus(x) is not None:
        return True
    if x.op is NEGATIVE:
        return x.inputs[0].op in (ABSOLUTE, EXP)
    return x.op is SUBTRACT and _is_maximum_of(x.inputs[1], x.inputs[0])


def is_below_one(n: Node) -> bool:
    """Whether `n` is the exponential of a value that is never positive."""
    return n.op is EXP and is_never_positive(n.inputs[0])


def _root_of_minus(n: Node) -> Node | None:
    """x, if `n` is -(x * x)."""
    if n.op is NEGATIVE:
        n = n.inputs[0]
        if n.op is SQUARE or (n.op is MULTIPLY and n.inputs[0] is n.inputs[1]):
            return n.inputs[0]
    elif n.op is MULTIPLY:
        for x, y in (n.inputs, n.inputs[::-1]):
            if x.op is NEGATIVE and x.inputs[0] is y:
                return y
    return None


def _is_maximum_of(m: Node, x: Node) -> bool:
    """Whether `m` is the maximum of `x` along some axes, in a shape that broadcasts each one to its own elements."""
    shape = (1,) * (x.ndim - m.ndim) + m.shape
    while m.op is RESHAPE:
        m = m.inputs[0]
    return m.op.combine == "max" and m.inputs[0] is x \
        and shape == tuple([1 if i in m.attrs[0] else d for i, d in enumerate(x.shape)])


class Peephole:
    """The rewrites that depend on the other values that a kernel computes."""

    def __init__(self, kernel: Kernel, materialized: set[Node]) -> None:
        self._materialized = materialized
        self._users: dict[Node, int] = {}  # each erf in the kernel -> its number of users
        self._bells: dict[Node, Node] = {}  # x -> exp(-x * x), where the kernel has that
        seen: set[Node] = set()
        stack: list[Node] = []
        for root in kernel.roots:
            stack += root.node.inputs if root.kind in ("map", "row") else [root.operand]
            self._enter(root.node)
        while stack:
            n = stack.pop()
            if n in seen or n in materialized or n.op.kind == LEAF:
                continue
            seen.add(n)
            self._enter(n)
            stack += n.inputs

    def _enter(self, n: Node) -> None:
        for x in n.inputs:
            if x.op is ERF:
                self._users[x] = self._users.get(x, 0) + 1
        if n.op is EXP:
            root = _root_of_minus(n.inputs[0])
            if root is not None:
                self._bells[root] = n

    def one_plus_erf(self, n: Node) -> tuple[Node, Node | None] | None:
        """(the erf, exp(-x * x) if the kernel computes it), if `n` is 1 + erf(x) and the only user of that erf."""
        if n.op is not ADD or n.dtype.kind != "f" or n.dtype.itemsize == 2:  # a float16's erf is rounded
            return None
        one, y = n.inputs
        if y.op is not ERF:
            one, y = y, one
        if y.op is not ERF or y in self._materialized or self._users.get(y) != 1 or y.aval is not n.aval:
            return None
        while one.op.kind == VIEW:
            one = one.inputs[0]
        if one.op is not const_op or const_value(one) != 1:
            return None
        bell = self._bells.get(y.inputs[0])
        return y, bell if bell is not None and bell.shape == y.shape else None
