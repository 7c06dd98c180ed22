"""Layouts of graphs that are like one seen before but for their sizes: a look-up, and arithmetic.

The second time that a structure comes with other sizes, all of its planning is done with sizes that remember
(sizes.py). What comes of it, a `Template`, serves all graphs of the structure whose sizes lead to the same decisions:
the layout, written down as a function of the sizes (replay.py). The structure is the graph as it was recorded, with
distinct sizes from 2 on numbered as they first appear; counts among the attributes of nodes, and numbers that a kernel
takes as arguments, are no part of it, but are remembered as sizes are.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer.ops.ir.aval import Aval, Shape
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, const_op, leaf_op
from tracer.ops.ir.op import CALL, VIEW

from .. import settings
from ..graph.builder import Nodes
from ..graph.scalars import is_textual, number_of
from ..graph.symbolic_size import Trail, Untold
from .layout import Layout
from .pipeline import plan_graph
from .planner import Planning
from .residual import replay

#: Structures that are remembered, and templates of one structure.
MAX_STRUCTURES, MAX_TEMPLATES = 512, 16
#: Nodes of a graph from which expressions would be too long.
MAX_NODES = 4000

#: By structure its templates, the latest used first; None where code wants plain sizes.
_SEEN: dict[tuple, list[Template] | None] = {}

#: In place of an aval, which a structure has elsewhere.
NOTHING = Aval((), np.dtype(bool))

#: A layout as a function of sizes and numbers, and of the graph's nodes in order: None where it is another.
Template = Callable[[Sequence[float | int], Sequence[Node]], Layout | None]


def forget() -> None:
    """Drop all templates."""
    _SEEN.clear()


def layout_of(outputs: Sequence[Node]) -> tuple[Layout, Planning | None]:
    """The layout that computes `outputs`; with the planning, if it did not come from a template."""
    order = toposort(outputs)
    key, sizes, counts, numbers = structure(order, outputs)
    if key not in _SEEN:
        if len(_SEEN) >= MAX_STRUCTURES:
            _SEEN.clear()
        _SEEN[key] = []
    elif (known := _SEEN[key]) is not None:
        values = [*sizes, *counts, *numbers]
        for i, template in enumerate(known):
            layout = template(values, order)
            if layout is not None:
                if i:
                    known.insert(0, known.pop(i))
                return layout, None
        if values and len(known) < MAX_TEMPLATES and len(order) <= MAX_NODES:
            try:
                template = template_of(order, outputs, sizes, counts, numbers)
            except Untold:
                _SEEN[key] = None
            else:
                known.insert(0, template)
                layout = template(values, order)
                assert layout is not None
                return layout, None
    planning = plan_graph(outputs)
    return planning.layout, planning


def structure(order: Sequence[Node],
              outputs: Sequence[Node]) -> tuple[tuple, list[int], list[int], list[float | int]]:
    """What planning sees of a graph, its distinct sizes from 2 on, as they first appear, its counts and its numbers.

    Counts are what attributes have of integers from 2 on: where a slice starts may be what a batch happens to be, too.
    """
    places: dict[Node, int] = {}
    found: dict[int, int] = {0: 0, 1: 1}  # a size -> its number
    counts: list[int] = []
    numbers: list[float | int] = []
    avals: dict[Any, int] = {}
    key: list[Any] = []

    def counted(count: int) -> Aval:
        counts.append(count)
        return NOTHING  # as no attribute is

    for at, n in enumerate(order):
        op, of, attrs = n.op, n.aval, n.attrs
        kind = avals.get(of)
        if kind is None:
            kind = avals[of] = len(avals)
            for part in of if isinstance(of, tuple) else (of,):
                key.append((part.dtype.num, *[found.setdefault(d, len(found)) for d in part.shape]))
        key.append(op)
        key.append(kind)
        for x in n.inputs:
            key.append(places[x])
        if attrs and not op.converts:  # to what its aval says
            if op is const_op and not is_textual(n):
                numbers.append(number_of(n))
            else:
                key.append(_attributes(n, NOTHING, counted))
        places[n] = at
    key += [settings.skip, *[places[o] for o in outputs]]
    return tuple(key), list(found)[2:], counts, numbers


def _attributes(n: Node, of: Any, counted: Callable[[int], Any]) -> tuple:
    """The attributes of a node like `of`, with integers from 2 on that may depend on sizes put through `counted`."""
    op, attrs = n.op, n.attrs
    if op is leaf_op:
        return of, attrs[1]
    if op.shaped:
        return (of.shape, *attrs[1:])
    return _through(attrs, counted) if op.kind in (VIEW, CALL) and not op.axes else attrs


def _through(attrs: tuple, counted: Callable[[int], Any]) -> tuple:
    return tuple([_through(a, counted) if isinstance(a, tuple) else counted(a) if type(a) is int and a > 1 else a
                  for a in attrs])


def template_of(order: Sequence[Node], outputs: Sequence[Node], sizes: Sequence[int], counts: Sequence[int],
                numbers: Sequence[float | int]) -> Template:
    """The layout of a structure as a function. Raises Untold where that cannot be."""
    trail = Trail(sizes, counts, numbers)
    first = dict(zip(sizes, trail.first))
    given, given_counts = iter(trail.numbers), iter(trail.counts)
    avals: dict[tuple[Shape, np.dtype], Aval] = {}
    shadows: dict[Node, Node] = {}

    def aval(shape: Shape, dtype: np.dtype) -> Aval:
        found = avals.get((shape, dtype))
        if found is None:
            found = avals[shape, dtype] = Aval(shape, dtype)
        return found

    def other(of: Any) -> Any:
        return tuple([other(a) for a in of]) if isinstance(of, tuple) else \
            aval(tuple([first.get(d, d) for d in of.shape]), of.dtype)

    for n in order:
        of = other(n.aval)
        attrs = (next(given), *n.attrs[1:]) if n.op is const_op and not is_textual(n) else \
            _attributes(n, of, lambda _: next(given_counts))
        shadows[n] = Node(n.op, tuple([shadows[i] for i in n.inputs]), attrs, of)
    planning = plan_graph([shadows[o] for o in outputs], Nodes(aval))
    places = {shadow: i for i, shadow in enumerate(shadows.values())}
    return replay(planning.layout, trail, places)
