"""Native steps of scans: the body is planned once, and its rows are repeated with other addresses.

The body's leaves and results have slots of `bind` of their own. Before each repetition a row sets those that move: an
element of a sequence, a step's place in a result, a state. A state lies where the step before has left it: in a result,
if it is one too, else in one of two places in turn. So the length of a scan is a number in the layout, no structure.
The row also looks at the guard, fills the results of steps that are left out with zeros, and goes on to the next step
that is not.
"""
from __future__ import annotations

from collections.abc import Container
from typing import Any, NamedTuple

from tracer.ops.control.body import Graph, graph_of
from tracer.ops.ir.aval import Aval
from tracer.ops.ir.aval import aval as aval_of
from tracer.ops.ir.errors import CannotCompile
from tracer.ops.ir.node import Node

from ..codegen.scalar_text import short
from ..fusion.native_step import NativeStep, Uses, in_memory, register
from ..graph.index_map import without_reshapes
from ..native.kernel_cache import find_kernel
from ..native.runtime_functions import find_native
from ..runtime import driver
from ..runtime.halting import LOOPS
from .gather import copying


class Moving(NamedTuple):
    """A slot whose address moves.

    slot: the slot.
    base: the slot of the address from which its place counts.
    start: its first place, in bytes.
    step: the bytes from one place to the next.
    period: the number of places, after which they repeat.
    by: the slot of the number that counts the places.
    """

    slot: int
    base: int
    start: int
    step: int
    period: int
    by: int


class State(NamedTuple):
    """A state: the slots of its address before a step, of that which the step before has left, and of its start."""

    before: int
    after: int
    start: int


class Head(NamedTuple):
    """The words by which a loop goes on (native_loops.advance).

    going: the slot of the word that is 0 where no step is left.
    step, run: the slots of the numbers of the step, and of the steps that were run before it.
    steps: the number of all steps.
    guard: the slot of the guard's address, or -1.
    ends: whether no step after one that is left out is run.
    """

    going: int
    step: int
    run: int
    steps: int
    guard: int
    ends: int


def graph_for(node: Node) -> Graph:
    """The body's graph, for concrete sizes of all but the number of steps."""
    body, sequences, *_ = node.attrs
    shapes = [x.shape[1:] if i < sequences else x.shape for i, x in enumerate(node.inputs)]
    return graph_of(body, tuple([aval_of(tuple([int(n) for n in shape]), x.dtype)
                                 for shape, x in zip(shapes, node.inputs, strict=True)]))


def made_in(graph: Graph, states: int, parts: Container[int]) -> list[Node]:
    """The values that the body makes: results that are wanted, then states that are not among them.

    CannotCompile where two results are one value.
    """
    found = [n for k, n in enumerate(graph.results) if k >= states and k in parts]
    if len(set(found)) < len(found):
        raise CannotCompile("a scan with two results of the same value")
    return found + [n for n in dict.fromkeys(graph.results[:states]) if n not in found]


def _fits(node: Node, materialized: set[Node]) -> bool:
    """Whether its operands have elements and are in memory."""
    read = [without_reshapes(x, materialized) for x in node.inputs]
    return all([x.size and in_memory(x, materialized) for x in read])


def _lower(node: Node, uses: Uses) -> list[Any]:
    """The loop, and the copies of the last states to their outputs."""
    _, sequences, states, backwards, guard = node.attrs
    count, graph = node.inputs[0].shape[0], graph_for(node)
    inputs = [uses.read(without_reshapes(x, uses.materialized)) for x in node.inputs]
    going, step, run = (uses.slot() for _ in range(3))
    slots, moving, zeros = {}, [], []

    def moves(base: int, of: Aval) -> int:
        """A new slot, of the element of each step in an array of all."""
        slot, size = uses.slot(), of.nbytes
        moving.append(Moving(slot, base, (count - 1) * size if backwards else 0, -size if backwards else size, count,
                             step))
        return slot

    for x, base in zip(graph.leaves[:sequences], inputs, strict=False):
        slots[x] = moves(base, x.aval)
    for x in graph.leaves[sequences:sequences + states]:
        slots[x] = uses.slot()
    slots.update(zip(graph.leaves[sequences + states:], inputs[sequences + states:], strict=True))
    made: dict[Node, int] = {}
    results = {n: uses.parts[k] for k, n in enumerate(graph.results) if k >= states and k in uses.parts}
    for n in made_in(graph, states, uses.parts):
        if n in results:
            made[n] = moves(uses.write(results[n], results[n].aval.nbytes), n.aval)
            if guard >= 0:
                zeros.append((made[n], n.aval.nbytes))
        else:
            home = uses.write((node, n), 2 * n.aval.nbytes)
            made[n] = uses.slot()
            moving.append(Moving(made[n], home, 0, n.aval.nbytes, 2, run))
    nested = uses.plan(list(made), slots, list(made.values()))
    if nested.nbytes:
        home = uses.write((node, "body"), nested.nbytes)
        moving += [Moving(slot, home, start, 0, 1, step) for slot, start in nested.places.items()]
    carried = [State(slots[x], made[n], start) for x, n, start in
               zip(graph.leaves[sequences:], graph.results[:states], inputs[sequences:], strict=False)]
    head = Head(going, step, run, count, -1 if guard < 0 else slots[graph.leaves[guard]],
                int(guard >= sequences and not backwards))
    args = [*head]
    for group in (carried, moving, zeros):
        args += [len(group), *[word for one in group for word in one]]
    rows: list[Any] = [driver.Loop(driver.Step(find_native(LOOPS, "begin"), [*head], 0),
                                   [driver.Step(find_native(LOOPS, "advance"), args, 0), *nested.items], going)]
    for k, (x, n) in enumerate(zip(graph.leaves[sequences:], graph.results[:states], strict=False)):
        if k in uses.parts:
            to = uses.write(uses.parts[k], n.aval.nbytes)
            rows.append(driver.Step(find_kernel(copying(short(n.dtype))), [slots[x], to], n.size))
    return rows


register("loop", NativeStep(_fits, _lower, label=lambda node: f"scan of {node.inputs[0].shape[0]} steps"))
