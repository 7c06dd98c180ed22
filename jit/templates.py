"""Steps and kernels of a graph that is like one seen before but for its sizes: a look-up, and arithmetic.

The second time that a structure comes with other sizes, its steps are fused and generated once more with sizes that
remember (sizes.py). What comes of it, a `Template`, serves all graphs of the structure whose sizes lead to the same
decisions: sources are taken over, arguments evaluated. The structure is all that `fuse` and `generate` look at, with
distinct sizes from 2 on numbered as they first appear; what they don't look at (an index template, a number that is
an argument) is no part of it.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracer.ops.aval import Aval
from tracer.ops.errors import CannotCompile
from tracer.ops.node import Node, const_op, toposort
from tracer.ops.op import REDUCTION

from .codegen import Generated, Part, generate
from .fuse import Kernel, Library, Root, Step, fuse
from .gathers import form
from .sizes import Size, Trail, text_of, value_of
from .text import is_textual

#: What becomes of a kernel: its code, or why it has none.
Made = Generated | CannotCompile | None

#: Structures that are remembered, and templates of one structure.
MAX_STRUCTURES, MAX_TEMPLATES = 512, 8
#: Nodes of a graph from which expressions would be too long.
MAX_NODES = 4000

_SEEN: dict[tuple, list[Template]] = {}


def forget() -> None:
    """Drop all templates."""
    _SEEN.clear()


def steps_of(outputs: Sequence[Node]) -> tuple[list[Step], list[Made]]:
    """The steps that compute `outputs`, and for each the generated kernel (None for a library call)."""
    order = toposort(outputs)
    key, sizes = structure(order, outputs)
    known = _SEEN.get(key)
    if known is None:
        if len(_SEEN) >= MAX_STRUCTURES:
            _SEEN.clear()
        _SEEN[key] = []
        return plain_steps(outputs)
    for template in known:
        if template.fits(sizes):
            return template.apply(order, sizes)
    if sizes and len(known) < MAX_TEMPLATES and len(order) <= MAX_NODES:
        template = Template(order, outputs, sizes)
        known.append(template)
        return template.apply(order, sizes)
    return plain_steps(outputs)


def plain_steps(outputs: Sequence[Node]) -> tuple[list[Step], list[Made]]:
    """The same, without looking back."""
    steps = fuse(outputs)
    stored = {r.node for s in steps if isinstance(s, Kernel) for r in s.roots}
    stored |= {s.node for s in steps if isinstance(s, Library)}
    return steps, [_generated(s, stored) if isinstance(s, Kernel) else None for s in steps]


def _generated(kernel: Kernel, stored: set[Node]) -> Made:
    try:
        return generate(kernel, stored)
    except CannotCompile as why:
        return why


def structure(order: Sequence[Node], outputs: Sequence[Node]) -> tuple[tuple, list[int]]:
    """What `fuse` and `generate` see of a graph, and its distinct sizes from 2 on, as they first appear."""
    places: dict[Node, int] = {}
    numbers: dict[int, int] = {0: 0, 1: 1}  # a size -> its number
    avals: dict[Any, Any] = {}
    key: list[Any] = []
    for n in order:
        of = n.aval
        kind = avals.get(of)
        if kind is None:
            kind = avals[of] = len(avals)
            for part in of if isinstance(of, tuple) else (of,):
                key.append((part.dtype.num, *[numbers.setdefault(d, len(numbers)) for d in part.shape]))
        op = n.op
        key += (op, kind, *[places[i] for i in n.inputs])
        if n.attrs:
            key.append(_static(n, numbers))
        places[n] = len(places)
    key += [-1, *[places[o] for o in outputs]]
    return tuple(key), list(numbers)[2:]


def _static(n: Node, numbers: dict[int, int]) -> Any:
    """What the passes see of the attributes of `n`."""
    name = n.op.name
    if n.op.kind == REDUCTION or name == "transpose":
        return n.attrs[0]
    if name == "slice":
        return tuple([c if c < 2 else (numbers.setdefault(c, len(numbers)),) for part in n.attrs[0] for c in part])
    if name == "iota":
        return n.attrs[1]
    if name == "gather":
        return form(n)
    return n.attrs if n.op is const_op and is_textual(n) else None


class Template:
    """The steps of a structure, with what depends on sizes as expressions."""

    def __init__(self, order: Sequence[Node], outputs: Sequence[Node], sizes: Sequence[int]) -> None:
        trail = Trail(sizes)
        shadows, nodes = _shadows(order, dict(zip(sizes, trail.first)))
        steps, made = plain_steps([shadows[o] for o in outputs])
        self._places = {n: i for i, n in enumerate(nodes)}
        self._texts: dict[str, int] = {}
        self._steps = [self._step(s, m) for s, m in zip(steps, made, strict=True)]
        self._values = eval(f"lambda s: ({''.join(text + ', ' for text in self._texts)})")
        self.fits = trail.holds()
        del self._places

    def apply(self, order: Sequence[Node], sizes: Sequence[int]) -> tuple[list[Step], list[Made]]:
        """The steps for the graph with nodes `order`, whose sizes fit."""
        values = self._values(sizes)
        steps: list[Step] = []
        made: list[Made] = []
        for one in self._steps:
            if isinstance(one, int):
                steps.append(Library(order[one]))
                made.append(None)
                continue
            domain, split, permuted, roots, reads, ops, code = one
            kernel = Kernel(tuple([values[d] for d in domain]), split, permuted)
            for place, kind, weight in roots:
                kernel.roots.append(Root(order[place], kind, (), weight))
            kernel.reads = {order[i] for i in reads}
            kernel.ops = ops
            steps.append(kernel)
            if isinstance(code, CannotCompile):
                made.append(code)
                continue
            source, args, extent, cost, parts, align, pairs = code
            given = [values[a] if type(a) is int else (a[0], order[a[1]]) if type(a) is tuple else a[0] for a in args]
            own = [Part(values[count], dtype, None if root is None else kernel.roots[root], shared)
                   for count, dtype, root, shared in parts]
            made.append(Generated(source, given, values[extent], values[cost], own, values[align],
                                  [(order[a], order[b]) for a, b in pairs]))
        return steps, made

    def _at(self, value: Any) -> int:
        """The place among the values of a number that depends on sizes, or does not."""
        return self._texts.setdefault(text_of(value), len(self._texts))

    def _step(self, step: Step, made: Made) -> Any:
        places = self._places
        if isinstance(step, Library):
            return places[step.node]
        roots = [(places[r.node], r.kind, r.ops) for r in step.roots]
        code: Any = made
        if isinstance(made, Generated):
            args: list[Any] = []
            for a in made.args:
                if isinstance(a, (int, Size)):
                    args.append(self._at(a))
                elif isinstance(a, tuple) and isinstance(a[1], Node):
                    args.append((a[0], places[a[1]]))
                else:
                    args.append([a])
            index = {id(r): i for i, r in enumerate(step.roots)}
            parts = [(self._at(p.count), p.dtype, None if p.root is None else index[id(p.root)], p.shared)
                     for p in made.parts]
            code = (made.source, args, self._at(made.extent), self._at(made.cost), parts, self._at(made.align),
                    [(places[a], places[b]) for a, b in made.in_place])
        elif isinstance(made, CannotCompile):
            code = CannotCompile(made.reason)
        return ([self._at(d) for d in step.domain], value_of(step.split), step.permuted, roots,
                [places[n] for n in step.reads], step.ops, code)


def _shadows(order: Sequence[Node], sizes: dict[int, Size]) -> tuple[dict[Node, Node], list[Node]]:
    """The nodes of a graph with other sizes in their place, outside the table of nodes."""
    avals: dict[Any, Any] = {}

    def shadow_of(of: Any) -> Any:
        found = avals.get(of)
        if found is None:
            found = avals[of] = tuple([shadow_of(a) for a in of]) if isinstance(of, tuple) else \
                Aval(tuple([sizes.get(d, d) for d in of.shape]), of.dtype)
        return found

    made: dict[Node, Node] = {}
    nodes = []
    for n in order:
        attrs = n.attrs
        if n.op.name == "slice":
            attrs = tuple([tuple([sizes.get(c, c) for c in part]) for part in attrs[0]]),
        made[n] = Node(n.op, tuple([made[i] for i in n.inputs]), attrs, shadow_of(n.aval))
        nodes.append(made[n])
    return made, nodes
