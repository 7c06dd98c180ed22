"""What `TRACER_DEBUG` prints, and why a program was new."""
from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tracer.ops.ir.aval import Aval
from tracer.ops.ir.graph import format_graph, toposort
from tracer.ops.ir.node import Node, leaf_op

from . import settings
from .fuse import Kernel

if TYPE_CHECKING:
    from .plan import Plan

#: Programs of one structure that a new one is compared with: the latest.
RECENT = 8

#: structure (the ops in order) -> the leaves of the programs known to have it
_KNOWN: dict[tuple, list[list[Aval]]] = {}


def why_new(outputs: Sequence[Node]) -> str:
    """Why no known program served: against the nearest one, by structure, then by its inputs. Remembers this one."""
    order = toposort(outputs)
    structure = tuple([n.op for n in order])
    leaves = [n.aval for n in order if n.op is leaf_op]
    known = _KNOWN.setdefault(structure, [])
    reason = "new structure"
    if known:
        nearest = min(known, key=lambda other: sum(a is not b for a, b in zip(other, leaves, strict=True)))
        changed = [(i, a, b) for i, (a, b) in enumerate(zip(leaves, nearest, strict=True)) if a is not b]
        reason = "; ".join(f"input {i} is {a!r}, was {b!r}" for i, a, b in changed[:3]) or "other static arguments"
    known.append(leaves)
    del known[:-RECENT]
    return reason


def forget() -> None:
    """Drop the known structures."""
    _KNOWN.clear()


def show(plan: Plan) -> None:
    """Print a new plan to stderr, in the detail that `settings.debug` asks for."""
    level = settings.debug
    if level < 1:
        return
    kernels = [s for s in plan.steps if isinstance(s, Kernel)]
    text = [f"tracer: program of {len(toposort(plan.graph))} nodes: {len(kernels)} kernels, "
            f"{len(plan.steps) - len(kernels)} library calls, {plan.arena_bytes} bytes between steps"]
    if level >= 2:
        text.append(format_graph(plan.graph))
    if level >= 3:
        for step in plan.steps:
            if isinstance(step, Kernel):
                roots = ", ".join(f"{r.kind} {r.node.op.name} {r.node.aval!r}" for r in step.roots)
                text.append(f"kernel over {list(step.domain)}: {roots}")
            else:
                text.append(f"library {step.node.op.name} {step.node.aval!r}")
    if level >= 4:
        text += [made.source for made in plan.kernels]
    print("\n".join(text), file=sys.stderr)
