"""Captures: the trace during a forward pass that is to be cached notes whatever the pass depends on."""
from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from sys import getrefcount

import numpy as np

from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node

from .flush import living
from .history import Hooked
from .invoke import constant
from .trace import Trace, Value, current

#: The bytes of an array made by a pass that is cached with it as a constant.
CONSTANT_BOUND = 1 << 16


class Capture(Trace):
    """The trace during a forward pass: it shares the outer trace's state, and notes draws, hooks and foreign arrays.

    outside: the trace outside.
    draws: the drawn values, each with the function that draws it.
    entered: the leaves that are no operands.
    hooks: the histories with hooks.
    given: the indices of the numbers that the pass was given, by their objects' identities.
    places: as in `CachedGraph`, with the scalars' indices in the trace.
    numbered: the numbers, which keeps them alive, with their run-time scalars, by the objects' identities.
    rewind: takes the random streams back to where they were before the pass, if it draws.
    python: the operation with a user's Python that the pass calls, if any.
    reads: whether it reads elements; those of its operands may differ in its next call.
    trying: see `Trace`.
    """

    __slots__ = ("outside", "draws", "entered", "hooks", "given", "places", "numbered", "rewind", "python", "reads",
                 "trying")
    captures = True

    def __init__(self, outside: Trace, nodes: dict[Value, Node], numbers: tuple[float, ...] = ()) -> None:
        for name in Trace.__slots__:
            setattr(self, name, getattr(outside, name))
        self.outside = outside
        self.trying = outside.trying
        self.nodes = nodes
        self.limit = sys.maxsize  # a pass is cached as a whole
        self.draws: dict[Value, Callable[[], np.ndarray]] = {}
        self.entered: list[Value] = []
        self.hooks: list[Hooked] = []
        self.given = {id(number): i for i, number in enumerate(numbers)}
        self.places: list[tuple[int, int]] = []
        self.numbered: dict[int, tuple[float | int, Node]] = {}
        self.rewind: Callable[[], None] | None = None
        self.python: str | None = None
        self.reads = False

    def number(self, value: float | int) -> Node:
        """The run-time scalar for a Python number, one for each object; it is noted if the pass was given it."""
        known = self.numbered.get(id(value))
        if known is None:
            place = self.given.get(id(value))
            if place is not None:
                self.places.append((place, len(self.scalars)))
            known = self.numbered[id(value)] = value, super().number(value)
        return known[1]

    def enter(self, value: Value) -> Node:
        """The node of a value from outside the pass."""
        node = self.nodes.get(value)
        if node is None:
            self.entered.append(value)
            node = self.nodes[value] = self.outside.node_of(value)
        return node

    def begin_draw(self, snapshot: Callable[[], Callable[[], None]]) -> None:
        """Keep the state of the random streams before the first draw."""
        self.refuse("draws random numbers")
        if self.rewind is None:
            self.rewind = snapshot()

    def draws_for(self, heads: Sequence[Node]) -> list[Value]:
        """The drawn values that `heads` depend on, in the order in which MXNet's graphs draw: each after its inputs.

        The pass has drawn in the order of Python, for heads or not. Where that is another one, this draws again.
        """
        drawn = {self.nodes[v]: v for v in self.draws if v in self.nodes}
        wanted = [drawn[node] for node in toposort(heads) if node in drawn]
        if self.rewind is not None and wanted != list(self.draws):
            self.rewind()
            for value in wanted:
                value.buffer = constant(self.draws[value]()).buffer
        return wanted

    def note_draw(self, value: Value, draw: Callable[[], np.ndarray]) -> None:
        """Note the function that draws `value`."""
        self.draws[value] = draw

    def note_hook(self, history: Hooked) -> None:
        """Note a history with a hook."""
        self.refuse("has hooks of its backward")
        self.hooks.append(history)

    def note_python(self, what: str) -> None:
        """Note a call of a user's Python by an operation, in the pass and in those around it."""
        self.refuse(f"calls {what}, which runs Python")
        self.python = what
        self.outside.note_python(what)

    def note_read(self) -> None:
        """Note that elements are read in the pass and in those around it."""
        self.reads = True
        self.outside.note_read()

    def close(self) -> None:
        """Make the trace outside the current one again, with the pending values that are alive."""
        outside = self.outside
        self.pending[:] = living(self.pending)
        for v in self.pending:
            if v.trace is self:
                v.trace = outside
        for name in ("last", "marks", "updated", "recording", "training"):
            setattr(outside, name, getattr(self, name))
        current().trace = outside


def _owners(values: list[Value]) -> list[tuple[int, int]]:
    """The reference counts of values that a pass has entered, and of their memory."""
    return [(getrefcount(v), getrefcount(v.buffer)) for v in values]


def _calibrate() -> tuple[int, int]:
    """The counts of a value that only the traces of a pass refer to, which vary with Python's version."""
    inside = Capture(Trace(), {})
    inside.enter(constant(np.zeros(1, np.float32)))
    return _owners(inside.entered)[0]


_UNOWNED = _calibrate()


def foreign(inside: Capture) -> list[Value]:
    """The values that a pass has used besides its operands and draws, and that may change.

    An array that the pass has made of Python's numbers, and that nothing refers to any more, is a constant.
    """
    counts = _owners(inside.entered)
    return [v for v, count in zip(inside.entered, counts) if v not in inside.draws and not (
        v.buffer is not None and v.buffer.parent is None and count == _UNOWNED and v.aval.nbytes <= CONSTANT_BOUND)]
