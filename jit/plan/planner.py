"""Planning: the state that the passes (pipeline.py) work on, the lowering of steps, and the making of the layout."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tracer.ops.ir.errors import CannotCompile, NoCompiler
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, leaf_op, scalar_op
from tracer.ops.ir.op import LEAF

from .. import steps as native_steps
from ..codegen.generated import Generated, KernelResult
from ..fusion.kernel import Kernel, Library, Step
from ..fusion.native_step import Nested, native_step
from ..graph.builder import Nodes
from ..process import interrupts
from ..runtime import driver
from ..runtime.launch import argument_layout
from ..runtime.packed import Packing
from ..steps import kernel as kernels
from .layout import ByNumPy, Check, PlanLayout, Run, Source
from .memory import arrange, rounded
from .parallel_groups import Work

native_steps.load()

#: The most threads that run a chain in bands, each with memory of its own: memory that no thread needs is not touched.
AREAS = 16

#: A lowered step: its rows of the driver's table, or its NumPy step; the values it reads; the values it writes.
Row = tuple[list[Any] | ByNumPy, list[Any], list[Any]]


@dataclass(eq=False)
class PlanState:
    """The state of planning: each pass reads the results of those before it, and adds its own.

    Lists and dictionaries by step go by its number in `steps`, those by chain by its number in `chains`.
    """

    outputs: Sequence[Node]
    nodes: Nodes
    plan_nested: Callable[..., Nested]  # plans a graph as a part of a step
    around: PlanState | None = None  # of such a graph: the state of the plan around it
    graph: list[Node] = field(default_factory=list)  # the outputs, rewritten; then calls kept because they may fail
    copies: set[Node] = field(default_factory=set)  # nodes of the graph that compute a value once more, not to keep it
    aliases: dict[Node, Node] = field(default_factory=dict)  # by value, the one whose memory it shares
    steps: list[Step] = field(default_factory=list)
    materialized: set[Node] = field(default_factory=set)  # the values that steps leave in memory
    code: list[KernelResult] = field(default_factory=list)  # by step, the source of a kernel
    slots: dict[Any, int] = field(default_factory=dict)  # of bind
    count: int = 0  # of the slots, with those of loops' bodies
    sizes: dict[Any, int] = field(default_factory=dict)  # the bytes of the values between steps
    leaves: list[Node] = field(default_factory=list)
    numbers: list[Node] = field(default_factory=list)
    made: list[Node] = field(default_factory=list)  # distinct computed outputs, each with a buffer of its own
    chains: list[range] = field(default_factory=list)  # step numbers: those run band by band, or a single one
    chunks: dict[int, int] = field(default_factory=dict)  # by step in a chain, the length of its chunks
    banded: dict[int, dict[Node, int]] = field(default_factory=dict)  # by chain's first step, bytes of a band by value
    areas: dict[int, driver.Areas] = field(default_factory=dict)  # by chain's first step, the memory of such values
    rows: list[Row] = field(default_factory=list)  # by step
    nested: dict[int, Nested] = field(default_factory=dict)  # by step, the plan of its body
    main_rows: dict[int, int] = field(default_factory=dict)  # by kernel, the number of its main row
    by_step: dict[int, Generated] = field(default_factory=dict)  # the kernels that are native
    in_place: dict[int, Sequence[tuple[Node, Node]]] = field(default_factory=dict)  # (result, operand): one memory
    checked: set[tuple] = field(default_factory=set)  # keys of failures that a step notes in bind
    checks: dict[Node, Check] = field(default_factory=dict)  # by node of such a step, the check after it
    fallbacks: list[tuple[Node, str]] = field(default_factory=list)  # the nodes that NumPy computes, and why
    packings: list[Packing] = field(default_factory=list)  # of leaves
    chain_groups: list[list[int]] = field(default_factory=list)  # the numbers of chains that run at the same time
    donations: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)  # see PlanLayout
    layout: PlanLayout = field(init=False)

    @property
    def results(self) -> list[Node]:
        """The outputs, rewritten."""
        return self.graph[:len(self.outputs)]

    @cached_property
    def readers(self) -> dict[Node, list[Node]]:
        """By leaf, the nodes that read it."""
        found: dict[Node, list[Node]] = {}
        for n in toposort(self.graph):
            for x in n.inputs:
                if x.op is leaf_op:
                    found.setdefault(x, []).append(n)
        return found

    @property
    def groups(self) -> list[list[int]]:
        """The numbers of steps that run at the same time."""
        return [[i for at in group for i in self.chains[at]] for group in self.chain_groups]

    @property
    def kernels(self) -> list[Generated]:
        """The kernels that are native, in order."""
        return list(self.by_step.values())

    @property
    def offsets(self) -> dict[Any, int]:
        """The offsets in the arena of the values between steps."""
        places, _ = arrange(self.layout.touched, dict(self.layout.between))
        return {v: places[at] for v, at in self.slots.items() if at in places}

    def slot(self, what: Any, nbytes: int) -> int:
        """The slot of bind with the address of a value between steps."""
        if what not in self.slots:
            if what in self.aliases:
                self.slots[what] = self.slot(self.aliases[what], nbytes)
            else:
                self.slots[what] = self.new_slot()
                self.sizes[what] = nbytes
        return self.slots[what]

    def new_slot(self) -> int:
        """A slot of bind that has no use yet."""
        if self.around is not None:
            return self.around.new_slot()
        self.count += 1
        return self.count - 1

    @property
    def slots_in_use(self) -> int:
        """The number of slots of bind so far, with those of the plans around this one."""
        return self.count if self.around is None else self.around.slots_in_use

    def checks_of(self, i: int) -> list[Check]:
        """The checks after a step, by its number."""
        return [self.checks[n] for n in self.rows[i][2] if n in self.checks]


class _Uses:
    """The values that a step reads and writes, noted as its lowering gets their slots: so no access is undeclared."""

    def __init__(self, planning: PlanState, chunk: int, parts: Sequence[Node] = ()) -> None:
        self.planning, self.materialized, self.chunk = planning, planning.materialized, chunk
        self.parts: Mapping[int, Node] = {n.attrs[0]: n for n in parts}
        self.nested: Nested | None = None
        self.reads: dict[Any, None] = {}
        self.writes: dict[Any, None] = {}

    def read(self, value: Node) -> int:
        """The slot of bind of a value or number; a value counts as read unless the step has written it itself."""
        if value.op is not scalar_op and value not in self.writes:
            self.reads[value] = None
        return self.planning.slots[value]

    def write(self, what: Any, nbytes: int) -> int:
        """The slot of bind with the address to which the step writes a value."""
        self.writes[what] = None
        return self.planning.slot(what, nbytes)

    def lasting(self, value: Node, node: Node) -> bool:
        """Whether a value is an array of the user's that only operations such as that of `node` read."""
        return value.op is leaf_op and all([n.op is node.op for n in self.planning.readers.get(value, ())])

    def pack(self, value: Node, what: Any, nbytes: int, key: tuple) -> tuple[int, int]:
        """The slots of the packed form `what` of a value, and of the word that is not 0 where that is up to date."""
        slot, done = self.write(what, nbytes), self.planning.new_slot()
        if value.op is leaf_op and self.planning.around is None:
            self.planning.packings.append(Packing(value.attrs[1], slot, done, nbytes, key))
        return slot, done

    def failed(self, node: Node, key: tuple) -> int:
        """The slot in which the step notes a failure; a check follows it, unless an earlier step of the key has one."""
        planning, slot = self.planning, self.planning.slot(("failed", node), 0)
        if key not in planning.checked:
            planning.checked.add(key)
            planning.checks[node] = Check(slot, Source(node, planning.slots[node], self.sources(node)))
        return slot

    def slot(self) -> int:
        """A slot of bind for an address that the step computes."""
        return self.planning.new_slot()

    def plan(self, outputs: Sequence[Node], slots: Mapping[Node, int], results: Sequence[int]) -> Nested:
        """Plan a graph as a part of the step."""
        self.nested = self.planning.plan_nested(self.planning, outputs, slots, results)
        return self.nested

    # ---- NumPy steps -----------------------------------------------------------------------------

    def sources(self, node: Node) -> tuple[Source, ...]:
        """The operands of a node, as NumPy reads them."""
        return tuple([self._source(x) for x in node.inputs])

    def _source(self, node: Node) -> Source:
        """A value in memory, or one that NumPy computes from such."""
        if node.op is scalar_op or node.op is leaf_op or node in self.materialized or node in self.writes:
            return Source(node, self.read(node))
        return Source(node, -1, self.sources(node))

    def by_numpy(self, nodes: Sequence[Node], reasons: Iterable[str]) -> ByNumPy:
        """Make the NumPy step that computes the nodes."""
        self.planning.fallbacks += zip(nodes, reasons)
        values = []
        for n in nodes:
            slot = self.write(n, 0 if isinstance(n.aval, tuple) else n.aval.nbytes)
            values.append(Source(n, slot, self.sources(n)))
        return ByNumPy(tuple(values))


# ---- passes --------------------------------------------------------------------------------------

def assign_slots(planning: PlanState) -> None:
    """Assign the first slots of bind to leaves, numbers and outputs."""
    order = toposort(planning.graph)
    planning.leaves = [n for n in order if n.op is leaf_op]
    planning.numbers = [n for n in order if n.op is scalar_op]
    slots = planning.slots
    for n in planning.leaves + planning.numbers:
        slots[n] = planning.new_slot()
    for n in planning.graph:
        if n.op.kind != LEAF and n not in slots:
            planning.made.append(n)
            slots[n] = planning.new_slot()


def lower(planning: PlanState) -> None:
    """Lower all steps to rows, and note the values that they read and write."""
    for i, step in enumerate(planning.steps):
        interrupts.check()  # compiling a new kernel takes long
        uses = _Uses(planning, planning.chunks.get(i, 0), [] if isinstance(step, Kernel) else step.parts)
        rows = _kernel(planning, i, step, uses) if isinstance(step, Kernel) else _library(planning, i, step, uses)
        planning.rows.append((rows, list(uses.reads), list(uses.writes)))
        if uses.nested is not None:
            planning.nested[i] = uses.nested
    for chain in planning.chains:
        if chain.start in planning.banded:
            planning.areas[chain.start] = _areas(planning, chain)


def _areas(planning: PlanState, chain: range) -> driver.Areas:
    """The areas of a chain, which its first step is noted to write; places in an area are used again."""
    sizes = {planning.slots[v]: nbytes for v, nbytes in planning.banded[chain.start].items()}
    rows = [planning.rows[i] for i in chain]
    places, nbytes = arrange([([planning.slots[v] for v in reads], [planning.slots[v] for v in writes])
                              for _, reads, writes in rows], sizes)
    slots = planning.slots_in_use
    head = rounded(8 * slots)
    key = "areas", planning.steps[chain.start]
    base = planning.slot(key, AREAS * (head + nbytes))
    planning.rows[chain.start][2].append(key)
    values = tuple([(slot, head + at, sizes[slot]) for slot, at in places.items()])
    return driver.Areas(base, head + nbytes, AREAS, slots, values)


def _kernel(planning: PlanState, at: int, kernel: Kernel, uses: _Uses) -> list[Any] | ByNumPy:
    made = planning.code[at]
    try:
        if not isinstance(made, Generated):
            assert made is not None
            raise made
        rows, planning.main_rows[at] = kernels.lower(kernel, made, uses)
    except NoCompiler:
        raise
    except CannotCompile as why:
        return uses.by_numpy([r.node for r in kernel.roots], [why.reason] * len(kernel.roots))
    planning.by_step[at] = made
    planning.in_place[at] = made.in_place
    return rows


def _library(planning: PlanState, at: int, step: Library, uses: _Uses) -> list[Any] | ByNumPy:
    node = step.node
    native = native_step(node)
    try:
        if native is None or not native.fits(node, planning.materialized):
            raise CannotCompile(node.op.name)
        planning.in_place[at] = native.in_place(node, planning.materialized)
        rows = native.lower(node, uses)
        if uses.chunk:
            planning.main_rows[at] = len(rows) - 1
        return rows
    except NoCompiler:
        raise
    except CannotCompile as why:
        return uses.by_numpy([node, *step.parts], [why.reason] * (1 + len(step.parts)))


def works(planning: PlanState) -> list[Work]:
    """The cost, reads and writes of each chain, for grouping; a step that may fail, or is not native, is alone."""
    found = []
    for chain in planning.chains:
        costs = [_cost(planning, i) for i in chain]
        rows = [planning.rows[i] for i in chain]
        found.append(Work(sum(costs) if all(costs) else 0.0, [v for _, reads, _ in rows for v in reads],
                          [v for _, _, writes in rows for v in writes],
                          [pair for i in chain for pair in planning.in_place.get(i, ())]))
    return found


def _cost(planning: PlanState, i: int) -> float:
    native, _, writes = planning.rows[i]
    if i in planning.by_step:
        return max(planning.by_step[i].cost, 1.0)
    step = planning.steps[i]
    if not isinstance(step, Library) or not isinstance(native, list) or not planning.checks.keys().isdisjoint(writes):
        return 0.0
    record = native_step(step.node)
    return 0.0 if record is None else record.cost(step.node)


def donate(planning: PlanState) -> None:
    """Find, for each output, the leaves that it may be written over if they are dead: true in-place updates.

    All candidates are kept: which of them are dead is known only in a run; a gradient, for example, lives on.
    """
    rows = planning.rows
    last = {n: i for i, (_, reads, _) in enumerate(rows) for n in reads}
    # A NumPy step or a check may raise; outputs that do not need it are then computed again, so that no step up to it
    # may write over a leaf.
    risky = max((i for i, (native, _, writes) in enumerate(rows)
                 if not isinstance(native, list) or not planning.checks.keys().isdisjoint(writes)), default=-1)
    place, kept = {n: i for i, n in enumerate(planning.made)}, set(planning.graph)
    leaves: dict[int, list[int]] = {}
    for i in range(risky + 1, len(rows)):
        for result, operand in planning.in_place.get(i, ()):
            if operand.op is leaf_op and last[operand] == i and result in place and operand not in kept:
                leaves.setdefault(place[result], []).append(operand.attrs[1])
    planning.donations = [(i, tuple(found)) for i, found in leaves.items()]


def lay_out(planning: PlanState) -> None:
    """Make the layout from the results of the other passes."""
    p, where = planning, {n: i for i, n in enumerate(planning.made)}
    p.layout = PlanLayout(
        p.count, tuple([(p.slots[v], nbytes) for v, nbytes in p.sizes.items()]), tuple(touched(p)),
        argument_layout(p.leaves, p.numbers, len(p.made)), tuple([n.aval.nbytes for n in p.made]),
        tuple([(where[n], None) if n in where else (-1, n) for n in p.results]), tuple(p.packings),
        tuple(p.donations), tuple(_runs(p)),
        tuple(p.fallbacks), len(p.steps))


def touched(planning: PlanState) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    between = {planning.slots[v] for v in planning.sizes}

    def slots(values: Iterable[Any]) -> tuple[int, ...]:
        return tuple(sorted({at for v in values if (at := planning.slots[v]) in between}))

    rows = [[planning.rows[at] for at in group] for group in planning.groups]
    return [(slots(v for _, reads, _ in group for v in reads), slots(v for _, _, writes in group for v in writes))
            for group in rows]


def _runs(planning: PlanState) -> list[Run]:
    runs: list[Run] = []
    rows: list[driver.Item] = []
    for group in planning.chain_groups:
        first = planning.chains[group[0]][0]
        native, *_ = planning.rows[first]
        checks = planning.checks_of(first)
        if isinstance(native, list):
            rows += items_of(planning, [planning.chains[at] for at in group])
        if rows and (checks or not isinstance(native, list)):
            runs.append(tuple(rows))
            rows = []
        runs += checks if isinstance(native, list) else [native]
    if rows:
        runs.append(tuple(rows))
    return runs


def items_of(planning: PlanState, group: Sequence[Sequence[int]]) -> list[driver.Item]:
    """The rows of a group: preparations, the chains as one item, and combinations of partial results."""
    before: list[driver.Item] = []
    at_once: list[driver.Item] = []
    after: list[driver.Item] = []
    for chain in group:
        own: list[Any] = []
        for i in chain:
            native = planning.rows[i][0]
            assert isinstance(native, list)
            at = planning.main_rows.get(i, 0)
            before += native[:at]
            own.append(native[at])
            after += native[at + 1:]
        at_once.append(driver.Chain(own, planning.areas.get(chain[0])) if len(chain) > 1 else own[0])
    return [*before, driver.Group(at_once) if len(at_once) > 1 else at_once[0], *after]
