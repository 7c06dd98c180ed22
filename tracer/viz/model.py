"""The model of a picture: a program's plan as boxes with lines of text, steps that contain boxes, and edges."""
from __future__ import annotations

import math
import os
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tracer.jit.codegen.generated import Generated
from tracer.jit.fusion.kernel import Kernel, Library, Step
from tracer.jit.fusion.native_step import native_step
from tracer.jit.native.kernel_cache import key_of
from tracer.jit.plan.plan import Plan
from tracer.jit.runtime.costs import cut
from tracer.ops.ir.node import Node, const_op, leaf_op, scalar_op
from tracer.ops.ir.op import LEAF

from .capture import Run

#: A step with more operations than this is drawn as a summary.
MANY_OPS = 40
#: Characters of one line of text.
LONGEST = 34
#: Size of the text in boxes, the width of a character (monospaced, in whole pixels), the height of a line.
FONT, CHARACTER, LINE = 11.0, 0.64, 15.0
PAD = 8.0


def text_width(text: str, font: float = FONT) -> float:
    """The estimated width of a line of text; wide characters count twice."""
    return font * CHARACTER * sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def short(text: str, longest: int = LONGEST) -> str:
    """`text`, truncated to at most `longest` characters.

    >>> short("a rather long name", 10)
    'a rather …'
    """
    return text if len(text) <= longest else text[:longest - 1] + "…"


@dataclass(eq=False)
class Item:
    """A box.

    kind: "array", "number", "value" (between steps) or "output"; in a step: "op", "root" (an op whose result is
        stored), "many" (a summary of ops), "port" (a value that is read) or "exit" (the point where a result leaves).
    lines: its text.
    title: its tooltip.
    """

    key: str
    kind: str
    lines: list[str]
    title: str = ""

    @property
    def size(self) -> tuple[float, float]:
        """The width and height that its text needs."""
        if self.kind == "exit":
            return 6.0, 6.0
        width = max((text_width(line) for line in self.lines), default=0.0) + 2 * PAD
        return width, LINE * len(self.lines) + (3.0 if self.kind == "port" else PAD)


@dataclass(eq=False)
class Group:
    """A step.

    kind: "kernel", "library" or "numpy".
    head: the text beside its operations.
    title: its tooltip.
    ports: the values that it reads.
    items: its operations.
    exits: the points where its results leave.
    edges: (source, target), by the boxes' keys.
    """

    key: str
    kind: str
    head: list[str]
    title: str
    ports: list[Item] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    exits: list[Item] = field(default_factory=list)
    edges: list[tuple[str, str]] = field(default_factory=list)


@dataclass(eq=False)
class Diagram:
    """The diagram of a program.

    head: its heading.
    items: the boxes outside of steps.
    groups: the steps.
    edges: (source, its port or exit, target, its port), by keys.
    """

    head: list[str]
    items: list[Item] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    edges: list[tuple[str, str, str, str]] = field(default_factory=list)


def describe(run: Run) -> Diagram:
    """The diagram of a program in its native form, even if the interpreter tier has run it."""
    return _Describer(run, run.program.plan or Plan(run.program.outputs)).diagram


class _Describer:
    def __init__(self, run: Run, plan: Plan) -> None:
        self.run, self.plan = run, plan
        state = self.state = plan.planning
        simplified = dict(zip(run.program.outputs, state.results, strict=True))
        self.names = {simplified.get(n, n): name for n, name in run.names.items()}
        self.reasons = dict(state.fallbacks)
        leaves = {n.attrs[1]: n for n in state.leaves}
        self.over = {state.made[o]: (o, leaves[run.donated.get(o, candidates[0])]) for o, candidates in plan.donations}
        for made, (_, leaf) in self.over.items():
            if made in self.names:  # after x -= y the name belongs to the result, and the leaf has it too
                self.names.setdefault(leaf, self.names[made])
        self.diagram = Diagram(self._head())
        self.keys: dict[Node, str] = {}
        self.values = 0
        for n in state.leaves:
            self._input(n)
        for n in state.numbers:
            self._input(n)
        for i, step in enumerate(state.steps):
            self._step(i, step)

    def _head(self) -> list[str]:
        run, plan, state = self.run, self.plan, self.state
        file, line = run.place
        kernels = sum(isinstance(s, Kernel) for s in state.steps)
        where = f" at {os.path.basename(file)}:{line}" if line else ""
        times = "" if run.count == 1 else f", and {_many(run.count - 1, 'time')} more"
        tier = "native code" if run.native else "NumPy at first; this is its native form"
        return [f"{run.cause}{where}{times}",
                f"{_many(kernels, 'kernel')}, {_many(len(state.steps) - kernels, 'library call')}, "
                f"{plan.arena_bytes:,} bytes between steps; run by {tier}"]

    # ---- values ----------------------------------------------------------------------------------

    def _input(self, n: Node) -> None:
        key = self.keys[n] = f"in{len(self.keys)}"
        if n.op is scalar_op:
            value = self.run.numbers[n.attrs[1]]
            self.diagram.items.append(Item(key, "number", [f"{value:.6g}"],
                                           f"number {n.attrs[1]}, an input of each run; in this one {value!r}"))
            return
        name = self.names.setdefault(n, f"array {n.attrs[1]}")
        lines = [short(f"{name}: {_form(n)}"), f"{n.aval.nbytes:,} B"]
        if n in self.state.graph:
            lines[1] += " · output as it is"
        self.diagram.items.append(Item(key, "array", lines, f"{name}: {_form(n)}\nleaf {n.attrs[1]} of the program"))

    def _value(self, n: Node) -> None:
        """Add the box of a value that a step has written to memory."""
        key = self.keys[n] = f"value{len(self.keys)}"
        name = self.names.setdefault(n, f"t{self.values}")
        self.values += 1
        lines = [short(f"{name}: {_form(n)}")]
        if isinstance(n.aval, tuple):
            where = "Python objects"
        elif n in self.over:
            output, leaf = self.over[n]
            verb = "in place of" if output in self.run.donated else "can be in place of"
            where = f"{n.aval.nbytes:,} B · output, {verb} {self.names[leaf]}"
        elif n in self.state.made:
            where = f"{n.aval.nbytes:,} B · output"
        else:
            where = f"{n.aval.nbytes:,} B · arena at {self.state.offsets[n]:,}"
        lines.append(short(where, LONGEST + 10))
        kind = "output" if n in self.state.made else "value"
        self.diagram.items.append(Item(key, kind, lines, f"{name}: {_form(n)}\n{where}\n{self._of(n)}"))

    def _of(self, n: Node) -> str:
        line = self.run.lines.get(n)
        attrs = ", ".join(map(str, n.attrs))
        return f"{n.op.name}({attrs}) -> {_form(n)}" + (f"\nrecorded at {line}" if line else "")

    # ---- steps -----------------------------------------------------------------------------------

    def _step(self, index: int, step: Step) -> None:
        key = f"step{index}"
        if isinstance(step, Library):
            roots = {step.node: ""}
            native = isinstance(self.state.rows[index][0], list)
            kind = "library" if native else "numpy"
            record = native_step(step.node)
            head = [record.engine if native and record is not None else "NumPy"]
            title = self._of(step.node)
        else:
            roots = {r.node: r.kind for r in step.roots}
            made = self.state.by_step.get(index)
            kind = "kernel" if made else "numpy"
            head, title = self._kernel_head(index, step, made)
        group = Group(key, kind, head, title)
        reads, ops = self._inside(roots)
        for n in reads:
            group.ports.append(Item(f"{key}.r{len(group.ports)}", "port", [short(self._called(n), 18)],
                                    f"reads {self._called(n)}: {_form(n)}"))
            self.diagram.edges.append((self.keys[n], "", key, group.ports[-1].key))
        ports = {n: p.key for n, p in zip(reads, group.ports, strict=True)}
        if len(ops) > MANY_OPS:
            self._summary(group, ops, roots)
        else:
            self._items(group, ops, roots, ports)
        self.diagram.groups.append(group)
        for i, n in enumerate(roots):
            group.exits.append(Item(f"{key}.x{i}", "exit", []))
            inner = next((item.key for node, item in zip(ops, group.items) if node is n and len(ops) <= MANY_OPS),
                         group.items[0].key)
            group.edges.append((inner, group.exits[-1].key))
            self._value(n)
            self.diagram.edges.append((key, group.exits[-1].key, self.keys[n], ""))

    def _kernel_head(self, index: int, step: Kernel, made: Generated | None) -> tuple[list[str], str]:
        over = "×".join(map(str, step.domain)) or "one element"
        head = [f"kernel {index}", over]
        if step.split is not None:
            head.append(f"{math.prod(step.domain[:step.split]):,} rows")
        head += [f"{count} {kind}" for kind, count in Counter(r.kind for r in step.roots).items()]
        if made is None:
            reason = next((self.reasons[r.node] for r in step.roots if r.node in self.reasons), "")
            return ["NumPy", *head[1:]], f"no native form: {reason}"
        head.append(f"cost {_about(made.cost)}")
        chunks = cut(made)[1]
        return head, (f"kernel {index} over {over}: {step.ops} operations, estimated cost {made.cost:,.0f}, "
                      f"{_many(chunks, 'chunk')}\nsource k_{key_of(made.source)}")

    def _inside(self, roots: dict[Node, str]) -> tuple[list[Node], list[Node]]:
        """The values that a step reads from memory, and its operations, inputs first."""
        reads: dict[Node, None] = {}
        ops: dict[Node, None] = {}
        materialized = self.state.materialized
        seen: set[Node] = set()
        stack = [(n, False) for n in reversed(roots)]
        while stack:
            n, done = stack.pop()
            if done:
                ops[n] = None
            elif n not in seen:
                seen.add(n)
                if n not in roots and (n.op.kind == LEAF or n in materialized):
                    reads[n] = None
                else:
                    stack.append((n, True))
                    stack += [(x, False) for x in reversed(n.inputs)]
        return list(reads), list(ops)

    def _items(self, group: Group, ops: list[Node], roots: dict[Node, str], ports: dict[Node, str]) -> None:
        own = dict(ports)
        for i, n in enumerate(ops):
            own[n] = f"{group.key}.o{i}"
            text = n.attrs[0] if n.op is const_op else n.op.name + _attrs(n)
            lines = [short(text, 24)] + ([roots[n]] if roots.get(n) in ("inner", "outer", "all", "row") else [])
            group.items.append(Item(own[n], "root" if n in roots else "op", lines, self._of(n)))
            group.edges += [(own[x], own[n]) for x in dict.fromkeys(n.inputs)]

    def _summary(self, group: Group, ops: list[Node], roots: dict[Node, str]) -> None:
        """Add one box for many operations: their numbers by name, and the results that they store."""
        counts = Counter(n.op.name for n in ops).most_common()
        lines = [f"{len(ops)} operations", *(f"{count} × {name}" for name, count in counts[:8])]
        if len(counts) > 8:
            lines.append(f"{len(counts) - 8} other kinds")
        lines += [f"{kind}: {count} made" for kind, count in Counter(roots.values()).items() if kind]
        item = Item(f"{group.key}.o0", "many", [short(line) for line in lines],
                    "\n".join(f"{count} × {name}" for name, count in counts))
        group.items.append(item)
        group.edges += [(p.key, item.key) for p in group.ports]

    def _called(self, n: Node) -> str:
        return f"{self.run.numbers[n.attrs[1]]:.6g}" if n.op is scalar_op else self.names[n]


def _form(n: Node) -> str:
    """A node's dtype and shape as text, such as `float32[256,784]`."""
    if isinstance(n.aval, tuple):
        return f"{len(n.aval)} values"
    return f"{n.dtype.name}[{','.join(map(str, n.shape))}]"


def _attrs(n: Node) -> str:
    """The static arguments that change an op's meaning, not its shape, if they fit into a box."""
    record = native_step(n)
    if record is not None and record.short is not None:
        return record.short(n)
    text = ",".join(str(a).replace(" ", "") for a in n.attrs if a not in (None, False, ()))
    return f" {text}" if text and len(text) <= 12 and n.op is not leaf_op else ""


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _about(cost: Any) -> str:
    """A number as text, rounded to two digits.

    >>> _about(12345.0)
    '12k'
    """
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if cost >= limit:
            return f"{cost / limit:.2g}{unit}" if cost < 100 * limit else f"{cost / limit:.0f}{unit}"
    return f"{cost:.0f}"

