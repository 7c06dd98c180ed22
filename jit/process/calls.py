"""Long calls of NumPy: a thread of their own does them, so that Ctrl-C does not wait for their end.

Python handles a signal between two instructions of the main thread, and none comes while that is within a sort of ten
million elements, or a decomposition. So the main thread hands such a call over and waits, with an eye on interrupts.
One that it has left goes on: whoever takes the run up again waits for it, or finds it done.
"""
from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer.ops.ir.node import Node
from tracer.ops.ir.op import CALL

from . import forks, interrupts

#: Elements of a call's operands and result together from which it may take long; another thread costs it some 0.1 ms.
LARGE = 1 << 19

#: Calls that a thread is still at.
_UNDER_WAY: set[LongCall] = set()


def may_be_long(node: Node) -> bool:
    """Whether NumPy may need over a second for a node."""
    return node.op.kind == CALL and sum(n.size for n in (node, *node.inputs) if not isinstance(n.aval, tuple)) >= LARGE


class LongCall:
    """A node computed from its operands' arrays by a thread of its own: `result` waits for it."""

    def __init__(self, node: Node, arrays: Sequence[Any]) -> None:
        self.node = node
        self.arrays = arrays
        self.owners: Any = ()  # of the arrays' memory
        self.made: Any = None
        self.failure: BaseException | None = None
        self._start()

    def _start(self) -> None:
        self.process = os.getpid()
        self.done = threading.Event()
        _UNDER_WAY.add(self)
        try:
            threading.Thread(target=self._compute, name="tracer-numpy", daemon=True).start()
        except RuntimeError:  # there are too many threads, or Python is about to end
            self._compute()

    def _compute(self) -> None:
        try:
            self.made = computed(self.node, self.arrays)
        except BaseException as failure:
            self.failure = failure
        _UNDER_WAY.discard(self)
        self.owners = ()
        self.done.set()

    def wait(self) -> None:
        """Return when the call is done; raises `Paused` if this thread is interrupted before."""
        if self.process != os.getpid() and not self.done.is_set():
            self._start()  # a fork has left its thread behind
        while not self.done.wait(interrupts.GLANCE):
            interrupts.check()

    def result(self) -> Any:
        """The node's value, of a call that is done. Raises what that has raised."""
        if self.failure is not None:
            raise self.failure
        return self.made


def begin(node: Node, arrays: Sequence[Any]) -> LongCall | None:
    """The call of a node that may take long, where it is to be interrupted: None in any thread but the main one."""
    return LongCall(node, arrays) if threading.current_thread() is threading.main_thread() else None


def watched(node: Node) -> Callable[[Sequence[Any], tuple], Any]:
    """The reference meaning of a node that may take long, which raises `Paused` on its way."""
    def ref(arrays: Sequence[Any], attrs: tuple) -> Any:
        call = begin(node, arrays)
        if call is None:
            return node.op.ref(arrays, attrs)
        call.wait()
        return call.result()

    return ref


def computed(node: Node, arrays: Sequence[Any]) -> Any:
    """A node's value by its reference meaning."""
    with np.errstate(all="ignore"):
        return node.op.ref(arrays, node.attrs)


def keep(owners: Any) -> None:
    """Let calls that are under way keep what their operands' memory belongs to: the run that began them was left."""
    for call in [*_UNDER_WAY]:
        call.owners = (call.owners, owners)
        if call not in _UNDER_WAY:
            call.owners = ()


forks.in_child(_UNDER_WAY.clear)
