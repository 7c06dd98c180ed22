"""Band links of kernels: the elements of each value in memory per unit of the kernel's range (row_bands.py).

A value that only the steps of one chain read is complete for a band when the next step of the band begins, and dead at
the band's end. It needs memory for the bands under way (`driver.Areas`), not for all, a contraction of arrays: the
scores of attention, say, never leave the cache, and the matrix of all of them does not exist.
"""
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from functools import cache
from typing import Any

from tracer.ops.ir.node import Node, leaf_op

from ..codegen.expressions import BLOCK
from ..codegen.generated import Generated, KernelResult
from ..codegen.loop_nest import Nest
from ..fusion.fuse import operands
from ..fusion.gather_map import source_of_gather
from ..fusion.kernel import Kernel, Library, Root, Step, row_index_map
from ..fusion.native_step import MANY, BandLink, TileRatio, native_step
from ..fusion.roots import kernel_for
from ..graph.index_map import Affine, IndexMap, along, flatten
from ..graph.symbolic_size import gcd, lcm
from ..runtime.costs import CHUNK_COST, MAX_CHUNKS, MAX_ROW_CHUNKS, cut
from .planner import AREAS, PlanState
from .row_bands import BandChain, Banded, Steps, tile_and_fuse
from .schedule import made_by, read_by

#: The bytes of a chain's values from which they are kept by bands: each band copies the slots of bind.
LARGE = 1 << 20


def band_chains(steps: Sequence[Step], made: Sequence[KernelResult],
                materialized: set[Node]) -> tuple[Banded, list[dict[Node, int]]]:
    """The chains among a program's steps, and by chain the elements of a band of the values that its steps write.

    made: by step, the source of a kernel.
    materialized: all values kept in memory.
    """
    starts = {}
    for i, step in enumerate(steps):
        if isinstance(step, Library):
            native = native_step(step.node)
            if native is not None and native.band is not None and native.fits(step.node, materialized):
                starts[i] = native.band
    if not starts:
        return Banded(list(range(len(steps))), []), []

    @cache
    def link(i: int) -> BandLink | None:
        step, code = steps[i], made[i]
        if isinstance(step, Kernel):
            return kernel_link(step, code, materialized) if isinstance(code, Generated) else None
        return starts[i](step.node, materialized) if i in starts else None

    found = tile_and_fuse(Steps(starts, [read_by(step, materialized) for step in steps],
                                [made_by(step) for step in steps], link), CHUNK_COST)
    return found, [_written(chain, found.order, link) for chain in found.chains]


def _written(chain: BandChain, order: Sequence[int], link: Callable[[int], BandLink | None]) -> dict[Node, int]:
    """The elements in a band of each value that a chain's steps write, 0 for one that is ready only at the end."""
    links = [link(i) for i in order[chain.first:chain.first + len(chain.chunks)]]
    return {v: n * chunk for one, chunk in zip(links, chain.chunks, strict=True) if one is not None
            for v, n in one.writes.items()}


def kernel_link(kernel: Kernel, made: Generated, materialized: set[Node]) -> BandLink:
    """The band link of a kernel."""
    points = math.prod(kernel.domain)
    whole = Kernel(kernel.domain, kernel.split, kernel.exclusive, [_placed(r, kernel) for r in kernel.roots],
                   kernel.order)
    flat = kernel.split is None and Nest(whole, materialized).flat
    unit = min(BLOCK, points) if flat else points // made.extent
    reads: dict[Any, TileRatio | None] = {}
    for node, position in _reads(whole, materialized):
        along = None if position is None else tile_ratio_of(position, kernel.domain, unit)
        reads[node] = _both(reads[node], along) if node in reads else along
    inner = math.prod(kernel.domain[kernel.split:]) if kernel.split is not None else 0
    writes = {}
    for root in kernel.roots:
        rows = unit // inner if root.kind in ("row", "inner") and unit % inner == 0 else 0
        writes[root.node] = rows if root.kind != "map" else unit if kernel.order is None else 0
    most = MANY
    for part in made.parts:
        if part.root is not None and not part.shared:
            most = min(most, MAX_CHUNKS if part.count == 1 else MAX_ROW_CHUNKS)
    return BandLink(made.cost, made.extent, made.align, cut(made)[0], most, reads, writes,
                    sum([r.node.aval.nbytes for r in kernel.roots]), [x for _, x in made.in_place])


def written_over(steps: Sequence[Step], made: Sequence[KernelResult], together: Sequence[range],
                 outputs: Container[Any]) -> dict[Node, Node]:
    """The products in chains whose memory a result of the same chain may take: product -> result.

    Only one step reads such a product, each element where it writes the result's. A result that may be written over
    an array of the user's instead is not among these.
    """
    if not together:
        return {}
    materialized = {n for s in steps for n in made_by(s)}
    readers = Counter([n for s in steps for n in read_by(s, materialized)])
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


def banded(steps: Sequence[Step], chain: range, elements: Mapping[Node, int], planning: PlanState) -> dict[Node, int]:
    """The values that need memory for a band only, one for those that share it, each with its bytes.

    elements: by value that the chain writes, its elements in a band; 0 for one that is ready only at the end.
    """
    shared: dict[Node, list[Node]] = {}
    for v, home in planning.aliases.items():
        shared.setdefault(home, []).append(v)
    elsewhere = {v for i, step in enumerate(steps) if i not in chain for v in read_by(step, planning.materialized)}
    found: dict[Node, int] = {}
    total = 0
    for v, count in elements.items():
        if v in planning.aliases:
            continue
        together = [v, *shared.get(v, ())]
        nbytes = count * v.dtype.itemsize
        if all([n in elements and elements[n] * n.dtype.itemsize == nbytes and n not in elsewhere
                and n not in planning.slots for n in together]) and nbytes * AREAS < v.aval.nbytes:
            found[v] = nbytes
            total += v.aval.nbytes
    return found if total >= LARGE else {}


def _placed(root: Root, kernel: Kernel) -> Root:
    """The root with its index map, which one from a template lacks."""
    node = root.node
    if root.kind == "row":
        assert kernel.split is not None
        index_map = row_index_map(node.shape, kernel.domain, kernel.split)
    elif root.kind == "map" and kernel.order is not None:
        index_map = along(kernel.order, node.ndim)
    else:
        index_map = kernel_for(node).roots[0].index_map
    return Root(node, root.kind, index_map)


def _reads(kernel: Kernel, materialized: set[Node]) -> list[tuple[Node, Affine | None]]:
    """The values in memory that a kernel reads, each with the position over the domain of a read.

    The position is None where an index array gives it.
    """
    rank, own = len(kernel.domain), {r.node for r in kernel.roots}
    found: dict[tuple[Node, Affine | None], None] = {}
    seen: set[tuple[Node, IndexMap]] = set()
    stack = [(r.operand, r.index_map, r.operand is r.node) for r in kernel.roots]
    while stack:
        node, index_map, top = stack.pop()
        if (node, index_map) in seen and not top:
            continue
        seen.add((node, index_map))
        if top or not (node in materialized or node.op is leaf_op):
            if node.op.gathers is not None:
                found[source_of_gather(node)[0], None] = None
            stack += [(x, where, False) for x, where in operands(node, index_map, kernel.domain, materialized)]
        elif node not in own:
            found[node, flatten(index_map, node.shape, rank)] = None
    return list(found)


def tile_ratio_of(position: Affine, domain: Sequence[int], unit: int) -> TileRatio | None:
    """(elements, units): the smallest tile of an array, and the units of the kernel's range that read just that tile.

    A unit is `unit` points of the domain. The tile holds the elements at `position` for one point of the leading
    dimensions; None where the next point of these reads elements other than the next ones.

    >>> tile_ratio_of((0, (8, 1)), (4, 8), 8), tile_ratio_of((2, (8, 1)), (4, 6), 6)
    ((8, 1), (8, 1))
    >>> tile_ratio_of((0, (0, 1)), (4, 8), 8)
    >>> tile_ratio_of((0, (32, 2, 8, 1)), (3, 4, 4, 2), 2)
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


def _both(a: TileRatio | None, b: TileRatio | None) -> TileRatio | None:
    """The ratio of the smallest tile that holds whole tiles of both; None where they differ in elements per unit."""
    if a is None or b is None or a[0] * b[1] != a[1] * b[0]:
        return None
    elements = lcm(a[0], b[0])
    return elements, elements * a[1] // a[0]
