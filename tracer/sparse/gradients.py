"""Gradients of which only some rows are not 0, found in the graph of the backward pass."""
from __future__ import annotations

from tracer.ops.ir.devices import place_op
from tracer.ops.ir.node import Node
from tracer.ops.ir.op import OPS
from tracer.ops.primitive.arithmetic import cast
from tracer.ops.primitive.gather_scatter import index_arrays
from tracer.ops.primitive.linear import reshape

from ..array.nd_array import NDArray
from ..core.invoke import pending, wrap
from ..core.trace import Value, current
from .forms import Sums

_SCATTER, _ADD, _CAST = OPS["scatter_add"], OPS["add"], OPS["cast"]


def rows_of_gradient(value: Value) -> list[Sums] | None:
    """The rows that a gradient is the sum of; None if it is no sum of rows.

    The gradient of an embedding is one, and that of a dense array in its product with a sparse one. As in MXNet, a row
    counts that was used, even if its gradient is 0.
    """
    if value.buffer is not None or value.trace is not current().trace or value.node is None:
        return None
    found = _rows_in(value.node)
    if found is None:
        return None
    return [Sums(wrap(NDArray, pending(rows)), wrap(NDArray, pending(places))) for rows, places in found]


def _rows_in(root: Node) -> list[tuple[Node, Node]] | None:
    """The rows that a node adds up, and their numbers."""
    if root.op is _ADD and all([n.shape == root.shape for n in root.inputs]):
        parts = [_rows_in(n) for n in root.inputs]
        return None if None in parts else [pair for part in parts for pair in part or ()]
    if root.op is _CAST or root.op is place_op:
        found = _rows_in(root.inputs[0])
        return None if found is None else [(cast(rows, root.dtype), places) for rows, places in found]
    if root.op is not _SCATTER:
        return None
    template, shape, _ = root.attrs
    if template != (("i", 0), *[("s", 0, n, 1) for n in shape[1:]]):
        return None
    places, = index_arrays(root)
    return [(reshape(root.inputs[0], (places.size, *shape[1:])), reshape(places, (places.size,)))]
