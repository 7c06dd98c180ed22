"""Bodies of scans: the steps that are repeated, as functions that build their graphs."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from ..ir.aval import Aval, aval
from ..ir.node import FORGETTERS, Node, leaf, make
from ..ir.op import ELEMENTWISE, Op, declare


class Body(NamedTuple):
    """The body of a scan, built anew for operands of any shapes and dtypes.

    build: (leaves, *static) -> the states after the step, then the results of the step. The leaves are the step's
        elements of the sequences, the states before it, and the constants.
    static: the numbers and names on which the body depends, hashable.
    """

    build: Callable[..., Sequence[Node]]
    static: tuple = ()


class Graph(NamedTuple):
    """The graph of a body for operands of certain avals."""

    leaves: tuple[Node, ...]
    results: tuple[Node, ...]


def leaves_of(avals: Sequence[Aval]) -> tuple[Node, ...]:
    """New leaves of these avals, numbered from 0."""
    return tuple([leaf(of, i) for i, of in enumerate(avals)])


_GRAPHS: dict[tuple, Graph] = {}
FORGETTERS.append(_GRAPHS.clear)


def graph_of(body: Body, avals: tuple[Aval, ...]) -> Graph:
    """The graph of a body for leaves of these avals. Memoized."""
    key = body, avals
    found = _GRAPHS.get(key)
    if found is None:
        leaves = leaves_of(avals)
        found = _GRAPHS[key] = Graph(leaves, tuple(body.build(leaves, *body.static)))
    return found


def step_avals(avals: Sequence[Aval], sequences: int) -> tuple[Aval, ...]:
    """The avals of a body's leaves: of the sequences one element each."""
    return tuple([aval(of.shape[1:], of.dtype) if i < sequences else aval(of.shape, of.dtype)
                  for i, of in enumerate(avals)])


def _samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    yield [np.linspace(-1, 1, 6).reshape(2, 3)], (0,)


#: A value of its own with the elements of the input. Simplification leaves it: a body's results are no operands, and
#: no two of them are one value.
duplicate_op = declare(Op("duplicate", ELEMENTWISE, lambda avals, attrs: avals[0], lambda arrays, attrs: arrays[0],
                          lambda node, g: (g,), expr="{0}", cost=0, samples=_samples))


def duplicate(x: Node, number: int) -> Node:
    """A value with the elements of `x`, told apart from other such values by a number."""
    return make(duplicate_op, (x,), (number,))
