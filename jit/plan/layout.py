"""Layouts: the numbers, and the few nodes, that a plan needs to run."""
from __future__ import annotations

from typing import NamedTuple

from tracer.ops.ir.node import Node

from ..runtime import driver
from ..runtime.launch import ArgumentLayout
from ..runtime.packed import Packing


class Source(NamedTuple):
    """A value that NumPy reads: at a slot of bind, or (slot -1) computed from `sources`."""

    node: Node
    slot: int
    sources: tuple[Source, ...] = ()


class ByNumPy(NamedTuple):
    """Values that NumPy computes: each with the slot of bind for its address, and its operands."""

    values: tuple[Source, ...]


class Check(NamedTuple):
    """A check after a native step: if it has noted a failure in a slot of bind, NumPy repeats it, and raises."""

    slot: int
    value: Source


Run = tuple[driver.Item, ...] | ByNumPy | Check


class PlanLayout(NamedTuple):
    """The layout of a plan.

    slots: the number of slots of bind.
    between: the slots with the address of a value between steps, each with the value's bytes.
    touched: by group, the slots among these that it reads, and those that it writes.
    inputs: the slots that a run fills.
    nbytes: the bytes of each output that is computed.
    results: for each output its number among the computed ones, or (-1, the node) for one that is an input itself.
    packings: the packed forms of leaves that may be kept from run to run.
    donations: by number of an output, the leaves whose memory it may be written over.
    runs: tables of native steps, NumPy's steps and checks, in order.
    fallbacks: the nodes that NumPy computes, each with the reason.
    steps: the number of steps.
    """

    slots: int
    between: tuple[tuple[int, int], ...]
    touched: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    inputs: ArgumentLayout
    nbytes: tuple[int, ...]
    results: tuple[tuple[int, Node | None], ...]
    packings: tuple[Packing, ...]
    donations: tuple[tuple[int, tuple[int, ...]], ...]
    runs: tuple[Run, ...]
    fallbacks: tuple[tuple[Node, str], ...]
    steps: int
