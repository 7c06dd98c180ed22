"""Generated kernels: source, arguments, and the memory that they need besides their operands."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracer.ops.ir.errors import CannotCompile
from tracer.ops.ir.node import Node

from ..fusion.kernel import Root


@dataclass
class Part:
    """Memory that a kernel needs besides its operands: `count` elements of `dtype` for each chunk."""

    count: int
    dtype: np.dtype
    root: Root | None = None  # the reduction whose partial results it holds
    shared: bool = False  # one for all chunks, which write different places; to be filled beforehand


@dataclass
class Generated:
    """A kernel's source and what a plan needs to call it.

    args: int constants, or ("slot", node) for the slot of bind with a value's address or a number, ("number", node)
    for the value of a constant (a float64 by its bits), ("part", i) for the slot of the i-th Part's address, "chunk"
    for the chunk length.
    """

    source: str
    args: list[Any]
    extent: int
    cost: float
    parts: list[Part] = field(default_factory=list)
    align: int = 1  # rows that must stay in one chunk
    in_place: list[tuple[Node, Node]] = field(default_factory=list)  # (root, read) that may share memory


#: What becomes of a kernel: its code, or why it has none; nothing of a library call.
KernelResult = Generated | CannotCompile | None
