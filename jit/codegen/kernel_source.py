"""Code generation: a fused kernel as the Python source of one flat function for Numba, and its arguments.

The source depends on the structure of the loops only; sizes, strides and the places of buffers are run-time
arguments, so that a new shape needs no compilation. For `(x * s).sum()` over a flat array it reads, in short:

    def kernel(bind, args, lo, hi):
        p0 = bind[args[3]]                       # x
        v0 = f32(word_as_f64(bind[args[4]]))     # s, cast
        t0 = f64(0)
        for r in range(lo, hi):                  # a block of the array
            n0 = min(args[1], args[2] - r * args[1])
            a0 = p0 + 4 * (r * args[6])
            c0 = f32(0)
            for j0 in range(n0):
                v1 = ld_f32_0(a0, j0)
                v2 = v1 * v0                     # multiply
                c0 = fadd_reassoc(c0, v2)
            t0 = t0 + f64(c0)
        st_f64_1(q0, lo // args[0], t0)          # the chunk's part, combined by the next step
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracer.ops.ir.errors import CannotCompile
from tracer.ops.ir.node import Node

from ..fusion.kernel import Kernel, Root, row_index_map
from ..graph.index_map import flatten
from .expressions import Expressions
from .generated import Generated, KernelResult, Scratch
from .loop_nest import kept_position
from .scalar_text import accumulate, literal, register, short, total_dtype

#: Elements from which a sum accumulates in float64. LONG_ROW: along a row, where one loop has many sums side by side.
#: LONG_COLUMN: elsewhere.
LONG_ROW = 8192
LONG_COLUMN = 256
#: WIDE: columns times operands from which at least CHUNKS chunks share a column (runtime/costs.py): each sums few rows.
WIDE, CHUNKS = 512, 8


class KernelEmitter(Expressions):
    """The generator of one kernel's source: the loop over rows, the successive loops of a row, and their results."""

    piece: tuple[list[str], list[str]]  # before and after the innermost loop of the pass

    def generate(self) -> Generated:
        """The source and arguments of the kernel."""
        self.totals: dict[str, str] = {}  # by accumulator of an innermost loop, that of the row
        start: list[str] = []  # before the rows
        rows: list[str] = []  # in each row
        finish: list[str] = []  # after the last row
        for roots in self.passes:
            self.row = []
            before: list[str] = []
            body: list[str] = []
            after: list[str] = []
            stores: list[str] = []  # after all loads: a result may be written over an operand
            loop_memo: dict = {}
            self.piece = ([], [])
            for root in roots:
                self._root(root, body, stores, loop_memo, start, before, after, finish)
            rows += self.row + before + self._loops(body + stores) + after
        made = self._assemble(start, rows, finish)
        if len(self.passes) == 1:
            made.in_place = self._in_place()
        return made

    def _root(self, root: Root, body: list[str], stores: list[str], memo: dict, start: list[str], before: list[str],
              after: list[str], finish: list[str]) -> None:
        node = root.node
        if root.kind in ("map", "row"):
            value = self.value(node, root.index_map, body, memo)
            self._write(root, value, stores if root.kind == "map" else after)
            return
        dtype = register(node.dtype)
        narrow = dtype if dtype.kind == "f" and not self._is_long(root) else total_dtype(node)
        value = self.value(root.operand, root.index_map, body, memo)
        identity = node.op.identity(narrow)
        if root.kind == "outer":
            self._outer(root, narrow, value, identity, body, start, after)
            return
        acc = self.fresh("c")
        before.append(f"{acc} = {literal(identity, narrow)}")
        if self._is_long(root) and self._has_pieces():  # each piece of the row is summed in float32
            acc, narrow = self._piecewise(root, acc, narrow, dtype)
        wide = value if register(root.operand.dtype) == narrow else f"{short(narrow)}({value})"
        body.append(f"{acc} = {accumulate(node, acc, wide, narrow)}  # {node.op.name}")
        acc = self.totals.get(acc, acc)
        if root.kind == "inner":
            result = self.fresh("v")
            after.append(f"{result} = {short(node.dtype)}({acc})" if dtype.kind != "b" else f"{result} = {acc} != 0")
            self.row_memo[node, "done"] = result
            self._write(Root(node, "row", row_index_map(node.shape, self.kernel.domain, self.kernel.split or 0)),
                        result, after)
            return
        wide_dtype = total_dtype(node)
        total = self.fresh("t")
        start.append(f"{total} = {literal(node.op.identity(wide_dtype), wide_dtype)}")
        after.append(f"{total} = {accumulate(node, total, f'{short(wide_dtype)}({acc})', wide_dtype)}")
        self.parts.append(Scratch(1, wide_dtype, root))
        pointer = self.pointer(("part", len(self.parts) - 1))
        finish.append(f"st_{short(wide_dtype)}_{self.next_scope()}({pointer}, lo // {self.arg('chunk')}, {total})")

    def _has_pieces(self) -> bool:
        """Whether a row is several loops, the innermost of which is short enough for a sum in float32."""
        return len(self.nest.inner) > 1 and bool(self.nest.sizes[self.nest.inner[-1]] <= LONG_ROW)

    def _piecewise(self, root: Root, total: str, wide: np.dtype, dtype: np.dtype) -> tuple[str, np.dtype]:
        """The accumulator of the innermost loop, which is added to `total` after that loop, and its dtype."""
        acc, identity = self.fresh("c"), root.node.op.identity(dtype)
        self.totals[acc] = total
        begin, end = self.piece
        begin.append(f"{acc} = {literal(identity, dtype)}")
        end.append(f"{total} = {accumulate(root.node, total, f'{short(wide)}({acc})', wide)}")
        return acc, dtype

    def _is_long(self, root: Root) -> bool:
        """Whether a sum adds so many float32 numbers one by one that it loses digits, which MXNet's sums do not."""
        if root.node.op.combine != "+" or root.node.dtype != np.float32 or self.nest.flat:
            return False
        if root.kind == "outer":
            size, position = root.node.size, kept_position(root, self.rank)
            shared = any(self.coef(position, g) for g in self.nest.rows)
            cut = CHUNKS if not shared and size * (len(self.kernel.reads) + 1) >= WIDE else 1
            return bool(root.operand.size > LONG_COLUMN * cut * size > 0)
        inner = [self.nest.sizes[g] for g in self.nest.inner]
        return bool(math.prod(inner) > (LONG_ROW if len(inner) == 1 else LONG_COLUMN))

    def _write(self, root: Root, value: str, body: list[str]) -> None:
        node = root.node
        position = flatten(root.index_map, node.shape, self.rank)
        scope = self.next_scope()
        base = self.row_base(("slot", node), position, node.dtype.itemsize)
        index = self.inner_index(position)
        body.append(f"st_{short(node.dtype)}_{scope}({base}, {index}, {value})")

    def _outer(self, root: Root, narrow: np.dtype, value: str, identity: Any, body: list[str], start: list[str],
               after: list[str]) -> None:
        """Accumulate rows into the chunk's own row of partial results."""
        node = root.node
        kind, scope, position = short(narrow), self.next_scope(), kept_position(root, self.rank)
        index = self.inner_index(position)
        if any(self.coef(position, g) for g in self.nest.rows):
            self.parts.append(Scratch(node.size, narrow, root, shared=True))
            self.align = math.prod(self.nest.sizes[g] for g in self.nest.rows if not self.coef(position, g))
            part = self.row_base(("part", len(self.parts) - 1), position, narrow.itemsize)
        else:
            self.parts.append(Scratch(node.size, narrow, root))
            pointer, part, j = self.pointer(("part", len(self.parts) - 1)), self.fresh("q"), self.fresh("j")
            self.top.append(f"{part} = {pointer} + {narrow.itemsize} * (lo // {self.arg('chunk')}) "
                            f"* {self.arg(node.size)}")
            start.append(f"for {j} in range({self.arg(node.size)}):")
            start.append(f"    st_{kind}_{scope}({part}, {j}, {literal(identity, narrow)})")
        wide = value if register(root.operand.dtype) == narrow else f"{kind}({value})"
        total = accumulate(node, f"ld_{kind}_{scope}({part}, {index})", wide, narrow)
        body.append(f"st_{kind}_{scope}({part}, {index}, {total})  # {node.op.name}")

    def _loops(self, body: list[str]) -> list[str]:
        if not body:
            return []
        out, pad = [], ""
        begin, end = self.piece
        for g in self.nest.inner:
            if g == self.nest.inner[-1]:
                out += [pad + line for line in begin]
            out.append(f"{pad}for j{g} in range({'n0' if self.nest.flat else self.size(g)}):")
            pad += "    "
        return out + [pad + line for line in body] + [pad[4:] + line for line in end]

    def _assemble(self, start: list[str], rows: list[str], finish: list[str]) -> Generated:
        head: list[str] = []
        if self.nest.flat:
            block, total = self.arg(self.block), self.arg(self.nest.sizes[0])
            head.append(f"n0 = min({block}, {total} - r * {block})")
            extent = -(-self.nest.sizes[0] // self.block)
        else:
            extent = math.prod(self.nest.sizes[g] for g in self.nest.rows)
            rest = "r"
            for g in reversed(self.nest.rows):
                if g == self.nest.rows[0]:
                    head.append(f"i{g} = {rest}")
                else:
                    name = self.fresh("r")
                    head.append(f"i{g} = {rest} % {self.size(g)}")
                    head.append(f"{name} = {rest} // {self.size(g)}")
                    rest = name
        lines = ["def kernel(bind, args, lo, hi):"]
        lines += ["    " + line for line in self.top + start]
        lines.append("    for r in range(lo, hi):")
        lines += ["        " + line for line in head + rows]
        lines += ["    " + line for line in finish]
        points = math.prod(self.nest.sizes) if self.nest.sizes else 1
        return Generated("\n".join(lines) + "\n", self.args, extent, points * (self.cost + len(self.kernel.reads) + 1),
                         self.parts, self.align)


def try_generate(kernel: Kernel, materialized: set[Node]) -> KernelResult:
    """The source of `kernel`, given all materialized values, or the reason why it has no native form."""
    try:
        return KernelEmitter(kernel, materialized).generate()
    except CannotCompile as why:
        return why
