"""Large values that are made of a short product are computed again for the backward pass, not kept.

The backward pass of attention reads the softmax of the scores, an array of (heads, queries, keys), which would lie in
memory from the forward pass on. Here what depends on a product of it gets a copy of the operations between the product
that makes the scores and the values that it reads. A copy reads the row maxima and sums of the first computation; it is
a part of the backward pass's chain of bands, whose values need memory for a band only (plan/band_links.py).
T. Dao et al., FlashAttention, 2022.
"""
from __future__ import annotations

import math
from collections.abc import Sequence, Set

from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node
from tracer.ops.ir.op import ELEMENTWISE, VIEW

from ..process import interrupts
from .builder import Nodes
from .known_ops import MATMUL, RESHAPE

#: The bytes of a product from which it is not kept. In time the two ways are nearly equal: attention of 64 heads of 64,
#: forward and backward, kept -> computed again, CPU ms and peak MB, two busy cores, the better of two runs: 128 queries
#: 29 -> 30, 133 -> 133; 256 96 -> 101, 166 -> 149; 512 298 -> 318, 265 -> 203; 1024, 32 heads, 599 -> 640, 339 -> 232.
LARGE = 1 << 24

#: The longest sums of a product that is computed again.
SHORT = 128

#: The products of a batch up to which they are kept: a band of the backward pass holds whole ones, and each thread has
#: memory for a band.
FEW = 16


def recompute(outputs: Sequence[Node], nodes: Nodes | None = None) -> tuple[list[Node], set[Node]]:
    """`outputs`, in which later readers of large values read copies, made of `nodes`; and the copies."""
    nodes = Nodes() if nodes is None else nodes
    order = toposort(outputs)
    copies: dict[tuple[Node, Node], _Copy] = {}  # by reader and the value that it reads
    ends = set(outputs)
    for at, n in enumerate(order):
        if n.op is MATMUL and _pays(n):
            interrupts.check()
            copy = _Copy(n, nodes)
            copies.update(dict.fromkeys(_late_reads(n, order[at + 1:], copy.values, ends), copy))
    if not copies:
        return list(outputs), set()
    done: dict[Node, Node] = {}
    for n in order:
        inputs = tuple([copies[n, x].of(x, done) if (n, x) in copies else done[x] for x in n.inputs])
        done[n] = nodes.keep(n) if inputs == n.inputs else nodes.make(n.op, inputs, n.attrs, n.aval)
    return [done[n] for n in outputs], {x for copy in copies.values() for x in copy.made.values()}


def put_off(order: Sequence[Node], copies: Set[Node]) -> list[Node]:
    """A topological order in which copies come just before their first reader that is none."""
    found: list[Node] = []
    held: dict[Node, None] = {}
    for n in order:
        if n in copies:
            held[n] = None
            continue
        needed, stack = set[Node](), [n]
        while stack:
            more = [x for x in stack.pop().inputs if x in held and x not in needed]
            needed.update(more)
            stack += more
        found += [x for x in held if x in needed]
        for x in needed:
            del held[x]
        found.append(n)
    return [*found, *held]


def _pays(n: Node) -> bool:
    """Whether a product is large, short to compute, of a batch of many, and much larger than what it is made of."""
    a, b = n.inputs
    inner, count = a.shape[-2 if n.attrs[0] else -1], math.prod(n.shape[:-2])
    return bool(n.aval.nbytes >= LARGE and inner <= SHORT and count > FEW
                and 2 * (a.aval.nbytes + b.aval.nbytes) <= n.aval.nbytes)


def _late_reads(product: Node, order: Sequence[Node], values: set[Node], ends: set[Node]) -> list[tuple[Node, Node]]:
    """The reads (reader, value) by what depends on another product of the values; `values` collects these.

    They are what elementwise operations make of `product`, of the same size.
    """
    values.add(product)
    late: set[Node] = set()  # with the products that others are later than
    found = []
    for n in order:
        own = [x for x in n.inputs if x in values]
        if not late.isdisjoint(n.inputs):
            late.add(n)
            found += [(n, x) for x in own if x not in ends]
        elif own and n.op.kind in (ELEMENTWISE, VIEW) and n.size == product.size:
            values.add(n)
        elif own and n.op is MATMUL:
            late.add(n)
    return found


class _Copy:
    """A second computation of a product and of what is made of it.

    values: the product, and what is made of it.
    made: their copies.
    """

    def __init__(self, product: Node, nodes: Nodes) -> None:
        self.product, self.nodes = product, nodes
        self.values: set[Node] = set()
        self.made: dict[Node, Node] = {}

    def of(self, value: Node, done: dict[Node, Node]) -> Node:
        """The copy of a value; `done` has the nodes that stand for those that are not computed again."""
        for n in toposort([value], done.keys() - self.values):
            if n in self.values and n not in self.made:
                inputs = [self.made.get(x) or done[x] for x in n.inputs]
                if n is self.product:
                    inputs[0] = self._again(inputs[0])
                self.made[n] = self.nodes.make(n.op, tuple(inputs), n.attrs, n.aval)
        return self.made[value]

    def _again(self, x: Node) -> Node:
        """`x` under another name, a reshape there and back: nodes of equal operations on it are others."""
        flat = self.nodes.reshape(x, (*x.shape, 1))
        return self.nodes.make(RESHAPE, (flat,), (x.shape,), x.aval)
