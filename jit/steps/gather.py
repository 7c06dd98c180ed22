"""Native steps gather and scatter rows by index arrays.

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

from tracer.ops.ir.node import Node

from ..codegen.scalar_text import short
from ..fusion.gather_map import Rows

#: Columns of a scatter that stay in one chunk: a cache line of float32.
COLUMNS = 16


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
