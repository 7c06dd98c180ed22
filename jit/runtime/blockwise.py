"""Reductions of large operands by the interpreter, block by block.

NumPy computes node by node: for the sum of int8 elements as int64 it would first make an array of eight times their
bytes. So a value that only reductions read is not materialized: each reduction computes its operand a block at a time,
reduces the block, and combines the partial results.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node
from tracer.ops.ir.op import ELEMENTWISE, REDUCTION

from ..process import interrupts

#: Bytes of an operand from which a reduction takes it in blocks, and bytes of a block.
LARGE, BLOCK = 1 << 26, 1 << 22


class Blocked(NamedTuple):
    """A reduction that computes its operand in blocks.

    node: the reduction.
    inner: the elementwise nodes that it computes by itself, in order.
    inputs: the values that these read.
    """

    node: Node
    inner: tuple[Node, ...]
    inputs: tuple[Node, ...]

    def ref(self, arrays: Sequence[Any], attrs: tuple) -> Any:
        """The reduction's value; `arrays` are those of `inputs`."""
        shape, axes, axis = self.node.inputs[0].shape, attrs[0], _axis(self.node)
        rows = max(1, BLOCK * shape[axis] // self.node.inputs[0].aval.nbytes)
        parts = []
        for lo in range(0, shape[axis], rows):
            interrupts.check()
            parts.append(self._part([_rows(a, len(shape) - axis, shape[axis], lo, lo + rows) for a in arrays]))
        if axis in axes:
            return self.node.op.ref([np.stack(parts)], ((0,),))
        return np.concatenate(parts, axis - sum(a < axis for a in axes))

    def _part(self, arrays: Sequence[Any]) -> Any:
        env = dict(zip(self.inputs, arrays))
        for n in self.inner:
            made = n.op.ref([env[x] for x in n.inputs], n.attrs)
            env[n] = made if made.dtype == n.dtype else made.astype(n.dtype)
        return self.node.op.ref([env[self.node.inputs[0]]], self.node.attrs)


def _axis(node: Node) -> int:
    """The axis to cut: the longest one that the reduction keeps, unless it is too short for so many blocks."""
    of, axes = node.inputs[0].aval, node.attrs[0]
    kept = max([a for a in range(of.ndim) if a not in axes], key=lambda a: of.shape[a], default=-1)
    if kept >= 0 and of.shape[kept] * BLOCK >= of.nbytes:
        return kept
    return max(range(of.ndim), key=lambda a: of.shape[a])


def _rows(array: Any, from_end: int, length: int, lo: int, hi: int) -> Any:
    """Rows lo...hi of an operand along an axis counted from the end, where it is not broadcast."""
    axis = np.ndim(array) - from_end
    if axis < 0 or array.shape[axis] != length or length == 1:
        return array
    return array[(slice(None),) * axis + (slice(lo, hi),)]


def blocked(order: Sequence[Node], outputs: Sequence[Node]) -> list[Blocked]:
    """The reductions of a graph that take their operands in blocks."""
    large = {n for n in order if n.op.kind == REDUCTION and n.inputs[0].aval.nbytes >= LARGE and not _rounds(n)}
    if not large:
        return []
    readers: dict[Node, list[Node]] = {}
    for n in order:
        for x in n.inputs:
            readers.setdefault(x, []).append(n)
    inside: set[Node] = set()
    for n in reversed(order):
        if n.op.kind == ELEMENTWISE and n.inputs and n.shape and n not in outputs:
            by = readers[n]
            # A node with several readers would be computed several times: that is accepted for casts only.
            if all(r in large or r in inside for r in by) and (len(by) == 1 or n.op.converts):
                inside.add(n)
    return [_blocked(n, inside) for n in large if n.inputs[0] in inside]


def _rounds(node: Node) -> bool:
    """Whether partial results would be rounded to a narrower type than the one that NumPy sums in."""
    return node.dtype == np.float16 and _axis(node) in node.attrs[0]


def _blocked(node: Node, inside: set[Node]) -> Blocked:
    order = toposort(node.inputs, {n for i in inside for n in i.inputs if n not in inside})
    inner = [n for n in order if n in inside]
    return Blocked(node, tuple(inner), tuple(dict.fromkeys(x for n in inner for x in n.inputs if x not in inside)))
