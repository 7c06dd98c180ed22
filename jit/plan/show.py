"""The text of a plan that `TRACER_DEBUG` prints."""
from __future__ import annotations

import sys

from tracer.ops.ir.graph import format_graph, toposort

from .. import settings
from ..fusion.fuse import Kernel
from .plan import Plan


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
