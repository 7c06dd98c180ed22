"""The trace: what a thread has recorded and not yet run, and the values it binds nodes to."""
from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

from tracer.jit.process import forks
from tracer.jit.report.counters import Line
from tracer.jit.runtime.buffers import Buffer
from tracer.ops.ir.aval import Aval
from tracer.ops.ir.node import INT64_MAX, INT64_MIN, Node, large_integer, leaf, scalar

from .call_cache import START

#: The lineage of a variable. See tape.py.
VARIABLE = ("variable",)

#: Bytes of leaves that a trace may keep alive.
BYTES_BOUND = 1 << 28

#: Counts what running Python again would do and replaying its results would not: writes, draws, marks.
effects = itertools.count()


class Value:
    """What a handle holds: a node of a trace while pending, a buffer once computed.

    recorded: truthy when a derivative can be taken through it: its lineage (tape.py), None for a constant,
    empty once a backward has consumed it. variable: where its gradient goes, if it is a variable; retained:
    the same for a result that keeps its past.
    entry, slot: the tape entry that it came from and which output of it, once its trace has ended.
    error: what its computation met. rest: the run that is to compute it, and has been left on its way (flush.py).
    """

    __slots__ = ("aval", "node", "trace", "buffer", "recorded", "variable", "line", "entry", "slot", "__dict__")
    retained: Any = None  # these are rarely set, and so not by every __init__
    error: BaseException | None = None
    rest: Any = None

    def __init__(self, aval: Aval, node: Node | None, trace: Trace | None, recorded: list | None, line: Line | None,
                 buffer: Buffer | None = None, variable: Any = None, entry: Any = None, slot: int = 0) -> None:
        self.aval = aval
        self.node = node
        self.trace = trace
        self.recorded = recorded
        self.line = line
        self.buffer = buffer
        self.variable = variable
        self.entry = entry
        self.slot = slot


class Trace:
    """One stretch of recording, from a sync point to the next.

    leaves: the computed values used, in order of first use; their index is their identity in the graph.
    targets: the nodes by which derivatives are taken: variables, and values from earlier on the tape.
    retained: recorded results whose gradients are wanted on the way.
    last: the call recorded last, which tells what will probably be the next.
    limit: how many values may be pending, none once the leaves are too large.
    recording, training: the autograd scopes that the thread is in, here because each operation asks for the trace.
    """

    __slots__ = ("retained", "leaves", "nodes", "scalars", "pending", "last", "targets", "updated", "bytes", "marks",
                 "limit", "recording", "training")
    #: Computes a value that is pending in another thread's trace; flush.py sets it.
    compute_foreign: Callable[[Value], Any]
    bound = 4096  # pending values at which a trace is run although nobody has read anything

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
        self.updated = False
        self.bytes = 0
        self.marks = 0

    def enter(self, value: Value) -> Node:
        """The leaf that stands for a computed value in this trace."""
        node = self.nodes.get(value)
        if node is None:
            if value.buffer is None:
                Trace.compute_foreign(value)
            node = leaf(value.aval, len(self.leaves))
            self.leaves.append(value)
            self.bytes += value.aval.nbytes
            if self.bytes >= BYTES_BOUND:
                self.limit = 0
            if value.variable is not None or (value.entry is not None and value.recorded):
                self.targets[node] = value
            self.nodes[value] = node  # at last: what is found here has been entered as a whole
        return node

    def number(self, value: float | int) -> Node:
        """The run-time scalar that stands for a Python number; OverflowError for an integer beyond all float64s."""
        index = len(self.scalars)
        table = FLOATS if type(value) is float else INTS
        if table is INTS and (value > INT64_MAX or value < INT64_MIN):
            self.scalars.append(float(value))
            return large_integer(index)
        self.scalars.append(value)
        if len(table) <= index:
            _lengthen(table, index)
        return table[index]

    def snapshot(self) -> Trace:
        """What has been recorded so far, for a thread that reads a value while the owner goes on."""
        copy = Trace(self.recording, self.training)
        copy.leaves, copy.scalars, copy.pending = self.leaves.copy(), self.scalars.copy(), self.pending.copy()
        copy.targets, copy.retained = self.targets.copy(), self.retained.copy()
        return copy


#: The run-time scalars by index.
FLOATS: list[Node] = []
INTS: list[Node] = []
_LENGTHENING = forks.guarded(threading.Lock())


def _lengthen(table: list[Node], index: int) -> None:
    """Make `index` one of the table's. Several threads record: each entry is at its own place all the same."""
    with _LENGTHENING:
        while len(table) <= index:
            table.append(scalar("float64" if table is FLOATS else "int64", len(table)))


class Current:
    """What a thread has of its own: the trace that it records, and with it the autograd scopes it is in."""

    __slots__ = ("trace",)

    def __init__(self) -> None:
        self.trace = Trace()

    def __del__(self) -> None:
        # The thread has ended. What is pending refers to the trace, which the collector does not see (collector.py).
        self.trace.pending.clear()


class _Own(threading.local):
    def __init__(self) -> None:
        self.current = Current()


_OWN = _Own()


def current() -> Current:
    """What this thread has of its own."""
    return _OWN.current
