"""The verifier of loops: proves that a scan's repetitions find their operands, and that its body is a right plan.

The body is verified as a table of its own, in which each of its leaves, results and values between steps has memory of
its own. Here it is proved that the addresses which the loop sets are those of the elements, states and results that the
scan means, that they lie within their buffers, and that no buffer that is written overlaps another.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tracer.ops.control.loops import Graph
from tracer.ops.ir.node import Node

from ..fusion.native_step import Nested
from ..native.runtime_functions import find_native
from ..runtime import driver
from ..runtime.halting import LOOPS
from ..steps.scan import Moving, State, graph_for, made_in
from .memory import Room


class LoopError(Exception):
    """An error in a loop: the slot of bind and the node where it is, and the reason."""

    def __init__(self, slot: int, node: Any, reason: str) -> None:
        super().__init__(reason)
        self.slot, self.node, self.reason = slot, node, reason


class Use(NamedTuple):
    """A buffer that a loop reads or writes whole.

    slot: the slot of bind with its address.
    node: the value in it; for memory of the loop's own, the scan.
    nbytes: its bytes.
    write: whether it is written.
    """

    slot: int
    node: Node
    nbytes: int
    write: bool = False


class Uses(NamedTuple):
    """The buffers of a loop, outside of its body.

    reads: operands of the scan.
    writes: its results, then states, then the memory of the body.
    last: by slot that holds a state's address in the end: the slot of its buffer, its place there, its bytes.
    """

    reads: list[Use]
    writes: list[Use]
    last: dict[int, tuple[int, int, int]]


def uses_of(node: Node, parts: Mapping[int, Node], first: driver.Step, count: int, nested: Nested) -> Uses:
    """The buffers of a loop; LoopError where the slots that its first row sets are not the scan's.

    parts: the outputs that the scan leaves in memory, by number.
    count: the number of repetitions.
    """
    if first.fn != find_native(LOOPS, "advance") or count != node.inputs[0].shape[0]:
        raise LoopError(-1, node, "the loop is not that of the scan")
    return _Proof(node, parts, first.args, nested).uses()


def _groups(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (numbers[i:i + size] for i in range(0, len(numbers), size))


class _Proof:
    def __init__(self, node: Node, parts: Mapping[int, Node], args: Sequence[int], nested: Nested) -> None:
        self.node, self.parts, self.nested = node, parts, nested
        self.graph: Graph = graph_for(node)
        self.count = node.inputs[0].shape[0]
        count = args[0]
        self.states = [State(*group) for group in _groups(args[1:1 + 3 * count], 3)]
        moving = [Moving(*group) for group in _groups(args[2 + 3 * count:], 5)]
        self.moving = {one.slot: one for one in moving}
        if len(moving) != args[1 + 3 * count] or len(self.moving) != len(moving):
            raise LoopError(-1, node, f"{len(moving)} slots move in place of {args[1 + 3 * count]}")

    def uses(self) -> Uses:
        """The buffers, when all slots are proved."""
        _, sequences, states, _ = self.node.attrs
        slots, found = self.nested.state.slots, Uses([], [], {})
        made = dict(zip(made_in(self.graph, states, self.parts), self.nested.state.results, strict=True))
        for x, operand in zip(self.graph.leaves[:sequences], self.node.inputs, strict=False):
            if x in slots and x in self.nested.state.leaves:
                found.reads.append(Use(self._moves(slots[x], x), operand, operand.aval.nbytes))
        for k, x in enumerate(self.graph.leaves[sequences:sequences + states]):
            after, start = self.graph.results[k], self.node.inputs[sequences + k]
            before, left, first = self.states[k]
            if (before, left) != (slots[x], slots[made[after]]):
                raise LoopError(before, x, f"slots {before} and {left} are not those of the state")
            found.reads.append(Use(first, start, start.aval.nbytes))
        for x, operand in zip(self.graph.leaves[sequences + states:], self.node.inputs[sequences + states:],
                              strict=True):
            found.reads.append(Use(slots[x], operand, operand.aval.nbytes))
        for k, part in self.parts.items():
            if k >= states:
                result = self.graph.results[k]
                found.writes.append(Use(self._moves(slots[made[result]], result), part, part.aval.nbytes, True))
        results = {self.graph.results[k] for k in self.parts if k >= states}
        for n in dict.fromkeys(self.graph.results[:states]):
            if n not in results:
                one = self._moving(slots[made[n]], n)
                if one[2:] != (0, n.aval.nbytes, 2):
                    raise LoopError(one.slot, n, "the two places of a state do not alternate")
                found.writes.append(Use(one.base, self.node, 2 * n.aval.nbytes, True))
        homes = {self._moving(slot, self.node).base for slot in self.nested.places}
        if len(homes) > 1:
            raise LoopError(-1, self.node, f"the body's values lie at {len(homes)} places")
        for slot, start in self.nested.places.items():
            if self.moving[slot][2:] != (start, 0, 1):
                raise LoopError(slot, self.node, "a value between the body's steps moves")
        found.writes.extend([Use(home, self.node, self.nested.nbytes, True) for home in homes])
        for n in self.graph.results[:states]:
            one = self.moving[slots[made[n]]]
            place = one.start + (self.count - 1) % one.period * one.step
            found.last[one.slot] = one.base, place, n.aval.nbytes
        return found

    def _moving(self, slot: int, node: Any) -> Moving:
        if slot not in self.moving:
            raise LoopError(slot, node, "the loop does not set the address")
        return self.moving[slot]

    def _moves(self, slot: int, element: Node) -> int:
        """The slot of the array of which a slot's address takes one element after the other, in the right order."""
        one, size = self._moving(slot, element), element.aval.nbytes
        backwards = self.node.attrs[3]
        wanted = ((self.count - 1) * size, -size) if backwards else (0, size)
        if one[2:] != (*wanted, self.count):
            raise LoopError(slot, element, f"its places are {one[2:]}, not {(*wanted, self.count)}")
        return one.base


def furnish(nested: Nested) -> dict[int, Room]:
    """The rooms of the slots of a loop's body, each leaf and each result in a buffer of its own."""
    planning, rooms = nested.state, {}
    for n in planning.leaves:
        rooms[planning.slots[n]] = Room(("leaf", n.attrs[1]), 0, n.aval.nbytes)
    for i, n in enumerate(planning.results):
        rooms[planning.slots[n]] = Room(("output", i), 0, n.aval.nbytes)
    sizes = {planning.slots[v]: nbytes for v, nbytes in planning.sizes.items()}
    for slot, start in nested.places.items():
        rooms[slot] = Room(("arena",), start, sizes[slot])
    return rooms
