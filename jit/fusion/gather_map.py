"""Gather maps: the positions at which a kernel reads the elements of a gather by index arrays.

A gather whose indices are known to be in range (clipped, as an embedding's) is no step: the kernel that needs an
element reads it through the index, at the position that `gather_reads` gives. Other gathers are native steps
(steps/gather.py).
"""
from __future__ import annotations

from typing import NamedTuple

from tracer.ops.ir.node import Node, scalar_op
from tracer.ops.ir.op import VIEW
from tracer.ops.ir.shapes import broadcast as np_broadcast

from ..graph.index_map import Affine, IndexMap, NotAffine, broadcast, flatten, identity, through_view


class GatherReads(NamedTuple):
    """The reads of an inlined gather, at positions that count elements of `base`.

    base: the array in memory that it reads.
    start: the position without the part of the index arrays.
    steps: for each index array its node, the map by which it is read, and the factor of its elements.
    """

    base: Node
    start: Affine
    steps: list[tuple[Node, IndexMap, int]]


def is_inlined_gather(node: Node) -> bool:
    """Whether a node is a gather whose elements a kernel can read where it needs them."""
    return node.op.gathers is not None and node.op.gathers(node) is not None


def source_of_gather(node: Node) -> tuple[Node, Affine]:
    """The array in memory that an inlined gather reads, and the position in it of an element of the first operand."""
    x = base = node.inputs[0]
    index_map = identity(x.ndim)
    try:
        while base.op.kind == VIEW:
            index_map, base = through_view(base, index_map, x.shape), base.inputs[0]
    except NotAffine:
        base = x
    if base is x or base.op is scalar_op:
        return x, flatten(identity(x.ndim), x.shape, x.ndim)
    return base, flatten(index_map, base.shape, x.ndim)


def gather_reads(node: Node, index_map: IndexMap, rank: int) -> GatherReads:
    """The reads of an inlined gather that is read at `index_map` in a domain of that rank."""
    base, (offset, coefs) = source_of_gather(node)
    x, *indices = node.inputs
    axes = node.op.gathers(node) if node.op.gathers is not None else None
    assert axes is not None
    shape = np_broadcast(*(i.shape for i in indices))
    at = [a for a, k in enumerate(axes) if k is not None]
    together = at[-1] - at[0] == len(at) - 1
    first = at[0] if together else 0  # NumPy puts the indices' axes there
    own = index_map[first:first + len(shape)]
    rest = iter((*index_map[:first], *index_map[first + len(shape):]))
    total = [0] * rank
    steps: list[tuple[Node, IndexMap, int]] = []
    for step, k in zip(coefs, axes, strict=True):
        if k is not None:
            steps.append((indices[k], broadcast(own, shape, indices[k].shape, rank), step))
            continue
        start, row = next(rest)
        offset += start * step
        total = [t + c * step for t, c in zip(total, row, strict=True)]
    return GatherReads(base, (offset, tuple(total)), steps)
