"""Native steps of gathers and scatters: rows by index arrays.

A gather copies rows: `out[r] = x[i0[r], i1[r], …]`, where a row spans the axes without an index array. A scatter-add
is its adjoint: it adds rows to zeros, or to an array, in place if that is not needed any more; a put writes rows over
those of an array in the same way. Both read their rows through views, so that the gradient of a mean over rows, a
broadcast, is not copied first. Negative indices count from the end; one out of range makes the step note the failure
in a slot of `bind`, and a check of the plan raises it, unless the node says that all are in range. The source of a
gather by two index arrays is:

    def kernel(bind, args, lo, hi):
        x = bind[args[0]]
        y = bind[args[1]]
        w = args[2]                              # length of a row
        i0 = bind[args[5]]
        n0 = args[6]
        i1 = bind[args[7]]
        n1 = args[8]
        for r in range(lo, hi):
            at = 0
            bad = 0
            k0 = i64(ld_i64_0(i0, r))
            …
"""
from __future__ import annotations

import math
from collections.abc import Container
from functools import partial
from typing import NamedTuple

from tracer.ops.ir.node import Node, scalar_op
from tracer.ops.ir.op import VIEW
from tracer.ops.primitive.gather_scatter import index_arrays, surely_inside

from ..codegen.scalar_text import short
from ..fusion.native_step import NativeStep, Uses, in_memory, register
from ..graph.index_map import NotAffine, flatten, identity, through_view, without_reshapes
from ..native.kernel_cache import find_kernel
from ..runtime import driver
from ..runtime.costs import CHUNK_COST, MAX_CHUNKS

#: Columns of a scatter that stay in one chunk: a cache line of float32.
COLUMNS = 16


# ---- indexed axes, and rows ----------------------------------------------------------------------

def _table_shape(node: Node) -> tuple[int, ...]:
    """The shape of the array that is indexed: read by a gather, made by a scatter."""
    return node.inputs[0].shape if node.op.gathers is not None else node.attrs[1]


def _leading(node: Node) -> tuple[int, ...] | None:
    """The sizes of the leading axes that a gather or scatter indexes; None where it indexes others."""
    template, shape, indices = node.attrs[0], _table_shape(node), index_arrays(node)
    count = len(indices)
    if list(template[:count]) != [("i", k) for k in range(count)] or len(template) != len(shape):
        return None
    if any(e != ("s", 0, n, 1) for e, n in zip(template[count:], shape[count:], strict=True)):
        return None
    if any(i.shape != indices[0].shape or i.dtype.kind not in "iu" for i in indices):
        return None
    return shape[:count]


def _width(node: Node) -> int:
    """The elements of a row."""
    return math.prod(_table_shape(node)[len(index_arrays(node)):])


def _onto(node: Node) -> tuple[Node, ...]:
    """The array that a scatter adds its rows to; none where these are added to zeros."""
    return node.inputs[1 + len(index_arrays(node)):]


class Rows(NamedTuple):
    """The place in memory of the rows that a scatter adds, in elements.

    base: the value in memory.
    start: the offset of the first row.
    steps: (number of rows, step) for each of the loops over them, outermost first.
    step: the step between columns.
    """

    base: Node
    start: int
    steps: list[tuple[int, int]]
    step: int


def _rows_in(node: Node, materialized: Container[Node]) -> Rows:
    """The rows of a scatter's operand in the array that it is a view of; or in a copy, where no loops express the view.

    A view that is `materialized` is read itself.
    """
    x, indices = node.inputs[0], index_arrays(node)
    count = indices[0].ndim if indices else 0
    index_map, base = identity(x.ndim), x
    try:
        while base.op.kind == VIEW and base not in materialized:
            index_map, base = through_view(base, index_map, x.shape), base.inputs[0]
        start, coefs = flatten(index_map, base.shape, x.ndim)
        loops = list(zip(x.shape, coefs, strict=True))
        row = _merged(loops[count:])
        if len(row) < 2 and base.op is not scalar_op:
            return Rows(base, start, _merged(loops[:count]), row[0][1] if row else 0)
    except NotAffine:
        pass
    width = _width(node)
    return Rows(without_reshapes(x, materialized), 0, [(x.size // max(width, 1), width)], 1)


def _merged(loops: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Equivalent loops, as (count, step): neighbours that one loop can replace are joined."""
    out: list[tuple[int, int]] = []
    for n, step in loops:
        if n == 1:
            continue
        if out and out[-1][1] == step * n:
            out[-1] = out[-1][0] * n, step
        else:
            out.append((n, step))
    return out


# ---- sources --------------------------------------------------------------------------------------

def source_of(node: Node, rows: Rows | None = None, adds: bool = True) -> str:
    """The source of the step, whose range counts rows of a gather, or columns of a scatter, which has `rows`.

    adds: whether the scatter adds its rows to those of the result, which it writes over otherwise.

    Its args: slots of source and result, row length, the slot that notes a failure (if one can), the number of rows,
    and for each index array its slot and the size of its axis. For a scatter there follow the start of the first row,
    the step between columns, and for each loop its number of rows and step.
    """
    kind = short(node.dtype)
    indices = index_arrays(node)
    lines = ["def kernel(bind, args, lo, hi):", "    x = bind[args[0]]", "    y = bind[args[1]]", "    w = args[2]"]
    for k in range(len(indices)):
        lines += [f"    i{k} = bind[args[{5 + 2 * k}]]", f"    n{k} = args[{6 + 2 * k}]"]
    more = 5 + 2 * len(indices)
    if rows is not None:
        lines.append(f"    x = x + {node.dtype.itemsize} * args[{more}]")
        if rows.step not in (0, 1):
            lines.append(f"    s = args[{more + 1}]")
        for k in range(len(rows.steps)):
            lines += [f"    m{k} = args[{more + 2 + 2 * k}]", f"    s{k} = args[{more + 3 + 2 * k}]"]
    lines.append("    for r in range(lo, hi):" if rows is None else "    for r in range(args[4]):")
    lines += ["        at = 0", "        bad = 0"]
    inside = node.attrs[-1]
    for k, index in enumerate(indices):
        lines.append(f"        k{k} = i64(ld_{short(index.dtype)}_0(i{k}, r))")
        if not inside:
            lines += [f"        k{k} = select(k{k} < 0, k{k} + n{k}, k{k})",
                      f"        bad = select((k{k} < 0) | (k{k} >= n{k}), 1, bad)"]
        lines.append(f"        at = at * n{k} + k{k}")
    if not inside:
        lines += ["        if bad:", "            bind[args[3]] = 1", "            at = 0"]
    if rows is None:
        lines += ["        for j in range(w):", f"            st_{kind}_1(y, r * w + j, ld_{kind}_0(x, at * w + j))"]
    else:
        lines += ["        if not bad:", *(" " * 12 + line for line in _scattering(node, rows, adds))]
    return "\n".join(lines) + "\n"


def _scattering(node: Node, rows: Rows, adds: bool) -> list[str]:
    """The lines that add row number r of a scatter's operand to row `at` of the result, or write it there."""
    kind = short(node.dtype)
    lines, terms, rest = [], [], "r"
    for k in reversed(range(len(rows.steps))):
        terms.append(f"{rest} * s{k}" if k == 0 else f"{rest} % m{k} * s{k}")
        if k:
            lines.append(f"r{k} = {rest} // m{k}")
            rest = f"r{k}"
    column = ("0", "j")[rows.step] if rows.step in (0, 1) else "j * s"
    new = f"ld_{kind}_0(a, {column})"
    if adds:
        new = f"{kind}(ld_{kind}_1(y, b + j) + {new})"
    lines += [f"a = x + {node.dtype.itemsize} * ({' + '.join(terms) or '0'})", "b = at * w", "for j in range(lo, hi):",
              f"    st_{kind}_1(y, b + j, {new})"]
    return lines


def zeroing(dtype_name: str) -> str:
    """The source of the step that zeroes a scatter's result. args: its slot."""
    return ("def kernel(bind, args, lo, hi):\n    y = bind[args[0]]\n    for j in range(lo, hi):\n"
            f"        st_{dtype_name}_1(y, j, {dtype_name}(0))\n")


def copying(dtype_name: str) -> str:
    """The source of the step that copies an array to a scatter's result, unless they are one. args: their slots."""
    return ("def kernel(bind, args, lo, hi):\n    x = bind[args[0]]\n    y = bind[args[1]]\n    if x != y:\n"
            f"        for j in range(lo, hi):\n            st_{dtype_name}_1(y, j, ld_{dtype_name}_0(x, j))\n")


# ---- records -------------------------------------------------------------------------------------

def _fits(node: Node, materialized: set[Node]) -> bool:
    """Whether the node indexes the leading axes of an array in memory by integers in memory."""
    read = [_operand(node, i, materialized) for i in range(len(node.inputs))]
    return bool(index_arrays(node)) and _leading(node) is not None and \
        all([in_memory(x, materialized) for x in read])


def _operand(node: Node, at: int, materialized: Container[Node]) -> Node:
    scattered = at == 0 and node.op.gathers is None
    return _rows_in(node, materialized).base if scattered else without_reshapes(node.inputs[at], materialized)


def _arguments(node: Node, source: Node, uses: Uses) -> list[int]:
    """The arguments that a gather and a scatter have in common."""
    result = uses.write(node, node.aval.nbytes)
    sizes, indices = _leading(node), [without_reshapes(x, uses.materialized) for x in index_arrays(node)]
    assert sizes is not None
    # indices that are valid in one step are in its adjoint
    failed = 0 if node.attrs[-1] else uses.failed(node, (sizes, *indices))
    args = [uses.read(source), result, _width(node), failed, indices[0].size]
    for index, n in zip(indices, sizes, strict=True):
        args += [uses.read(index), n]
    return args


def _gather(node: Node, uses: Uses) -> list[driver.Step]:
    args = _arguments(node, without_reshapes(node.inputs[0], uses.materialized), uses)
    count = node.inputs[1].size
    chunk = -(-count // MAX_CHUNKS) if node.size >= CHUNK_COST else 0
    return [driver.Step(find_kernel(source_of(node)), args, count, chunk)]


def _scatter(node: Node, uses: Uses, adds: bool = True) -> list[driver.Step]:
    rows, width = _rows_in(node, uses.materialized), _width(node)
    args, kind = _arguments(node, rows.base, uses), short(node.dtype)
    onto = [uses.read(without_reshapes(x, uses.materialized)) for x in _onto(node)]
    start = driver.Step(find_kernel(copying(kind) if onto else zeroing(kind)), [*onto, args[1]], node.size,
                        CHUNK_COST if node.size > CHUNK_COST else 0)
    args += [rows.start, rows.step, *(number for loop in rows.steps for number in loop)]
    wanted = min(2 * node.inputs[0].size // CHUNK_COST, MAX_CHUNKS)
    chunk = -(-width // (wanted * COLUMNS)) * COLUMNS if wanted > 1 else 0
    return [start, driver.Step(find_kernel(source_of(node, rows, adds)), args, width, chunk)]


def _in_place(node: Node, materialized: Container[Node]) -> list[tuple[Node, Node]]:
    """A scatter and the array that it adds to, unless the rows or indices lie in that."""
    read = [_rows_in(node, materialized).base, *[without_reshapes(x, materialized) for x in index_arrays(node)]]
    return [(node, x) for x in _onto(node) if without_reshapes(x, materialized) not in read]


def _put_in_place(node: Node, materialized: Container[Node]) -> list[tuple[Node, Node]]:
    """A put and the array that it writes to, if it cannot fail and leave that half written."""
    return _in_place(node, materialized) if surely_inside(node) else []


register("gather", NativeStep(_fits, _gather, cost=lambda node: max(node.size, 1.0), operand=_operand))
register("scatter", NativeStep(_fits, _scatter, operand=_operand, in_place=_in_place))
register("put", NativeStep(_fits, partial(_scatter, adds=False), operand=_operand, in_place=_put_in_place))
