"""Units of a table's items, the rows that may run at the same time; comparison of tables; the error of a wrong plan."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tracer.ops.ir.node import Node

from ..runtime import driver
from .accesses import chunks_of
from .memory import Touch


class PlanError(AssertionError):
    """An error in a plan: the step, the slot of bind and the node where it is, and the reason."""

    def __init__(self, step: Any, slot: int, node: Any, reason: str) -> None:
        super().__init__(f"{step}: slot {slot}, {node!r}: {reason}")
        self.step, self.slot, self.node, self.reason = str(step), slot, node, reason


def told(touch: Touch) -> str:
    return f"{touch.step} {'writes' if touch.write else 'reads'} through slot {touch.slot}"


def units(item: driver.Item, meant: Any) -> Iterator[list[tuple[driver.Step, driver.Step, int]]]:
    """The units of an item, which may run at the same time: rows in order, with counterparts, and chunks or -1."""
    if isinstance(item, driver.Step):
        yield [(item, meant, -1)]
    elif isinstance(item, driver.Chain):
        pairs = list(zip(item.steps, meant.steps, strict=True))
        counts = {chunks_of(step.extent, step.chunk) for step in item.steps}
        if len(counts) > 1:
            raise PlanError("chain", -1, None, f"steps of {sorted(counts)} chunks")
        for chunk in range(counts.pop()):
            yield [(step, of, chunk) for step, of in pairs]
    else:
        for one, of in zip(item.steps, meant.steps, strict=True):
            yield from units(one, of)


def alike(a: Any, b: Any) -> bool:
    """Whether two parts of a table are of one kind."""
    return type(a) is type(b)


def plain(what: Any) -> Any:
    """A layout with ops, shapes and dtypes in place of nodes, which differ from plan to plan.

    Planning removes the leaves' devices, a template does not; nothing that runs depends on them.
    """
    if isinstance(what, Node):
        avals = what.aval if isinstance(what.aval, tuple) else (what.aval,)
        return what.op, [(of.shape, of.dtype) for of in avals]
    return [plain(x) for x in what] if isinstance(what, (tuple, list)) else what
