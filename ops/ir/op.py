"""What an operation is: one frozen record each, from which everything else about it is derived."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .aval import Aval
    from .node import Node

#: The dtypes that ops take.
FLOATS = frozenset(map(np.dtype, ("float16", "float32", "float64")))
INTEGERS = frozenset(map(np.dtype, ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")))
NUMBERS = FLOATS | INTEGERS
ALL = NUMBERS | {np.dtype(bool)}

#: kinds, by how a value of the op comes about
LEAF = "leaf"              # a run-time input of the program
ELEMENTWISE = "elementwise"  # one scalar expression per element, inputs broadcast
REDUCTION = "reduction"    # an associative combination over axes (attrs: axes)
VIEW = "view"              # a re-indexing: every element is an element of the input
CALL = "call"              # a library or NumPy call on whole arrays


@dataclass(frozen=True, eq=False)
class Op:
    """A primitive operation.

    infer(avals, attrs) -> Aval, or a tuple of them for an op with several outputs; raises on bad input.
    vjp(node, g) -> one cotangent node (or None) for each input; un-broadcasting is the driver's work.
    ref(arrays, attrs) -> the NumPy meaning, which the interpreter tier runs.
    expr: the scalar expression of an elementwise op over {0}, {1}… ({T} is the result's scalar type).
    samples: () -> iterable of (input arrays, attrs), for the tests that every op gets.
    seeds(node) -> whether the vjp takes no account of g: then it counts for each head that is computed from the node,
    by whatever derivative.
    gathers(node) -> of a CALL whose elements are elements of its first operand: for each axis of that the number of the
    index array which says where, among the other operands, or None for the whole axis; None where it is not so simple.
    smooth: whether the samples stay clear of kinks, so that finite differences apply.
    dtypes: the dtypes of its first operand, and of those that must have the same one; `make` refuses others.
    backward_dtypes: the dtypes of the operands that the vjp gives cotangents of; those of others are 0.
    errors: (input avals, attrs, exception) for samples of what `make` refuses otherwise.
    """

    name: str
    kind: str
    infer: Callable[[Sequence[Aval], tuple], Any]
    ref: Callable[[Sequence[Any], tuple], Any]
    vjp: Callable[[Node, Node], Sequence[Node | None]] | None = None
    expr: str | None = None
    samples: Callable[[], Any] | None = None
    cost: int = 1  # of one element, in flops: what recomputing it would take
    same: bool = True  # elementwise: computed in the dtype of its result
    identity: Any = None  # of a reduction: dtype -> start value
    combine: str | None = None  # of a reduction, how two elements become one: "+", "*", "max" or "min"
    smooth: bool = True
    seeds: Callable[[Node], bool] | None = None
    may_fail: bool = False  # a CALL: it raises for some operands
    step: str | None = None  # a CALL with a native step: the name under which jit/steps registers it
    index: Callable[[tuple], int] | None = None  # elementwise, attrs -> the axis whose index is {index} in `expr`
    gathers: Callable[[Node], tuple[int | None, ...] | None] | None = None
    converts: bool = False  # elementwise: to the dtype of its result, and nothing else
    shaped: bool = False  # its first attribute is the shape of its result
    axes: bool = False  # a VIEW: its attributes are axes, not sizes
    dtypes: frozenset[np.dtype] = ALL
    backward_dtypes: frozenset[np.dtype] = NUMBERS
    errors: Sequence[tuple[Sequence[Aval], tuple, type[Exception]]] = ()

    def __repr__(self) -> str:
        return self.name


#: Every primitive by name, filled as the families are imported.
OPS: dict[str, Op] = {}


def declare(op: Op) -> Op:
    """Enter `op` into the table; a name stands for one op only."""
    if op.name in OPS:
        raise ValueError(f"op {op.name!r} is declared twice")
    OPS[op.name] = op
    return op
