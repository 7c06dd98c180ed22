"""Gathers and scatters by index arrays.

A gather whose indices are positions for sure (clipped, as an embedding's) is no step: the kernel that needs an element
reads it through the index. `places` says where. The others are native steps when index arrays stand for leading axes.

A gather copies rows: `out[r] = x[i0[r], i1[r], …]`, where a row is what the axes without an index array hold. A
scatter-add is its adjoint, into zeros; it reads its rows through views, so that the gradient of a mean over rows, a
broadcast, is not copied first. Negative indices count from the end; one out of range makes the step note the
failure in a word of `bind`, and leaves raising it to whoever runs the plan. For two index arrays a gather reads:

    def kernel(bind, args, lo, hi):
        x = bind[args[0]]
        y = bind[args[1]]
        w = args[2]                              # length of a row
        i0 = bind[args[4]]
        n0 = args[5]
        i1 = bind[args[6]]
        n1 = args[7]
        for r in range(lo, hi):
            at = 0
            k0 = i64(ld_i64_0(i0, r))
            …
"""
from __future__ import annotations

import math
from collections.abc import Container
from typing import NamedTuple

from tracer.ops.ir.node import Node, scalar_op
from tracer.ops.ir.op import VIEW
from tracer.ops.ir.shapes import broadcast as np_broadcast

from .access import Access, Affine, NotAffine, broadcast, flatten, identity, through_view, without_reshapes
from .text import short

#: Columns of a scatter that stay in one chunk: a cache line of float32.
COLUMNS = 16


class Places(NamedTuple):
    """Where a gather that is computed in a kernel reads, in elements of `base`.

    start: the position without the index arrays' part. steps: for each index array the index, where it is read, and
    what it is multiplied by.
    """

    base: Node
    start: Affine
    steps: list[tuple[Node, Access, int]]


def is_inlined(node: Node) -> bool:
    """Whether a kernel can read the elements of a gather where it needs them."""
    return node.op.step == "gather" and form(node) is not None


def form(node: Node) -> tuple | None:
    """The axes that index arrays stand for, when these are positions for sure and all others are whole.

    Along an axis of size 0 there are no positions.
    """
    template, inside = node.attrs
    x, *indices = node.inputs
    if not inside or not indices or len(template) != x.ndim or any(i.dtype.kind not in "iu" for i in indices):
        return None
    for entry, n in zip(template, x.shape, strict=True):
        if (not n) if entry[0] == "i" else entry != ("s", 0, n, 1):
            return None
    return tuple([entry[1] if entry[0] == "i" else None for entry in template])


def source_of_gather(node: Node) -> tuple[Node, Affine]:
    """The array in memory that an inlined gather reads, and the position in it of an element of the first operand."""
    x = base = node.inputs[0]
    access = identity(x.ndim)
    try:
        while base.op.kind == VIEW:
            access, base = through_view(base, access, x.shape), base.inputs[0]
    except NotAffine:
        base = x
    if base is x or base.op is scalar_op:
        return x, flatten(identity(x.ndim), x.shape, x.ndim)
    return base, flatten(access, base.shape, x.ndim)


def places(node: Node, access: Access, rank: int) -> Places:
    """Where an inlined gather, read at `access` in a domain of that rank, reads itself."""
    base, (offset, coefs) = source_of_gather(node)
    x, *indices = node.inputs
    axes = form(node)
    assert axes is not None
    shape = np_broadcast(*(i.shape for i in indices))
    at = [a for a, k in enumerate(axes) if k is not None]
    together = at[-1] - at[0] == len(at) - 1
    first = at[0] if together else 0  # NumPy puts the indices' axes there
    own = access[first:first + len(shape)]
    rest = iter((*access[:first], *access[first + len(shape):]))
    total = [0] * rank
    steps: list[tuple[Node, Access, int]] = []
    for step, k in zip(coefs, axes, strict=True):
        if k is not None:
            steps.append((indices[k], broadcast(own, shape, indices[k].shape, rank), step))
            continue
        start, row = next(rest)
        offset += start * step
        total = [t + c * step for t, c in zip(total, row, strict=True)]
    return Places(base, (offset, tuple(total)), steps)


class Rows(NamedTuple):
    """Where the rows that a scatter adds lie in memory, in elements.

    steps: (number of rows, step) for each of the loops over them, outermost first; step: between columns.
    """

    base: Node
    start: int
    steps: list[tuple[int, int]]
    step: int


def rows_in(node: Node, stored: Container[Node]) -> Rows:
    """The rows of a scatter's operand in the array that it is a view of; or of a copy, where no loops go through.

    Views that are in memory themselves, `stored`, are read there.
    """
    x, count = node.inputs[0], node.inputs[1].ndim if len(node.inputs) > 1 else 0
    access, base = identity(x.ndim), x
    try:
        while base.op.kind == VIEW and base not in stored:
            access, base = through_view(base, access, x.shape), base.inputs[0]
        start, coefs = flatten(access, base.shape, x.ndim)
        loops = list(zip(x.shape, coefs, strict=True))
        row = _merged(loops[count:])
        if len(row) < 2 and base.op is not scalar_op:
            return Rows(base, start, _merged(loops[:count]), row[0][1] if row else 0)
    except NotAffine:
        pass
    width = width_of(node)
    return Rows(without_reshapes(x, stored), 0, [(x.size // max(width, 1), width)], 1)


def _merged(loops: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same loops, of (count, step), with those as one that go on where the next one ends."""
    out: list[tuple[int, int]] = []
    for n, step in loops:
        if n == 1:
            continue
        if out and out[-1][1] == step * n:
            out[-1] = out[-1][0] * n, step
        else:
            out.append((n, step))
    return out


def rows_of(node: Node) -> tuple[int, ...] | None:
    """The sizes of the leading axes that a gather or scatter indexes; None when it has another form."""
    scatter = node.op.step == "scatter"
    template = node.attrs[0]
    shape = node.attrs[1] if scatter else node.inputs[0].shape
    indices = node.inputs[1:]
    count = len(indices)
    if list(template[:count]) != [("i", k) for k in range(count)] or len(template) != len(shape):
        return None
    if any(e != ("s", 0, n, 1) for e, n in zip(template[count:], shape[count:], strict=True)):
        return None
    if any(i.shape != indices[0].shape or i.dtype.kind not in "iu" for i in indices):
        return None
    return shape[:count]


def width_of(node: Node) -> int:
    """The elements of a row."""
    shape = node.attrs[1] if node.op.step == "scatter" else node.inputs[0].shape
    return math.prod(shape[len(node.inputs) - 1:])


def source_of(node: Node, rows: Rows | None = None) -> str:
    """The source of the step. args: words of source and result, row length, the word that notes a failure, and for
    each index array its word and the size of its axis. The range counts rows of a gather, columns of a scatter.

    A scatter has `rows`; its number of them comes before the index arrays, and after them where its first row starts,
    the step between columns, and for each loop its number of rows and step.
    """
    kind = short(node.dtype)
    indices = node.inputs[1:]
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
    for k, index in enumerate(indices):
        lines += [f"        k{k} = i64(ld_{short(index.dtype)}_0(i{k}, r))",
                  f"        k{k} = select(k{k} < 0, k{k} + n{k}, k{k})",
                  f"        bad = select((k{k} < 0) | (k{k} >= n{k}), 1, bad)",
                  f"        at = at * n{k} + k{k}"]
    lines += ["        if bad:", "            bind[args[3]] = 1", "            at = 0"]
    if rows is None:
        lines += ["        for j in range(w):", f"            st_{kind}_1(y, r * w + j, ld_{kind}_0(x, at * w + j))"]
    else:
        lines += ["        if not bad:", *(" " * 12 + line for line in _adding(node, rows))]
    return "\n".join(lines) + "\n"


def _adding(node: Node, rows: Rows) -> list[str]:
    """The lines that add the row number r of a scatter's operand at `at`."""
    kind = short(node.dtype)
    lines, terms, rest = [], [], "r"
    for k in reversed(range(len(rows.steps))):
        terms.append(f"{rest} * s{k}" if k == 0 else f"{rest} % m{k} * s{k}")
        if k:
            lines.append(f"r{k} = {rest} // m{k}")
            rest = f"r{k}"
    column = ("0", "j")[rows.step] if rows.step in (0, 1) else "j * s"
    lines += [f"a = x + {node.dtype.itemsize} * ({' + '.join(terms) or '0'})", "b = at * w", "for j in range(lo, hi):",
              f"    st_{kind}_1(y, b + j, {kind}(ld_{kind}_1(y, b + j) + ld_{kind}_0(a, {column})))"]
    return lines


def zeroing(dtype_name: str) -> str:
    """The source of the step that zeroes a scatter's result. args: its word."""
    return ("def kernel(bind, args, lo, hi):\n    y = bind[args[0]]\n    for j in range(lo, hi):\n"
            f"        st_{dtype_name}_1(y, j, {dtype_name}(0))\n")
