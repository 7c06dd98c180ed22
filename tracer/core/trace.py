"""The trace: the operations that a thread has recorded and not yet run, and the values that stand for its nodes."""
from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

from tracer.jit.cpython.collector import untrack
from tracer.jit.process import forks
from tracer.jit.report.counters import Line
from tracer.jit.runtime.buffers import Buffer
from tracer.ops.ir.aval import Aval
from tracer.ops.ir.node import INT64_MAX, INT64_MIN, Node, large_integer, leaf, mark, scalar

from .call_cache import START

History = list[Any] | tuple[str] | None

#: The history of a variable. See history.py.
VARIABLE = ("variable",)

_new = object.__new__

#: Bytes of leaves at which a trace is run, so that it does not keep more memory alive.
BYTES_BOUND = 1 << 28

class Refused(BaseException):
    """The exception for an effect during a trial (`Trace.trying`), raised in its place; its text tells the effect.

    A user's `except Exception` does not catch it.
    """


#: Counts side effects (writes, draws, marks), which a replay of recorded results would not repeat.
effects = itertools.count()


class Value:
    """A value binds a handle to a node of a trace while it is pending, and to a buffer once it is computed.

    `Trace.new` makes pending values, `computed` makes computed ones.

    aval: its shape, dtype and device.
    node, trace: while it is pending, its node, and the trace that the node is part of.
    buffer: its memory, once it is computed.
    history: true when a derivative can be taken through it or by it: a list (history.py), `VARIABLE` for a variable,
        None for a constant, an empty list once a backward has freed it.
    variable: the destination of its gradient, if it is a variable.
    retained: the same for a result that keeps its history.
    line: the user's line that recorded it, if it can fail.
    entry, slot: the tape entry that it is an output of, and the output's number, once its trace has ended.
    error: the error of its computation.
    rest: the unfinished run that will compute it (flush.py).
    recipe: how a gradient that nobody has read is computed (recipe.py).
    late: for a leaf without elements, such as a parameter whose layer is being called for the first time, the function
        that gives the value, its argument, its elements.
    """

    __slots__ = ("aval", "node", "trace", "buffer", "history", "variable", "line", "entry", "slot", "__dict__")
    retained: Any = None  # these five are rarely set, so they are class attributes and no slots
    error: BaseException | None = None
    rest: Any = None
    recipe: Any = None
    late: Callable[[Value], None] | None = None

    aval: Aval
    node: Node | None
    trace: Trace | None
    buffer: Buffer | None
    history: History
    variable: Any
    line: Line | None
    entry: Any
    slot: int

    def make_variable(self, variable: Any) -> None:
        """Make this value a variable of derivatives; `variable` is the destination of its gradient."""
        self.variable = variable
        self.history = VARIABLE


def computed(aval: Aval, buffer: Buffer | None) -> Value:
    """A computed constant in the memory `buffer`."""
    value = _new(Value)
    value.aval = aval
    value.buffer = buffer
    value.node = value.trace = value.history = value.variable = value.line = value.entry = None
    value.slot = 0
    return value


class Trace:
    """A trace: the operations recorded from one sync point to the next. All pending values are made by `new`.

    leaves: the computed values used, in order of first use; their index is their identity in the graph.
    nodes: the node of each computed value that has entered the trace.
    scalars: the run-time scalars, Python numbers, by index.
    pending: the pending values, in the order of recording.
    targets: the nodes by which derivatives are taken (variables, and values earlier on the tape), and their values.
    retained: recorded results whose own gradients are stored when a backward passes them.
    last: the call recorded last; its successor in the call cache is tried first for the next call.
    gradients: the variables whose gradients it has computed.
    updated: whether variables, gradients or running statistics have pending updates; the next `record()` runs these.
    bytes: the size of the leaves.
    late: whether a leaf's elements have been put off, see `Value.late` and `puts_off`.
    marks: the number of nodes made by `target`.
    limit: the number of pending values at which the trace is run; 0 once the leaves are too large.
    recording, training: the thread's autograd flags, here because each operation reads the trace anyway.
    """

    __slots__ = ("retained", "leaves", "nodes", "scalars", "pending", "last", "targets", "gradients", "updated",
                 "bytes", "late", "marks", "limit", "recording", "training")
    #: Computes a value that is pending in another thread's trace; flush.py sets it.
    compute_foreign: Callable[[Value], Any]
    bound = 4096  # the number of pending values at which a trace is run without a read
    puts_off = False  # whether pending values of other traces are computed not before its run, which may never come
    trying = False  # whether only what has no effects is to be recorded: others raise Refused in place of having them
    captures = False  # whether it is the trace of a pass to be cached, where views and copies of arrays are recorded

    def __init__(self, recording: bool = False, training: bool = False) -> None:
        self.recording = recording
        self.training = training
        self.limit = Trace.bound
        self.leaves: list[Value] = []
        self.nodes: dict[Value, Node] = {}
        self.scalars: list[float | int] = []
        self.pending: list[Value] = []
        self.last = START
        self.targets: dict[Node, Value] = {}
        self.retained: dict[Node, Value] = {}
        self.gradients: list[Any] = []
        self.updated = False
        self.bytes = 0
        self.late = False
        self.marks = 0

    def enter(self, value: Value) -> Node:
        """The leaf node of a computed value in this trace."""
        node = self.nodes.get(value)
        if node is None:
            if value.buffer is None and value.late is None:
                if value.recipe is not None:
                    node = self.nodes[value] = value.recipe.enter(self)
                    return node
                if not self.puts_off:
                    Trace.compute_foreign(value)
            self.late = self.late or value.buffer is None
            node = leaf(value.aval, len(self.leaves))
            self.leaves.append(value)
            self.bytes += value.aval.nbytes
            if self.bytes >= BYTES_BOUND:
                self.limit = 0
            if value.history and (value.variable is not None or value.entry is not None):
                self.targets[node] = value
            self.nodes[value] = node  # last, so that an interrupted `enter` leaves no incomplete entry
        return node

    def new(self, node: Node, history: History, line: Line | None) -> Value:
        """A pending value of this trace."""
        value = _new(Value)
        value.aval = node.aval
        value.node = node
        value.trace = self
        value.history = history
        value.line = line
        value.buffer = value.variable = value.entry = None
        value.slot = 0
        untrack(value)
        self.pending.append(value)
        return value

    def node_of(self, value: Value) -> Node:
        """The node of a value in this trace."""
        return value.node if value.trace is self else self.enter(value)  # type: ignore[return-value]

    def recorded_node_of(self, value: Value) -> Node:
        """The node of a value with a history, as an operand of a recorded function."""
        if value.trace is not self:
            return self.enter(value)
        node: Node = value.node  # type: ignore[assignment]
        if value.variable is not None and node not in self.targets:
            # A variable whose new value is pending: derivatives are taken by it, not through it.
            value.node = node = self.target(node, value)
        return node

    def target(self, node: Node, value: Value) -> Node:
        """A new node for `value`, with the elements of `node`, by which derivatives are taken."""
        marked = mark(node, self.marks)
        self.marks += 1
        self.targets[marked] = value
        return marked

    def number(self, value: float | int) -> Node:
        """The run-time scalar for a Python number. OverflowError for an integer beyond the range of float64."""
        index = len(self.scalars)
        table = FLOATS if type(value) is float else INTS
        if table is INTS and (value > INT64_MAX or value < INT64_MIN):
            self.scalars.append(float(value))
            return large_integer(index)
        self.scalars.append(value)
        if len(table) <= index:
            _lengthen(table, index)
        return table[index]

    def begin_draw(self, snapshot: Callable[[], Callable[[], None]]) -> None:
        """Note that a layer is about to draw; does nothing here, see core/capture.py."""

    def note_draw(self, value: Value, draw: Callable[[], Any]) -> None:
        """Note that a layer has drawn `value` by `draw`; does nothing here, see core/capture.py."""

    def note_hook(self, history: Any) -> None:
        """Note a history with a hook (history.py); does nothing here, see core/capture.py."""

    def note_python(self, what: str) -> None:
        """Note a call of a user's Python by an operation; does nothing here, see core/capture.py."""

    def note_read(self) -> None:
        """Note that elements are read; does nothing here, see core/capture.py."""

    def refuse(self, effect: str) -> None:
        """Raise Refused in a trial; to be called before each effect."""
        if self.trying:
            raise Refused(effect)

    def snapshot(self) -> Trace:
        """A copy of the trace, for another thread that reads one of its values while the owner goes on recording."""
        copy = Trace(self.recording, self.training)
        copy.leaves, copy.scalars, copy.pending = self.leaves.copy(), self.scalars.copy(), self.pending.copy()
        copy.targets, copy.retained, copy.late = self.targets.copy(), self.retained.copy(), self.late
        return copy


#: The nodes of the run-time scalars, by index.
FLOATS: list[Node] = []
INTS: list[Node] = []
_LENGTHENING = forks.guarded(threading.Lock())


def _lengthen(table: list[Node], index: int) -> None:
    """Extend the table to contain `index`; the lock keeps each entry at its index when several threads record."""
    with _LENGTHENING:
        while len(table) <= index:
            table.append(scalar("float64" if table is FLOATS else "int64", len(table)))


class Current:
    """The thread-local state: the trace being recorded, with the autograd flags."""

    __slots__ = ("trace",)

    def __init__(self) -> None:
        self.trace = Trace()

    def __del__(self) -> None:
        # The thread has ended. Pending values refer to the trace, a cycle that the collector does not see
        # (jit/cpython/collector.py).
        self.trace.pending.clear()


class _Own(threading.local):
    def __init__(self) -> None:
        self.current = Current()


_OWN = _Own()


def current() -> Current:
    """The state of the calling thread."""
    return _OWN.current


def node_of(value: Value) -> Node:
    """The node of `value` in this thread's trace."""
    return current().trace.node_of(value)


def another(value: Value) -> Value:
    """A new constant with the elements of `value`."""
    trace = current().trace
    if value.buffer is not None and not trace.captures:
        return computed(value.aval, value.buffer)
    return trace.new(trace.node_of(value), None, value.line)
