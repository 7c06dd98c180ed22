"""Recipes: a large gradient that nobody reads is kept as the small arrays that it is computed from, or as zeros.

The gradient of an embedding has as many rows as the table, but a batch gives only some of them. `param.grad()` holds it
until the next backward, though hardly anyone reads it: the optimizer's step has used it already. Such a gradient is no
output of its program, which then need not make it at all. Its value gets a recipe instead: it is computed when it is
read, and a later operation records the recipe's graph in its place.

The zeros that a gradient is before the first backward have a recipe, too: in prediction it is never written or read.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tracer.jit.program import Program, find_program
from tracer.jit.report.counters import COUNTERS
from tracer.jit.runtime.buffers import Buffer
from tracer.ops.ir.aval import Aval
from tracer.ops.ir.devices import place
from tracer.ops.ir.graph import substitute, toposort
from tracer.ops.ir.node import FORGETTERS, Node, const, leaf, leaf_op, scalar_op
from tracer.ops.ir.op import LEAF, OPS, VIEW
from tracer.ops.primitive.linear import broadcast_to

from .segment import run_backward
from .trace import Trace, Value, computed

#: A gradient gets a recipe if the arrays that it is computed from are smaller by this factor.
SMALLER = 4

#: Operations that a recipe repeats: each costs as much as its small operand, besides making the result.
_REPEATED = frozenset((OPS["scatter_add"], OPS["add"], OPS["cast"]))


@dataclass(eq=False)
class Method:
    """The part that recipes of one structure share.

    root: the gradient's node, over leaves that stand for the operands.
    numbers: the run-time scalars in it.
    entered: its node in a trace, by the nodes of operands and numbers there.
    program: the program that computes it.
    """

    root: Node
    operands: tuple[Node, ...]
    numbers: tuple[Node, ...]
    entered: dict[tuple[Node, ...], Node] = field(default_factory=dict)
    program: Program | None = None


class Recipe:
    """The recipe of one value.

    method: its structure.
    operands: the values that it is computed from.
    scalars: the run-time scalars of the trace that has recorded it.
    """

    __slots__ = ("method", "operands", "scalars")

    def __init__(self, method: Method, operands: list[Value], scalars: list[float | int]) -> None:
        self.method = method
        self.operands = operands
        self.scalars = scalars

    def enter(self, trace: Trace) -> Node:
        """The value's node in `trace`, where its operands become leaves."""
        method = self.method
        nodes = [trace.enter(v) for v in self.operands]
        nodes += [trace.number(self.scalars[n.attrs[1]]) for n in method.numbers]
        key = tuple(nodes)
        found = method.entered.get(key)
        if found is None:
            mapping = dict(zip(method.operands + method.numbers, nodes))
            found = method.entered[key] = substitute([method.root], mapping)[0]
        return found

    def follow(self) -> Buffer:
        """Compute the value."""
        method = self.method
        if method.program is None:
            method.program = find_program((method.root,))
        else:
            COUNTERS.program_hits += 1
        buffers: list[Any] = [v.buffer for v in self.operands]
        return run_backward(method.program, buffers, self.scalars)[0]


def zeros(of: Aval) -> Value:
    """A value of zeros that takes no memory until it is read."""
    value = computed(of, None)
    root = place(broadcast_to(const(0, of.dtype), of.shape), of.device)
    value.recipe = Recipe(Method(root, (), ()), [], [])
    return value


@dataclass(eq=False)
class Reduced:
    """The outputs of a trace without those that get recipes.

    outputs: the nodes that are computed: the other outputs, then operands of recipes.
    places: for each of the trace's outputs, its number among these; -1 for one that gets a recipe.
    recipes: by output, the method, and for each of its operands the number of the leaf, or of the output from -1 down.
    leaves: the numbers of the leaves that recipes keep.
    program: the program that computes `outputs`.
    """

    outputs: tuple[Node, ...]
    places: tuple[int, ...]
    recipes: dict[int, tuple[Method, tuple[int, ...]]]
    leaves: tuple[int, ...]
    program: Program | None = None

    def settle(self, trace: Trace, alive: Sequence[Value], buffers: list[Buffer]) -> list[Buffer | None]:
        """Give the values their recipes; returns the buffers of all outputs, None for those with one."""
        leaves = trace.leaves
        for at, (method, sources) in self.recipes.items():
            # constants: no derivative is taken through a gradient by what it was computed from
            operands = [computed(node.aval, leaves[source].buffer if source >= 0 else buffers[-1 - source])
                        for source, node in zip(sources, method.operands)]
            alive[at].recipe = Recipe(method, operands, trace.scalars)
        return [None if place < 0 else buffers[place] for place in self.places]


#: By the outputs of a trace, the numbers of those that may get recipes; none for most traces.
CANDIDATES: dict[tuple[Node, ...], tuple[int, ...]] = {}

#: By the outputs of a trace, and those that get recipes: the rest.
REDUCED: dict[tuple[tuple[Node, ...], tuple[int, ...]], Reduced] = {}


def forget() -> None:
    """Empty the caches; recipes stay."""
    CANDIDATES.clear()
    REDUCED.clear()


FORGETTERS.append(forget)


def reduced(outputs: tuple[Node, ...], alive: Sequence[Value], trace: Trace) -> Reduced | None:
    """The outputs that are computed where gradients nobody has read get recipes; None where none does.

    alive: the values of the outputs.
    """
    candidates = CANDIDATES.get(outputs)
    if candidates is None:
        candidates = CANDIDATES[outputs] = tuple([i for i, n in enumerate(outputs) if _operands_of(n) is not None])
    if not candidates:
        return None
    gradients = {variable.grad._value for variable in trace.gradients if not variable.composite}
    chosen = tuple([i for i in candidates if alive[i] in gradients])
    if not chosen:
        return None
    found = REDUCED.get((outputs, chosen))
    if found is None:
        found = REDUCED[outputs, chosen] = _reduce(outputs, chosen)
    return found


def _operands_of(root: Node) -> list[Node] | None:
    """The arrays to keep in place of a gradient; None where these are not much smaller, or dear to start from."""
    if isinstance(root.aval, tuple) or root.op not in _REPEATED:
        return None
    found: dict[Node, None] = {}
    stack = [root]
    for n in stack:
        if n is root or n.op in _REPEATED and n.size == root.size:
            stack += n.inputs
        elif (base := _base_of(n)).op.kind != LEAF or base.op is leaf_op:
            found[base] = None
    small = sum([n.aval.nbytes for n in found]) * SMALLER <= root.aval.nbytes
    return list(found) if small else None


def _base_of(x: Node) -> Node:
    """The array, no larger, that `x` is a view of; no view that depends on more than that is looked through."""
    while x.op.kind == VIEW and len(x.inputs) == 1 and x.inputs[0].size <= x.size:
        x = x.inputs[0]
    return x


def _reduce(outputs: tuple[Node, ...], chosen: tuple[int, ...]) -> Reduced:
    stored = [n for i, n in enumerate(outputs) if i not in chosen]
    places = list(range(len(stored)))
    for i in chosen:
        places.insert(i, -1)
    recipes = {}
    for i in chosen:
        operands = _operands_of(outputs[i])
        assert operands is not None
        leaves = [leaf(n.aval, at) for at, n in enumerate(operands)]
        root, = substitute([outputs[i]], dict(zip(operands, leaves)))
        numbers = tuple([n for n in toposort([root]) if n.op is scalar_op])
        sources = []
        for n in operands:
            if n.op is not leaf_op and n not in stored:
                stored.append(n)
            sources.append(n.attrs[1] if n.op is leaf_op else -1 - stored.index(n))
        recipes[i] = Method(root, tuple(leaves), numbers), tuple(sources)
    used = {source for _, sources in recipes.values() for source in sources if source >= 0}
    return Reduced(tuple(stored), tuple(places), recipes, tuple(sorted(used)))
