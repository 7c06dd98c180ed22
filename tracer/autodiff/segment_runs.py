"""Segment runs: consecutive equal segments of the tape, left by a loop, whose backward runs as one program.

A segment's backward is small where a loop reads a value in each iteration; launching it costs more than running it. So
`LENGTH` consecutive segments, each with one target that the one before made, run as one composed program. The length
is fixed, and the backward of the first segment runs alone, so that more iterations need no new program.
"""
from __future__ import annotations

from tracer.jit.program import find_program
from tracer.jit.runtime.buffers import Buffer
from tracer.ops.ir.graph import substitute, toposort
from tracer.ops.ir.node import Node, leaf, leaf_op, scalar, scalar_op

from ..core.segment import Pullback, Segment, run_backward
from ..core.trace import Value, computed

LENGTH = 4


def equal_segments(segment: Segment, cotangents: dict[int, list[Value]]) -> list[Segment] | None:
    """The `LENGTH` equal segments that a cotangent of `segment` would pass through; None if there are fewer."""
    if len(segment.targets) != 1 or len(cotangents) != 1 or segment.retained:
        return None
    (slot, given), = cotangents.items()
    found, kept = [segment], segment.kept
    alone = kept.programs.get((((slot, 1),), (), len(segment.leaves)))
    if len(given) != 1 or alone is None or not alone.targets:
        return None
    while len(found) < LENGTH:
        target = segment.targets[0]
        segment = target.entry
        if (type(segment) is not Segment or segment.kept is not kept or target.slot != slot
                or target.variable is not None or target.retained is not None or segment.retained
                or len(segment.leaves) != len(found[0].leaves)):
            return None
        found.append(segment)
    return found


def pull(segments: list[Segment], cotangents: dict[int, list[Value]]) -> list[tuple[Value, Value]]:
    """The cotangent of the last segment's target, from the computed cotangent of the first segment's head."""
    (slot, (cotangent,)), = cotangents.items()
    first = segments[0]
    key = "segments", slot, len(first.leaves), len(first.scalars)
    pullback = first.kept.programs.get(key)
    if pullback is None:
        program = find_program((_composed(first, slot, len(segments)),))
        pullback = first.kept.programs[key] = Pullback(program, (0,))
    leaves: list[Buffer] = []
    numbers: list[float | int] = []
    for s in segments:
        leaves += [v and v.buffer for v in s.leaves]  # type: ignore[misc]
        leaves += s.saved
        numbers += s.scalars
    leaves.append(cotangent.buffer)  # type: ignore[arg-type]
    buffer, = run_backward(pullback.program, leaves, numbers)
    target = s.targets[0]
    return [(target, computed(target.aval, buffer))]


def _composed(segment: Segment, slot: int, count: int) -> Node:
    one, = segment.backward_graph(((slot, 1),), segment.kept.targets)
    width, numbers = len(segment.leaves) + len(segment.saved), len(segment.scalars)
    inputs = [n for n in toposort([one]) if n.op is leaf_op or n.op is scalar_op]
    result = leaf(segment.kept.heads[slot].aval, count * width)
    for i in range(count):
        moved: dict[Node, Node] = {}
        for n in inputs:
            of, index = n.attrs
            if n.op is scalar_op:
                moved[n] = scalar(of, index + i * numbers)
            else:
                moved[n] = result if index == width else leaf(of, index + i * width)
        result, = substitute([one], moved)
    return result
