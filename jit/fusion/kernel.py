"""Steps of a program: fused kernels with their results, and library calls."""
from __future__ import annotations

from dataclasses import dataclass, field

from tracer.ops.ir.aval import Shape
from tracer.ops.ir.node import Node, const_op, scalar_op
from tracer.ops.ir.op import ELEMENTWISE, VIEW

from ..graph.index_map import IndexMap, flatten, unflatten
from .gather_map import is_inlined_gather


@dataclass(eq=False)
class Root:
    """A value that a kernel leaves in memory.

    kind: "map" (an element per point), "row" (one per row), "inner", "outer", "all" (reductions).
    index_map: that of the value itself for a map or row, of the reduced operand for a reduction.
    """

    node: Node
    kind: str
    index_map: IndexMap
    ops: int = 0  # operations from memory, in its kernel

    @property
    def operand(self) -> Node:
        """The node evaluated at each point: the value itself, or the one it reduces."""
        return self.node.inputs[0] if self.kind in ("inner", "outer", "all") else self.node


@dataclass(eq=False)
class Kernel:
    """A loop nest and the roots that it computes.

    domain: the sizes in loop order, none of them 1.
    split: the number of leading dimensions that are rows, None for a domain that is not split.
    exclusive: whether its loops fit its first root only, so that no other may join.
    order: the axes in loop order, where that is not the order in memory: the means of channels, say, have channels
        first. Only roots with the same order join. None for the order in memory.
    """

    domain: Shape
    split: int | None
    exclusive: bool
    roots: list[Root] = field(default_factory=list)
    order: tuple[int, ...] | None = None
    reads: set[Node] = field(default_factory=set)
    ops: int = 0
    _made: dict[Node, Root] = field(default_factory=dict)

    def take(self, root: Root, reads: set[Node]) -> None:
        """Add `root`, which reads `reads`, to the kernel."""
        self.reads |= {m for m in reads if m not in self._made}
        self.roots.append(root)
        self._made[root.node] = root
        self.ops += root.ops

    def made(self, node: Node) -> Root | None:
        """The root of this kernel that is `node`, if any."""
        return self._made.get(node)

    def holds(self, root: Root, index_map: IndexMap) -> bool:
        """Whether the kernel, while in a row, has the value of a root at the point that `index_map` reads."""
        if root.kind in ("all", "outer"):
            return False
        rank, shape = len(self.domain), root.node.shape
        own = root.index_map
        if root.kind == "inner":
            assert self.split is not None
            own = row_index_map(shape, self.domain, self.split)
        return flatten(own, shape, rank) == flatten(index_map, shape, rank)


@dataclass(eq=False)
class Library:
    """A step for a value that a library call or NumPy computes.

    node: the value; a node with several outputs where one native step makes these.
    parts: these outputs, as far as they are used.
    """

    node: Node
    parts: list[Node] = field(default_factory=list)


Step = Kernel | Library


def row_index_map(shape: Shape, domain: Shape, split: int) -> IndexMap:
    """The map of an array of `shape` with an element for each row."""
    rows = tuple((0, tuple(int(i == j) for j in range(len(domain)))) for i in range(split))
    position = flatten(rows, domain[:split], len(domain))
    return unflatten(position, shape, domain)


def is_inlined(node: Node) -> bool:
    """Whether a kernel can compute the node's elements where they are used."""
    return node.op.kind == VIEW or (node.op.kind == ELEMENTWISE and node.op.expr is not None) \
        or node.op is scalar_op or node.op is const_op or is_inlined_gather(node)
