"""Scalars of a graph: the numbers of its constants, and the choice of those that are literals in a kernel's text."""
from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np

from tracer.ops.ir.node import Node, const_value

from .symbolic_size import SymbolicSize, applied

#: Constants that are literals in the text of a kernel; others are arguments, so that kernels do not depend on them.
TEXTUAL = frozenset((0, 1, 2, -1, -2, 0.5, -0.5))


def number_of(node: Node) -> Any:
    """The number of a `const` node, which may be symbolic."""
    value = node.attrs[0]
    return value if isinstance(value, SymbolicSize) else const_value(node)


def is_textual(node: Node) -> bool:
    """Whether the constant `node` is a literal in the text of a kernel that uses it, where the code may profit."""
    kind = node.dtype.kind
    return kind == "b" or kind == "u" or bool(applied(_is_special, number_of(node)))


def settled(number: Any, dtype: np.dtype) -> Any:
    """A constant's number, made concrete where it is a literal in the text of a kernel: it is the same constant then as
    one that was never symbolic."""
    if isinstance(number, SymbolicSize) and applied(_is_special, number):
        return repr(dtype.type(float(number) if dtype.kind == "f" else int(number)).item())
    return number


def _is_special(value: float | int) -> bool:
    return value in TEXTUAL or not math.isfinite(value)


def bits_of(number: float) -> int:
    """A float64 as an integer of the same bits."""
    return struct.unpack("q", struct.pack("d", number))[0]
