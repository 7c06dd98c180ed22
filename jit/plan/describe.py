"""Descriptions of plans: names of steps, the bytes that they move, and the text that `TRACER_DEBUG` prints."""
from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tracer.ops.ir.graph import format_graph, toposort
from tracer.ops.ir.node import Node, const_op, scalar_op
from tracer.ops.ir.op import LEAF, VIEW

from .. import settings
from ..fusion.gather_map import source_of_gather
from ..fusion.kernel import Kernel, Step
from ..fusion.native_step import native_step
from ..native.kernel_cache import key_of
from ..report.timing import nbytes

if TYPE_CHECKING:
    from .plan import Plan

#: The most ops that a kernel's name spells out, and the digits of its hash there.
NAMED_OPS = 6
NAMED_DIGITS = 8


def name_of(step: Step, native: bool, source: str | None) -> str:
    """The name of a step: `tanh+sum (k_3fa2c0d1)`, `matmul 256x784x256`, `gather f32[64,16]`, `NumPy sort f32[8]`."""
    if isinstance(step, Kernel):
        names = list(dict.fromkeys(n.op.name for n in _inside(step)))
        if len(names) > NAMED_OPS:
            names[NAMED_OPS - 1:-1] = [f"{len(names) - NAMED_OPS} more"]
        ops = "+".join(names) or ("copy" if step.reads else "fill")
        if source is not None:
            return f"{ops} (k_{key_of(source)[:NAMED_DIGITS]})"
        return f"NumPy {ops} {step.roots[0].node.aval!r}"
    node = step.node
    record = native_step(node) if native else None
    return record.label(node) if record is not None else f"NumPy {node.op.name} {node.aval!r}"


def _inside(kernel: Kernel) -> list[Node]:
    """The ops that a kernel computes, in order, without views, constants and casts of numbers."""
    seen = set(kernel.reads).difference(r.node for r in kernel.roots)
    order = toposort([r.node for r in kernel.roots], seen)
    return [n for n in order if n.op.kind not in (LEAF, VIEW) and n not in seen and n.op is not const_op
            and not (n.op.converts and n.inputs[0].op in (scalar_op, const_op))]


def traffic(step: Step, reads: Iterable[Any], writes: Iterable[Any]) -> tuple[int, int]:
    """The bytes that a step reads, and writes: of its distinct values, and of a gather's source the rows it reads."""
    read, written = nbytes(reads), nbytes(writes)
    if not isinstance(step, Kernel):
        found = [(step.node, step.node.inputs[0])] if step.node.op.gathers is not None else []
    else:
        found = [(n, source_of_gather(n)[0]) for n in _inside(step) if n.op.gathers is not None]
    for node, source in found:
        read += min(node.aval.nbytes, source.aval.nbytes) - source.aval.nbytes
    return read, written


def show(plan: Plan) -> None:
    """Print a new plan to stderr, in the detail that `settings.debug` sets."""
    level = settings.debug
    if level < 1:
        return
    kernels = [s for s in plan.planning.steps if isinstance(s, Kernel)]
    text = [f"tracer: program of {len(toposort(plan.planning.graph))} nodes: {len(kernels)} kernels, "
            f"{len(plan.planning.steps) - len(kernels)} library calls, {plan.arena_bytes} bytes between steps"]
    if level >= 2:
        text.append(format_graph(plan.planning.graph))
    if level >= 3:
        for step in plan.planning.steps:
            if isinstance(step, Kernel):
                roots = ", ".join(f"{r.kind} {r.node.op.name} {r.node.aval!r}" for r in step.roots)
                text.append(f"kernel over {list(step.domain)}: {roots}")
            else:
                text.append(f"library {step.node.op.name} {step.node.aval!r}")
    if level >= 4:
        text += [made.source for made in plan.planning.kernels]
    print("\n".join(text), file=sys.stderr)
