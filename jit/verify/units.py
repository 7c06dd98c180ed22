"""Units of items, rows that may run at the same time; comparison of tables; packed forms; the error of a wrong plan.

Of chains with areas it is trusted that the native loop (`native_loops.run_bands`) gives an area to one band at a time,
and sets the addresses of the values in its copy of bind. All else is proved: that areas lie within their buffer, values
within an area and apart from the copy, and, by the accesses of the rows, that nothing is read in a band which the band
has not written, nor any byte beyond the band's.
"""
from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from tracer.ops.ir.node import Node

from ..plan.layout import PlanLayout
from ..runtime import driver
from .accesses import chunks_of
from .memory import Memory, Room, Touch


class PlanError(AssertionError):
    """An error in a plan: the step, the slot of bind and the node where it is, and the reason."""

    def __init__(self, step: Any, slot: int, node: Any, reason: str) -> None:
        super().__init__(f"{step}: slot {slot}, {node!r}: {reason}")
        self.step, self.slot, self.node, self.reason = str(step), slot, node, reason


def told(touch: Touch) -> str:
    return f"{touch.step} {'writes' if touch.write else 'reads'} through slot {touch.slot}"


class Unit(NamedTuple):
    """A unit of an item: other units may run at the same time.

    rows: in order, each with its counterpart, and its chunk or -1.
    areas: the memory for values of which a band is kept.
    """

    rows: list[tuple[driver.Step, driver.Step, int]]
    areas: driver.Areas | None = None


def units(item: driver.Item, meant: Any) -> Iterator[Unit]:
    """The units of an item."""
    if isinstance(item, driver.Step):
        yield Unit([(item, meant, -1)])
    elif isinstance(item, driver.Chain):
        pairs = list(zip(item.steps, meant.steps, strict=True))
        counts = {chunks_of(step.extent, step.chunk) for step in item.steps}
        if len(counts) > 1:
            raise PlanError("chain", -1, None, f"steps of {sorted(counts)} chunks")
        for chunk in range(counts.pop()):
            yield Unit([(step, of, chunk) for step, of in pairs], item.areas)
    else:
        for one, of in zip(item.steps, meant.steps, strict=True):
            yield from units(one, of)


def alike(a: Any, b: Any) -> bool:
    """Whether two parts of a table are of one kind."""
    return type(a) is type(b)


def plain(what: Any) -> Any:
    """A layout with ops, shapes and dtypes in place of nodes, which differ from plan to plan.

    Planning removes the leaves' devices, a template does not; nothing that runs depends on them.
    """
    if isinstance(what, Node):
        avals = what.aval if isinstance(what.aval, tuple) else (what.aval,)
        return what.op, [(of.shape, of.dtype) for of in avals]
    return [plain(x) for x in what] if isinstance(what, (tuple, list)) else what


def enter(unit: Unit, rooms: dict[int, Room], memory: Memory, when: int, number: int) -> Iterator[Touch]:
    """Give the values of a unit their rooms in an area; the touch is that of all areas, by the chain's first unit."""
    if unit.areas is None:
        return
    base, nbytes, threads, slots, values = unit.areas
    band, home = unit.rows[0][2], rooms.get(base)
    if home is None or home.size < nbytes * threads or threads < 1:
        raise PlanError("areas", base, None, f"{threads} areas of {nbytes} bytes do not lie in {home}")
    for slot, at, size in values:
        if slot in rooms or slot >= slots or at < 8 * slots or at + size > nbytes or at % 8 or not size:
            raise PlanError("areas", slot, None, f"bytes {at} to {at + size} of an area of {nbytes} are no value's")
        rooms[slot] = Room(("area", base, number), at - band * size, (band + 1) * size, band * size)
    if band == 0:
        memory.write(home.buffer, home.start, home.start + home.size, ("areas", base))
        yield Touch(home.buffer, home.start, home.start + home.size, True, None, 1, -1, base, "areas", when, number)


def leave(unit: Unit, rooms: dict[int, Room]) -> None:
    """Take the rooms of a unit's values back."""
    if unit.areas is not None:
        for slot, _, _ in unit.areas.values:
            del rooms[slot]


def is_copied(areas: driver.Areas | None, slot: int) -> bool:
    """Whether a slot of bind is among those that each area has a copy of."""
    return areas is None or 0 <= slot < areas.slots


class Packings:
    """The rows of a plan that pack operands, by the slot that makes a row leave what it writes."""

    def __init__(self) -> None:
        self.rows: dict[int, Any] = {}

    def note(self, row: Any, known: Collection[int], slots: int) -> None:
        """Note a row, or a chunk of it. PlanError unless its slot, below `slots`, is its own and none of the known."""
        slot = row.step.args[row.meaning.done]
        if self.rows.setdefault(slot, row).step is not row.step or slot in known or not 0 <= slot < slots:
            raise PlanError(row, slot, row.meaning.node, "what is kept is noted where something else is")

    def check(self, layout: PlanLayout, rooms: Mapping[int, Room]) -> None:
        """Raise PlanError for a form that no row packs of its leaf, and for a key that stands for two forms."""
        sizes = dict(layout.between)
        makers: dict[tuple, tuple] = {}
        for leaf, slot, done, nbytes, key in layout.packings:
            row = self.rows.get(done)
            if row is None or row.step.args[1] != slot or sizes.get(slot) != nbytes:
                raise PlanError("packings", slot, ("leaf", leaf), "is not what a row packs")
            source = rooms[row.step.args[0]]
            if (source.buffer, source.start) != (("leaf", leaf), 0):
                raise PlanError("packings", slot, ("leaf", leaf), f"is packed of {source.buffer}")
            maker = row.step.fn, tuple(row.step.args[2:row.meaning.done]), row.step.extent, nbytes
            if makers.setdefault(key, maker) != maker:
                raise PlanError("packings", slot, ("leaf", leaf), f"{key} stands for two forms")
