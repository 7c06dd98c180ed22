"""Long calls of NumPy: each runs on a thread of its own, so that Ctrl-C does not wait for its end.

Python handles a signal between two instructions of the main thread, and there is none within a sort of ten million
elements, or a decomposition. So the main thread hands such a call to another one and waits, checking for interrupts.
A call that the main thread has left goes on: the resumed run waits for it, or finds it done.
"""
from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

from tracer.ops.ir.node import Node
from tracer.ops.ir.op import CALL

from . import forks, interrupts

#: Elements of a call's operands and result together from which it may take long; another thread costs it some 0.1 ms.
LARGE = 1 << 19

#: Computes a node from its operands' arrays.
Compute = Callable[[Node, Sequence[Any]], Any]

#: Calls that are still running.
_UNDER_WAY: set[LongCall] = set()


def may_be_long(node: Node) -> bool:
    """Whether NumPy may need over a second for a node."""
    return node.op.kind == CALL and sum(n.size for n in (node, *node.inputs) if not isinstance(n.aval, tuple)) >= LARGE


class LongCall:
    """The computation of a node from its operands' arrays by a thread of its own: `wait` waits for it."""

    def __init__(self, compute: Compute, node: Node, arrays: Sequence[Any]) -> None:
        self.compute = compute
        self.node = node
        self.arrays = arrays
        self.owners: Any = ()  # the owners of the arrays' memory
        self.made: Any = None
        self.failure: BaseException | None = None
        self._start()

    def _start(self) -> None:
        self.process = os.getpid()
        self.done = threading.Event()
        _UNDER_WAY.add(self)
        try:
            threading.Thread(target=self._compute, name="tracer-numpy", daemon=True).start()
        except RuntimeError:  # too many threads, or Python is about to end
            self._compute()

    def _compute(self) -> None:
        try:
            self.made = self.compute(self.node, self.arrays)
        except BaseException as failure:
            self.failure = failure
        _UNDER_WAY.discard(self)
        self.owners = ()
        self.done.set()

    def wait(self) -> None:
        """Return when the call is done; raises `Paused` if this thread is interrupted before."""
        if self.process != os.getpid() and not self.done.is_set():
            self._start()  # a forked child does not have its thread
        while not self.done.wait(interrupts.GLANCE):
            interrupts.check()

    def result(self) -> Any:
        """The node's value, once the call is done. Raises the error with which it failed."""
        if self.failure is not None:
            raise self.failure
        return self.made


def begin(compute: Compute, node: Node, arrays: Sequence[Any]) -> LongCall | None:
    """Start the call of a node that may take long; None in any thread but the main one, as no other is interrupted."""
    return LongCall(compute, node, arrays) if threading.current_thread() is threading.main_thread() else None


def watched(compute: Compute, node: Node) -> Callable[[Sequence[Any], tuple], Any]:
    """The reference meaning of a node that may take long; it raises `Paused` when it is interrupted."""
    def ref(arrays: Sequence[Any], attrs: tuple) -> Any:
        call = begin(compute, node, arrays)
        if call is None:
            return node.op.ref(arrays, attrs)
        call.wait()
        return call.result()

    return ref


def keep(owners: Any) -> None:
    """Have calls under way hold the owners of their operands' memory: the run that began them was left."""
    for call in [*_UNDER_WAY]:
        call.owners = (call.owners, owners)
        if call not in _UNDER_WAY:
            call.owners = ()


forks.in_child(_UNDER_WAY.clear)
