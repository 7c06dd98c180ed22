"""Planning: what one native call is to do for a graph, worked out step by step, and laid out.

`Planning` takes a graph through all passes. What comes of it for the run is its `Layout`: numbers, and few nodes. All
that is worked out here may be worked out with sizes that remember (sizes.py): then a layout holds for other sizes, too
(templates.py).
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tracer.ops.ir.errors import CannotCompile, NoCompiler
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, leaf_op, scalar_op
from tracer.ops.ir.op import LEAF

from .. import steps as native_steps
from ..codegen.generated import Generated, Made
from ..codegen.kernel_source import try_generate
from ..codegen.scalar_text import combining, filling
from ..fusion.fuse import fuse
from ..fusion.kernel import Kernel, Step
from ..fusion.native_step import native_step
from ..graph.builder import Nodes
from ..graph.fold_matmul import fold_products, homes
from ..graph.scalars import bits_of, number_of
from ..graph.simplify import needed, simplify
from ..graph.symbolic_size import Size, applied
from ..native.kernel_cache import find_kernel
from ..process import interrupts
from ..runtime import driver
from ..runtime.costs import CHUNK_COST, cut
from ..runtime.launch import words_of
from .band_links import chains_of, written_over
from .layout import ByNumPy, Check, Layout, Run, Source
from .memory import arrange
from .parallel_groups import Work, phases
from .schedule import made_by, schedule

native_steps.load()

#: Cost from which independent steps become one phase. A step alone is cut from half of it on: many parts cost more.
PHASE_COST = 4 * CHUNK_COST
#: Elements of a long row of partial results that are combined at a time.
COMBINED = 2048


class Planning:
    """A graph's steps in order, and where all of their values lie."""

    def __init__(self, outputs: Sequence[Node], nodes: Nodes | None = None) -> None:
        nodes = Nodes() if nodes is None else nodes
        simple = simplify(outputs, nodes)
        self.graph = fold_products([*simple, *needed(nodes, simple)], nodes)
        self.results = self.graph[:len(simple)]  # the others are computed because they may fail
        self.words: dict[Any, int] = {}
        self.sizes: dict[Any, int] = {}
        self.kernels: list[Generated] = []
        self.checked: set[tuple] = set()  # keys of failures that a step notes in bind
        self.checks: dict[Node, Check] = {}  # what is to be asked after such a step
        self.in_place: dict[int, Sequence[tuple[Node, Node]]] = {}  # by step, (result, operand) that may share memory
        self.fallbacks: list[tuple[Node, str]] = []  # what NumPy does in this program
        self.by_step: dict[int, Generated] = {}
        self.homes = homes(self.graph, set(self.graph))
        steps, made = steps_of(self.graph)
        interrupts.check()  # of a large graph each pass may take seconds
        order = schedule(steps)
        steps, made = [steps[i] for i in order], [made[i] for i in order]
        self.steps = steps
        self._place_inputs()
        self._place_outputs()
        self.stored = {n for s in steps for n in made_by(s)}
        self.chunks: dict[int, int] = {}  # their length, of the steps in chains
        self.mains: dict[int, int] = {}  # where in its native rows a step's own is, between what prepares and combines
        self.chains = self._chained(steps, made)
        self.rows = self._lower(steps, made)
        self.phased = phases([self._work(chain) for chain in self.chains], PHASE_COST)
        self.phases = [[i for at in phase for i in self.chains[at]] for phase in self.phased]
        self.layout = self._layout()

    # ---- the words of bind -----------------------------------------------------------------------

    def _place_inputs(self) -> None:
        order = toposort(self.graph)
        self.leaves = [n for n in order if n.op is leaf_op]
        self.numbers = [n for n in order if n.op is scalar_op]
        for n in self.leaves + self.numbers:
            self.words[n] = len(self.words)

    def _place_outputs(self) -> None:
        self.made: list[Node] = []  # distinct computed outputs, each with a buffer of its own
        for n in self.graph:
            if n.op.kind != LEAF and n not in self.words:
                self.made.append(n)
                self.words[n] = len(self.words)

    def word(self, what: Any, nbytes: int) -> int:
        """The word of bind with the address of a value between steps."""
        if what not in self.words:
            if what in self.homes:
                self.words[what] = self.word(self.homes[what], nbytes)
            else:
                self.words[what] = len(self.words)
                self.sizes[what] = nbytes
        return self.words[what]

    # ---- steps -> rows of the driver's table, and what NumPy does ---------------------------------

    def _lower(self, steps: Sequence[Step],
               made: Sequence[Made]) -> list[tuple[list[driver.Step] | ByNumPy, list, list]]:
        """For each step its native rows (or what NumPy does), and the values it reads and writes."""
        rows = []
        for i, step in enumerate(steps):
            interrupts.check()  # a kernel that is new takes long
            uses = _Uses(self, self.chunks.get(i, 0))
            native = self._kernel(step, i, made[i], uses) if isinstance(step, Kernel) else \
                self._library(step.node, i, uses)
            rows.append((native, list(uses.reads), list(uses.writes)))
        return rows

    def _kernel(self, kernel: Kernel, at: int, made: Made, uses: _Uses) -> list[driver.Step] | ByNumPy:
        if not isinstance(made, Generated):
            assert made is not None
            return self._interpreted(kernel, made, uses)
        try:
            address = find_kernel(made.source)
        except NoCompiler:
            raise
        except CannotCompile as why:
            return self._interpreted(kernel, why, uses)
        self.kernels.append(made)
        self.by_step[at] = made
        self.in_place[at] = made.in_place
        for root in kernel.roots:
            uses.write(root.node, root.node.aval.nbytes)
        chunk, chunks = cut(made)
        if at in self.chunks:
            chunk, chunks = self.chunks[at], -(-made.extent // self.chunks[at])
        parts = [uses.write((kernel, i), (1 if part.shared else chunks) * part.count * part.dtype.itemsize)
                 for i, part in enumerate(made.parts)]
        args = [self._argument(a, chunk, parts, uses) for a in made.args]
        before, after = [], []
        for word, part in zip(parts, made.parts, strict=True):
            if part.root is None:
                continue
            node = part.root.node
            if part.shared:
                before.append(driver.Step(find_kernel(filling(node, part.dtype)), [word], part.count))
            count = 1 if part.shared else chunks
            after.append(driver.Step(find_kernel(combining(node, part.dtype, part.count)),
                                     [word, self.words[node], count, part.count], part.count,
                                     COMBINED if part.count > COMBINED else 0))
        self.mains[at] = len(before)
        return [*before, driver.Step(address, args, made.extent, chunk), *after]

    def _argument(self, what: Any, chunk: int, parts: Sequence[int], uses: _Uses) -> Any:
        if isinstance(what, (int, Size)):
            return what
        if what == "chunk":
            return max(chunk, 1)
        kind, value = what
        if kind == "number":
            number = number_of(value)
            return applied(bits_of if value.dtype.kind == "f" else int, number)
        return parts[value] if kind == "part" else uses.read(value)

    def _library(self, node: Node, at: int, uses: _Uses) -> list[driver.Step] | ByNumPy:
        native = native_step(node)
        if native is None or not native.fits(node, self.stored):
            self.fallbacks.append((node, node.op.name))
            return self._by_numpy([node], uses)
        rows = native.lower(node, uses)
        self.in_place[at] = native.in_place(node, self.stored)
        return rows

    # ---- what NumPy does -------------------------------------------------------------------------

    def _source(self, node: Node, uses: _Uses) -> Source:
        """A value in memory, or what is computed of such."""
        if node.op is scalar_op or node.op is leaf_op or node in self.stored:
            return Source(node, uses.read(node))
        return Source(node, -1, self.sources(node, uses))

    def sources(self, node: Node, uses: _Uses) -> tuple[Source, ...]:
        """How NumPy reads the operands of a node."""
        return tuple([self._source(x, uses) for x in node.inputs])

    def _by_numpy(self, nodes: Sequence[Node], uses: _Uses) -> ByNumPy:
        values = []
        for n in nodes:
            word = uses.write(n, 0 if isinstance(n.aval, tuple) else n.aval.nbytes)
            values.append(Source(n, word, self.sources(n, uses)))
        return ByNumPy(tuple(values))

    def _interpreted(self, kernel: Kernel, why: CannotCompile, uses: _Uses) -> ByNumPy:
        """A kernel without a native form, root by root."""
        self.fallbacks += [(r.node, why.reason) for r in kernel.roots]
        return self._by_numpy([r.node for r in kernel.roots], uses)

    # ---- steps done together ---------------------------------------------------------------------

    def _chained(self, steps: Sequence[Step], made: Sequence[Made]) -> list[range]:
        """The steps' numbers, a chain's together; `chunks` notes how these are cut, `homes` who shares memory."""
        found: list[range] = []
        done = 0
        for chain in chains_of(steps, made, self.stored):
            found += [range(i, i + 1) for i in range(done, chain.first)]
            done = chain.first + len(chain.chunks)
            found.append(range(chain.first, done))
            self.chunks.update(zip(found[-1], chain.chunks))
        for product, result in written_over(steps, made, found, self.words).items():
            home = self.homes.get(result, result)
            for n in [product, *[n for n, at in self.homes.items() if at is product]]:
                self.homes[n] = home
        return found + [range(i, i + 1) for i in range(done, len(steps))]

    def _work(self, chain: Sequence[int]) -> Work:
        """What the phases know of some steps: what is not one native step each, or may note a failure, is alone."""
        costs = [self._cost(i) for i in chain]
        rows = [self.rows[i] for i in chain]
        return Work(sum(costs) if all(costs) else 0.0, [v for _, reads, _ in rows for v in reads],
                    [v for _, _, writes in rows for v in writes],
                    [pair for i in chain for pair in self.in_place.get(i, ())])

    def _cost(self, i: int) -> float:
        native, _, writes = self.rows[i]
        if i in self.by_step:
            return max(self.by_step[i].cost, 1.0)
        record = native_step(writes[0]) if isinstance(native, list) else None
        return 0.0 if record is None or not self.checks.keys().isdisjoint(writes) else record.cost(writes[0])

    # ---- what a run needs ------------------------------------------------------------------------

    def _layout(self) -> Layout:
        where = {n: i for i, n in enumerate(self.made)}
        return Layout(len(self.words), tuple([(self.words[v], nbytes) for v, nbytes in self.sizes.items()]),
                      tuple(self._touched()), words_of(self.leaves, self.numbers, len(self.made)),
                      tuple([n.aval.nbytes for n in self.made]),
                      tuple([(where[n], None) if n in where else (-1, n) for n in self.results]),
                      tuple(self._donations()), tuple(self._runs()), tuple(self.fallbacks), len(self.steps))

    def _touched(self) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        between = {self.words[v] for v in self.sizes}

        def words(values: Iterable[Any]) -> tuple[int, ...]:
            return tuple(sorted({at for v in values if (at := self.words[v]) in between}))

        rows = [[self.rows[at] for at in phase] for phase in self.phases]
        return [(words(v for _, reads, _ in phase for v in reads), words(v for _, _, writes in phase for v in writes))
                for phase in rows]

    @property
    def offsets(self) -> dict[Any, int]:
        """Where in the arena the values between steps lie."""
        places, _ = arrange(self.layout.touched, dict(self.layout.between))
        return {v: places[at] for v, at in self.words.items() if at in places}

    def _runs(self) -> list[Run]:
        runs: list[Run] = []
        rows: list[driver.Item] = []
        for phase in self.phased:
            first = self.chains[phase[0]][0]
            native, *_ = self.rows[first]
            checks = self.checks_of(first)
            if isinstance(native, list):
                rows += self._items([self.chains[at] for at in phase])
            if rows and (checks or not isinstance(native, list)):
                runs.append(tuple(rows))
                rows = []
            runs += checks if isinstance(native, list) else [native]
        if rows:
            runs.append(tuple(rows))
        return runs

    def checks_of(self, i: int) -> list[Check]:
        """What is to be asked after a step, by its number."""
        return [self.checks[n] for n in self.rows[i][2] if n in self.checks]

    def _items(self, phase: Sequence[Sequence[int]]) -> list[driver.Item]:
        """The rows of a phase's chains: what prepares them, the chains at once, and what combines their parts."""
        before: list[driver.Item] = []
        at_once: list[driver.Item] = []
        after: list[driver.Item] = []
        for chain in phase:
            own: list[driver.Step] = []
            for i in chain:
                native = self.rows[i][0]
                assert isinstance(native, list)
                at = self.mains.get(i, 0)
                before += native[:at]
                own.append(native[at])
                after += native[at + 1:]
            at_once.append(driver.Chain(own) if len(chain) > 1 else own[0])
        return [*before, driver.Group(at_once) if len(at_once) > 1 else at_once[0], *after]

    def _donations(self) -> list[tuple[int, tuple[int, ...]]]:
        """The leaves whose memory each output may be written over when nobody else needs them: true in-place updates.

        All of them: which are dead is known when the program runs, and a gradient, say, lives on.
        """
        last = {n: i for i, (_, reads, _) in enumerate(self.rows) for n in reads}
        # A step in Python may raise. Nothing before it writes over a leaf: what doesn't need it is run again.
        risky = max((i for i, (native, _, writes) in enumerate(self.rows)
                     if not isinstance(native, list) or not self.checks.keys().isdisjoint(writes)), default=-1)
        place, kept = {n: i for i, n in enumerate(self.made)}, set(self.graph)
        leaves: dict[int, list[int]] = {}
        for i in range(risky + 1, len(self.steps)):
            for result, operand in self.in_place.get(i, ()):
                if operand.op is leaf_op and last[operand] == i and result in place and operand not in kept:
                    leaves.setdefault(place[result], []).append(operand.attrs[1])
        return [(i, tuple(found)) for i, found in leaves.items()]


class _Uses:
    """The values that a step reads and writes, noted as it asks for their words: it cannot do what it does not say."""

    def __init__(self, planning: Planning, chunk: int) -> None:
        self.planning, self.stored, self.chunk = planning, planning.stored, chunk
        self.reads: dict[Any, None] = {}
        self.writes: dict[Any, None] = {}

    def read(self, value: Node) -> int:
        """The word of bind of a value that the step reads, unless it has written it itself; of a number too."""
        if value.op is not scalar_op and value not in self.writes:
            self.reads[value] = None
        return self.planning.words[value]

    def write(self, what: Any, nbytes: int) -> int:
        """The word of bind with the address to which the step writes a value."""
        self.writes[what] = None
        return self.planning.word(what, nbytes)

    def failed(self, node: Node, key: tuple) -> int:
        """The word in which the step notes that it has failed: it is asked for, unless after a step of the same key."""
        planning, word = self.planning, self.planning.word(("failed", node), 0)
        if key not in planning.checked:
            planning.checked.add(key)
            planning.checks[node] = Check(word, Source(node, planning.words[node], planning.sources(node, self)))
        return word


def steps_of(outputs: Sequence[Node]) -> tuple[list[Step], list[Made]]:
    """The steps that compute `outputs`, and for each the generated kernel (None for a library call)."""
    steps = fuse(outputs)
    stored = {n for s in steps for n in made_by(s)}
    return steps, [try_generate(s, stored) if isinstance(s, Kernel) else None for s in steps]
