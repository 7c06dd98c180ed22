"""The passes of planning, in order: from the recorded graph to the layout of one native call.

All passes also work with symbolic sizes (graph/symbolic_size.py): the layout then holds for other sizes too
(cache/shape_templates.py). TRACER_SKIP leaves passes out, to find the one that is wrong.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tracer.ops.ir.errors import CannotCompile
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node
from tracer.ops.ir.op import LEAF

from .. import settings
from ..codegen.generated import Generated
from ..codegen.kernel_source import try_generate
from ..fusion.fuse import fuse
from ..fusion.kernel import Kernel
from ..fusion.native_step import Nested
from ..graph.builder import Nodes
from ..graph.distinct import distinct
from ..graph.fold_matmul import aliases, fold_products
from ..graph.fold_scatter import fold_scatters
from ..graph.join_scans import join_scans
from ..graph.recompute import recompute
from ..graph.simplify import needed, simplify
from ..graph.split_sums import split_sums
from ..native.kernel_cache import prepare
from ..process import interrupts
from ..runtime.costs import CHUNK_COST
from .band_links import band_chains, banded, written_over
from .memory import arrange
from .parallel_groups import group_steps
from .planner import PlanState, assign_slots, donate, items_of, lay_out, lower, touched, works
from .schedule import made_by, schedule

#: Cost from which independent steps become one group. A single step is cut from half of it on: many parts cost more.
GROUP_COST = 4 * CHUNK_COST


def _simplify(planning: PlanState) -> None:
    simple = join_scans(simplify(planning.outputs, planning.nodes), planning.nodes)
    planning.graph = [*simple, *needed(planning.nodes, simple)]


def _fold(planning: PlanState) -> None:
    planning.graph = fold_scatters(fold_products(planning.graph, planning.nodes), planning.nodes)
    planning.aliases = aliases(planning.graph, set(planning.graph))


def _split(planning: PlanState) -> None:
    planning.graph = split_sums(planning.graph, planning.nodes)


def _recompute(planning: PlanState) -> None:
    planning.graph, planning.copies = recompute(planning.graph, planning.nodes)


def _fuse(planning: PlanState, apart: bool = False) -> None:
    planning.steps = fuse(planning.graph, apart, planning.copies)
    planning.materialized = {n for s in planning.steps for n in made_by(s)}


def _schedule(planning: PlanState) -> None:
    planning.steps = [planning.steps[i] for i in schedule(planning.steps)]


def _generate(planning: PlanState) -> None:
    planning.code = [try_generate(s, planning.materialized) if isinstance(s, Kernel) else None for s in planning.steps]
    prepare([made.source for made in planning.code if isinstance(made, Generated)])


def _band(planning: PlanState) -> None:
    found, written = band_chains(planning.steps, planning.code, planning.materialized)
    steps = planning.steps = [planning.steps[i] for i in found.order]
    code = planning.code = [planning.code[i] for i in found.order]
    chains, together, done = planning.chains, [], 0
    for chain in found.chains:
        chains += _alone(done, chain.first)
        done = chain.first + len(chain.chunks)
        together.append(range(chain.first, done))
        chains.append(together[-1])
        planning.chunks.update(zip(together[-1], chain.chunks))
    chains += _alone(done, len(steps))
    for product, result in written_over(steps, code, together, planning.slots).items():
        home = planning.aliases.get(result, result)
        for n in [product, *[n for n, at in planning.aliases.items() if at is product]]:
            planning.aliases[n] = home
    for own, elements in zip(together, written):
        values = banded(steps, own, elements, planning)
        if values:
            planning.banded[own.start] = values
            planning.slots.update({v: planning.new_slot() for v in values})


def _alone(start: int, stop: int) -> list[range]:
    return [range(i, i + 1) for i in range(start, stop)]


def _group(planning: PlanState) -> None:
    planning.chain_groups = group_steps(works(planning), GROUP_COST)


# ---- replacements of skipped passes --------------------------------------------------------------

def _nothing(planning: PlanState) -> None:
    """Change nothing."""


def _no_kernel_for_two(planning: PlanState) -> None:
    _fuse(planning, apart=True)


def _no_bands(planning: PlanState) -> None:
    planning.chains = _alone(0, len(planning.steps))


def _no_groups(planning: PlanState) -> None:
    planning.chain_groups = [[i] for i in range(len(planning.chains))]


class Pass(NamedTuple):
    """A pass of planning.

    name: its name, in TRACER_SKIP too.
    run: the pass itself.
    why: the reason for it.
    without: its replacement where it is skipped; None for a pass that must not be.
    """

    name: str
    run: Callable[[PlanState], None]
    why: str
    without: Callable[[PlanState], None] | None = None


PASSES = [
    Pass("simplify", _simplify, "constants are folded; copies, device moves and empty values are removed"),
    Pass("fold", _fold, "sums with a matrix product or a scatter become part of it and share its memory", _nothing),
    Pass("split", _split, "sums of an image's channels are taken while the image is in the cache", _nothing),
    Pass("recompute", _recompute, "large values of short products are computed again by bands, not kept", _nothing),
    Pass("fuse", _fuse, "values pass from one operation to the next in registers", _no_kernel_for_two),
    Pass("schedule", _schedule, "large arrays are updated while their gradients are in the cache", _nothing),
    Pass("generate", _generate, "kernels of one structure share a source, so that it is compiled once"),
    Pass("slots", assign_slots, "addresses and numbers that differ between runs get slots of `bind`"),
    Pass("bands", _band, "the row-wise consumers of a product find its rows in the cache", _no_bands),
    Pass("lower", lower, "steps become rows of the driver's table; new kernels are compiled"),
    Pass("group", _group, "independent steps share the threads", _no_groups),
    Pass("donate", donate, "a new value is written over an array that is not needed any more", _nothing),
    Pass("lay out", lay_out, "a layout holds numbers, so that it can be remembered for other sizes"),
]

_AT = {one.name: i for i, one in enumerate(PASSES)}

#: Functions called after each pass with its name and the state of planning: tests enter the verifier here.
CHECKS: list[Callable[[str, PlanState], None]] = []


def plan_graph(outputs: Sequence[Node], nodes: Nodes | None = None) -> PlanState:
    """Run all passes on a graph, except those in `settings.skip`; `nodes` makes the nodes of the plan."""
    planning = PlanState(outputs, Nodes() if nodes is None else nodes, _plan_nested)
    _run(planning, PASSES)
    return planning


def _run(planning: PlanState, passes: Sequence[Pass]) -> None:
    for one in passes:
        interrupts.check()  # each pass may take seconds on a large graph
        (one.without if one.without is not None and one.name in settings.skip else one.run)(planning)
        for check in CHECKS:
            check(one.name, planning)


def _plan_nested(around: PlanState, outputs: Sequence[Node], slots: Mapping[Node, int],
                 results: Sequence[int]) -> Nested:
    """Plan a graph as a part of a step of the plan `around`, with the given slots; see `Uses.plan`."""
    planning = PlanState(outputs, Nodes(), _plan_nested, around)

    def simplify_all(planning: PlanState) -> None:
        """Simplify the graph, and copy the results that are operands, or other results."""
        _simplify(planning)
        planning.graph[:len(outputs)] = distinct(planning.results, planning.nodes)

    def give_slots(planning: PlanState) -> None:
        planning.leaves = [n for n in toposort(planning.graph) if n.op.kind == LEAF]
        planning.slots.update(slots)
        for n, slot in zip(planning.results, results, strict=True):
            planning.slots[n] = slot
            planning.made.append(n)

    passes = PASSES[:_AT["donate"]]
    for name, own in (("simplify", simplify_all), ("slots", give_slots)):
        passes[_AT[name]] = passes[_AT[name]]._replace(run=own)
    _run(planning, passes)
    if planning.fallbacks or planning.checks:
        raise CannotCompile(next((why for _, why in planning.fallbacks), "a step that may fail"))
    items = [item for group in planning.chain_groups
             for item in items_of(planning, [planning.chains[at] for at in group])]
    places, nbytes = arrange(touched(planning), {planning.slots[v]: size for v, size in planning.sizes.items()})
    return Nested(items, places, nbytes, planning)


def _check_skipped() -> None:
    known = [one.name for one in PASSES if one.without is not None]
    unknown = settings.skip.difference(known)
    if unknown:
        raise ValueError(f"TRACER_SKIP={','.join(sorted(unknown))}: only {', '.join(known)} can be skipped")


_check_skipped()
