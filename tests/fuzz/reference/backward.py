"""Backward: hands cotangents from the heads to the variables, step by step."""
from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import numpy as np

from .elementwise import ADD
from .values import WORLD, NoAnswer, Step, Tie, Value, Variable, apply


class Zero(Enum):
    """A cotangent of zeros. A QUIET one comes from the derivative of a gradient: no backward passes through its op."""

    LOUD = 0
    QUIET = 1


def gradients(heads: Sequence[Value], cotangents: Sequence[Value], graph: bool, retain: bool) -> dict[Variable, Value]:
    """The gradient by each variable in the history of the heads. graph: the gradients are recorded too."""
    by_step: dict[Step, Value | Zero] = {}
    by_variable: dict[Variable, Value | Zero] = {}

    def give(x: Value, g: Value | Zero) -> None:
        source = x.source
        if source is None:
            return
        table: dict = by_variable if isinstance(source, Variable) else by_step
        table[source] = _sum(table[source], g) if source in table else g

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
            if g is not Zero.QUIET:
                step.op.passed()
            for i, x in enumerate(step.inputs):
                if x.source is not None:
                    give(x, _pulled(step, i, g))
        if not retain:
            for step in visited:
                step.consumed = True
    finally:
        WORLD.recording = before
    return {v: Value(np.zeros(v.grad.shape), v.grad.dtype) if isinstance(g, Zero) else g
            for v, g in by_variable.items()}


def _sum(a: Value | Zero, b: Value | Zero) -> Value | Zero:
    if isinstance(a, Value) and isinstance(b, Value):
        return apply(ADD, [a, b], b.dtype)
    if isinstance(a, Value):
        return a
    return b if isinstance(b, Value) or b is Zero.LOUD else a


def _pulled(step: Step, i: int, g: Value | Zero) -> Value | Zero:
    """The cotangent of input `i` from that of the output."""
    if i and isinstance(step.op, Tie) and step.op.quiet:
        return Zero.QUIET
    if g is Zero.LOUD and step.op.own_gradient:
        g = Value(np.zeros(step.output.shape), step.output.dtype)
    if isinstance(g, Zero):
        return g
    pulled = step.op.pull(step, i, g)
    return Zero.LOUD if pulled is None else pulled
