"""The loop nest of a kernel: its domain's dimensions grouped into loops, and the loops into rows and an inner part."""
from __future__ import annotations

import math

from tracer.ops.ir.node import Node, leaf_op

from ..fusion.fuse import operands
from ..fusion.gather_map import gather_reads
from ..fusion.kernel import Kernel, Root
from ..graph.index_map import Affine, IndexMap, flatten


class Nest:
    """Loops of a kernel, outermost first, each over a group of dimensions that all operands step through alike.

    flat: whether it is one loop, cut into blocks.
    sizes: the sizes of the groups.
    fine: for each group, the dimension whose coefficient is the group's.
    rows: the groups in front of the split.
    inner: the other groups.
    row_dims, inner_dims: the dimensions of these.
    """

    def __init__(self, kernel: Kernel, materialized: set[Node]) -> None:
        split, domain = kernel.split, kernel.domain
        positions = _positions(kernel, materialized)
        groups: list[list[int]] = []
        for d, size in enumerate(domain):
            if groups and d != split:
                last = groups[-1][-1]
                if all(p[1][last] == p[1][d] * size for p in positions):
                    groups[-1].append(d)
                    continue
            groups.append([d])
        self.flat = split is None and len(groups) <= 1
        if split is None:
            split_at = 0 if self.flat else len(groups) - 1
        else:
            split_at = sum(1 for g in groups if g[0] < split)
        self.sizes = [math.prod(domain[d] for d in g) for g in groups]
        self.fine: list[int | None] = [g[-1] for g in groups]
        self.rows = list(range(split_at))
        self.inner = list(range(split_at, len(groups)))
        self.row_dims = [d for i in self.rows for d in groups[i]]
        self.inner_dims = [d for i in self.inner for d in groups[i]]
        if not groups:
            self.flat, self.sizes, self.fine, self.inner = True, [1], [None], [0]


def _positions(kernel: Kernel, materialized: set[Node]) -> list[Affine]:
    """The positions that the kernel reads and writes, and the indices that its index ops (`Op.index`) give."""
    rank = len(kernel.domain)
    found: list[Affine] = []
    seen: set[tuple[Node, IndexMap]] = set()

    def visit(node: Node, index_map: IndexMap, top: Node | None) -> None:
        if (node, index_map) in seen:
            return
        seen.add((node, index_map))
        if (node in materialized and node is not top) or node.op is leaf_op:
            found.append(flatten(index_map, node.shape, rank))
            return
        if node.op.index is not None:
            found.append(index_map[node.op.index(node.attrs)])
            return
        if node.op.gathers is not None:
            found.append(gather_reads(node, index_map, rank).start)
        for x, where in operands(node, index_map, kernel.domain, materialized):
            visit(x, where, None)

    for root in kernel.roots:
        if root.kind in ("map", "row"):
            found.append(flatten(root.index_map, root.node.shape, rank))
            visit(root.node, root.index_map, root.node)
        else:
            visit(root.operand, root.index_map, None)
            if root.kind != "all":
                found.append(kept_position(root, rank))
    return found


def kept_position(root: Root, rank: int) -> Affine:
    """The position in a reduction's result at a point of the domain; it does not move along the reduced dimensions."""
    axes = set(root.node.attrs[0])
    kept = tuple(a for i, a in enumerate(root.index_map) if i not in axes)
    return flatten(kept, root.node.shape, rank)
