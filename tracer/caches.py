"""The bound on what is remembered of graphs.

Nodes and all that is keyed by them (programs, derivatives, what functions mean) are kept for the next time. A
script whose shapes or static arguments never come again would fill the memory with them: past a bound, all is
forgotten, and made again as it is needed. Kernels are keyed by their source and stay.
"""
from __future__ import annotations

from tracer.jit import program
from tracer.jit.graph import gradient
from tracer.jit.report import misses
from tracer.ops.ir import node

from . import memo, tape


def forget() -> None:
    """Forget all graphs. What is recorded and not yet run, in any thread, keeps its own nodes.

    >>> from tracer import np
    >>> x = np.ones(3) + 1
    >>> forget()
    >>> (x * x).sum().item()
    12.0
    """
    memo.forget()
    tape.forget()
    program.forget()
    gradient.forget()
    misses.forget()
    node.forget()
