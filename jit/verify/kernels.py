"""The verifier of kernels: runs a step's generated source in plain Python, and compares it with the graph's meaning.

It proves of a small step, however its range is cut: each access lies in its array, at an element of its dtype; each
element of each result is written once, has the right value, and is computed from exactly the elements of memory that
the graph's nodes name; partial results are written before they are combined, and once; no chunk accesses an element
that another one writes; and a result that may be written over an operand is the same when it is.

Sources and arguments are those of the plan; the expected results come from the nodes' NumPy references.
"""
from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tracer.ops.ir.aval import SHORT
from tracer.ops.ir.node import Node, leaf_op, scalar_op
from tracer.ops.ir.op import LEAF

from ..fusion.kernel import Kernel
from ..native.kernel_cache import source_at
from ..plan.plan import Plan
from ..plan.planner import PlanState
from .machine import Buffer, KernelError, Machine, Number, bits
from .meanings import INDEXED
from .reference import Found, Reference

#: The most points of a step's loops times lines of its source for which it is run here.
MOST = 4000
#: The relative change of floats that shows how much results depend on rounding; the factor by which they may differ
#: more than that.
NUDGE, SLACK = 1e-13, 1e4

#: The keys of steps that have been proved: kernels are planned again and again.
_PROVED: set[Any] = set()


class Row(NamedTuple):
    """A row of a plan's table, with the source in place of the address."""

    source: str
    args: Sequence[int]
    extent: int
    chunk: int


class ScratchSlot(NamedTuple):
    """Memory for partial results.

    slot: the slot of bind with its address.
    size: the number of elements.
    dtype: their dtype.
    shared: whether all chunks share them; else each chunk has so many.
    """

    slot: int
    size: int
    dtype: np.dtype
    shared: bool


@dataclass
class Case:
    """A step to be proved.

    rows: its rows of the table, in order.
    main: the number of the row that is cut.
    values, numbers: by slot of bind, the values in memory and the run-time scalars.
    results: the values that the step makes.
    materialized: the values that it may read from memory, besides leaves.
    chunk_args: the places of the chunk's length among the main row's arguments.
    align: units of its range that stay together.
    in_place: (result, operand) pairs that may share memory.
    once: whether each element of a result is written once.
    """

    rows: list[Row]
    main: int
    values: Mapping[int, Node]
    numbers: Mapping[int, Node]
    results: Sequence[Node]
    materialized: Container[Node]
    parts: Sequence[ScratchSlot] = ()
    chunk_args: Sequence[int] = ()
    align: int = 1
    in_place: Sequence[tuple[Node, Node]] = ()
    once: bool = True
    nodes: list[Node] = field(default_factory=list)  # those that the results are computed from, memory last

    def __post_init__(self) -> None:
        seen: dict[Node, None] = {}
        stack = list(self.results)
        while stack:
            n = stack.pop()
            if n not in seen:
                seen[n] = None
                if n.op.kind != LEAF and n not in self.materialized:
                    stack += n.inputs
        self.nodes = list(seen)


def check(plan: Plan) -> None:
    """Prove the small steps of a plan. Raises KernelError with the step's results and its source."""
    for case in cases(plan.planning):
        verify(case)


def cases(planning: PlanState, most: int = MOST) -> Iterator[Case]:
    """The steps of a plan that are kernels, gathers or scatters, and small, unless they have been proved."""
    for nested in planning.nested.values():
        yield from cases(nested.state, most)
    for i, (step, (rows, reads, writes)) in enumerate(zip(planning.steps, planning.rows, strict=True)):
        if not isinstance(rows, list):
            continue  # a NumPy step
        if not isinstance(step, Kernel) and step.node.op.step not in INDEXED:
            continue  # a matrix product, or another step that these references do not cover
        sources = [source_at(row.fn) for row in rows]
        results = [n for n in writes if isinstance(n, Node)]
        points = math.prod(step.domain) if isinstance(step, Kernel) else max([n.size for n in (*results, *reads)])
        if None in sources or points * max([source.count("\n") for source in sources if source]) > most:
            continue  # a large step
        case = Case([Row(source or "", row.args, row.extent, row.chunk) for source, row in zip(sources, rows)],
                    planning.main_rows.get(i, len(rows) - 1), {planning.slots[n]: n for n in (*reads, *results)},
                    {planning.slots[n]: n for n in planning.numbers}, results,
                    planning.materialized.difference(results))
        if max([n.size for n in case.nodes]) > most:
            continue  # a step that reads a part of a large array
        made = planning.by_step.get(i)
        if made is not None:
            case.parts = [ScratchSlot(planning.slots[step, k], part.count, part.dtype, part.shared)
                          for k, part in enumerate(made.parts)]
            case.chunk_args = [k for k, what in enumerate(made.args) if what == "chunk"]
            case.align, case.in_place = made.align, made.in_place
        else:
            case.once = results[0].op.step == "gather"
        key = _key(case)
        if key not in _PROVED:
            yield case
            _PROVED.add(key)


def _key(case: Case) -> Any:
    """A key that tells cases apart: sources, arguments without the numbers of slots, and the graphs of the results."""
    number = {n: i for i, n in enumerate(case.nodes)}
    nodes = [(n.op, n.attrs if n.op not in (leaf_op, scalar_op) else (), n.aval,
              *[number.get(x) for x in n.inputs]) for n in case.nodes]
    slots: dict[int, Any] = {slot: (number.get(n), n.aval) for slot, n in {**case.values, **case.numbers}.items()}
    slots |= {part.slot: (i, *part[1:]) for i, part in enumerate(case.parts)}
    rows = [(row.source, tuple([slots.get(a, a) for a in row.args]), row.extent, row.chunk) for row in case.rows]
    return tuple(rows), tuple(nodes), tuple([number[n] for n in case.results]), len(case.in_place)


def verify(case: Case) -> None:
    """Prove one step. Raises KernelError."""
    try:
        for wanted in _wanted(case):
            for chunk in chunkings(case):
                _run(case, chunk, *wanted)
            for pair in case.in_place:
                _run(case, case.align, *wanted, pair)
    except KernelError as why:
        made = ", ".join([repr(n) for n in case.results])
        raise KernelError(f"{why}\nin the step that makes {made}:\n{case.rows[case.main].source}") from why


def chunkings(case: Case) -> list[int]:
    """Lengths of chunks to run a step with: as planned, the shortest, and if it has parts, one with a remainder."""
    row = case.rows[case.main]
    units = row.extent // case.align
    found = [case.align * n for n in ((1, units // 2 + 1) if case.parts else (1,)) if n < units]
    return list(dict.fromkeys([row.chunk, *found]))


def _wanted(case: Case) -> Iterator[tuple[Reference, Reference]]:
    """References for the results, and the same with floats slightly changed.

    The numbers have both signs, or if these give NaN, are positive. There are none where NumPy rejects random numbers.
    """
    whole = _integers(case.nodes)
    for positive in (False, True):
        pair = [Reference(case.materialized, 5, nudge, positive, whole) for nudge in (0.0, NUDGE)]
        with np.errstate(all="ignore"):
            try:
                found = [[reference.value(n) for n in case.results] for reference in pair]
            except (IndexError, ValueError):
                return
            for value in case.values.values():
                if value not in case.results:
                    pair[0].held(value)
        if positive or not any([np.isnan(f.numbers).any() for f in found[0] if f.numbers.dtype.kind == "f"]):
            yield pair[0], pair[1]
            return


def _integers(nodes: Sequence[Node]) -> tuple[int, int]:
    """The range of integers in memory: each of them may be an index."""
    low, high = -5, 5
    for n in nodes:
        if n.op.step in INDEXED:
            shape = n.inputs[0].shape if n.op.step == "gather" else n.attrs[1]
            axes = (entry for entry in n.attrs[0] if entry[0] != "n")
            high = min([high, *[d for d, entry in zip(shape, axes, strict=True) if entry[0] == "i"]])
            low = max(-high, low) if not n.attrs[-1] else 0
    return low, high


def _run(case: Case, chunk: int, reference: Reference, nudged: Reference,
         pair: tuple[Node, Node] | None = None) -> None:
    """Run the step with chunks of this length, the result of `pair` over its operand if given, and compare."""
    rows, chunks = _cut(case, chunk)
    buffers = {n: Buffer(n, SHORT[n.dtype.name], [None] * n.size if n in case.results else reference.held(n).cells())
               for n in case.values.values()}
    if pair is not None:
        result, operand = pair
        buffers[result] = buffers[operand]
        buffers[operand].shared = True
    slots: dict[int, Any] = {slot: buffers[n] for slot, n in case.values.items()}
    for slot, n in case.numbers.items():
        number, = reference.held(n).cells()
        slots[slot] = Number(bits(number.x), number.of) if n.dtype.kind == "f" else number
    for part in case.parts:
        slots[part.slot] = Buffer(f"the part {part.slot}", SHORT[part.dtype.name],
                                  [None] * part.size * (1 if part.shared else chunks))
    machine = Machine(slots)
    with np.errstate(all="ignore"):
        for row in rows:
            machine.run(*row)
    for n in case.results:
        _compare(n, buffers[n], reference.value(n), nudged.value(n), case.once)


def _cut(case: Case, chunk: int) -> tuple[list[Row], int]:
    """The rows of the step with chunks of this length in the main one, and the number of chunks."""
    rows = list(case.rows)
    main = rows[case.main]
    chunks = -(-main.extent // chunk) if chunk else 1
    args = [max(chunk, 1) if k in case.chunk_args else a for k, a in enumerate(main.args)]
    rows[case.main] = main._replace(args=args, chunk=chunk)
    shared = {part.slot for part in case.parts if part.shared}
    for k in range(case.main + 1, len(rows)):
        part, result, _, *rest = rows[k].args
        rows[k] = rows[k]._replace(args=[part, result, 1 if part in shared else chunks, *rest])
    return rows, chunks


def _compare(node: Node, buffer: Buffer, wanted: Found, nudged: Found, once: bool) -> None:
    for i, (cell, stores, want, other) in enumerate(zip(buffer.cells, buffer.stores, wanted.cells(), nudged.cells(),
                                                        strict=True)):
        if cell is None or not stores or once and stores != 1:
            raise KernelError(f"the element {i} of {node!r} is written {stores} times")
        if cell.of != want.of:
            raise KernelError(f"the element {i} of {node!r} is computed of other elements of memory than it means")
        if not _alike(cell.x, want.x, other.x):
            raise KernelError(f"the element {i} of {node!r} is {cell.x}, and not {want.x}")


def _alike(got: Any, want: Any, other: Any) -> bool:
    """Whether a number is as wanted within rounding; `other` is the number wanted for slightly changed operands."""
    if got == want or got != got and want != want:
        return True
    if not math.isfinite(want) or not math.isfinite(other):
        return want != other and not (want != want and other != other)
    if not isinstance(want, float):
        return want != other
    return abs(got - want) <= 1e-9 + 1e-7 * abs(want) + SLACK * abs(want - other)
