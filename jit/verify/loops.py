"""The verifier of loops: proves that a scan's repetitions find their operands, and that its body is a right plan.

The body is verified as a table of its own, in which each of its leaves, results and values between steps has memory of
its own. Here it is proved that the addresses which the loop sets are those of the elements, states and results that the
scan means, that they lie within their buffers, and that no buffer that is written overlaps another. Of a loop that may
leave out steps this is proved as if it left out none, and that it fills all its results with zeros for such a step.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tracer.ops.control.body import Graph
from tracer.ops.ir.node import Node

from ..fusion.native_step import Nested
from ..native.runtime_functions import find_native
from ..runtime import driver
from ..runtime.halting import LOOPS
from ..steps.scan import Head, Moving, State, graph_for, made_in
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


def uses_of(node: Node, parts: Mapping[int, Node], loop: driver.Loop, nested: Nested) -> Uses:
    """The buffers of a loop; LoopError where the slots that its first rows set are not the scan's.

    parts: the outputs that the scan leaves in memory, by number.
    """
    proof, first = _Proof(node, parts, loop.steps[0].args, nested), loop.steps[0]  # type: ignore[union-attr]
    begins, goes_on = (find_native(LOOPS, name) for name in ("begin", "advance"))
    if (loop.begin.fn, first.fn) != (begins, goes_on):  # type: ignore[union-attr]
        raise LoopError(-1, node, "the loop is not that of the scan")
    if tuple(loop.begin.args) != proof.head or loop.going != proof.head.going:
        raise LoopError(loop.going, node, "the loop counts its steps elsewhere")
    return proof.uses()


def _groups(numbers: Sequence[int], *sizes: int) -> Iterator[list[Sequence[int]]]:
    """Groups of numbers, behind the count of each; LoopError where the numbers do not end with the last one."""
    at = 0
    for size in sizes:
        end = at + 1 + size * numbers[at]
        yield [numbers[i:i + size] for i in range(at + 1, end, size)]
        at = end
    if at != len(numbers):
        raise LoopError(-1, None, f"{len(numbers)} words in place of {at}")


class _Proof:
    def __init__(self, node: Node, parts: Mapping[int, Node], args: Sequence[int], nested: Nested) -> None:
        self.node, self.parts, self.nested = node, parts, nested
        self.graph: Graph = graph_for(node)
        self.count = node.inputs[0].shape[0]
        words = len(Head._fields)
        self.head = Head(*args[:words])
        states, moving, zeros = _groups(args[words:], 3, 6, 2)
        self.states = [State(*group) for group in states]
        self.moving = {slot: Moving(slot, *rest) for slot, *rest in moving}
        self.zeros = {(slot, nbytes) for slot, nbytes in zeros}
        if len(self.moving) != len(moving):
            raise LoopError(-1, node, "a slot moves in two ways")

    def _go_on(self) -> None:
        """Prove that the loop has all steps, but for those that its guard leaves out."""
        _, sequences, _, backwards, guard = self.node.attrs
        head, slots = self.head, self.nested.state.slots
        at = -1 if guard < 0 else slots[self.graph.leaves[guard]]
        ends = int(guard >= sequences and not backwards)
        if (head.steps, head.guard, head.ends) != (self.count, at, ends):
            raise LoopError(head.guard, self.node, f"the loop goes on by {head}")
        own = {head.going, head.step, head.run}
        others = {*slots.values(), *self.moving, *[one.base for one in self.moving.values()],
                  *[at for one in self.states for at in one]}
        if len(own) < 3 or not own.isdisjoint(others):
            raise LoopError(head.step, self.node, "a counter of the loop is something else, too")

    def uses(self) -> Uses:
        """The buffers, when all slots are proved."""
        self._go_on()
        _, sequences, states, _, guard = self.node.attrs
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
                if guard >= 0 and (slots[made[result]], result.aval.nbytes) not in self.zeros:
                    raise LoopError(slots[made[result]], result, "is not filled where a step is left out")
        results = {self.graph.results[k] for k in self.parts if k >= states}
        for n in dict.fromkeys(self.graph.results[:states]):
            if n not in results:
                one = self._moving(slots[made[n]], n)
                if one[2:] != (0, n.aval.nbytes, 2, self.head.run):
                    raise LoopError(one.slot, n, "the two places of a state do not alternate")
                found.writes.append(Use(one.base, self.node, 2 * n.aval.nbytes, True))
        homes = {self._moving(slot, self.node).base for slot in self.nested.places}
        if len(homes) > 1:
            raise LoopError(-1, self.node, f"the body's values lie at {len(homes)} places")
        for slot, start in self.nested.places.items():
            if self.moving[slot][2:5] != (start, 0, 1):
                raise LoopError(slot, self.node, "a value between the body's steps moves")
        found.writes.extend([Use(home, self.node, self.nested.nbytes, True) for home in homes])
        for n, state in zip(self.graph.results, self.states, strict=False):
            one = self.moving[state.after]
            place = one.start + (self.count - 1) % one.period * one.step
            found.last[state.before] = one.base, place, n.aval.nbytes
        if len(self.zeros) != (len(results) if guard >= 0 else 0):
            raise LoopError(-1, self.node, f"{len(self.zeros)} values are filled with zeros")
        return found

    def _moving(self, slot: int, node: Any) -> Moving:
        if slot not in self.moving:
            raise LoopError(slot, node, "the loop does not set the address")
        return self.moving[slot]

    def _moves(self, slot: int, element: Node) -> int:
        """The slot of the array of which a slot's address takes one element after the other, in the right order."""
        one, size = self._moving(slot, element), element.aval.nbytes
        backwards = self.node.attrs[3]
        start, step = ((self.count - 1) * size, -size) if backwards else (0, size)
        wanted = (start, step, self.count, self.head.step)
        if one[2:] != wanted:
            raise LoopError(slot, element, f"its places are {one[2:]}, not {wanted}")
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
