"""Histories: a history records whether derivatives can still be taken through a value.

A backward frees values, not nodes, as equal computations share a node. So a recorded value has a history: a list of a
mark, which identifies the last traversal that visited it, and the histories of its recorded operands; a variable's
history is `VARIABLE`. A backward without retain_graph empties the lists that it visits. A value whose own list is
empty is a constant; one with an empty list further back can no longer be differentiated.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tracer.ops.ir.errors import MXNetError

from .segment import TapeEntry, next_order
from .trace import VARIABLE, Value, current

NOT_IN_GRAPH = (
    "Cannot differentiate node because it is not in a computational graph. You need to set is_recording to "
    "true or use autograd.record() to save computational graphs for backward. If you want to differentiate "
    "the same graph twice, you need to pass retain_graph=True to backward.")


def history_of(operands: Iterable[Value]) -> list[Any] | None:
    """The history of a function of `operands`; None where all are constants."""
    histories = [v.history for v in operands if v.history]
    return [None, *histories] if histories else None


def histories_of(heads: list[Value]) -> list[list[Any]]:
    """All histories reachable from `heads`. MXNetError if a backward has freed one of them."""
    found: list[list[Any]] = []
    mark: list[Any] = []
    stack: list[Any] = [v.history for v in heads]
    for history in stack:
        if history is mark or history is VARIABLE:
            continue
        if not history:
            raise MXNetError(NOT_IN_GRAPH)
        if history[0] is not mark:
            history[0] = mark
            found.append(history)
            stack += history
    return found


def free(histories: list[list[Any]], visited: list[TapeEntry]) -> None:
    """Make the values with these histories constants, and release the tape entries that are no longer needed."""
    for history in histories:
        history.clear()
    if Hooked.ever:
        for history in histories:
            if type(history) is Hooked:
                history.hook = None  # it holds values, which would be computed for nobody
    if visited:
        targets = current().trace.targets
        for node in [n for n, v in targets.items() if not v.history]:
            targets.pop(node)
        for entry in visited:
            if not any(entry.histories):
                entry.release()


@dataclass(frozen=True, eq=False)
class Hook:
    """A function called after each backward through a value, with arrays and the new values for them."""

    run: Callable[[Sequence[Any], Sequence[Any]], None]
    handles: Sequence[Any]
    values: Sequence[Any]

    def __call__(self) -> None:
        self.run(self.handles, self.values)


class Hooked(list):
    """A history with a hook, or with None once a backward has freed it."""

    __slots__ = ("hook", "order")
    ever = False  # whether one was ever made; most scripts have none

    def __init__(self, history: list[Any], hook: Hook) -> None:
        super().__init__(history)
        Hooked.ever = True
        self.hook: Hook | None = hook
        self.order = next_order()


class GradientHistory(list):
    """The history of a gradient taken under create_graph: a backward from it calls no hooks of the layers behind it."""

    __slots__ = ()


def hooked(histories: list[list[Any]], heads: list[Value]) -> list[Hook]:
    """The hooks that a backward from `heads` passes, the latest first."""
    if not Hooked.ever:
        return []
    found = [x for x in histories if type(x) is Hooked]
    if found and any([type(x) is GradientHistory for x in histories]):
        mark: list[Any] = []
        stack: list[Any] = [v.history for v in heads]
        for history in stack:
            if history is mark or history is VARIABLE or type(history) is GradientHistory:
                continue
            if history[0] is not mark:
                history[0] = mark
                stack += history
        found = [x for x in found if x[0] is mark]
    found.sort(key=lambda x: x.order, reverse=True)
    return [x.hook for x in found if x.hook is not None]
