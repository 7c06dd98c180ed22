"""Fusion: the choice of the values that are kept in memory, and of the loops that compute them together.

A *root* is a value that memory must hold: an output, a reduction's result, an operand of a library call, or a value
that costs more to compute twice than to store. Every other value is computed where it is used. Roots over the same
iteration domain share a kernel when they read common values and none needs the end of another's loop.

A domain is split into rows and an inner part. A reduction over the inner part ("inner") is finished within a row,
so that later loops over the same row may use it (softmax is one kernel); one over the rows ("outer"), or over
everything ("all"), leaves a partial result for each chunk of rows, combined afterwards.
"""
from __future__ import annotations

from collections.abc import Sequence, Set

from tracer.ops.ir.aval import Shape
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, item_op, leaf_op, scalar_op, store_op
from tracer.ops.ir.op import ELEMENTWISE, LEAF, REDUCTION, VIEW

from ..graph.index_map import (
    IndexMap,
    NotAffine,
    broadcast,
    flat,
    through_view,
    without_reshapes,
)
from ..graph.recompute import put_off
from .cut_points import Bounds, Signatures, segments, takes
from .gather_map import gather_reads, is_inlined_gather, source_of_gather
from .kernel import Kernel, Library, Root, Step, is_inlined
from .native_step import native_step
from .roots import kernel_for, root_in

#: The most operations in one kernel: more slow LLVM down before they speed the loop up.
MAX_KERNEL_OPS = 100
#: The most results of one kernel: each takes an alias scope (native/callables.py), as do values kept between its loops.
MAX_ROOTS = 24
#: The most kernels that a value tries to join: the latest that have an operand in common with it.
CANDIDATES = 32
#: The most times that grouping is repeated because values turn out to cost more to compute twice than to store.
SHARING_ROUNDS = 6
#: Cost from which a value that several kernels use is stored rather than computed again: Op.cost of its op alone, but
#: summed over its operations for the passes of one kernel (codegen/row_passes.py).
STORE_COST = 8
#: Operations from memory from which the same holds for a value that more than two kernels use, however cheap each is:
#: else each kernel would compute a state that is carried along a loop from its beginning.
STORE_OPS = 24


def fuse(outputs: Sequence[Node], apart: bool = False, copies: Set[Node] = frozenset()) -> list[Step]:
    """The steps that compute `outputs`, in order.

    apart: whether each operation gets a kernel of its own.
    copies: second computations of values, each of which comes after the other operands of its first reader.
    """
    order = put_off(toposort(outputs), copies) if copies else toposort(outputs)
    signatures = Signatures(order)
    materialized = _needed(order, outputs)
    if apart:
        materialized |= {n for n in order if is_inlined(n) and n.inputs and n.op.kind != VIEW and n.size}
    rounds = 0
    while True:
        cuts = _cuts(signatures, materialized)
        steps, more = _group(signatures, materialized | cuts, apart)
        if not more and rounds < SHARING_ROUNDS:
            more = _shared(steps, materialized | cuts)
            rounds += 1
        if not more:
            return steps
        materialized |= more


class _Store(Exception):
    def __init__(self, node: Node) -> None:
        self.node = node


def _needed(order: Sequence[Node], outputs: Sequence[Node]) -> set[Node]:
    """The values that must be stored whatever the grouping."""
    materialized = {n for n in outputs if n.op.kind != LEAF and not _is_nothing(n)}
    for n in order:
        if n.op.kind == REDUCTION or n.op is store_op:
            materialized.add(n)
        elif is_inlined_gather(n) and n.size:
            source, _ = source_of_gather(n)
            if source.op.kind != LEAF:
                materialized.add(source)
        elif not (n.op.kind == LEAF or is_inlined(n)):
            materialized.add(n)
            native = native_step(n)
            for i, x in enumerate(n.inputs):
                if _is_nothing(x):
                    continue
                base = x
                while base.op.kind == VIEW:
                    base = base.inputs[0]
                if base.op.kind != LEAF:
                    materialized.add(base)
                if native is not None:
                    plain = native.operand(n, i, materialized)
                    if plain.op is scalar_op and plain is not x:
                        materialized.add(x)  # a number's slot holds no address: a product reads it as a factor
                    elif plain.op.kind != LEAF:
                        materialized.add(plain)
    return materialized


def _is_nothing(n: Node) -> bool:
    """Whether a node that a kernel could compute has no elements: there is nothing to compute or to read."""
    return is_inlined(n) and not n.size


def _cuts(signatures: Signatures, materialized: set[Node]) -> set[Node]:
    """More values to store, so that no value takes more operations than a kernel should have."""
    bounds = Bounds(signatures, materialized, MAX_KERNEL_OPS)
    for n in signatures.order:
        if n.op.kind == REDUCTION or is_inlined(n):
            bounds.enter(n)
        else:
            bounds.drop(n)
    return bounds.cuts


# ---- grouping ------------------------------------------------------------------------------------

def _group(signatures: Signatures, materialized: set[Node], apart: bool) -> tuple[list[Step], set[Node]]:
    """The steps for the values `materialized`, and more values to store: if there are any, the steps are incomplete."""
    whole = _Grouping(materialized, 0 if apart else CANDIDATES)
    for n in signatures.order:
        if n in materialized:
            whole.add(n)
    if whole.more:
        return [], whole.more
    steps: list[Step] = []
    more: set[Node] = set()
    for step in whole.steps:
        if isinstance(step, Library) or (len(step.roots) <= MAX_ROOTS and _fits(step, materialized)):
            steps.append(step)
            continue
        nodes = [r.node for r in step.roots]
        numbers = [signatures.by_node[n] for n in nodes]
        for count in segments([r.ops for r in step.roots], numbers, MAX_KERNEL_OPS, MAX_ROOTS):
            part = _Grouping(materialized, CANDIDATES)
            for n in nodes[:count]:
                part.add(n)
            steps += part.steps
            more |= part.more
            del nodes[:count]
    return steps, more


class _Grouping:
    """The grouping of stored values into steps: each joins the latest kernel whose loop it can share, of any size."""

    def __init__(self, materialized: set[Node], candidates: int) -> None:
        self.materialized = materialized
        self.candidates = candidates
        self.steps: list[Step] = []
        self.more: set[Node] = set()  # values that turn out to need storing
        self._made_at: dict[Node, int] = {}
        self._touched: dict[Node, list[int]] = {}  # the steps that read or make a value

    def add(self, n: Node) -> None:
        """Enter the stored value `n`, whose operands have been entered."""
        if not (is_inlined(n) or n.op.kind == REDUCTION):
            if n.op is item_op and native_step(n.inputs[0]) is not None:
                at = self._made_at[n] = self._made_at[n.inputs[0]]
                whole = self.steps[at]
                assert isinstance(whole, Library)
                whole.parts.append(n)
                return
            self._made_at[n] = len(self.steps)
            self.steps.append(Library(n))
            return
        near = nearest(n, self.materialized)
        start = max((self._made_at.get(m, 0) for m in near), default=0)
        for i in self._candidates(n, near, start):
            kernel = self.steps[i]
            if isinstance(kernel, Kernel) and _join(kernel, n, i, self.materialized, self._made_at):
                self._enter(n, near, i)
                return
        kernel = kernel_for(n)
        root = kernel.roots.pop()
        try:
            reads, root.ops = _expand(kernel, root, self.materialized)
        except _Store as missing:
            self.more.add(missing.node)
            return
        kernel.take(root, reads)
        self._enter(n, near, len(self.steps))
        self.steps.append(kernel)

    def _enter(self, n: Node, near: Sequence[Node], at: int) -> None:
        self._made_at[n] = at
        for x in (n, *near):
            touched = self._touched.setdefault(x, [])
            if not touched or touched[-1] != at:
                touched.append(at)

    def _candidates(self, n: Node, near: Sequence[Node], start: int) -> Sequence[int]:
        """The steps from `start` on that have an operand in common with `n`, the latest first, at most `candidates`."""
        if n.size <= 1:
            return range(len(self.steps) - 1, max(start, len(self.steps) - self.candidates) - 1, -1)
        found: set[int] = set()
        for x in near:
            for i in reversed(self._touched.get(x, ())[-CANDIDATES:]):
                if i >= start:
                    found.add(i)
        return sorted(found, reverse=True)[:self.candidates]


def nearest(n: Node, materialized: set[Node]) -> list[Node]:
    """The values in memory, leaves and stored ones, that `n` is computed from directly."""
    found, seen, stack = [], {n}, list(n.inputs)
    while stack:
        x = stack.pop()
        if x in seen:
            continue
        seen.add(x)
        if x in materialized or x.op is leaf_op:
            found.append(x)
        else:
            stack.extend(x.inputs)
    return found


def _join(kernel: Kernel, n: Node, index: int, materialized: set[Node], made_at: dict[Node, int]) -> bool:
    """Add the root `n` to the kernel if domains agree and no later step makes its operands; returns whether it did."""
    if kernel.exclusive:
        return False
    root = root_in(kernel, n)
    if root is None:
        return False
    split = kernel.split
    if root.kind in ("inner", "outer"):
        wanted = kernel_for(n).split
        if split is not None and split != wanted:
            return False
        kernel.split = wanted
    try:
        reads, root.ops = _expand(kernel, root, materialized)
    except (NotAffine, _Store, _Late):
        kernel.split = split
        return False
    related = False
    for m in reads:
        inside = kernel.made(m) is not None
        if not inside and made_at.get(m, -1) >= index:
            kernel.split = split
            return False
        related = related or inside or m in kernel.reads
    if not related and n.size > 1:
        kernel.split = split
        return False
    kernel.take(root, reads)
    return True


class _Late(Exception):
    """The error for a read of a value that the kernel has only when its loops are done."""


def _fits(kernel: Kernel, materialized: set[Node]) -> bool:
    """Whether a kernel has no more operations than it should, counting once what several roots need."""
    if kernel.ops > MAX_KERNEL_OPS:
        seen: set[tuple[Node, IndexMap]] = set()
        kernel.ops = sum([_expand(kernel, root, materialized, seen)[1] for root in kernel.roots])
    return kernel.ops <= MAX_KERNEL_OPS


def _expand(kernel: Kernel, root: Root, materialized: set[Node],
            past: set[tuple[Node, IndexMap]] | None = None) -> tuple[set[Node], int]:
    """The values in memory that `root` reads in `kernel`, and its number of operations, without those of the `past`."""
    reads: set[Node] = set()
    count = 0

    def visit(node: Node, index_map: IndexMap) -> None:
        nonlocal count
        if (node, index_map) in seen:
            return
        seen.add((node, index_map))
        if node is not top and node in materialized:
            reads.add(node)
            other = kernel.made(node)
            if other is not None and not kernel.holds(other, index_map):
                raise _Late
            if other is not None and root.kind == "row" and other.kind == "map":
                raise _Late
            return
        if node.op is leaf_op:
            reads.add(node)
            return
        if is_inlined_gather(node):
            source, _ = source_of_gather(node)
            reads.add(source)
            if kernel.made(source) is not None:
                raise _Late
        count += node.op.kind not in (VIEW, LEAF)
        for x, where in operands(node, index_map, kernel.domain, materialized):
            visit(x, where)

    seen = set() if past is None else past
    top = root.node if root.kind in ("map", "row") else None
    visit(root.operand, root.index_map)
    return reads, count


def operands(node: Node, index_map: IndexMap, domain: Shape, materialized: set[Node]) -> list[tuple[Node, IndexMap]]:
    """The inputs of an inlined node, each with the map by which `node` at `index_map` reads it."""
    rank = len(domain)
    if node.op.gathers is not None:
        return [(index, where) for index, where, _ in gather_reads(node, index_map, rank).steps]
    if node.op.kind != VIEW:
        shape = node.aval.shape
        return [(x, index_map if x.aval.shape == shape else broadcast(index_map, shape, x.aval.shape, rank))
                for x in node.inputs]
    try:
        return [(node.inputs[0], through_view(node, index_map, domain))]
    except NotAffine:
        base = without_reshapes(node.inputs[0], materialized)
        if base.op.kind == LEAF or base in materialized:
            return [(base, flat(index_map, node.shape, rank))]
        raise _Store(base) from None


# ---- values that cost more to compute twice than to store ----------------------------------------

def _shared(steps: Sequence[Step], materialized: set[Node]) -> set[Node]:
    """The values inlined in several kernels that are expensive: by their own op, or by their operations from memory."""
    users: dict[Node, set[int]] = {}
    for i, step in enumerate(steps):
        if isinstance(step, Kernel):
            for root in step.roots:
                for n in _inside(root, materialized):
                    users.setdefault(n, set()).add(i)
    extra, long, covered = set(), [], set()
    for n, kernels in users.items():
        if len(kernels) == 1:
            continue
        covered.update([x for x in n.inputs if users.get(x) == kernels])
        if (n.op.kind == ELEMENTWISE or n.op.gathers is not None) and n.size > 1 and n not in materialized:
            if n.op.cost >= STORE_COST:
                extra.add(n)
            elif len(kernels) > 2 and takes(n, STORE_OPS, materialized):
                long.append(n)
    return extra or {n for n in long if n not in covered}


def _inside(root: Root, materialized: set[Node]) -> list[Node]:
    top = root.operand
    if top in materialized and root.kind not in ("map", "row"):
        return []
    found, seen, stack = [], {top}, [top]
    while stack:
        n = stack.pop()
        found.append(n)
        for x in n.inputs:
            if x not in seen and x not in materialized and x.op.kind != LEAF:
                seen.add(x)
                stack.append(x)
    return found

