"""Planning: fused steps laid out in memory and in a table that one native call runs.

A plan's `bind` array holds, word by word, what differs between runs: addresses of leaves and outputs, and numbers;
then the addresses of values between steps, which live in one arena, places reused as values die.
"""
from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tracer.ops.errors import CannotCompile
from tracer.ops.node import Node, const_value, leaf_op, scalar_op, toposort
from tracer.ops.op import LEAF, VIEW

from . import blas, driver, gathers, profile, timed
from .access import without_reshapes
from .buffers import Buffer, allocate, pool_of
from .codegen import Generated
from .costs import CHUNK_COST, MAX_CHUNKS, cut, is_product, product_cost, sizes_of
from .folds import FOLDED, fold_products, homes
from .fuse import Kernel, Library, Step
from .interpreter import ExecutionError
from .kernels import find_kernel
from .launch import Launch, filler, launcher, words_of
from .links import chains_of, written_over
from .liveness import arrange
from .phases import Work, phases
from .schedule import made_by, schedule
from .simplify import simplify
from .templates import Made, steps_of
from .text import combining, filling, short

#: Cost from which independent steps become one phase. A step alone is cut from half of it on: many parts cost more.
PHASE_COST = 4 * CHUNK_COST
#: Bytes up to which a plan keeps its arena between runs.
SMALL_ARENA = 1 << 12
#: Elements of a long row of partial results that are combined at a time.
COMBINED = 2048


class Plan:
    """The executable form of a graph: `run` maps leaves and numbers to output buffers."""

    def __init__(self, outputs: Sequence[Node]) -> None:
        self.graph = fold_products(simplify(outputs))
        self.words: dict[Any, int] = {}
        self.sizes: dict[Any, int] = {}
        self.kernels: list[Generated] = []
        self.checks: dict[tuple, Node] = {}  # by index arrays, the first step that may note a failure in bind
        self.fallbacks: list[tuple[Node, str]] = []  # what NumPy does in this program
        self.by_step: dict[int, Generated] = {}
        self.homes = homes(self.graph, set(self.graph))
        steps, made = steps_of(self.graph)
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
        self.checked = set(self.checks.values())
        self.phased = phases([self._work(chain) for chain in self.chains], PHASE_COST)
        self.phases = [[i for at in phase for i in self.chains[at]] for phase in self.phased]
        self._place_arena()
        self._finish()

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

    # ---- steps -> rows of the driver's table, and Python calls -----------------------------------

    def _lower(self, steps: Sequence[Step],
               made: Sequence[Made]) -> list[tuple[list[driver.Step] | Callable[[Plan], None], list, list]]:
        """For each step its native rows (or the Python call), and the values it reads and writes."""
        rows = []
        for i, step in enumerate(steps):
            if isinstance(step, Library):
                rows.append(self._library(step.node, i))
            else:
                rows.append(self._kernel(step, i, made[i]))
        return rows

    def _kernel(self, kernel: Kernel, at: int, made: Made) -> Any:
        if not isinstance(made, Generated):
            assert made is not None
            return self._interpreted(kernel, made)
        try:
            address = find_kernel(made.source)
        except CannotCompile as why:
            return self._interpreted(kernel, why)
        self.kernels.append(made)
        self.by_step[at] = made
        for root in kernel.roots:
            self.word(root.node, root.node.aval.nbytes)
        chunk, chunks = cut(made)
        if at in self.chunks:
            chunk, chunks = self.chunks[at], -(-made.extent // self.chunks[at])
        names = [(kernel, i) for i in range(len(made.parts))]
        for name, part in zip(names, made.parts, strict=True):
            self.word(name, (1 if part.shared else chunks) * part.count * part.dtype.itemsize)
        args = [self._argument(a, chunk, names) for a in made.args]
        before, after = [], []
        for name, part in zip(names, made.parts, strict=True):
            if part.root is None:
                continue
            node = part.root.node
            if part.shared:
                before.append(driver.Step(find_kernel(filling(node, part.dtype)), [self.words[name]], part.count))
            count = 1 if part.shared else chunks
            after.append(driver.Step(find_kernel(combining(node, part.dtype, part.count)),
                                     [self.words[name], self.words[node], count, part.count], part.count,
                                     COMBINED if part.count > COMBINED else 0))
        self.mains[at] = len(before)
        native = [*before, driver.Step(address, args, made.extent, chunk), *after]
        reads = list(kernel.reads)
        return native, reads, [r.node for r in kernel.roots] + names

    def _argument(self, what: Any, chunk: int, names: list) -> int:
        if isinstance(what, int):
            return what
        if what == "chunk":
            return max(chunk, 1)
        kind, value = what
        if kind == "number":
            number = const_value(value)
            return struct.unpack("q", struct.pack("d", number))[0] if value.dtype.kind == "f" else int(number)
        return self.words[names[value]] if kind == "part" else self.words[value]

    def _library(self, node: Node, at: int) -> Any:
        if is_product(node, self.stored):
            a, b = (without_reshapes(x) for x in node.inputs[:2])
            self.word(node, node.aval.nbytes)
            step = self._gemm(node, a, b)
            self.mains[at] = 0
            return [step._replace(chunk=self.chunks[at]) if at in self.chunks else step], \
                [a, b, *node.inputs[2:3]], [node]
        if node.op.step in ("gather", "scatter"):
            found = self._indexed(node)
            if found is not None:
                return found, self._reads(node), [node]
        self.fallbacks.append((node, node.op.name))
        return self._python(node)

    def _indexed(self, node: Node) -> list[driver.Step] | None:
        """The steps of a gather or scatter over leading axes; None for another form."""
        sizes = gathers.rows_of(node)
        source, *indices = (without_reshapes(x) for x in node.inputs)
        if sizes is None or not indices:
            return None
        scatter, width = node.op.step == "scatter", gathers.width_of(node)
        rows = gathers.rows_in(node) if scatter else None
        if rows is not None:
            source = rows.base
        if any(x not in self.words or x.op is scalar_op for x in (source, *indices)):
            return None
        self.word(node, node.aval.nbytes)
        self.checks.setdefault((sizes, *indices), node)  # what passes one step passes its adjoint
        args = [self.words[source], self.words[node], width, self.word(("failed", node), 0), indices[0].size]
        for index, n in zip(indices, sizes, strict=True):
            args += [self.words[index], n]
        if rows is None:
            address = find_kernel(gathers.source_of(node))
            count = indices[0].size
            chunk = -(-count // MAX_CHUNKS) if node.size >= CHUNK_COST else 0
            return [driver.Step(address, args, count, chunk)]
        zero = driver.Step(find_kernel(gathers.zeroing(short(node.dtype))), [self.words[node]], node.size,
                           CHUNK_COST if node.size > CHUNK_COST else 0)
        args += [rows.start, rows.step, *(number for loop in rows.steps for number in loop)]
        wanted = min(2 * node.inputs[0].size // CHUNK_COST, MAX_CHUNKS)
        chunk = -(-width // (wanted * gathers.COLUMNS)) * gathers.COLUMNS if wanted > 1 else 0
        return [zero, driver.Step(find_kernel(gathers.source_of(node, rows)), args, width, chunk)]

    def _gemm(self, node: Node, a: Node, b: Node) -> driver.Step:
        ta, tb, *factors = node.attrs
        m, n, k, batch = sizes_of(node)
        options: dict[str, Any] = {}
        if factors:
            onto, *numbers = node.inputs[2:]
            alpha, beta, *at = factors
            alpha_index, beta_index = (self.words[numbers[i]] if i >= 0 else -1 for i in at)
            options = {"alpha": alpha, "beta": beta, "alpha_index": alpha_index, "beta_index": beta_index,
                       "source": self.words[onto]}
        return blas.gemm(node.dtype, self.words[a], self.words[b], self.words[node], m, n, k, ta=ta, tb=tb,
                         batch=(batch,), a_strides=(m * k,), b_strides=(k * n,), c_strides=(m * n,), **options)

    # ---- what NumPy does -------------------------------------------------------------------------

    def _view(self, node: Node) -> Callable[[], Any]:
        """Reads a value in memory, or a view of one, as a NumPy array."""
        if node.op is scalar_op:
            word, kind = self.words[node], np.int64 if node.dtype.kind == "i" else np.float64
            return lambda: self.bind[word:word + 1].view(kind)[0]
        if node.op is leaf_op or node in self.stored:
            word, of = self.words[node], node.aval
            if isinstance(of, tuple):
                return lambda: self.objects[node]
            return lambda: _array_at(int(self.bind[word]), of)
        if node.op.kind == VIEW:
            inner, op, attrs = self._view(node.inputs[0]), node.op, node.attrs
            return lambda: op.ref([inner()], attrs)
        if not node.inputs:
            value = node.op.ref([], node.attrs)
            return lambda: value
        sources, op, attrs = [self._view(x) for x in node.inputs], node.op, node.attrs
        return lambda: op.ref([s() for s in sources], attrs)

    def _python(self, node: Node) -> Any:
        sources = [self._view(x) for x in node.inputs]
        reads = self._reads(node)
        many = isinstance(node.aval, tuple)
        self.word(node, 0 if many else node.aval.nbytes)
        word, of = self.words[node], node.aval

        def run(plan: Plan) -> None:
            try:
                with np.errstate(all="ignore"):
                    result = node.op.ref([s() for s in sources], node.attrs)
            except Exception as cause:
                raise ExecutionError(node, cause) from cause
            if many:
                plan.objects[node] = result
            else:
                _array_at(int(plan.bind[word]), of)[...] = result

        return run, reads, [node]

    def _interpreted(self, kernel: Kernel, why: CannotCompile) -> Any:
        """A kernel without a native form, by NumPy, root by root."""
        self.fallbacks += [(r.node, why.reason) for r in kernel.roots]
        runs = []
        for root in kernel.roots:
            self.word(root.node, root.node.aval.nbytes)
            runs.append(self._python(root.node)[0])

        def run(plan: Plan) -> None:
            for one in runs:
                one(plan)

        return run, list(kernel.reads), [r.node for r in kernel.roots]

    def _reads(self, node: Node) -> list[Node]:
        found, stack = [], list(node.inputs)
        while stack:
            x = stack.pop()
            if x in self.stored or x.op is leaf_op:
                found.append(x)
            else:
                stack.extend(x.inputs)
        return found

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
                    [v for _, _, writes in rows for v in writes], [pair for i in chain for pair in self._in_place(i)])

    def _cost(self, i: int) -> float:
        native, _, writes = self.rows[i]
        if i in self.by_step:
            return max(self.by_step[i].cost, 1.0)
        if i in self.mains:
            return product_cost(writes[0])
        alone = not isinstance(native, list) or len(native) > 1 or not self.checked.isdisjoint(writes)
        return 0.0 if alone else max(writes[0].size, 1.0)

    # ---- memory ----------------------------------------------------------------------------------

    def _place_arena(self) -> None:
        """Give each value between steps a place in the arena."""
        homes: dict[Any, Any] = self.homes
        touched = []
        for phase in self.phases:
            rows = [self.rows[at] for at in phase]
            touched.append(([homes.get(v, v) for _, reads, _ in rows for v in reads],
                            [homes.get(v, v) for _, _, writes in rows for v in writes]))
        self.offsets, self.arena_bytes = arrange(touched, self.sizes)

    def _finish(self) -> None:
        self.bind = np.zeros(len(self.words) + 1, np.int64)
        self.address = self.bind.ctypes.data
        self.objects: dict[Node, Any] = {}
        self.arena_at = -1
        self.arena: Buffer | None = None
        self.places = np.array([self.words[v] for v in self.offsets], np.int64)
        self.starts = np.array(list(self.offsets.values()), np.int64)
        self.inputs = words_of(self.leaves, self.numbers, len(self.made))
        self.fill = filler(self.inputs)
        self.pools = [pool_of(n.aval.nbytes) for n in self.made]
        where = {n: i for i, n in enumerate(self.made)}
        self.results = [(where[n], -1) if n in where else (-1, self.words[n]) for n in self.graph]
        self.direct = [a for a, _ in self.results] == list(range(len(self.made)))
        self.donations = self._donations()
        self.runs: list[Callable[[], None]] = []
        self.timed_runs: list[Callable[[], None]] | None = None  # the same, each step by itself
        self.tables: list[driver.Table] = []
        rows: list[driver.Item] = []
        for phase in self.phased:
            native, _, writes = self.rows[self.chains[phase[0]][0]]
            if isinstance(native, list):
                rows += self._items([self.chains[at] for at in phase])
                for node in self.checked.intersection(writes):
                    self._table(rows)
                    rows = []
                    self.runs.append(partial(self.raise_noted, node))
            else:
                self._table(rows)
                rows = []
                self.runs.append(partial(native, self))
        self._table(rows)
        self.launch = self._launcher()

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
                at = self.mains.get(i, len(native) - 1)
                before += native[:at]
                own.append(native[at])
                after += native[at + 1:]
            at_once.append(driver.Chain(own) if len(chain) > 1 else own[0])
        return [*before, driver.Group(at_once) if len(at_once) > 1 else at_once[0], *after]

    def _launcher(self) -> Launch | None:
        """The short way to run, for a program that is one native call and needs little memory of its own."""
        if not self.direct or len(self.runs) != 1 or not self.tables or self.arena_bytes > SMALL_ARENA:
            return None
        if self.arena_bytes:
            self.arena = allocate(self.arena_bytes)
            self._move_arena(self.arena)
        return launcher(self.inputs, self.pools, self.bind, self.runs[0])

    def _move_arena(self, arena: Buffer) -> None:
        self.bind[self.places] = self.starts + arena.addr
        self.arena_at = arena.addr

    def _donations(self) -> list[tuple[int, list[int]]]:
        """The leaves whose memory each output may be written over when nobody else needs them: true in-place updates.

        All of them: which are dead is known when the program runs, and a gradient, say, lives on.
        """
        last = {n: i for i, (_, reads, _) in enumerate(self.rows) for n in reads}
        # A step in Python may raise. Nothing before it writes over a leaf: what doesn't need it is run again.
        risky = max((i for i, (native, _, writes) in enumerate(self.rows)
                     if not isinstance(native, list) or not self.checked.isdisjoint(writes)), default=-1)
        place, kept = {n: i for i, n in enumerate(self.made)}, set(self.graph)
        leaves: dict[int, list[int]] = {}
        for i in range(risky + 1, len(self.steps)):
            for result, operand in self._in_place(i):
                if operand.op is leaf_op and last[operand] == i and result in place and operand not in kept:
                    leaves.setdefault(place[result], []).append(operand.attrs[1])
        return list(leaves.items())

    def _in_place(self, i: int) -> Sequence[tuple[Node, Node]]:
        """(result, operand) pairs of a step that may share memory, once nobody needs the operand any more."""
        if i in self.by_step:
            return self.by_step[i].in_place
        native, reads, (node, *_) = self.rows[i]
        if isinstance(native, list) and node.op.name == FOLDED and reads[2] not in reads[:2]:
            return [(node, reads[2])]
        return ()

    def _table(self, rows: list[driver.Item]) -> None:
        if rows:
            table = driver.Table(rows)
            self.tables.append(table)  # the native loop reads its memory
            self.runs.append(partial(table.run, self.address))

    # ---- running ---------------------------------------------------------------------------------

    def run(self, leaves: Sequence[Buffer], scalars: Sequence[float | int],
            donated: dict[int, Buffer] | None) -> list[Buffer]:
        """Compute the outputs; `donated` gives some of them the memory to use."""
        if self.launch is not None and not donated and not profile.on:
            return self.launch(leaves, scalars)
        if donated:
            buffers = [donated.get(i) or pool.take() for i, pool in enumerate(self.pools)]
        else:
            buffers = [pool.take() for pool in self.pools]
        self.fill(self.bind, leaves, scalars, buffers)
        if self.arena_bytes:
            arena = self.arena or allocate(self.arena_bytes)
            if arena.addr != self.arena_at:
                self._move_arena(arena)
                if self.arena_bytes <= SMALL_ARENA:
                    self.arena = arena
        for run in timed.runs_of(self) if profile.on else self.runs:
            run()
        if self.direct:
            return buffers
        return [buffers[i] if i >= 0 else _copy(leaves, self.leaves, word, self.graph[at], scalars)
                for at, (i, word) in enumerate(self.results)]

    def raise_noted(self, node: Node) -> None:
        """Raise what a native step has noted, in NumPy's own words: by doing the step again."""
        word = self.words["failed", node]
        if self.bind[word]:
            self.bind[word] = 0
            sources = [self._view(x) for x in node.inputs]
            try:
                node.op.ref([s() for s in sources], node.attrs)
            except IndexError as cause:
                raise ExecutionError(node, cause) from cause


def _copy(leaves: Sequence[Buffer], nodes: Sequence[Node], word: int, node: Node, scalars: Any) -> Buffer:
    if node.op is leaf_op:
        return leaves[node.attrs[1]]  # values are immutable: a leaf that is an output shares its buffer
    out = allocate(8)
    out.view(node.aval)[...] = scalars[node.attrs[1]]
    return out


def _array_at(address: int, of: Any) -> np.ndarray:
    if of.size == 0:
        return np.empty(of.shape, of.dtype)
    raw = (ctypes.c_char * of.nbytes).from_address(address)
    return np.ndarray(of.shape, of.dtype, raw)
