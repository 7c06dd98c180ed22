"""Scheduling: the order of a program's steps, in which what makes large values needless runs as early as possible.

`fuse` leaves the steps in the order of the outputs: all cotangents of activations, then all gradients of weights, then
all updates, by when the first cotangent and the first gradient have left the cache. Here a step whose results are much
smaller than what it reads follows the makers of its operands, as a gradient of weights does: the cotangent is in the
cache, and need not be kept. So does a step that replaces an array of the user's (`w -= lr * g` replaces w), with those
that work for it alone. It also waits for the other readers of the old array, where it may: only then can it be written
in place.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from tracer.ops.ir.node import Node, leaf_op

from ..fusion.fuse import nearest
from ..fusion.kernel import Kernel, Step
from ..fusion.native_step import native_step
from ..report.timing import nbytes

#: Bytes of a value from which the place in the order of its replacement, or of its readers, matters: smaller ones stay
#: in the cache.
LARGE = 1 << 18

#: How many times larger than a step's results the values are because of which it runs early.
_SHRINKS = 4


def schedule(steps: Sequence[Step]) -> list[int]:
    """The numbers of the steps in the order to run them; the results are the same, bit for bit."""
    materialized = {n for s in steps for n in made_by(s)}
    reads = [read_by(s, materialized) for s in steps]
    readers: dict[Node, list[int]] = {}
    for i, read in enumerate(reads):
        for n in read:
            readers.setdefault(n, []).append(i)
    waits = _waits(steps, materialized, reads, readers)
    if not waits:
        return list(range(len(steps)))
    waiting: dict[int, list[int]] = {}  # step -> the early steps that wait for it
    for i, others in waits.items():
        for other in others:
            waiting.setdefault(other, []).append(i)
    last = [not any(n in readers for n in made_by(s)) for s in steps]
    order: list[int] = []
    done = [False] * len(steps)

    def run(i: int) -> None:
        stack = [i]
        while stack:
            at = stack.pop()
            if done[at]:
                continue
            done[at] = True
            order.append(at)
            for other in reversed(waiting.get(at, ())):
                waits[other].discard(at)
                if not waits[other]:
                    stack.append(other)

    for i in range(len(steps)):
        if not waits.get(i) or not last[i]:
            run(i)
    for i in range(len(steps)):  # steps that wait for each other
        run(i)
    return order


def _waits(steps: Sequence[Step], materialized: set[Node], reads: Sequence[Sequence[Node]],
           readers: Mapping[Node, Sequence[int]]) -> dict[int, set[int]]:
    """The early steps, each with the steps that it waits for.

    One whose results are used by replacements alone waits for what these wait for: else it would keep them for longer.
    """
    maker = {n: i for i, s in enumerate(steps) for n in made_by(s)}
    makers = [{maker[n] for n in read if n in maker} for read in reads]
    waits = {i: makers[i].union(*[readers[leaf] for leaf in leaves]) - {i}
             for i, leaves in enumerate([_replaced(s, materialized) for s in steps]) if leaves}
    replacing = dict(waits)
    for i, step in enumerate(steps):
        if i in replacing:
            continue
        users = {r for n in made_by(step) for r in readers.get(n, ())}
        if _shrinks(step, reads[i]):
            waits[i] = makers[i]
        elif all([r in replacing for r in users]):
            waits[i] = makers[i].union(*[replacing[r] - {i} for r in users])
    return waits


def made_by(step: Step) -> list[Node]:
    """The values that a step leaves in memory."""
    return [r.node for r in step.roots] if isinstance(step, Kernel) else step.parts or [step.node]


def read_by(step: Step, materialized: set[Node]) -> list[Node]:
    """The values in memory that a step reads: leaves, and results of other steps."""
    return list(step.reads) if isinstance(step, Kernel) else nearest(step.node, materialized)


def _shrinks(step: Step, reads: Sequence[Node]) -> bool:
    """Whether the results of a step are much smaller than a large value that another step has made for it."""
    large = max([nbytes([n]) for n in reads if n.op is not leaf_op], default=0)
    return large >= LARGE and _SHRINKS * nbytes(made_by(step)) <= large


def _replaced(step: Step, materialized: set[Node]) -> list[Node]:
    """The large leaves that the step reads and may overwrite with a result of the same aval."""
    if not isinstance(step, Kernel):
        native = native_step(step.node)
        pairs = native.in_place(step.node, materialized) if native is not None else []
        return [x for _, x in pairs if x.op is leaf_op]
    forms = {r.node.aval for r in step.roots if r.kind == "map" and r.node.aval.nbytes >= LARGE}
    return [n for n in step.reads if n.op is leaf_op and n.aval in forms] if forms else []
