"""Native steps of scans: the body is planned once, and its rows are repeated with other addresses.

The body's leaves and results have slots of `bind` of their own. Before each repetition a row sets those that move: an
element of a sequence, a step's place in a result, a state. A state lies where the step before has left it: in a result,
if it is one too, else in one of two places in turn. So the length of a scan is a number in the layout, no structure.
"""
from __future__ import annotations

from collections.abc import Container
from typing import Any, NamedTuple

from tracer.ops.control.loops import Graph, graph_of
from tracer.ops.ir.aval import Aval
from tracer.ops.ir.aval import aval as aval_of
from tracer.ops.ir.errors import CannotCompile
from tracer.ops.ir.node import Node
from tracer.ops.ir.op import LEAF

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
    step: the bytes from one repetition to the next.
    period: the number of places, after which they repeat.
    """

    slot: int
    base: int
    start: int
    step: int
    period: int


class State(NamedTuple):
    """A state: the slots of its address before a step, of that which the step before has left, and of its start."""

    before: int
    after: int
    start: int


def graph_for(node: Node) -> Graph:
    """The body's graph, for concrete sizes of all but the number of steps."""
    body, sequences, *_ = node.attrs
    shapes = [x.shape[1:] if i < sequences else x.shape for i, x in enumerate(node.inputs)]
    return graph_of(body, tuple([aval_of(tuple([int(n) for n in shape]), x.dtype)
                                 for shape, x in zip(shapes, node.inputs, strict=True)]))


def made_in(graph: Graph, states: int, parts: Container[int]) -> list[Node]:
    """The values that the body makes: results that are wanted, then states that are not among them.

    CannotCompile where one is an operand, or two results are one value.
    """
    found = [n for k, n in enumerate(graph.results) if k >= states and k in parts]
    if len(set(found)) < len(found):
        raise CannotCompile("a scan with two results of the same value")
    found += [n for n in dict.fromkeys(graph.results[:states]) if n not in found]
    if any([n.op.kind == LEAF for n in found]):
        raise CannotCompile("a scan with a result or a state that is an operand")
    return found


def _fits(node: Node, materialized: set[Node]) -> bool:
    """Whether its operands have elements and are in memory."""
    read = [without_reshapes(x, materialized) for x in node.inputs]
    return all([x.size and in_memory(x, materialized) for x in read])


def _lower(node: Node, uses: Uses) -> list[Any]:
    """The loop, and the copies of the last states to their outputs."""
    _, sequences, states, backwards = node.attrs
    count, graph = node.inputs[0].shape[0], graph_for(node)
    inputs = [uses.read(without_reshapes(x, uses.materialized)) for x in node.inputs]
    slots, moving = {}, []

    def moves(base: int, of: Aval) -> int:
        """A new slot, of the element of each step in an array of all."""
        slot, size = uses.slot(), of.nbytes
        moving.append(Moving(slot, base, (count - 1) * size if backwards else 0, -size if backwards else size, count))
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
        else:
            home = uses.write((node, n), 2 * n.aval.nbytes)
            made[n] = uses.slot()
            moving.append(Moving(made[n], home, 0, n.aval.nbytes, 2))
    nested = uses.plan(list(made), slots, list(made.values()))
    if nested.nbytes:
        home = uses.write((node, "body"), nested.nbytes)
        moving += [Moving(slot, home, start, 0, 1) for slot, start in nested.places.items()]
    carried = [State(slots[x], made[n], start) for x, n, start in
               zip(graph.leaves[sequences:], graph.results[:states], inputs[sequences:], strict=False)]
    args = [states, *[at for one in carried for at in one], len(moving), *[at for one in moving for at in one]]
    first = driver.Step(find_native(LOOPS, "advance"), args, 0)
    rows: list[Any] = [driver.Loop([first, *nested.items], count)]
    for k, n in enumerate(graph.results[:states]):
        if k in uses.parts:
            to = uses.write(uses.parts[k], n.aval.nbytes)
            rows.append(driver.Step(find_kernel(copying(short(n.dtype))), [made[n], to], n.size))
    return rows


register("loop", NativeStep(_fits, _lower, label=lambda node: f"scan of {node.inputs[0].shape[0]} steps"))
