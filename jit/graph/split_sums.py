"""Sums over a batch split in two: over what is next to each other in memory first, over the batch then.

The sums of an image's channels need that image only. So they can be taken in the order of memory, while the image is in
the cache. A sum of a channel over all images reads as many far places as there are images, and can begin only when the
last image is there. The second sum is small.
"""
from __future__ import annotations

import math
from collections.abc import Sequence

from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node
from tracer.ops.ir.shapes import reduced

from .builder import Nodes
from .known_ops import SUM

#: The fewest elements that are next to each other for which the first sums are much fewer than the elements.
LEAST = 8


def split_sums(outputs: Sequence[Node], nodes: Nodes) -> list[Node]:
    """`outputs` with such sums split; the results have the same avals, in the same order."""
    order = toposort(outputs)
    if not any([n.op is SUM for n in order]):
        return list(outputs)
    done: dict[Node, Node] = {}
    for n in order:
        inputs = tuple([done[x] for x in n.inputs])
        after = _after(n) if n.op is SUM else ()
        if after:
            inner = nodes.apply(SUM, *inputs, attrs=(after,), of=nodes.aval(reduced(n.inputs[0].shape, after), n.dtype))
            inputs, attrs = (inner,), (tuple([a for a in n.attrs[0] if a not in after]),)
            done[n] = nodes.make(SUM, inputs, attrs, n.aval)
        else:
            done[n] = nodes.keep(n) if inputs == n.inputs else nodes.make(n.op, inputs, n.attrs, n.aval)
    return [done[o] for o in outputs]


def _after(n: Node) -> tuple[int, ...]:
    """The summed axes behind the kept ones, if there are enough elements along them, and summed axes in front."""
    if n.dtype.kind != "f" or n.dtype.itemsize < 4:
        return ()
    x, axes = n.inputs[0], [a for a in n.attrs[0] if n.inputs[0].shape[a] != 1]
    kept = [a for a in range(x.ndim) if x.shape[a] != 1 and a not in axes]
    if not kept or not axes or axes[0] > kept[0] or axes[-1] < kept[-1]:
        return ()
    after = tuple([a for a in n.attrs[0] if a > kept[-1]])
    return after if math.prod([x.shape[a] for a in after]) >= LEAST else ()
