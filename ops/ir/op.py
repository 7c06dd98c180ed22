"""Primitive operations: one frozen record each, from which everything else about the operation is derived."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .aval import Aval
    from .node import Node

#: Sets of dtypes that ops accept.
FLOATS = frozenset(map(np.dtype, ("float16", "float32", "float64")))
INTEGERS = frozenset(map(np.dtype, ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")))
NUMBERS = FLOATS | INTEGERS
ALL = NUMBERS | {np.dtype(bool)}

#: Kinds of ops, by the way in which their values are computed.
LEAF = "leaf"              # a run-time input of the program
ELEMENTWISE = "elementwise"  # one scalar expression per element, inputs broadcast
REDUCTION = "reduction"    # an associative combination over axes (attrs: axes)
VIEW = "view"              # a re-indexing: every element is an element of the input
CALL = "call"              # a library or NumPy call on whole arrays


@dataclass(frozen=True, eq=False)
class Op:
    """A primitive operation.

    infer(avals, attrs) -> Aval, or a tuple of them for an op with several outputs; raises on bad input.
    vjp(node, g) -> one cotangent node (or None) for each input; ops/control/gradient.py sums it to the input's shape.
    ref(arrays, attrs) -> the result by NumPy, which the interpreter tier runs.
    expr: the scalar expression of an elementwise op over {0}, {1}… ({T} is the result's scalar type).
    samples: () -> iterable of (input arrays, attrs), for the tests that run on every op.
    seeds(node) -> whether the vjp ignores g: then it counts for each head that is computed from the node, even where
        no cotangent reaches the node.
    gathers(node) -> for a CALL whose elements are elements of its first operand: for each axis of that operand the
        position of its index array among the other operands, or None for the whole axis. None for any other indexing.
    smooth: whether the samples stay clear of kinks, so that finite differences apply.
    dtypes: the dtypes of the first operand, and of those that must have the same one; `make` refuses others.
    backward_dtypes: the dtypes of operands for which the vjp gives cotangents; those of others are 0.
    errors: (input avals, attrs, exception): samples of other inputs that `make` refuses.
    """

    name: str
    kind: str
    infer: Callable[[Sequence[Aval], tuple], Any]
    ref: Callable[[Sequence[Any], tuple], Any]
    vjp: Callable[[Node, Node], Sequence[Node | None]] | None = None
    expr: str | None = None
    samples: Callable[[], Any] | None = None
    cost: int = 1  # flops to compute one element
    same: bool = True  # elementwise: computed in the dtype of its result
    identity: Any = None  # reduction: dtype -> start value
    combine: str | None = None  # reduction, the combination of two elements: "+", "*", "max" or "min"
    smooth: bool = True
    seeds: Callable[[Node], bool] | None = None
    may_fail: bool = False  # CALL: it raises for some operands
    step: str | None = None  # CALL: the name under which jit/steps registers its native step, if it has one
    index: Callable[[tuple], int] | None = None  # elementwise: attrs -> the axis whose index is {index} in `expr`
    gathers: Callable[[Node], tuple[int | None, ...] | None] | None = None
    converts: bool = False  # elementwise: a conversion to the dtype of its result, and nothing else
    shaped: bool = False  # its first attribute is the shape of its result
    axes: bool = False  # VIEW, CALL: its attributes are axes or positions, not sizes
    dtypes: frozenset[np.dtype] = ALL
    backward_dtypes: frozenset[np.dtype] = NUMBERS
    errors: Sequence[tuple[Sequence[Aval], tuple, type[Exception]]] = ()

    def __repr__(self) -> str:
        return self.name


#: Every primitive by name, filled as the families are imported.
OPS: dict[str, Op] = {}


def declare(op: Op) -> Op:
    """Add `op` to OPS. ValueError for a name that is there already."""
    if op.name in OPS:
        raise ValueError(f"op {op.name!r} is declared twice")
    OPS[op.name] = op
    return op
