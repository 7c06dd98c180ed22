"""Layouts: the numbers, and few nodes, that a plan needs to run."""
from __future__ import annotations

from typing import NamedTuple

from tracer.ops.ir.node import Node

from ..runtime import driver
from ..runtime.launch import ArgumentLayout


class Source(NamedTuple):
    """How NumPy reads a value: at a slot of bind, or (-1) by computing it from `sources`."""

    node: Node
    slot: int
    sources: tuple[Source, ...] = ()


class ByNumPy(NamedTuple):
    """Values that NumPy computes: each with the slot of bind for its address, and its operands."""

    values: tuple[Source, ...]


class Check(NamedTuple):
    """Asks whether a native step has noted a failure in a slot of bind: then the step is done again by NumPy."""

    slot: int
    value: Source


Run = tuple[driver.Item, ...] | ByNumPy | Check


class PlanLayout(NamedTuple):
    """A plan's numbers, and the few nodes it needs to run.

    slots: the number of slots of bind.
    between: the slots with the address of a value between steps, each with the value's bytes.
    touched: by group, those among them that it reads, and those that it writes.
    inputs: the slots that a run fills.
    nbytes: the bytes of each output that is computed.
    results: for each output its number among these, or (-1, the node) for one that is an input itself.
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
    donations: tuple[tuple[int, tuple[int, ...]], ...]
    runs: tuple[Run, ...]
    fallbacks: tuple[tuple[Node, str], ...]
    steps: int
