"""The verifier of passes: checks after each pass of planning the invariants that the next ones rely on."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracer.ops.ir import aval as avals
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node
from tracer.ops.ir.op import LEAF

from ..fusion.kernel import Kernel
from ..plan.planner import PlanState
from ..plan.schedule import made_by, read_by

#: The most nodes of a graph for which each is inferred again.
MANY = 1000


class PassError(AssertionError):
    """A pass has broken an invariant."""


def check(name: str, planning: PlanState) -> None:
    """Raise PassError where the pass has broken an invariant. Symbolic sizes are skipped: a check would add guards."""
    if name in _PROOFS and planning.nodes.aval is avals.aval:
        _PROOFS[name](name, planning)


def _expect(true: Any, name: str, what: str) -> None:
    if not true:
        raise PassError(f"{name}: {what}")


def _graph(name: str, planning: PlanState) -> None:
    """Check that outputs keep shape and dtype, that nodes have the avals that ops infer, and that none occurs twice."""
    for before, after in zip(planning.outputs, planning.results, strict=True):
        _expect((before.shape, before.dtype) == (after.shape, after.dtype), name, f"{before!r} has become {after!r}")
    order = toposort(planning.graph)
    keys: set[tuple] = set()
    for n in order if len(order) <= MANY else ():
        key = (n.op, n.attrs, *n.inputs)
        _expect(key not in keys, name, f"{n!r} is there twice")
        keys.add(key)
        inferred = n.aval if n.op.kind == LEAF else n.op.infer([x.aval for x in n.inputs], n.attrs)
        same = inferred == n.aval if isinstance(n.aval, tuple) else \
            (inferred.shape, inferred.dtype) == (n.shape, n.dtype)  # a device is the outputs' only
        _expect(same, name, f"{n!r} is inferred as {inferred!r}")


def _steps(name: str, planning: PlanState) -> None:
    """Check that each value is made by one step, before the steps that read it, and that all outputs are made."""
    made: set[Node] = set()
    for step in planning.steps:
        own = made_by(step)
        reads = step.reads if isinstance(step, Kernel) else read_by(step, planning.materialized)
        missing = [n for n in reads if n.op.kind != LEAF and n not in made and n not in own]
        _expect(not missing, name, f"{missing} is read by the step of {own} before it is made")
        _expect(made.isdisjoint(own), name, f"{own} is made twice")
        made.update(own)
    _expect(made == planning.materialized, name, "not all that is stored is made")
    _expect(all([n.op.kind == LEAF or n in made or not n.size for n in planning.graph]), name, "an output is not made")


def _chains(name: str, planning: PlanState) -> None:
    """Check that chains hold all steps in order, and that each value is still made before it is read."""
    _steps(name, planning)
    _expect([i for chain in planning.chains for i in chain] == list(range(len(planning.steps))), name, "a step is left")


def _rows(name: str, planning: PlanState) -> None:
    """Check that each step writes the values that it makes, and reads values that have been written."""
    written: set[Any] = set()
    for step, (_, reads, writes) in zip(planning.steps, planning.rows, strict=True):
        _expect(set(made_by(step)) <= set(writes), name, f"{made_by(step)} is not written")
        missing = [n for n in reads if n.op.kind != LEAF and n not in written]
        _expect(not missing, name, f"{missing} is read by the step of {made_by(step)} and not written before")
        written.update(writes)


def _groups(name: str, planning: PlanState) -> None:
    """Check that groups hold all steps in order, and that no chain writes a value that another of its group touches."""
    _expect([i for group in planning.groups for i in group] == list(range(len(planning.steps))), name, "a step is left")
    for group in planning.chain_groups:
        seen: set[Any] = set()
        written: set[Any] = set()
        for chain in group:
            rows = [planning.rows[i] for i in planning.chains[chain]]
            writes = {v for _, _, values in rows for v in values}
            touched = writes.union([v for _, reads, _ in rows for v in reads])
            _expect(written.isdisjoint(touched) and seen.isdisjoint(writes), name, f"{writes} is made while it is read")
            seen |= touched
            written |= writes


_PROOFS: dict[str, Callable[[str, PlanState], None]] = {
    "simplify": _graph, "fold": _graph, "fuse": _steps, "schedule": _steps, "bands": _chains, "lower": _rows,
    "group": _groups}
