"""Native steps of matrix products of floats, by OpenBLAS or in registers (gemm/openblas.py)."""
from __future__ import annotations

import math
from collections.abc import Container
from typing import Any

import numpy as np

from tracer.ops.ir.node import Node, scalar_op
from tracer.ops.ir.op import LEAF

from ..fusion.native_step import MANY, BandLink, NativeStep, TileRatio, Uses, register
from ..graph.index_map import without_reshapes
from ..graph.scalars import bits_of
from ..graph.symbolic_size import applied
from ..runtime import driver
from .gemm import openblas, packing

#: Multiplications of a matrix product that take the time of one operation of a kernel.
PRODUCTS_PER_COST = 4


def fits(node: Node, materialized: set[Node]) -> bool:
    """Whether the node is a product of floats whose operands are in memory: `materialized`, or leaves."""
    if node.dtype not in (np.float32, np.float64) or not (node.size and node.inputs[0].size):
        return False
    read = [*_factors(node, materialized), *node.inputs[2:3], *_numbers_in_memory(node)]
    return all(x.op.kind == LEAF or x in materialized for x in read)


def _numbers_in_memory(node: Node) -> list[Node]:
    return [x for x in node.inputs[3:] if x.op is not scalar_op]


def _factors(node: Node, materialized: Container[Node]) -> list[Node]:
    return [without_reshapes(x, materialized) for x in node.inputs[:2]]


def sizes_of(node: Node) -> tuple[int, int, int, int]:
    """Rows, columns, inner length and batch."""
    *batch, m, n = node.shape
    return m, n, node.inputs[0].shape[-2 if node.attrs[0] else -1], math.prod(batch)


def cost(node: Node) -> float:
    """The cost, in the unit of `Generated.cost`."""
    return math.prod(sizes_of(node)) / PRODUCTS_PER_COST


def lower(node: Node, uses: Uses) -> list[driver.Step]:
    """The rows: one that packs an operand, and one, or several sums over parts of the inner length, where one would
    keep a thread too long.
    """
    result = uses.write(node, node.aval.nbytes)
    a, b = _factors(node, uses.materialized)
    ta, tb, *factors = node.attrs
    m, n, k, batch = sizes_of(node)
    options: dict[str, Any] = {}
    if factors:
        onto, *numbers = node.inputs[2:]
        alpha, beta, *which = factors
        options = {"beta": 1, "source": uses.read(onto)}
        for name, at in zip(("alpha", "beta"), which, strict=True):
            if at >= 0:
                options[f"{name}_index" if numbers[at].op is scalar_op else f"{name}_at"] = uses.read(numbers[at])
    rows: list[driver.Step] = []
    if packing.pays(node.dtype, m, n, k, batch):
        panels, done = uses.pack(b, ("panels", node), packing.nbytes(n, k), ("lay_panels", n, k, tb))
        rows = [packing.lay(uses.read(b), panels, n, k, tb, done)]
        step = packing.multiply(uses.read(a), panels, result, m, n, k, ta=ta, **options)
    else:
        step = openblas.gemm(node.dtype, uses.read(a), uses.read(b), result, m, n, k, batch, ta=ta, tb=tb, **options)
    if factors:
        bits = {"alpha": applied(bits_of, alpha), "beta": applied(bits_of, beta)}
        step = step._replace(args=list(openblas.GemmArgs._make(step.args)._replace(**bits)))
    return [*rows, *([step._replace(chunk=uses.chunk)] if uses.chunk else openblas.parts_of(step))]


def in_place(node: Node, materialized: Container[Node]) -> list[tuple[Node, Node]]:
    """The pairs that may share memory: a product and the array that it is added to, unless that is a factor too."""
    onto = node.inputs[2:3]
    return [(node, x) for x in onto if x not in _factors(node, materialized)]


def band(node: Node, materialized: set[Node]) -> BandLink:
    """The link of a product, whose range counts rows, or columns if it is wider than high, through its batch."""
    m, n, k, batch = sizes_of(node)
    ta = node.attrs[0]
    packs = packing.pays(node.dtype, m, n, k, batch)
    columns = n > m and not packs
    side = n if columns else m
    a, b = _factors(node, materialized)
    onto = node.inputs[2:3]
    reads: dict[Any, TileRatio | None] = dict.fromkeys(onto, (m * n, side) if columns else (n, 1))
    reads.update(dict.fromkeys(_numbers_in_memory(node)))
    reads[a] = (m * k, side) if columns or ta else (k, 1)
    reads[b] = None if packs else (k * n, side)
    extent, chunk = packing.rows_of(m, n, k) if packs else openblas.gemm_range(m, n, k, batch)
    return BandLink(cost(node), extent, side if columns else 1, chunk, MANY, reads, {node: m if columns else n},
                node.aval.nbytes, [] if {a, b}.intersection(onto) else onto, True)


def label(node: Node) -> str:
    """The name: `matmul 256x784x256`, or `matmul onto 784x256x256` for a product that is added to an array."""
    m, n, k, batch = sizes_of(node)
    return f"{node.op.name.replace('_', ' ')} {f'{batch} of ' if batch > 1 else ''}{m}x{k}x{n}"


def short(node: Node) -> str:
    """The transposed factors."""
    return "".join([f" {name}.T" for name, turned in zip("ab", node.attrs[:2], strict=True) if turned])


register("gemm", NativeStep(fits, lower, label, cost, in_place=in_place, band=band, engine="BLAS", short=short))
