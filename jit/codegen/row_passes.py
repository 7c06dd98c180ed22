"""The loops over one row, one after the other: which of them computes what, and what they leave to each other."""
from __future__ import annotations

from collections.abc import Sequence

from tracer.ops.ir.node import Node, leaf_op
from tracer.ops.ir.op import VIEW

from ..fusion.fuse import STORE_COST, operands
from ..fusion.kernel import Kernel, Root
from ..graph.index_map import Access, is_still

#: A value at a place of the kernel's domain.
Point = tuple[Node, Access]


class Turns:
    """The order of loops over a row of `kernel`, whose inner dimensions are `inner`."""

    def __init__(self, kernel: Kernel, stored: set[Node], inner: Sequence[int]) -> None:
        self.kernel, self.stored, self.inner = kernel, stored, inner
        self._turns: dict[Point, int] = {}

    def of(self, node: Node, access: Access) -> int:
        """How many loops over a row must be done before this value can be computed."""
        key = (node, access)
        if key in self._turns:
            return self._turns[key]
        made = self.kernel.made(node)
        if made is not None and made.kind == "inner":
            turn = self.of(made.operand, made.access) + 1
        elif node.op is leaf_op or (node in self.stored and made is None):
            turn = 0
        else:
            turn = max([self.of(x, where) for x, where in self._operands(node, access)], default=0)
        self._turns[key] = turn
        return turn

    def roots(self) -> list[list[Root]]:
        """The kernel's results by the loop that computes them."""
        found: dict[int, list[Root]] = {}
        for root in self.kernel.roots:
            found.setdefault(self.of(root.operand, root.access), []).append(root)
        return [found[turn] for turn in sorted(found)]

    def kept(self, turns: Sequence[Sequence[Root]], most: int) -> set[Point]:
        """Dear values, no more than `most`, that several loops need: computed in the first, kept for the others."""
        known: set[Point] = set()  # what earlier loops compute
        kept: dict[Point, None] = {}
        for roots in turns if len(turns) > 1 else ():
            seen: set[Point] = set()
            for root in roots:
                self._visit(root.operand, root.access, seen, known, kept)
            known |= seen
        return set(list(kept)[:most])

    def _visit(self, node: Node, access: Access, seen: set[Point], known: set[Point],
               kept: dict[Point, None] | None = None) -> int:
        """The cost of a value in a loop over a row, without what is `seen`, which grows.

        What is dear and `known` is entered in `kept`, if that is given.
        """
        made = self.kernel.made(node)
        if made is not None and made.kind != "inner":
            access = made.access
        key = (node, access)
        held = node.op is leaf_op or (node in self.stored if made is None else made.kind == "inner")
        if key in seen or held or is_still(access, self.inner):
            return 0
        if kept is not None and key in known and node.op.kind != VIEW \
                and self._visit(node, access, set(), known) >= STORE_COST:
            kept[key] = None
            return 0
        seen.add(key)
        return node.op.cost + sum([self._visit(x, where, seen, known, kept)
                                   for x, where in self._operands(node, access)])

    def _operands(self, node: Node, access: Access) -> list[Point]:
        return operands(node, access, self.kernel.domain, self.stored)
