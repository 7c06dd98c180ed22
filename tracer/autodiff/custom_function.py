"""Tape entries for a user's `autograd.Function` or custom operator, whose backward is Python.

A `CustomCall` is one application. An `Opaque` is the origin of the gradients of such a backward under create_graph,
which cannot be differentiated again.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracer.ops.ir.errors import MXNetError
from tracer.ops.ir.node import stop

from ..core.history import history_of
from ..core.invoke import add_values, zeros_value
from ..core.segment import next_order
from ..core.trace import VARIABLE, Value, current, node_of


class CustomCall:
    """One application of a user's `autograd.Function` or custom operator.

    inputs: the values that it was applied to.
    avals: those of its outputs.
    run: its backward, from the outputs' cotangents to the inputs', as values.
    """

    __slots__ = ("order", "inputs", "avals", "run", "histories", "__weakref__")

    def __init__(self, inputs: list[Value], avals: list[Any],
                 run: Callable[[list[Value]], list[Value | None]]) -> None:
        self.order = next_order()
        self.inputs = inputs
        self.avals = avals
        self.run = run
        self.histories = [history_of(inputs)]

    def release(self) -> None:
        """Drop all references to arrays: the history of the outputs has been consumed."""
        self.inputs = []
        self.run = lambda cotangents: []

    def pull(self, cotangents: dict[int, list[Value]], create_graph: bool) -> list[tuple[Value, Value]]:
        """The cotangents of the inputs, computed by the user's backward; missing ones of the outputs are zeros."""
        given = [add_values(cotangents[i]) if i in cotangents else zeros_value(a)
                 for i, a in enumerate(self.avals)]
        found = [(v, g) for v, g in zip(self.inputs, self.run(given), strict=True) if g is not None]
        if create_graph:
            entry = Opaque()
            found = [(v, entered(g, entry, i)) for i, (v, g) in enumerate(found)]
        return found


class Opaque:
    """A tape entry for gradients of a user's backward under create_graph: its operations were not recorded."""

    __slots__ = ("order", "histories", "__weakref__")

    def __init__(self) -> None:
        self.order = next_order()
        self.histories: list[list[Any]] = [[None, VARIABLE]]

    def release(self) -> None:
        """Do nothing: the entry holds no arrays."""

    def pull(self, cotangents: dict[int, list[Value]], create_graph: bool) -> list[tuple[Value, Value]]:
        """Raise MXNetError, as MXNet does."""
        raise MXNetError("the backward of an autograd.Function or custom operator is non-differentiable: operations "
                         "inside it are not recorded, so that create_graph has no second derivative through it")


def entered(value: Value, entry: CustomCall | Opaque, slot: int) -> Value:
    """A pending value with the elements of `value`; a backward pass goes from it to `entry`, not through its node."""
    trace = current().trace
    made = trace.new(stop(node_of(value)), entry.histories[0], value.line)
    made.entry, made.slot = entry, slot
    made.node = trace.target(made.node, made)  # type: ignore[arg-type]
    return made
