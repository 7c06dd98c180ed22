"""Trials: a call of a user's function on stand-ins of arrays, which records the body of a loop, or a branch.

A trial has no effects: it ends before the first one, and the control flow then runs as Python's. `explain()` tells why.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracer.jit.report.counters import LOG
from tracer.ops.control.body import duplicate
from tracer.ops.control.recorded import Recorded, recorded
from tracer.ops.ir.devices import place
from tracer.ops.ir.node import Node, stop

from ..core.capture import Capture
from ..core.invoke import Handle, stopped, wrap
from ..core.trace import VARIABLE, Refused, Trace, Value, current
from ..core.user_lines import place_of, user_line
from ..rng.state import STREAMS


def tried(what: str, arrays: Sequence[Any], record: Callable[[Capture], Any]) -> Any:
    """The result of `record(trace)`, which calls a user's functions, if it has no effects; else None.

    None, too, outside of passes that are to be cached, and where one of `arrays` is none.
    """
    trace: Trace = current().trace
    if not isinstance(trace, Capture) or not all([isinstance(x, Handle) for x in arrays]):
        return None
    flags, before, rewind = (trace.recording, trace.training), trace.trying, STREAMS.rewinder()
    trace.trying = True
    try:
        found = record(trace)
        if found is not None and flags == (trace.recording, trace.training):
            return found
        why = "gives no arrays that a loop can carry, or has operations without native form"
    except Refused as effect:
        why = str(effect)
    except Exception as error:
        why = f"raises {type(error).__name__}"
    finally:
        trace.trying = before
    rewind()
    trace.recording, trace.training = flags
    LOG.uncached.note(f"the body of a {what} {why}", place_of(user_line()))
    return None


class Trial:
    """The nodes of a trial: what is recorded from here on, on stand-ins of the arrays `given`.

    given: the arrays.
    arguments: their stand-ins, which are told apart from all other arrays.
    nodes: those of the stand-ins.
    outside: all nodes from before.
    """

    def __init__(self, trace: Capture, given: Sequence[Handle]) -> None:
        self.trace, self.given = trace, given
        self.outside: set[Node] = {*[v.node for v in trace.pending if v.node is not None], *trace.nodes.values()}
        self._own: list[Any] = []  # the histories of stand-ins of constants
        self.arguments = [self._argument(x) for x in given]
        self.nodes = [x._value.node for x in self.arguments]

    def _argument(self, x: Handle) -> Any:
        value, trace, history = x._value, self.trace, None
        if trace.recording and value.aval.dtype.kind == "f":
            history = [None, value.history] if value.history else [None]
            if not value.history:
                self._own.append(history)
        trace.marks += 1
        return wrap(type(x), trace.new(duplicate(self._node_of(value), trace.marks), history, None))

    def _node_of(self, value: Value) -> Node:
        trace = self.trace
        return trace.recorded_node_of(value) if trace.recording and value.history else trace.node_of(value)

    def results(self, arrays: Sequence[Any]) -> list[Node] | None:
        """The nodes of results of the trial, None where one is no array. Those without a history are constants."""
        if not all([isinstance(x, Handle) for x in arrays]):
            return None
        nodes = [self._node_of(x._value) for x in arrays]
        return [stop(n) if self.trace.recording and not x._value.history else n
                for x, n in zip(arrays, nodes, strict=True)]

    def body(self, arguments: Sequence[Node], results: Sequence[Node], repeats: bool = False) -> Recorded | None:
        """The body that makes `results` of `arguments`. repeats: whether it runs at least once."""
        return recorded(arguments, results, None if repeats else self.outside)

    def inputs(self, arrays: Sequence[Any], is_recorded: bool) -> list[Node]:
        """The nodes of operands, of which those without a history are constants."""
        nodes = [self._node_of(x._value) for x in arrays]
        return [place(n, None) for n in (stopped(self.trace, arrays, nodes) if is_recorded else nodes)]

    def wrapped(self, like: Handle, node: Node, histories: Sequence[Any]) -> Any:
        """An array of the kind and on the device of `like`, with the elements of `node`."""
        own = [h for h in histories if h]
        value = self.trace.new(place(node, like._value.aval.device), [None, *own] if own else None, None)
        return wrap(type(like), value)

    def is_recorded(self, arrays: Sequence[Any]) -> bool:
        """Whether a derivative can be taken of one of the arrays by more than the trial's own stand-ins."""
        seen = {id(history) for history in self._own}
        stack = [x._value.history for x in arrays if x._value.history is not None]
        for history in stack:
            if history is VARIABLE or not history:
                return True
            if id(history) not in seen:
                seen.add(id(history))
                stack += [x for x in history[1:] if x is not None]
        return False


def alike(one: Any, other: Any) -> bool:
    """Whether two arrays are of one kind, shape and dtype."""
    a, b = one._value.aval, other._value.aval
    return type(one) is type(other) and a.shape == b.shape and a.dtype == b.dtype
