"""The verifier of plans: proves that each step of a laid-out table finds the right values in memory.

The table is run on memory that holds values in place of bytes. The accesses of a row come from its kernel
(accesses.py), the values that they must find from the graph's nodes (meanings.py), and nothing from the planner's
declarations. It proves of each access: it lies within its buffer; a value that it reads was written before, is the one
that the node means, and has not been overwritten since; nothing that may run at the same time, of a group, a chain or
another chunk, conflicts with it; and where a result shares memory with an operand, as a donated leaf or a value that
dies, each element is read before it is written.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, leaf_op, scalar_op

from ..native.kernel_cache import source_at
from ..plan.layout import ByNumPy, Check, PlanLayout, Source
from ..plan.pipeline import plan_graph
from ..plan.plan import Plan
from ..plan.planner import PlanState
from ..runtime import driver
from .accesses import Access, Effects, Unreadable, chunks_of, of_kernel
from .forms import Form
from .loops import LoopError, furnish, uses_of
from .meanings import Meaning, Meaningless, Tag, check_rows, meanings_of, tag_of
from .memory import Memory, Room, Touch, conflicts
from .native_effects import of_native
from .units import Packings, PlanError, alike, enter, is_copied, leave, plain, told, units


def verify(layout: PlanLayout, places: Mapping[int, int], arena_bytes: int, planning: PlanState) -> None:
    """Raise PlanError where a layout does not compute the meaning of its graph.

    places: by slot of bind, the offset in the arena of `arena_bytes` of a value between steps.
    planning: the state of planning that gave the layout, or an equal one. Its graph, its steps, and the assignment of
        rows to steps are trusted.
    """
    one = _Verifier(layout, planning)
    one.furnish(places, arena_bytes)
    one.run()


class _Row(NamedTuple):
    """A row of the table, or its chunk number `chunk` if that is not -1, and its meaning."""

    step: driver.Step
    meaning: Meaning
    chunk: int

    def __str__(self) -> str:
        node = self.meaning.node
        return f"step {self.meaning.step}, {node.op.name} {node.aval!r}"

    def effects(self, chunk: int) -> Effects:
        """The accesses of the row, or of one of its chunks."""
        fn, args, extent, size = self.step
        source = source_at(fn)
        try:
            if source is not None:
                return of_kernel(source, args, extent, size, chunk)
            if (found := of_native(fn, args, extent, size, chunk)) is not None:
                return found
        except Unreadable as why:
            raise PlanError(self, -1, self.meaning.node, f"cannot be read: {why}") from why
        raise PlanError(self, -1, self.meaning.node, "is no function that is known")


class _Verifier:
    """The proof of one layout."""

    def __init__(self, layout: PlanLayout, planning: PlanState) -> None:
        self.layout, self.planning = layout, planning
        self.memory = Memory()
        self.rooms: dict[int, Room] = {}  # by slot
        self.numbers: dict[int, Tag] = {}  # run-time scalars by slot
        self.objects: set[Node] = set()  # values of several arrays, which lie in no buffer
        self.touches: list[Touch] = []  # of leaves and outputs
        self.asked: set[tuple] = set()  # the failures that checks have asked for
        self.unasked: dict[tuple, _Row] = {}
        self.packings = Packings()
        self.risky = -1  # the last item that may raise
        self.areas: driver.Areas | None = None  # of the running unit
        self.when = 0

    def furnish(self, places: Mapping[int, int], arena_bytes: int) -> None:
        """Set the targets of the slots of bind, and put the leaves into memory."""
        layout, inputs = self.layout, self.layout.inputs
        order = toposort(self.planning.graph)
        nbytes = {n.attrs[1]: n.aval.nbytes for n in order if n.op is leaf_op}
        kinds = {n.attrs[1]: "q" if n.dtype.kind == "i" else "d" for n in order if n.op is scalar_op}
        slot = 0
        for i in inputs.leaves:
            self._place(slot, Room(("leaf", i), 0, nbytes.get(i, 0)))
            self.memory.write(("leaf", i), 0, nbytes.get(i, 0), ("leaf", i))
            slot += 1
        for i, kind in zip(inputs.numbers, inputs.kinds, strict=True):
            self.numbers[slot] = "scalar", i
            if kinds.get(i) != kind:
                raise PlanError("inputs", slot, ("scalar", i), f"is written as {kind!r}")
            slot += 1
        if inputs.outputs != len(layout.nbytes):
            raise PlanError("inputs", slot, None, f"there are {inputs.outputs} slots for {len(layout.nbytes)} outputs")
        for i, size in enumerate(layout.nbytes):
            self._place(slot + i, Room(("output", i), 0, size))
        sizes = dict(layout.between)
        for slot, start in places.items():
            room = Room(("arena",), start, sizes.get(slot, 0))
            if start < 0 or start % 8 or start + room.size > arena_bytes:
                raise PlanError("arena", slot, None, f"bytes {start} to {start + room.size} of {arena_bytes}")
            self._place(slot, room)

    def _place(self, slot: int, room: Room) -> None:
        if slot in self.rooms or slot in self.numbers or slot >= self.layout.slots:
            raise PlanError("slots", slot, None, f"{room} has no slot of its own")
        self.rooms[slot] = room

    def run(self) -> None:
        """Run the table, and check its results."""
        self._explain()
        counterparts: Any = self.planning.layout.runs
        for run, meant in zip(self.layout.runs, counterparts, strict=True):
            if not alike(run, meant):
                raise PlanError("table", -1, None, f"{run} is in place of {meant}")
            if isinstance(run, Check):
                self._check(run, meant)
            elif isinstance(run, ByNumPy):
                self._settled()
                for value, of in zip(run.values, meant.values, strict=True):
                    self._by_numpy(value, of)
                self.risky = self.when
                self.when += 1
            else:
                for item, of in zip(run, meant, strict=True):
                    self._settled()
                    self._item(item, of)
                    self.when += 1
        self._settled()
        self._results()
        self._donations()
        self.packings.check(self.layout, self.rooms)

    def _explain(self) -> None:
        try:
            self.meanings = meanings_of(self.planning)
        except Meaningless as why:
            raise PlanError("steps", -1, why.node, why.reason) from why

    # ---- native rows -----------------------------------------------------------------------------

    def _item(self, item: driver.Item, meant: Any) -> None:
        """Run an item of the table: its units must not conflict, and each row must find its operands."""
        if isinstance(item, driver.Loop):
            self._loop(item, meant, self.meanings[id(meant)])
            return
        touches: list[Touch] = []
        for number, unit in enumerate(units(item, meant)):
            self.areas = unit.areas
            touches += enter(unit, self.rooms, self.memory, self.when, number)
            for at, (step, of, chunk) in enumerate(unit.rows):
                meaning = self.meanings.get(id(of))
                if meaning is None:
                    raise PlanError("table", -1, None, f"{step} is of no step")
                for touch in self._row(_Row(step, meaning, chunk)):
                    touches.append(touch._replace(unit=number, row=at))
            leave(unit, self.rooms)
        self.areas = None
        for write, other in conflicts(touches):
            raise PlanError(write.step, write.slot, None, f"is written while {told(other)} at the same time")
        self.touches += [t for t in touches if t.buffer[0] != "arena"]

    def _row(self, row: _Row) -> list[Touch]:
        step, meaning, chunk = row
        for role, number in meaning.settled.items():
            if step.args[role] != number:
                raise PlanError(row, -1, meaning.node, f"argument {role} is {step.args[role]}, not {number}")
        if meaning.extent not in (None, step.extent):
            raise PlanError(row, -1, meaning.node, f"its range is {step.extent}, not {meaning.extent}")
        for role, node in meaning.numbers.items():
            if self.numbers.get(step.args[role]) != tag_of(node) or not is_copied(self.areas, step.args[role]):
                raise PlanError(row, step.args[role], node, "is not the number's")
        if meaning.done is not None:
            self.packings.note(row, self.rooms.keys() | self.numbers.keys(), self.layout.slots)
        effects = row.effects(chunk)
        for role in effects.flags:
            slot = step.args[role]
            known = slot in self.rooms or slot in self.numbers or not 0 <= slot < self.layout.slots
            if self.areas or known or not meaning.checked:
                raise PlanError(row, slot, meaning.node, "a failure is noted where something else is")
            if meaning.checked not in self.asked:
                self.unasked[meaning.checked] = row
        touches = [self._touched(row, self._touch(row, a, i)) for i, a in enumerate(effects.accesses)]
        for write in touches:
            for other in touches if write.write else ():
                if other.role != write.role and other.meets(write) and (other.write or not other.precedes(write)):
                    raise PlanError(row, write.slot, meaning.node, f"is written over what {told(other)}")
        if chunk < 0:
            self._chunks(row)
        return touches

    def _touch(self, row: _Row, access: Access, order: int) -> Touch:
        """The touch of an access, which must be within the buffer of its slot."""
        slot = row.step.args[access.role]
        room = self.rooms.get(slot)
        if room is None or not is_copied(self.areas, slot):
            raise PlanError(row, slot, row.meaning.node, f"argument {access.role} is no address")
        low, high = room.first, room.size  # for a place found through an index, which the graph keeps within the axis
        if access.place is not None and not access.place.is_open():
            low, high = access.place.span()
            high += access.itemsize
        if low < room.first or high > room.size:
            raise PlanError(row, slot, row.meaning.node, f"bytes {low} to {high} of {room.size} are reached")
        place = None if access.place is None else access.place.plus(Form(room.start))
        return Touch(room.buffer, room.start + low, room.start + high, access.write, place, access.itemsize,
                     access.role, slot, row, self.when, order=order)

    def _touched(self, row: _Row, touch: Touch) -> Touch:
        """Apply a touch to memory: a read must find the value that is meant."""
        meaning, role, slot = row.meaning, touch.role, touch.slot
        if touch.write:
            if role not in meaning.writes:
                raise PlanError(row, slot, meaning.node, f"argument {role} is not to be written")
            filled = set(self.memory.read(touch.buffer, touch.low, touch.high)) == {meaning.writes[role]}
            if not (meaning.holes or filled or touch.place is None or touch.place.is_open()
                    or touch.place.is_dense(touch.itemsize)):
                raise PlanError(row, slot, meaning.writes[role], "is written with holes")
            self.memory.write(touch.buffer, touch.low, touch.high, meaning.writes[role])
        elif role not in meaning.reads:
            raise PlanError(row, slot, meaning.node, f"argument {role} is not to be read")
        else:
            found = self._read(row, slot, meaning.reads[role], touch)
            if meaning.scatters and len(meaning.reads[role]) > 1 and found is not None:
                try:
                    check_rows(meaning.node, row.step.args, found)
                except Meaningless as why:
                    raise PlanError(row, slot, why.node, why.reason) from why
        return touch

    def _read(self, step: Any, slot: int, tags: tuple[Tag, ...], touch: Touch) -> Tag | None:
        found = None
        for found in self.memory.read(touch.buffer, touch.low, touch.high):
            if found not in tags:
                lies = "nothing" if found is None else repr(found)
                raise PlanError(step, slot, tags[0], f"is read where {lies} lies")
        return found

    def _chunks(self, row: _Row) -> None:
        """Check that neighbouring chunks at both ends of a row do not conflict: they may run at the same time."""
        count = chunks_of(row.step.extent, row.step.chunk)
        for first in {0, count - 2} if count > 1 else ():
            touches = [self._touch(row, access, 0)._replace(unit=chunk)
                       for chunk in (first, first + 1) for access in row.effects(chunk).accesses]
            for write, other in conflicts(touches):
                raise PlanError(row, write.slot, row.meaning.node, f"another chunk writes while {told(other)}")

    # ---- loops -----------------------------------------------------------------------------------

    def _loop(self, loop: Any, meant: Any, meaning: Meaning) -> None:
        """Run a loop: its body must be right by itself, and the loop's operands and results must not overlap."""
        nested, node = self.planning.nested[meaning.step], meaning.node
        items = loop.steps[1:]
        step: Any = self.planning.steps[meaning.step]
        name, parts = f"loop of {node.op.name}", {n.attrs[0]: n for n in step.parts}
        try:
            reads, writes, last = uses_of(node, parts, loop, nested)
        except LoopError as why:
            raise PlanError(name, why.slot, why.node, why.reason) from why
        body, touches = _Verifier(self.layout, nested.state), list[Touch]()
        body.rooms = furnish(nested)
        body.body(items, meant.steps[1:])
        for use in (*reads, *writes):
            room = self.rooms.get(use.slot)
            if room is None or room.size < use.nbytes:
                raise PlanError(name, use.slot, use.node, f"does not lie in {room}")
            low, high = room.start, room.start + use.nbytes
            touch = Touch(room.buffer, low, high, use.write, None, 1, -1, use.slot, name, self.when)
            if not use.write:
                self._read(name, use.slot, (tag_of(use.node),), touch)
            for other in touches if use.write else ():
                if other.meets(touch):
                    raise PlanError(name, use.slot, use.node, f"is written where it {told(other)}")
            touches.append(touch)
        for room, use in [(self.rooms[use.slot], use) for use in writes]:
            self.memory.write(room.buffer, room.start, room.start + use.nbytes, tag_of(use.node))
        for slot, (base, start, nbytes) in last.items():
            self.rooms[slot] = self.rooms[base]._replace(start=self.rooms[base].start + start, size=nbytes)
        self.touches += [t for t in touches if t.buffer[0] != "arena"]

    def body(self, items: Sequence[driver.Item], meant: Sequence[Any]) -> None:
        """Run the table of a loop's body, whose rooms are given, once; and check its results."""
        self._explain()
        for n in self.planning.leaves:
            self.memory.write(("leaf", n.attrs[1]), 0, n.aval.nbytes, tag_of(n))
        for item, of in zip(items, meant, strict=True):
            self._item(item, of)
            self.when += 1
        for i, n in enumerate(self.planning.results):
            for found in self.memory.read(("output", i), 0, n.aval.nbytes):
                if found != tag_of(n):
                    raise PlanError("results of a loop's body", -1, n, f"{found!r} lies there")

    # ---- NumPy steps -----------------------------------------------------------------------------

    def _by_numpy(self, value: Source, meant: Source) -> None:
        name = f"NumPy {meant.node.op.name} {meant.node.aval!r}"
        reads = list(self._sources(name, value, meant))
        if isinstance(meant.node.aval, tuple):
            self.objects.add(meant.node)
            return
        write = self._whole(name, value.slot, meant.node)._replace(write=True)
        for read in reads:
            if read.meets(write):
                raise PlanError(name, write.slot, meant.node, f"is written over what {told(read)}")
        self.memory.write(write.buffer, write.low, write.high, tag_of(meant.node))
        self.touches += [t for t in (*reads, write) if t.buffer[0] != "arena"]

    def _sources(self, name: str, value: Source, meant: Source) -> Iterator[Touch]:
        """The reads by NumPy for a value."""
        if [s.node for s in meant.sources] != list(meant.node.inputs):
            raise PlanError(name, value.slot, meant.node, "has other operands")
        for source, of in zip(value.sources, meant.sources, strict=True):
            node, slot = of.node, source.slot
            if node.op is scalar_op:
                if self.numbers.get(slot) != tag_of(node):
                    raise PlanError(name, slot, node, "is not the number's")
            elif slot < 0:
                yield from self._sources(name, source, of)
            elif isinstance(node.aval, tuple):
                if node not in self.objects:
                    raise PlanError(name, slot, node, "is not there yet")
            else:
                touch = self._whole(name, slot, node)
                self._read(name, slot, (tag_of(node),), touch)
                yield touch

    def _whole(self, name: str, slot: int, node: Node) -> Touch:
        room = self.rooms.get(slot)
        if room is None or room.size < node.aval.nbytes:
            raise PlanError(name, slot, node, f"does not lie in {room}")
        return Touch(room.buffer, room.start, room.start + node.aval.nbytes, False, None, node.dtype.itemsize, -1, slot,
                     name, self.when)

    def _check(self, check: Check, meant: Check) -> None:
        """Run a check: NumPy may repeat its step, so that the operands must still be there."""
        node = meant.value.node
        for touch in self._sources(f"check of {node.op.name} {node.aval!r}", check.value, meant.value):
            self.touches += [touch] if touch.buffer[0] != "arena" else []
        for meaning in self.meanings.values():
            if meaning.node is node and meaning.checked:
                self.asked.add(meaning.checked)
                row = self.unasked.pop(meaning.checked, None)
                if row is not None and row.step.args[3] != check.slot:
                    raise PlanError("check", check.slot, node, "is not where the step notes a failure")
        self.risky = self.when
        self.when += 1

    def _settled(self) -> None:
        for row in self.unasked.values():
            raise PlanError(row, row.step.args[3], row.meaning.node, "a failure is noted, but no check follows")

    def _results(self) -> None:
        for (number, leaf), node in zip(self.layout.results, self.planning.results, strict=True):
            if leaf is not None:
                if tag_of(leaf) != tag_of(node) or plain(leaf) != plain(node):
                    raise PlanError("results", -1, node, f"is given as {leaf!r}")
                continue
            room = Room(("output", number), 0, self.layout.nbytes[number])
            if room.size != node.aval.nbytes:
                raise PlanError("results", -1, node, f"has a buffer of {room.size} bytes")
            for found in self.memory.read(room.buffer, 0, room.size):
                if found != tag_of(node):
                    raise PlanError("results", -1, node, f"{'nothing' if found is None else repr(found)} lies there")

    def _donations(self) -> None:
        """Check outputs over leaves: a leaf is read before the output is written, in the same row by element."""
        kept = {tag_of(leaf) for _, leaf in self.layout.results if leaf is not None}
        for number, leaves in self.layout.donations:
            writes = [t for t in self.touches if t.buffer == ("output", number) and t.write]
            for leaf in leaves:
                name, first = f"donation of leaf {leaf}", min([w.when for w in writes], default=self.when)
                size = next((r.size for r in self.rooms.values() if r.buffer == ("leaf", leaf)), -1)
                if size != self.layout.nbytes[number] or ("leaf", leaf) in kept or first <= self.risky:
                    why = "a later step may raise" if first <= self.risky else "is not free, or of another size"
                    raise PlanError(name, -1, ("output", number), why)
                for read in self.touches:
                    if read.buffer != ("leaf", leaf):
                        continue
                    for write in writes:
                        if not read.is_before(write):
                            raise PlanError(name, read.slot, ("output", number), f"is written over what {told(read)}")


def check(plan: Plan) -> None:
    """Verify a new plan. A layout that a template gave must equal the one that planning gives."""
    planning = plan._planning or plan_graph(plan._outputs)
    if plan.layout is not planning.layout and plain(plan.layout) != plain(planning.layout):
        raise PlanError("template", -1, None, "gives another layout than planning")
    verify(plan.layout, dict(zip(plan.places.tolist(), plan.starts.tolist())), plan.arena_bytes, planning)
