"""Gathers and scatters by index arrays over leading axes, as native steps.

A gather copies rows: `out[r] = x[i0[r], i1[r], …]`, where a row is what the axes without an index array hold. A
scatter-add is its adjoint, into zeros. Negative indices count from the end; one out of range makes the step note the
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

from tracer.ops.node import Node

from .text import register, short


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


def source_of(node: Node) -> str:
    """The source of the step. args: words of source and result, row length, the word that notes a failure, and for
    each index array its word and the size of its axis. The range counts rows of a gather, columns of a scatter."""
    scatter = node.op.step == "scatter"
    kind = short(node.dtype)
    indices = node.inputs[1:]
    lines = ["def kernel(bind, args, lo, hi):", "    x = bind[args[0]]", "    y = bind[args[1]]", "    w = args[2]"]
    for k in range(len(indices)):
        lines += [f"    i{k} = bind[args[{5 + 2 * k}]]", f"    n{k} = args[{6 + 2 * k}]"]
    lines.append("    for r in range(args[4]):" if scatter else "    for r in range(lo, hi):")
    lines += ["        at = 0", "        bad = 0"]
    for k, index in enumerate(indices):
        lines += [f"        k{k} = i64(ld_{short(index.dtype)}_0(i{k}, r))",
                  f"        k{k} = select(k{k} < 0, k{k} + n{k}, k{k})",
                  f"        bad = select((k{k} < 0) | (k{k} >= n{k}), 1, bad)",
                  f"        at = at * n{k} + k{k}"]
    lines += ["        if bad:", "            bind[args[3]] = 1", "            at = 0"]
    if scatter:
        wide = short(register(node.dtype))
        body = f"st_{kind}_1(y, at * w + j, {wide}(ld_{kind}_1(y, at * w + j) + ld_{kind}_0(x, r * w + j)))"
        lines += ["        if not bad:", "            for j in range(lo, hi):", f"                {body}"]
    else:
        lines += ["        for j in range(w):", f"            st_{kind}_1(y, r * w + j, ld_{kind}_0(x, at * w + j))"]
    return "\n".join(lines) + "\n"


def zeroing(dtype_name: str) -> str:
    """The source of the step that zeroes a scatter's result. args: its word."""
    return ("def kernel(bind, args, lo, hi):\n    y = bind[args[0]]\n    for j in range(lo, hi):\n"
            f"        st_{dtype_name}_1(y, j, {'f32' if dtype_name == 'f16' else dtype_name}(0))\n")
