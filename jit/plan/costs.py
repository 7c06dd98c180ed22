"""What steps cost, by their sizes alone, and how they are cut for the threads when each is done by itself."""
from __future__ import annotations

import math

import numpy as np

from tracer.ops.ir.node import Node, scalar_op
from tracer.ops.ir.op import LEAF

from ..codegen.generated import Generated
from ..graph.index_map import without_reshapes
from ..graph.symbolic_size import applied

#: Estimated cost (flops and memory accesses) of a chunk: below it a thread's wake-up is not repaid.
CHUNK_COST = 1 << 17
#: Multiplications of a matrix product in the time of one operation of a kernel.
PRODUCTS_PER_COST = 4
#: More chunks than this only make more partial results.
MAX_CHUNKS = 64


def cut(made: Generated) -> tuple[int, int]:
    """(chunk, chunks) of a kernel's range of rows: by cost alone, never by the number of threads."""
    wanted = min(applied(int, made.cost // CHUNK_COST), MAX_CHUNKS, made.extent // made.align)
    if any(p.count > 1 and not p.shared for p in made.parts):
        wanted = min(wanted, 16)
    if wanted <= 1:
        return 0, 1
    rows = -(-made.extent // wanted)
    rows = -(-rows // made.align) * made.align
    return rows, -(-made.extent // rows)


def multiplies(node: Node) -> bool:
    """Whether it is a matrix product of floats that has elements: such are never NumPy's work, and cannot fail."""
    return node.op.step == "gemm" and node.dtype in (np.float32, np.float64) and bool(node.size and node.inputs[0].size)


def is_product(node: Node, stored: set[Node]) -> bool:
    """Whether OpenBLAS makes the node: a product of floats whose operands are in memory, `stored` or given."""
    if not multiplies(node):
        return False
    read = [*[without_reshapes(x, stored) for x in node.inputs[:2]], *node.inputs[2:3]]
    return all(x.op is scalar_op for x in node.inputs[3:]) and all(x.op.kind == LEAF or x in stored for x in read)


def sizes_of(product: Node) -> tuple[int, int, int, int]:
    """Rows, columns, inner length and batch of a matrix product."""
    *batch, m, n = product.shape
    return m, n, product.inputs[0].shape[-2 if product.attrs[0] else -1], math.prod(batch)


def product_cost(product: Node) -> float:
    """The cost of a matrix product, as `Generated.cost` is a kernel's."""
    return math.prod(sizes_of(product)) / PRODUCTS_PER_COST
