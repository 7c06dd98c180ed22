"""Cut points of graphs too large for one kernel: chosen by content, so that equal structure is cut at equal places.

Kernels are cached by their source, which depends on structure only. A cut by count alone falls at another place in each
period of an unrolled loop, and makes every piece another kernel. Here, as in content-defined chunking, a cut may be
anywhere in the second half of what fits, and is where the surrounding structure has the smallest signature: at the same
place in every period, whatever precedes it.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from functools import cached_property
from zlib import crc32

from tracer.ops.ir.node import Node
from tracer.ops.ir.op import ELEMENTWISE, LEAF, REDUCTION, VIEW

#: Levels of operands that a signature covers: more levels distinguish more places of a period.
DEPTH = 4
#: A value that takes at most so many operations from memory is computed again rather than stored at a cut.
CHEAP = 3


class Signatures:
    """Signatures of the nodes of a graph, which are given in order, inputs first. They are computed on demand."""

    def __init__(self, order: Sequence[Node]) -> None:
        self.order = order

    @cached_property
    def positions(self) -> dict[Node, int]:
        """The position of each node in the order."""
        return {n: i for i, n in enumerate(self.order)}

    @cached_property
    def by_node(self) -> dict[Node, int]:
        """The signature of the structure around each node: ops, dtypes, ranks, and which operands are broadcast, but no
        sizes. It is the same in every process."""
        known: dict[tuple, int] = {}
        own: list[int] = []
        for n in self.order:
            key = (n.op.name, *_kind(n))
            found = known.get(key)
            if found is None:
                found = known[key] = crc32(repr(key).encode())
            own.append(found)
        positions = self.positions
        operands = [[positions[i] for i in n.inputs] for n in self.order]
        now = own
        for _ in range(DEPTH):
            now = [hash((mark, *[now[i] for i in of])) for mark, of in zip(own, operands)]  # integers: not randomized
        return dict(zip(self.order, now))


def _kind(n: Node) -> tuple:
    if isinstance(n.aval, tuple):
        return (len(n.aval),)
    shape = n.aval.shape
    stretched = tuple([i.aval.shape != shape for i in n.inputs]) if n.op.kind == ELEMENTWISE else ()
    more = n.attrs if n.op.kind == REDUCTION else ()
    return n.aval.dtype.char, len(shape), stretched, more


class Bounds:
    """Bounds on the number of operations that a value takes from memory, kept by storing some values on the way.

    `enter` takes the nodes in order; `cuts` collects the values that must be stored besides `materialized`.
    """

    def __init__(self, signatures: Signatures, materialized: set[Node], most: int) -> None:
        self.signatures = signatures
        self.materialized = materialized
        self.most = most
        self.cuts: set[Node] = set()
        self._inside: dict[Node, frozenset[Node]] = {}  # the operations of a node, or those before a later cut

    def enter(self, n: Node) -> None:
        """Bound the expression of `n`, all of whose inputs have been entered."""
        if n.op.kind == LEAF:
            self._inside[n] = frozenset()
            return
        inside = self._inside
        mine = frozenset((n,)).union(*[inside[i] for i in n.inputs])
        while len(mine) > self.most:
            mine = self._exact(n)
            if len(mine) > self.most:
                found = self._choose(n, mine)
                if not found:
                    break  # all its operands are in memory, or cheap to compute
                self.cuts |= found
        inside[n] = frozenset() if n in self.materialized or n in self.cuts else mine

    def drop(self, n: Node) -> None:
        """Enter `n`, which no kernel computes."""
        self._inside[n] = frozenset()

    def _held(self, n: Node) -> bool:
        return n.op.kind == LEAF or n in self.materialized or n in self.cuts

    def _exact(self, top: Node) -> frozenset[Node]:
        found, stack = {top}, [top]
        while stack:
            for i in stack.pop().inputs:
                if i not in found and not self._held(i):
                    found.add(i)
                    stack.append(i)
        return frozenset(found)

    def _choose(self, top: Node, inside: frozenset[Node]) -> set[Node]:
        """The values to store so that `top` takes far fewer operations than `inside`."""
        signatures = self.signatures
        nodes = sorted(inside, key=signatures.positions.__getitem__)
        index = {n: i for i, n in enumerate(nodes)}
        last = [0] * len(nodes)
        for i, n in enumerate(nodes):
            for x in n.inputs:
                if x in index:
                    last[index[x]] = i
        best: tuple | None = None
        live: list[int] = []
        half = self.most // 2
        for i in range(min(self.most, len(nodes) - 1)):
            live = [k for k in live if last[k] > i]
            if last[i] > i and last[i] >= half and self._is_kept(nodes[i]):
                live.append(i)
            if i < half or not live:
                continue
            bytes_kept = sum([nodes[k].aval.nbytes for k in live])
            choice = (bytes_kept, signatures.by_node[nodes[i]], -i)
            if best is None or choice < best[0]:
                best = choice, list(live)
        if best is None:
            return set()
        return {_base(nodes[k]) for k in best[1]}

    def _is_kept(self, n: Node) -> bool:
        """Whether a cut after `n` would store it, since computing it again costs more."""
        return not self._held(_base(n)) and takes(n, CHEAP + 1, self.materialized, self.cuts)


def takes(n: Node, count: int, materialized: Set[Node], more: Set[Node] = frozenset()) -> bool:
    """Whether `n` takes at least `count` operations from memory, which holds leaves and stored values."""
    seen = {n}
    stack = [n]
    while stack and len(seen) < count:
        for i in stack.pop().inputs:
            if i not in seen and i.op.kind != LEAF and i not in materialized and i not in more:
                seen.add(i)
                stack.append(i)
    return len(seen) >= count


def _base(n: Node) -> Node:
    while n.op.kind == VIEW:
        n = n.inputs[0]
    return n


def segments(weights: Iterable[int], signatures: Sequence[int], most: int, many: int) -> list[int]:
    """The lengths of the pieces of a sequence: each weighs at most `most` (or is one item), and has at most `many`.

    >>> segments([1] * 9, [5, 1, 5] * 3, 4, 9)
    [2, 3, 4]
    """
    weights = list(weights)
    out = []
    start = 0
    while start < len(weights):
        total, end = 0, start
        while end < len(weights) and (end == start or (total + weights[end] <= most and end - start < many)):
            total += weights[end]
            end += 1
        if end < len(weights):
            half, count = 0, 0
            best = end
            for i in range(start, end):
                half += weights[i]
                count += 1
                if (2 * half >= total or 2 * count >= many) and (best == end or signatures[i] <= signatures[best - 1]):
                    best = i + 1
            end = best
        out.append(end - start)
        start = end
    return out
