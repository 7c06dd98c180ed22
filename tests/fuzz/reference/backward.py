"""Backward: cotangents from the heads to the variables, step by step."""
from __future__ import annotations

from collections.abc import Sequence

from .elementwise import ADD
from .values import WORLD, NoAnswer, Step, Value, Variable, apply


def gradients(heads: Sequence[Value], cotangents: Sequence[Value], graph: bool, retain: bool) -> dict[Variable, Value]:
    """The gradient by each variable that the heads were recorded from. graph: it is recorded itself."""
    by_step: dict[Step, Value] = {}
    by_variable: dict[Variable, Value] = {}

    def give(x: Value, g: Value) -> None:
        source = x.source
        if source is None:
            return
        table: dict = by_variable if isinstance(source, Variable) else by_step
        table[source] = apply(ADD, [table[source], g], g.dtype) if source in table else g

    before, WORLD.recording = WORLD.recording, graph
    try:
        for head, g in zip(heads, cotangents, strict=True):
            if head.source is None or isinstance(head.source, Step) and head.source.consumed:
                raise NoAnswer("not in a computational graph")
            give(head, g)
        visited = []
        while by_step:
            step = max(by_step, key=lambda s: s.order)
            g = by_step.pop(step)
            if step.consumed:
                raise NoAnswer("already consumed")
            visited.append(step)
            for i, x in enumerate(step.inputs):
                if x.source is not None:
                    pulled = step.op.pull(step, i, g)
                    if pulled is not None:
                        give(x, pulled)
        if not retain:
            for step in visited:
                step.consumed = True
    finally:
        WORLD.recording = before
    return by_variable
