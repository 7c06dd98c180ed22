"""The interpreter tier: NumPy runs a program node by node, by each op's reference meaning."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, const_op, leaf_op, scalar_op
from tracer.ops.ir.op import VIEW

from ..process import calls, interrupts
from ..report import timing
from ..report.timing import nbytes
from .blockwise import blocked
from .buffers import Buffer, from_array
from .denormals import computed, flushing


class ExecutionError(Exception):
    """The failure of `node` while a program ran, raised from the exception `cause`."""

    def __init__(self, node: Node, cause: BaseException) -> None:
        super().__init__(f"{node.op.name}: {cause}")
        self.node = node
        self.cause = cause


class Interpreter:
    """A graph in executable order. `run` maps leaf arrays and numbers to output buffers."""

    def __init__(self, outputs: Sequence[Node]) -> None:
        order = toposort(outputs)
        position = {n: i for i, n in enumerate(order)}
        self.outputs = [(position[o], o.aval) for o in outputs]
        self.nodes = order
        by_blocks = {b.node: b for b in blocked(order, outputs)}
        inside = {n for b in by_blocks.values() for n in b.inner}
        self.steps: list[tuple] = []
        for i, n in enumerate(order):
            if n.op is not leaf_op and n.op is not scalar_op and n.op is not const_op and n not in inside:
                of: Any = by_blocks.get(n, n)
                ref = of.ref if n in by_blocks else calls.watched(computed, n) if calls.may_be_long(n) else n.op.ref
                self.steps.append((i, n, ref, tuple(position[s] for s in of.inputs)))
        self.timed_steps: list[tuple] | None = None  # the same, each measured
        self.leaves = [(i, n.attrs[1], n.aval) for i, n in enumerate(order) if n.op is leaf_op]
        self.scalars = [(i, n.attrs[1], n.aval.dtype) for i, n in enumerate(order) if n.op is scalar_op]
        self.start: list[Any] = [n.op.ref((), n.attrs) if n.op is const_op else None for n in order]
        last: dict[int, int] = {}
        for at, (_, _, _, sources) in enumerate(self.steps):
            for s in sources:
                last[s] = at
        kept = {i for i, _ in self.outputs}
        self.drops: list[list[int]] = [[] for _ in self.steps]
        for s, at in last.items():
            if s not in kept:
                self.drops[at].append(s)

    def run(self, leaves: Sequence[Buffer], scalars: Sequence[float | int]) -> list[Buffer]:
        """Compute the outputs; raises ExecutionError at the node that failed."""
        env = self.start.copy()
        for i, index, of in self.leaves:
            env[i] = leaves[index].view(of)
        for i, index, dtype in self.scalars:
            env[i] = dtype.type(scalars[index])
        steps = self._timed() if timing.on else self.steps
        with flushing(), np.errstate(all="ignore"):
            for (i, node, ref, sources), drops in zip(steps, self.drops, strict=True):
                if interrupts.noted:
                    interrupts.check()
                try:
                    result = ref([env[s] for s in sources], node.attrs)
                except (ArithmeticError, ValueError, TypeError, IndexError, np.linalg.LinAlgError, MXNetError,
                        MemoryError, NotImplementedError) as cause:
                    raise ExecutionError(node, cause) from cause
                if not isinstance(node.aval, tuple) and result.dtype != node.aval.dtype:
                    result = result.astype(node.aval.dtype)
                env[i] = result
                for s in drops:
                    env[s] = None
        return [from_array(env[i]) for i, _ in self.outputs]

    def _timed(self) -> list[tuple]:
        """The steps, each measured; made at the first request."""
        if self.timed_steps is None:
            self.timed_steps = [(i, node, timing.timed("numpy", f"NumPy {node.op.name} {node.aval!r}", ref,
                                                        *_traffic(node)), sources)
                                for i, node, ref, sources in self.steps]
        return self.timed_steps


def _traffic(node: Node) -> tuple[int, int]:
    """The bytes that NumPy reads, and writes, for one op: none for a view."""
    return (0, 0) if node.op.kind == VIEW else (nbytes(node.inputs), nbytes([node]))
