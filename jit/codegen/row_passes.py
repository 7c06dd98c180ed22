"""Row passes: the successive loops over one row (loop fission), and the values that one of them keeps for the next."""
from __future__ import annotations

from collections.abc import Sequence

from tracer.ops.ir.node import Node, leaf_op
from tracer.ops.ir.op import VIEW

from ..fusion.fuse import STORE_COST, operands
from ..fusion.kernel import Kernel, Root
from ..graph.index_map import IndexMap, is_invariant

#: A value, and the index map by which it is read over the kernel's domain.
Point = tuple[Node, IndexMap]


class RowPasses:
    """The passes over a row of `kernel`, whose inner dimensions are `inner`."""

    def __init__(self, kernel: Kernel, materialized: set[Node], inner: Sequence[int]) -> None:
        self.kernel, self.materialized, self.inner = kernel, materialized, inner
        self._passes: dict[Point, int] = {}

    def of(self, node: Node, index_map: IndexMap) -> int:
        """The number of the pass that can compute this value: the count of passes that must precede it."""
        key = (node, index_map)
        if key in self._passes:
            return self._passes[key]
        made = self.kernel.made(node)
        if made is not None and made.kind == "inner":
            pass_number = self.of(made.operand, made.index_map) + 1
        elif node.op is leaf_op or (node in self.materialized and made is None):
            pass_number = 0
        else:
            pass_number = max([self.of(x, where) for x, where in self._operands(node, index_map)], default=0)
        self._passes[key] = pass_number
        return pass_number

    def roots(self) -> list[list[Root]]:
        """The kernel's results by the pass that computes them."""
        found: dict[int, list[Root]] = {}
        for root in self.kernel.roots:
            found.setdefault(self.of(root.operand, root.index_map), []).append(root)
        return [found[pass_number] for pass_number in sorted(found)]

    def kept(self, passes: Sequence[Sequence[Root]], most: int) -> set[Point]:
        """At most `most` expensive values that several passes need: the first one computes and keeps them."""
        known: set[Point] = set()  # the values of earlier loops
        kept: dict[Point, None] = {}
        for roots in passes if len(passes) > 1 else ():
            seen: set[Point] = set()
            for root in roots:
                self._visit(root.operand, root.index_map, seen, known, kept)
            known |= seen
        return set(list(kept)[:most])

    def _visit(self, node: Node, index_map: IndexMap, seen: set[Point], known: set[Point],
               kept: dict[Point, None] | None = None) -> int:
        """The cost of a value in a loop over a row, without the values in `seen`, to which it adds what it visits.

        An expensive value in `known` is entered in `kept`, if that is given.
        """
        made = self.kernel.made(node)
        if made is not None and made.kind != "inner":
            index_map = made.index_map
        key = (node, index_map)
        held = node.op is leaf_op or (node in self.materialized if made is None else made.kind == "inner")
        if key in seen or held or is_invariant(index_map, self.inner):
            return 0
        if kept is not None and key in known and node.op.kind != VIEW \
                and self._visit(node, index_map, set(), known) >= STORE_COST:
            kept[key] = None
            return 0
        seen.add(key)
        return node.op.cost + sum([self._visit(x, where, seen, known, kept)
                                   for x, where in self._operands(node, index_map)])

    def _operands(self, node: Node, index_map: IndexMap) -> list[Point]:
        return operands(node, index_map, self.kernel.domain, self.materialized)
