"""The nodes of one plan: those that passes make of a graph, interned among themselves only.

A pass knows the shape and dtype of the nodes that it makes: nothing is inferred or checked again, as by
`ops.ir.node.make`, and no node outlives the plan.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.ops.ir import aval as avals
from tracer.ops.ir.aval import Aval, Shape
from tracer.ops.ir.node import Node, const_op
from tracer.ops.ir.op import Op

from .known_ops import BROADCAST_TO, RESHAPE
from .scalars import is_textual, settled


class Nodes:
    """A table that makes nodes and interns them.

    aval: returns the interned `Aval` of a shape and a dtype.

    >>> from tracer.ops.ir.node import leaf
    >>> x = leaf(avals.aval((2, 3), np.dtype("float32")), 0)
    >>> nodes = Nodes()
    >>> nodes.reshape(nodes.keep(x), (6,)) is nodes.reshape(x, (6,))
    True
    """

    def __init__(self, aval: Callable[[Shape, np.dtype], Aval] = avals.aval) -> None:
        self.aval = aval
        self._table: dict[tuple, Node] = {}
        self.forgone: list[Node] = []  # the operands of values without elements, which need none

    def keep(self, n: Node) -> Node:
        """The node equal to `n`: itself, if it is the first."""
        return self._table.setdefault((n.op, n.attrs, *n.inputs), n)

    def make(self, op: Op, inputs: tuple[Node, ...], attrs: tuple, of: Aval) -> Node:
        """The node of `op` on `inputs`, with the aval `of`."""
        key = (op, attrs, *inputs)
        node = self._table.get(key)
        if node is None:
            node = self._table[key] = Node(op, inputs, attrs, of)
        return node

    def apply(self, op: Op, *inputs: Node, attrs: tuple = (), of: Aval) -> Node:
        """The same as `make`, with the inputs one by one."""
        return self.make(op, inputs, attrs, of)

    def const(self, number: Any, dtype: np.dtype) -> Node:
        """The constant of a number that a pass has computed, or of its text.

        Where it is an argument of kernels, it is distinct from the numbers of the graph: that it equals one of them is
        chance, and another plan of the structure would not share it.
        """
        node = self.make(const_op, (), (settled(number, dtype), dtype.name), self.aval((), dtype))
        return node if is_textual(node) else self.make(node.op, (), (*node.attrs, "folded"), node.aval)

    def reshape(self, x: Node, shape: Shape) -> Node:
        """`x` in row-major order under another shape of the same size."""
        return self._shaped(RESHAPE, x, shape)

    def broadcast_to(self, x: Node, shape: Shape) -> Node:
        """`x` repeated along new or size-1 axes."""
        return self._shaped(BROADCAST_TO, x, shape)

    def _shaped(self, op: Op, x: Node, shape: Shape) -> Node:
        of = self.aval(shape, x.aval.dtype)
        return x if of is x.aval else self.make(op, (x,), (shape,), of)
