"""Gather maps: where gathers and scatters by index arrays read and write.

A gather whose indices are positions for sure (clipped, as an embedding's) is no step: the kernel that needs an element
reads it through the index. `places` says where. The others are native steps (gather.py) when index arrays stand for
leading axes.
"""
from __future__ import annotations

import math
from collections.abc import Container
from typing import NamedTuple

from tracer.ops.ir.node import Node, scalar_op
from tracer.ops.ir.op import VIEW
from tracer.ops.ir.shapes import broadcast as np_broadcast

from ..graph.index_map import Access, Affine, NotAffine, broadcast, flatten, identity, through_view, without_reshapes


class Places(NamedTuple):
    """Where a gather that is computed in a kernel reads, in elements of `base`.

    start: the position without the index arrays' part. steps: for each index array the index, where it is read, and
    what it is multiplied by.
    """

    base: Node
    start: Affine
    steps: list[tuple[Node, Access, int]]


def is_inlined(node: Node) -> bool:
    """Whether a kernel can read the elements of a gather where it needs them."""
    return node.op.step == "gather" and form(node) is not None


def form(node: Node) -> tuple | None:
    """The axes that index arrays stand for, when these are positions for sure and all others are whole.

    Along an axis of size 0 there are no positions.
    """
    template, inside = node.attrs
    x, *indices = node.inputs
    if not inside or not indices or len(template) != x.ndim or any(i.dtype.kind not in "iu" for i in indices):
        return None
    for entry, n in zip(template, x.shape, strict=True):
        if (not n) if entry[0] == "i" else entry != ("s", 0, n, 1):
            return None
    return tuple([entry[1] if entry[0] == "i" else None for entry in template])


def source_of_gather(node: Node) -> tuple[Node, Affine]:
    """The array in memory that an inlined gather reads, and the position in it of an element of the first operand."""
    x = base = node.inputs[0]
    access = identity(x.ndim)
    try:
        while base.op.kind == VIEW:
            access, base = through_view(base, access, x.shape), base.inputs[0]
    except NotAffine:
        base = x
    if base is x or base.op is scalar_op:
        return x, flatten(identity(x.ndim), x.shape, x.ndim)
    return base, flatten(access, base.shape, x.ndim)


def places(node: Node, access: Access, rank: int) -> Places:
    """Where an inlined gather, read at `access` in a domain of that rank, reads itself."""
    base, (offset, coefs) = source_of_gather(node)
    x, *indices = node.inputs
    axes = form(node)
    assert axes is not None
    shape = np_broadcast(*(i.shape for i in indices))
    at = [a for a, k in enumerate(axes) if k is not None]
    together = at[-1] - at[0] == len(at) - 1
    first = at[0] if together else 0  # NumPy puts the indices' axes there
    own = access[first:first + len(shape)]
    rest = iter((*access[:first], *access[first + len(shape):]))
    total = [0] * rank
    steps: list[tuple[Node, Access, int]] = []
    for step, k in zip(coefs, axes, strict=True):
        if k is not None:
            steps.append((indices[k], broadcast(own, shape, indices[k].shape, rank), step))
            continue
        start, row = next(rest)
        offset += start * step
        total = [t + c * step for t, c in zip(total, row, strict=True)]
    return Places(base, (offset, tuple(total)), steps)


class Rows(NamedTuple):
    """Where the rows that a scatter adds lie in memory, in elements.

    steps: (number of rows, step) for each of the loops over them, outermost first; step: between columns.
    """

    base: Node
    start: int
    steps: list[tuple[int, int]]
    step: int


def rows_in(node: Node, stored: Container[Node]) -> Rows:
    """The rows of a scatter's operand in the array that it is a view of; or of a copy, where no loops go through.

    Views that are in memory themselves, `stored`, are read there.
    """
    x, count = node.inputs[0], node.inputs[1].ndim if len(node.inputs) > 1 else 0
    access, base = identity(x.ndim), x
    try:
        while base.op.kind == VIEW and base not in stored:
            access, base = through_view(base, access, x.shape), base.inputs[0]
        start, coefs = flatten(access, base.shape, x.ndim)
        loops = list(zip(x.shape, coefs, strict=True))
        row = _merged(loops[count:])
        if len(row) < 2 and base.op is not scalar_op:
            return Rows(base, start, _merged(loops[:count]), row[0][1] if row else 0)
    except NotAffine:
        pass
    width = width_of(node)
    return Rows(without_reshapes(x, stored), 0, [(x.size // max(width, 1), width)], 1)


def _merged(loops: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same loops, of (count, step), with those as one that go on where the next one ends."""
    out: list[tuple[int, int]] = []
    for n, step in loops:
        if n == 1:
            continue
        if out and out[-1][1] == step * n:
            out[-1] = out[-1][0] * n, step
        else:
            out.append((n, step))
    return out


def rows_of(node: Node) -> tuple[int, ...] | None:
    """The sizes of the leading axes that a gather or scatter indexes; None when it has another form."""
    scatter = node.op.step == "scatter"
    template = node.attrs[0]
    shape = node.attrs[1] if scatter else node.inputs[0].shape
    indices = node.inputs[1:]
    count = len(indices)
    if list(template[:count]) != [("i", k) for k in range(count)] or len(template) != len(shape):
        return None
    if any(e != ("s", 0, n, 1) for e, n in zip(template[count:], shape[count:], strict=True)):
        return None
    if any(i.shape != indices[0].shape or i.dtype.kind not in "iu" for i in indices):
        return None
    return shape[:count]


def width_of(node: Node) -> int:
    """The elements of a row."""
    shape = node.attrs[1] if node.op.step == "scatter" else node.inputs[0].shape
    return math.prod(shape[len(node.inputs) - 1:])
