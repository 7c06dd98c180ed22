"""Roots: the loops in which a value is computed by itself, and whether those of another kernel fit it."""
from __future__ import annotations

import math

from tracer.ops.ir.node import Node
from tracer.ops.ir.op import REDUCTION

from ..graph.index_map import NotAffine, along, long_axes
from .kernel import Kernel, Root, row_index_map

#: The least elements that are next to each other, and the least rows, of an array that a kernel goes through in another
#: order than that of memory.
PIECE, MANY_ROWS = 32, 8


def kernel_for(n: Node) -> Kernel:
    """A kernel with `n` as its only root."""
    if n.op.kind != REDUCTION:
        dims = long_axes(n.shape)
        return Kernel(tuple(n.shape[i] for i in dims), None, False, [Root(n, "map", along(dims, n.ndim))])
    x = n.inputs[0]
    dims = long_axes(x.shape)
    axes = [i for i in dims if i in n.attrs[0]]
    kept = [i for i in dims if i not in axes]
    split, exclusive, kind, order = None, False, "all", None
    if kept and (not axes or dims[-1] in axes):
        dims, split, kind = kept + axes, len(kept), "inner"
        order = tuple(dims) if dims != sorted(dims) else None
    elif kept:
        before, after = ([i for i in kept if (i > axes[-1]) == later] for later in (False, True))
        dims, split, kind = before + axes + after, len(before) + len(axes), "outer"
        exclusive = bool(before)  # kept rows come first: such a kernel holds this one reduction
    return Kernel(tuple(x.shape[i] for i in dims), split, exclusive, [Root(n, kind, along(dims, x.ndim))], order)


def root_in(kernel: Kernel, n: Node) -> Root | None:
    """The root `n` in the loops of a kernel; None where these do not fit it."""
    alone = kernel_for(n)
    if kernel.order is not None and n.op.kind != REDUCTION:
        root = _reordered(kernel, kernel.order, n)
        if root is not None:
            return root
    elif alone.domain == kernel.domain and not alone.exclusive and alone.order == kernel.order:
        return alone.roots[0]
    if n.op.kind != REDUCTION and kernel.split is not None and any(r.kind == "inner" for r in kernel.roots) \
            and n.size == math.prod(kernel.domain[:kernel.split]):
        try:
            return Root(n, "row", row_index_map(n.shape, kernel.domain, kernel.split))
        except NotAffine:
            return None
    return None


def _reordered(kernel: Kernel, order: tuple[int, ...], n: Node) -> Root | None:
    """The root `n` in a kernel that goes through the axes in another order, if that is as fast as by itself: where it
    has many rows, for the threads, and long pieces of memory in each."""
    if long_axes(n.shape) != sorted(order) or tuple([n.shape[i] for i in order]) != kernel.domain:
        return None
    piece, at = 1, n.ndim
    for i in reversed(order):
        if any(n.shape[k] != 1 for k in range(i + 1, at)):
            break
        piece, at = piece * n.shape[i], i
    assert kernel.split is not None
    if piece < PIECE or math.prod(kernel.domain[:kernel.split]) < MANY_ROWS:
        return None
    return Root(n, "map", along(order, n.ndim))
