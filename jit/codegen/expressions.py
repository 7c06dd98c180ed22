"""Expressions of a kernel's source: the translation of nodes, read through index maps, into lines and names."""
from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

import numpy as np

from tracer.ops.ir.errors import CannotCompile
from tracer.ops.ir.node import Node, const_op, const_value, leaf_op, scalar_op
from tracer.ops.ir.op import VIEW

from ..fusion.fuse import operands
from ..fusion.gather_map import gather_reads
from ..fusion.kernel import Kernel
from ..graph.index_map import Affine, IndexMap, flatten, is_invariant
from ..graph.scalars import is_textual
from ..native.callables import SCOPES, known
from .generated import Scratch
from .loop_nest import Nest
from .peephole import Peephole, is_below_one
from .reciprocal import is_inexact, is_quotient
from .row_passes import RowPasses
from .scalar_text import literal, register, short

#: Elements in a block of a flat loop, which is summed in one precision before its sum enters a wider total.
BLOCK = 4096

#: A number in an expression that is not cast to {T}: it would widen the other operand.
_BARE_NUMBER = re.compile(r"(?<![\w{(.])\d")


@cache
def _reading(template: str) -> tuple[list[str], bool]:
    """The functions that an expression calls, and whether it has a bare number."""
    return re.findall(r"\b([A-Za-z_]\w*)\(", template), _BARE_NUMBER.search(template) is not None


class Expressions:
    """The texts of a kernel's values at a point of its loops, with the kernel's arguments, pointers and positions."""

    def __init__(self, kernel: Kernel, materialized: set[Node]) -> None:
        self.kernel = kernel
        self.materialized = materialized
        self.rank = len(kernel.domain)
        self.args: list[Any] = ["chunk"]
        self.places: dict[Any, int] = {"chunk": 0}
        self.top: list[str] = []
        self.names: dict[Any, str] = {}
        self.count = 0
        self.scope = 0
        self.cost = 0.0
        self.parts: list[Scratch] = []
        self.align = 1
        self.read_at: dict[Node, set[Affine]] = {}
        self.nest = Nest(kernel, materialized)
        self.forms = Peephole(kernel, materialized)
        self.row_passes = RowPasses(kernel, materialized, self.nest.inner_dims)
        self.passes = self.row_passes.roots()
        self.block = min(BLOCK, self.nest.sizes[0]) if self.nest.flat else 0
        self.row: list[str] = []  # lines of the row, before its loop
        self.top_memo: dict = {}
        self.row_memo: dict = {}
        self.stashed = self.row_passes.kept(self.passes, SCOPES - 1 - len(kernel.roots))
        self.stashes: dict[tuple[Node, IndexMap], tuple[str, str]] = {}

    # ---- text ------------------------------------------------------------------------------------

    def arg(self, what: Any) -> str:
        """The text of a run-time argument: equal named ones share a place in `args`, numbers do not."""
        named = isinstance(what, (str, tuple))
        if named and what in self.places:
            return f"args[{self.places[what]}]"
        if named:
            self.places[what] = len(self.args)
        self.args.append(what)
        return f"args[{len(self.args) - 1}]"

    def size(self, group: int) -> str:
        key = ("size", group)
        if key not in self.names:
            self.names[key] = self.fresh("d")
            self.top.append(f"{self.names[key]} = {self.arg(self.nest.sizes[group])}")
        return self.names[key]

    def fresh(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def pointer(self, what: Any, note: str = "") -> str:
        key = ("pointer", what)
        if key not in self.names:
            self.names[key] = self.fresh("p")
            self.top.append(f"{self.names[key]} = bind[{self.arg(what)}]{note}")
        return self.names[key]

    def next_scope(self) -> int:
        self.scope += 1
        if self.scope >= SCOPES:
            raise CannotCompile(f"a kernel that writes more than {SCOPES - 1} arrays")
        return self.scope

    def coef(self, position: Affine, group: int) -> int:
        fine = self.nest.fine[group]
        return position[1][fine] if fine is not None else 0

    def row_base(self, what: Any, position: Affine, itemsize: int) -> str:
        """The address of a row's first element, computed at row level."""
        key = ("base", what, position)
        if key not in self.names:
            terms = []
            if position[0]:
                terms.append(self.arg(position[0]))
            if self.nest.flat:
                if self.coef(position, 0):
                    terms.append(f"r * {self.arg(self.coef(position, 0) * self.block)}")
            else:
                terms += self._row_terms(position)
            pointer = self.pointer(what)
            if not terms:
                return pointer
            self.names[key] = self.fresh("a")
            self.row.append(f"{self.names[key]} = {pointer} + {itemsize} * ({' + '.join(terms)})")
        return self.names[key]

    def _row_terms(self, position: Affine) -> list[str]:
        return [f"i{g} * {self.arg(self.coef(position, g))}" for g in self.nest.rows if self.coef(position, g)]

    def inner_index(self, position: Affine) -> str:
        terms = []
        for g in self.nest.inner:
            c = self.coef(position, g)
            if c == 1 and g == self.nest.inner[-1]:
                terms.append(f"j{g}")
            elif c:
                key = ("stride", position, g)
                if key not in self.names:
                    self.names[key] = self.fresh("s")
                    self.top.append(f"{self.names[key]} = {self.arg(c)}")
                terms.append(f"j{g} * {self.names[key]}")
        return " + ".join(terms) or "0"

    # ---- values ----------------------------------------------------------------------------------

    def value(self, node: Node, index_map: IndexMap, body: list[str], memo: dict) -> str:
        """The variable with `node`'s element at `index_map`; its statements go to `body`, or outside of loops that do
        not change it."""
        if node.op is const_op:
            return self.constant(node)
        if node.op is scalar_op:
            return self.number(node)
        if is_invariant(index_map, self.nest.inner_dims):
            body, memo = self._outside(node, index_map)
        key = (node, index_map)
        if key in memo:
            return memo[key]
        made = self.kernel.made(node)
        if made is not None:
            if made.kind == "inner":
                return self.row_memo[node, "done"]
            index_map = made.index_map
            key = (node, index_map)
            if key in memo:
                return memo[key]
        elif node in self.materialized or node.op is leaf_op:
            memo[key] = self.read(node, index_map, body)
            return memo[key]
        if key in self.stashes and body is not self.row and body is not self.top:
            load, index = self.stashes[key]
            memo[key] = self.fresh("v")
            body.append(f"{memo[key]} = {load}, {index})")
            return memo[key]
        if node.op.kind == VIEW:
            (source, where), = operands(node, index_map, self.kernel.domain, self.materialized)
            memo[key] = self.value(source, where, body, memo)
            return memo[key]
        if node.op.index is not None:
            text = self.expression(node, []).replace("{index}", self.index(index_map[node.op.index(node.attrs)]))
        elif node.op.gathers is not None:
            text = self.gathered(node, index_map, body, memo)
        else:
            text = self._text(node, index_map, body, memo)
            self.cost += node.op.cost
        name = self.fresh("v")
        body.append(f"{name} = {text}  # {node.op.name}")
        memo[key] = name
        if key in self.stashed and body is not self.row and body is not self.top:
            body.append(self._stash(key, name))
        return name

    def _text(self, node: Node, index_map: IndexMap, body: list[str], memo: dict) -> str:
        """The expression of an inlined elementwise node, with the peephole rewrites that its operands allow."""
        inputs = operands(node, index_map, self.kernel.domain, self.materialized)
        form = self.forms.one_plus_erf(node)
        if form is not None:
            erf, bell = form
            where = next(where for x, where in inputs if x is erf)
            (x, at), = operands(erf, where, self.kernel.domain, self.materialized)
            self.cost += erf.op.cost
            name = self.value(x, at, body, memo)
            return f"one_plus_erf({name})" if bell is None else \
                f"one_plus_erf_by({name}, {self.value(bell, where, body, memo)})"
        names = [self.value(x, where, body, memo) for x, where in inputs]
        if is_below_one(node):
            return f"exp_below_zero({names[0]})"
        if is_quotient(node) and body is not self.row and body is not self.top:
            return self._quotient(node, inputs[1][1], names)
        return self.expression(node, names)

    def _outside(self, node: Node, index_map: IndexMap) -> tuple[list[str], dict]:
        """The body, with its memo, for a value that is invariant along a row: the row's, or the kernel's top level."""
        still = is_invariant(index_map, self.nest.row_dims) and not self.row_passes.of(node, index_map)
        return (self.top, self.top_memo) if still else (self.row, self.row_memo)

    def _quotient(self, node: Node, index_map: IndexMap, names: list[str]) -> str:
        """The text of a quotient whose divisor is read at `index_map`: a product with its reciprocal if as good."""
        divisor = node.inputs[1]
        if not is_invariant(index_map, self.nest.inner_dims) or not is_inexact(divisor):
            return self.expression(node, names)
        body, memo = self._outside(divisor, index_map)
        key = ("reciprocal", divisor, index_map)
        if key not in memo:
            memo[key] = self.fresh("v")
            body.append(f"{memo[key]} = {literal(1.0, node.dtype)} / {names[1]}  # divide")
        return f"{names[0]} * {memo[key]}"

    def _stash(self, key: tuple[Node, IndexMap], name: str) -> str:
        """The statement that stores a value of this loop over the row, for the next loop to load."""
        dtype = register(key[0].dtype)
        count = math.prod(self.nest.sizes[g] for g in self.nest.inner)
        self.parts.append(Scratch(count, dtype))
        pointer, part = self.pointer(("part", len(self.parts) - 1)), self.fresh("q")
        self.top.append(f"{part} = {pointer} + {dtype.itemsize} * (lo // {self.arg('chunk')}) * {self.arg(count)}")
        index = f"j{self.nest.inner[0]}"
        for g in self.nest.inner[1:]:
            index = f"({index}) * {self.size(g)} + j{g}"
        scope = self.next_scope()
        self.stashes[key] = (f"ld_{short(dtype)}_{scope}({part}", index)
        return f"st_{short(dtype)}_{scope}({part}, {index}, {name})"

    def expression(self, node: Node, inputs: list[str]) -> str:
        template = node.op.expr
        if template is None:
            raise CannotCompile(f"{node.op.name} has no scalar expression", node)
        whole = any(x.dtype.kind != "f" for x in node.inputs)
        called, bare_number = _reading(template)
        for name in called:
            if not known(name, whole):
                raise CannotCompile(f"{node.op.name} calls {name}" + " on integers" * whole, node)
        dtype = node.dtype
        if dtype.kind == "b" and node.op.converts:
            return f"{inputs[0]} != 0" if node.inputs[0].dtype.kind != "b" else inputs[0]
        if node.op.converts and dtype == np.float64 and node.inputs[0].dtype.kind == "f" \
                and node.inputs[0].dtype != np.float64:
            return f"widened({inputs[0]})"
        text = template.replace("{T}", short(dtype))
        for i, name in enumerate(inputs):
            text = text.replace(f"{{{i}}}", name)
        if node.op.converts or dtype.kind == "f" and dtype.itemsize > 2 and node.op.same and not bare_number:
            return text  # already of this type, and a cast costs compile time
        if dtype.kind != "b":
            return f"{short(dtype)}({text})"
        return text if not node.op.same else f"({text}) != 0"

    def constant(self, node: Node) -> str:
        """The text of a constant: a literal when the code may profit, else an argument (as a mean's 1/n)."""
        dtype = node.dtype
        if is_textual(node):
            return literal(const_value(node), register(dtype))
        key = ("number", node)
        if key not in self.names:
            self.names[key] = self.fresh("v")
            text = self.arg(key)
            if dtype.kind == "f":
                text = f"word_as_f64({text})"
            self.top.append(f"{self.names[key]} = {short(dtype)}({text})")
        return self.names[key]

    def number(self, node: Node) -> str:
        key = ("number", node)
        if key not in self.names:
            self.names[key] = self.fresh("v")
            slot = f"bind[{self.arg(('slot', node))}]"
            self.top.append(f"{self.names[key]} = {slot if node.dtype.kind == 'i' else f'word_as_f64({slot})'}")
        return self.names[key]

    def read(self, node: Node, index_map: IndexMap, body: list[str]) -> str:
        position = flatten(index_map, node.shape, self.rank)
        self.read_at.setdefault(node, set()).add(position)
        name = self.fresh("v")
        kind = short(node.dtype)
        if body is self.top:
            at = self.arg(position[0]) if position[0] else "0"
            body.append(f"{name} = ld_{kind}_0({self.pointer(('slot', node))}, {at})")
            return name
        base = self.row_base(("slot", node), position, node.dtype.itemsize)
        index = "0" if body is self.row else self.inner_index(position)
        body.append(f"{name} = ld_{kind}_0({base}, {index})")
        return name

    def gathered(self, node: Node, index_map: IndexMap, body: list[str], memo: dict) -> str:
        """The text that loads a gather's element. Its address, except for the part that varies in the inner loop, is
        computed where its indices are."""
        base, start, steps = gather_reads(node, index_map, self.rank)
        itemsize = base.dtype.itemsize
        self.read_at.setdefault(base, set()).add((-1, ()))  # a position that no result is written to
        if body is self.top:
            at, index = self.pointer(("slot", base)), self.arg(start[0])
        else:
            at = self.row_base(("slot", base), start, itemsize)
            index = "0" if body is self.row else self.inner_index(start)
        if body is not self.top and all(is_invariant(where, self.nest.inner_dims) for _, where, _ in steps):
            body, memo = self.row, self.row_memo
        terms = [f"i64({self.value(x, where, body, memo)}) * {self.arg(step)}" for x, where, step in steps]
        name = self.fresh("g")
        body.append(f"{name} = {at} + {itemsize} * ({' + '.join(terms)})")
        self.cost += len(steps)
        return f"ld_{short(base.dtype)}_0({name}, {index})"

    def index(self, position: Affine) -> str:
        """The text of the index along an axis, at the current point of the loops."""
        terms = [self.arg(position[0])] if position[0] else []
        if self.nest.flat:
            if self.coef(position, 0):
                terms.append(f"r * {self.arg(self.coef(position, 0) * self.block)}")
        else:
            terms += self._row_terms(position)
        index = self.inner_index(position)
        if index != "0":
            terms.append(index)
        return " + ".join(terms) or "0"

    def _in_place(self) -> list[tuple[Node, Node]]:
        """The (result, operand) pairs for which each point reads the operand only where it writes the result."""
        pairs = []
        for root in self.kernel.roots:
            if root.kind == "map":
                position = flatten(root.index_map, root.node.shape, self.rank)
                pairs += [(root.node, n) for n, places in self.read_at.items()
                          if places == {position} and n.aval is root.node.aval]
        return pairs
