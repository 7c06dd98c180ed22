"""Generated kernels: source, arguments, and the memory that they need besides their operands."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracer.ops.ir.errors import CannotCompile
from tracer.ops.ir.node import Node

from ..fusion.kernel import Root


@dataclass
class Scratch:
    """Memory that a kernel needs besides its operands: `count` elements of `dtype` for each chunk."""

    count: int
    dtype: np.dtype
    root: Root | None = None  # the reduction whose partial results it holds
    shared: bool = False  # one for all chunks, which write different places; to be filled beforehand


@dataclass
class Generated:
    """A kernel's source and what a plan needs to call it.

    args: ints, and names for what a plan fills in:
        ("slot", node): the slot of bind with a value's address or a run-time number.
        ("number", node): the value of a constant (a float64 by its bits).
        ("part", i): the slot with the address of the i-th Scratch.
        "chunk": the chunk length.
    """

    source: str
    args: list[Any]
    extent: int
    cost: float
    parts: list[Scratch] = field(default_factory=list)
    align: int = 1  # rows that must stay in one chunk
    in_place: list[tuple[Node, Node]] = field(default_factory=list)  # (result, operand) pairs that may share memory


#: The result of code generation: a kernel's code, or the reason why it has none; None for a library call.
KernelResult = Generated | CannotCompile | None
