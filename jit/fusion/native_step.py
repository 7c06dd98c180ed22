"""Records of native steps: the facts of a library call that fusion, planning and reports use.

A file of jit/steps registers a record under the name that an op has in `Op.step`. A node that has no record, or does
not fit it, is computed by NumPy between two tables.
"""
from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from tracer.ops.ir.node import Node, scalar_op
from tracer.ops.ir.op import LEAF

from ..graph.index_map import without_reshapes

#: The most chunks of a step in a chain.
MANY = 1 << 10

#: (elements, units): a tile of so many elements of a value is read by a tile of so many units of a step's range.
TileRatio = tuple[int, int]


class BandLink(NamedTuple):
    """A step that can be part of a chain (plan/row_bands.py), by the tiles that it reads and writes.

    cost: as `Generated.cost`.
    extent: the length of its range.
    align: units of the range that stay together.
    chunk: the length of its chunks when alone, 0 where it is not cut.
    most: the most chunks.
    reads: each value that it reads -> its tile ratio, None where no tile of it belongs to a part of the range.
    writes: each value that it writes -> the elements per unit of the range, 0 for one that is ready only at the end.
    nbytes: the bytes that it writes.
    replaces: operands that it may write over.
    product: whether it is a matrix product.
    """

    cost: float
    extent: int
    align: int
    chunk: int
    most: int
    reads: Mapping[Any, TileRatio | None]
    writes: Mapping[Any, int]
    nbytes: int = 0
    replaces: Sequence[Any] = ()
    product: bool = False


class Nested(NamedTuple):
    """The plan of a graph that is a part of a step.

    items: the items of the driver's table.
    places: by slot of bind, the offset in the part's own memory of a value between its steps.
    nbytes: the size of that memory.
    state: the state of planning, for reports and proofs.
    """

    items: Sequence[Any]
    places: Mapping[int, int]
    nbytes: int
    state: Any


class Uses(Protocol):
    """The slots of bind that a step requests while it is lowered, which give the planner its reads and writes.

    materialized: the values kept in memory, besides leaves.
    chunk: the length of the step's chunks in a chain, 0 outside of one.
    parts: of a node with several outputs, those that are needed, by number.
    """

    materialized: set[Node]
    chunk: int
    parts: Mapping[int, Node]

    def read(self, value: Node) -> int:
        """The slot of a value in memory, or of a run-time number."""

    def write(self, what: Any, nbytes: int) -> int:
        """The slot of the address to which the step writes a value."""

    def lasting(self, value: Node, node: Node) -> bool:
        """Whether a value is an array of the user's that only operations such as that of `node` read: weights in
        prediction, for example, but not in training.
        """

    def pack(self, value: Node, what: Any, nbytes: int, key: tuple) -> tuple[int, int]:
        """The slots of a packed form of an operand, which the step writes, and of a word: where that is not 0, the
        form is up to date, and the step leaves it.

        what: the name of the form in the plan, as for `write`.
        key: what distinguishes it from other forms of the operand, in any plan.
        """

    def failed(self, node: Node, key: tuple) -> int:
        """The slot in which the step notes that it has failed; steps of one key fail together."""

    def slot(self) -> int:
        """A slot for an address that the step computes."""

    def plan(self, outputs: Sequence[Node], slots: Mapping[Node, int], results: Sequence[int]) -> Nested:
        """Plan a graph as a part of the step; `slots` are those of its leaves, `results` those of its outputs.

        CannotCompile where a part of it has no native form.
        """


def in_memory(x: Node, materialized: Container[Node]) -> bool:
    """Whether an operand has an address: it is kept in memory, or an array of the user's, not a number."""
    return x in materialized or x.op.kind == LEAF and x.op is not scalar_op


def _itself(node: Node, at: int, materialized: Container[Node]) -> Node:
    return without_reshapes(node.inputs[at], materialized)


@dataclass(frozen=True, eq=False)
class NativeStep:
    """A kind of native step. `materialized` is the set of values kept in memory, besides leaves.

    fits(node, materialized): whether the node has this form, its operands being in memory.
    lower(node, uses): the rows of the driver's table that compute it.
    label(node): its name in reports.
    cost(node): that of its first row, as `Generated.cost`; 0 for a step beside which no other one may run.
    operand(node, i, materialized): the value in memory that stands for the i-th operand.
    in_place(node, materialized): (result, operand) pairs that may share memory.
    band(node, materialized): its link as the first step of a chain, whose chunks its last row then has; None where it
        is in no chain.
    engine: the code that runs it, in pictures of programs.
    short(node): its attributes, in pictures of programs.
    """

    fits: Callable[[Node, set[Node]], bool]
    lower: Callable[[Node, Uses], list[Any]]
    label: Callable[[Node], str] = lambda node: f"{node.op.step} {node.aval!r}"
    cost: Callable[[Node], float] = lambda node: 0.0
    operand: Callable[[Node, int, Container[Node]], Node] = _itself
    in_place: Callable[[Node, Container[Node]], list[tuple[Node, Node]]] = lambda node, materialized: []
    band: Callable[[Node, set[Node]], BandLink | None] | None = None
    engine: str = "native call"
    short: Callable[[Node], str] | None = None


_STEPS: dict[str, NativeStep] = {}


def register(name: str, record: NativeStep) -> None:
    """Make `record` the native form of the ops whose `step` is `name`."""
    if name in _STEPS:
        raise ValueError(f"native step {name!r} is registered twice")
    _STEPS[name] = record


def native_step(node: Node) -> NativeStep | None:
    """The record of a node's op, if it has one."""
    return None if node.op.step is None else _STEPS[node.op.step]
