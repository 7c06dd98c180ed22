"""How the range of a step goes along with the values in memory that it reads and writes: the links of bands.py."""
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Sequence
from functools import cache
from typing import Any

from tracer.ops.ir.node import Node, leaf_op

from ..codegen.expressions import BLOCK
from ..codegen.generated import Generated, Made
from ..codegen.loop_nest import Nest
from ..fusion.fuse import kernel_for, operands
from ..fusion.gather_map import source_of_gather
from ..fusion.kernel import Kernel, Library, Root, Step, row_access
from ..fusion.native_step import MANY, Link, Stretch, native_step
from ..graph.index_map import Access, Affine, flatten
from ..graph.symbolic_size import gcd, lcm
from ..runtime.costs import CHUNK_COST, cut
from .row_bands import Chain, chains
from .schedule import made_by, read_by

#: Chunks at most of kernels with partial results, and of those with rows of them.
PARTIAL, PARTIAL_ROWS = 64, 16


def chains_of(steps: Sequence[Step], made: Sequence[Made], stored: set[Node]) -> list[Chain]:
    """The chains among a program's steps; made: what became of the kernels; stored: all values kept in memory."""
    starts = {}
    for i, step in enumerate(steps):
        if isinstance(step, Library):
            native = native_step(step.node)
            if native is not None and native.band is not None and native.fits(step.node, stored):
                starts[i] = native.band
    if not starts:
        return []

    @cache
    def link(i: int) -> Link | None:
        step, code = steps[i], made[i]
        if isinstance(step, Kernel):
            return link_of_kernel(step, code, stored) if isinstance(code, Generated) else None
        return starts[i](step.node, stored) if i in starts else None

    return chains(list(starts), [read_by(step, stored) for step in steps], link, CHUNK_COST)


def link_of_kernel(kernel: Kernel, made: Generated, stored: set[Node]) -> Link:
    """The link of a kernel."""
    points = math.prod(kernel.domain)
    whole = Kernel(kernel.domain, kernel.split, kernel.permuted, [_placed(r, kernel) for r in kernel.roots])
    flat = kernel.split is None and Nest(whole, stored).flat
    unit = min(BLOCK, points) if flat else points // made.extent
    reads: dict[Any, Stretch | None] = {}
    for node, position in _reads(whole, stored):
        along = None if position is None else stretch_of(position, kernel.domain, unit)
        reads[node] = _both(reads[node], along) if node in reads else along
    inner = math.prod(kernel.domain[kernel.split:]) if kernel.split is not None else 0
    writes = {}
    for root in kernel.roots:
        rows = unit // inner if root.kind in ("row", "inner") and unit % inner == 0 else 0
        writes[root.node] = unit if root.kind == "map" else rows
    most = MANY
    for part in made.parts:
        if part.root is not None and not part.shared:
            most = min(most, PARTIAL if part.count == 1 else PARTIAL_ROWS)
    return Link(made.cost, made.extent, made.align, cut(made)[0], most, reads, writes,
                sum([r.node.aval.nbytes for r in kernel.roots]), [x for _, x in made.in_place])


def written_over(steps: Sequence[Step], made: Sequence[Made], together: Sequence[range],
                 outputs: Container[Any]) -> dict[Node, Node]:
    """For products in chains, the result of the same chain that may take their memory: product -> result.

    Only one step reads such a product, each element where it writes the result's. A result that may be written over
    an array of the user's is left to that.
    """
    if not together:
        return {}
    stored = {n for s in steps for n in made_by(s)}
    readers = Counter([n for s in steps for n in read_by(s, stored)])
    found: dict[Node, Node] = {}
    for chain in together:
        products = {s.node for s in steps[chain.start:chain.stop] if isinstance(s, Library)}
        for code in made[chain.start:chain.stop]:
            pairs = code.in_place if isinstance(code, Generated) else []
            taken = {r for r, x in pairs if r in outputs and x.op is leaf_op}
            for result, x in pairs:
                if x in products and readers[x] == 1 and x not in outputs and x not in found and result not in taken:
                    found[x] = result
                    taken.add(result)
    return found


def _placed(root: Root, kernel: Kernel) -> Root:
    """The root with its access, which one from a template lacks."""
    node = root.node
    if root.kind == "row":
        assert kernel.split is not None
        access = row_access(node.shape, kernel.domain, kernel.split)
    else:
        access = kernel_for(node).roots[0].access
    return Root(node, root.kind, access)


def _reads(kernel: Kernel, stored: set[Node]) -> list[tuple[Node, Affine | None]]:
    """The values in memory that a kernel reads, each with a position over the domain at which it does.

    None stands for positions that an index array tells.
    """
    rank, own = len(kernel.domain), {r.node for r in kernel.roots}
    found: dict[tuple[Node, Affine | None], None] = {}
    seen: set[tuple[Node, Access]] = set()
    stack = [(r.operand, r.access, r.operand is r.node) for r in kernel.roots]
    while stack:
        node, access, top = stack.pop()
        if (node, access) in seen and not top:
            continue
        seen.add((node, access))
        if top or not (node in stored or node.op is leaf_op):
            if node.op.gathers is not None:
                found[source_of_gather(node)[0], None] = None
            stack += [(x, where, False) for x, where in operands(node, access, kernel.domain, stored)]
        elif node not in own:
            found[node, flatten(access, node.shape, rank)] = None
    return list(found)


def stretch_of(position: Affine, domain: Sequence[int], unit: int) -> Stretch | None:
    """(elements, units): the least stretches of an array and of a kernel's range, `unit` points each, that go along.

    That are the elements at `position` where the leading dimensions of the domain stand still; None where others than
    the next ones are read at the next point of these.

    >>> stretch_of((0, (8, 1)), (4, 8), 8), stretch_of((2, (8, 1)), (4, 6), 6), stretch_of((0, (0, 1)), (4, 8), 8)
    ((8, 1), (8, 1), None)
    >>> stretch_of((0, (32, 2, 8, 1)), (3, 4, 4, 2), 2)
    (32, 16)
    """
    offset, coefs = position
    for lead in range(len(domain), 0, -1):
        steps = [(c, n) for c, n in zip(coefs[:lead], domain) if n > 1]
        if not steps:
            break
        each = count = steps[-1][0]
        for c, n in reversed(steps):
            if c != count:
                break
            count *= n
        else:
            rest = [c * (n - 1) for c, n in zip(coefs[lead:], domain[lead:])]
            if offset + sum([min(r, 0) for r in rest]) >= 0 and offset + sum([max(r, 0) for r in rest]) < each:
                inner = math.prod(domain[lead:])
                times = unit // gcd(inner, unit)
                return each * times, inner * times // unit
    return None


def _both(a: Stretch | None, b: Stretch | None) -> Stretch | None:
    """The least stretches that hold whole ones of both."""
    if a is None or b is None or a[0] * b[1] != a[1] * b[0]:
        return None
    elements = lcm(a[0], b[0])
    return elements, elements * a[1] // a[0]
