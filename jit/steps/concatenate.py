"""Native steps of concatenations: each part is copied to its place in the result, one row of it after the other.

    def kernel(bind, args, lo, hi):
        x = bind[args[0]]
        y = bind[args[1]]
        o = args[2]              # where the part begins in a row of the result
        w = args[3]              # elements of a row of the part
        n = args[4]              # elements of a row of the result
        for r in range(lo, hi):
            for j in range(w):
                st_f32_1(y, r * n + o + j, ld_f32_0(x, r * w + j))
"""
from __future__ import annotations

import math

from tracer.ops.ir.node import Node

from ..codegen.scalar_text import short
from ..fusion.native_step import NativeStep, Uses, in_memory, register
from ..graph.index_map import without_reshapes
from ..native.kernel_cache import find_kernel
from ..runtime import driver
from ..runtime.costs import CHUNK_COST, MAX_CHUNKS


def source_of(kind: str, flat: bool) -> str:
    """The source of the step for elements of a dtype; `flat`: of one row, whose elements are the range."""
    lines = ["def kernel(bind, args, lo, hi):", "    x = bind[args[0]]", "    y = bind[args[1]]"]
    if flat:
        lines += ["    o = args[2]", "    for j in range(lo, hi):",
                  f"        st_{kind}_1(y, o + j, ld_{kind}_0(x, j))"]
    else:
        lines += ["    o = args[2]", "    w = args[3]", "    n = args[4]", "    for r in range(lo, hi):",
                  "        for j in range(w):", f"            st_{kind}_1(y, r * n + o + j, ld_{kind}_0(x, r * w + j))"]
    return "\n".join(lines) + "\n"


def _fits(node: Node, materialized: set[Node]) -> bool:
    """Whether the result has elements, and all parts that have some are in memory."""
    read = [without_reshapes(x, materialized) for x in node.inputs]
    return node.size > 0 and all([not x.size or in_memory(x, materialized) for x in read])


def _lower(node: Node, uses: Uses) -> list[driver.Step]:
    """A row for each part that has elements; rows of one long row each are cut along that instead."""
    axis, = node.attrs
    rows, inner = math.prod(node.shape[:axis]), math.prod(node.shape[axis + 1:])
    result, whole = uses.write(node, node.aval.nbytes), node.shape[axis] * inner
    found, start = [], 0
    for x in node.inputs:
        width = x.shape[axis] * inner
        if x.size:
            args = [uses.read(without_reshapes(x, uses.materialized)), result, start]
            extent = width if rows == 1 else rows
            chunk = -(-extent // MAX_CHUNKS) if x.size > CHUNK_COST else 0
            fn = find_kernel(source_of(short(node.dtype), rows == 1))
            found.append(driver.Step(fn, args if rows == 1 else [*args, width, whole], extent, chunk))
        start += width
    return found


register("concatenate", NativeStep(_fits, _lower))
