"""Layouts: the numbers, and few nodes, that a plan needs to run."""
from __future__ import annotations

from typing import NamedTuple

from tracer.ops.ir.node import Node

from ..runtime import driver
from ..runtime.launch import Words


class Source(NamedTuple):
    """How NumPy reads a value: at a word of bind, or (-1) by computing it from `sources`."""

    node: Node
    word: int
    sources: tuple[Source, ...] = ()


class ByNumPy(NamedTuple):
    """Values that NumPy computes: each with the word of bind for its address, and its operands."""

    values: tuple[Source, ...]


class Check(NamedTuple):
    """Asks whether a native step has noted a failure in a word of bind: then the step is done again by NumPy."""

    word: int
    value: Source


Run = tuple[driver.Item, ...] | ByNumPy | Check


class Layout(NamedTuple):
    """A plan's numbers, and the few nodes it needs to run.

    words: of bind; between: those with the address of a value between steps, and its bytes; touched: by phase, such
    words of what is read and of what is written; inputs: what a run writes into bind; nbytes: of the outputs that are
    computed; results: for each output its number among these, and the node of one that is an input itself; donations:
    by number of an output, the leaves whose memory it may be written over; runs: what to do, in order; fallbacks: what
    NumPy does, and why; steps: how many there are.
    """

    words: int
    between: tuple[tuple[int, int], ...]
    touched: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    inputs: Words
    nbytes: tuple[int, ...]
    results: tuple[tuple[int, Node | None], ...]
    donations: tuple[tuple[int, tuple[int, ...]], ...]
    runs: tuple[Run, ...]
    fallbacks: tuple[tuple[Node, str], ...]
    steps: int
