"""Layouts of graphs that are like one seen before but for their sizes: a look-up, and arithmetic.

The second time that a structure comes with other sizes, all of its planning is done with sizes that remember
(sizes.py). What comes of it, a `Template`, serves all graphs of the structure whose sizes lead to the same decisions:
its layout is written down as a function of the sizes (replay.py). The structure is the graph as it was recorded, with
distinct sizes from 2 on numbered as they first appear; numbers that a kernel takes as arguments are no part of it, but
are remembered as sizes are.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer.ops.arithmetic import cast_op
from tracer.ops.aval import Aval, Shape
from tracer.ops.node import Node, const_op, leaf_op, toposort
from tracer.ops.op import CALL, VIEW

from .nodes import Nodes
from .planning import Layout, Planning
from .replay import replay
from .sizes import Trail, Untold
from .text import is_textual, number_of

#: Structures that are remembered, and templates of one structure.
MAX_STRUCTURES, MAX_TEMPLATES = 512, 16
#: Nodes of a graph from which expressions would be too long.
MAX_NODES = 4000

#: By structure its templates, the latest used first; None where code wants plain sizes.
_SEEN: dict[tuple, list[Template] | None] = {}


def forget() -> None:
    """Drop all templates."""
    _SEEN.clear()


def layout_of(outputs: Sequence[Node]) -> tuple[Layout, Planning | None]:
    """The layout that computes `outputs`; with the planning, if it did not come from a template."""
    order = toposort(outputs)
    key, sizes, numbers = structure(order, outputs)
    if key not in _SEEN:
        if len(_SEEN) >= MAX_STRUCTURES:
            _SEEN.clear()
        _SEEN[key] = []
    elif (known := _SEEN[key]) is not None:
        values = [*sizes, *numbers]
        for i, template in enumerate(known):
            if template.fits(values):
                if i:
                    known.insert(0, known.pop(i))
                return template.layout(values, order), None
        if values and len(known) < MAX_TEMPLATES and len(order) <= MAX_NODES:
            try:
                template = Template(order, outputs, sizes, numbers)
            except Untold:
                _SEEN[key] = None
            else:
                known.insert(0, template)
                return template.layout(values, order), None
    planning = Planning(outputs)
    return planning.layout, planning


def structure(order: Sequence[Node], outputs: Sequence[Node]) -> tuple[tuple, list[int], list[float | int]]:
    """What planning sees of a graph, its distinct sizes from 2 on, as they first appear, and its numbers."""
    places: dict[Node, int] = {}
    found: dict[int, int] = {0: 0, 1: 1}  # a size -> its number
    numbers: list[float | int] = []
    avals: dict[Any, int] = {}
    key: list[Any] = []

    def numbered(size: int) -> tuple[int]:
        return found.setdefault(size, len(found)),

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
        if attrs and op is not cast_op:  # which its aval says
            if op is const_op and not is_textual(n):
                numbers.append(number_of(n))
            else:
                key.append(_attributes(n, of, numbered))
        places[n] = at
    key += [-1, *[places[o] for o in outputs]]
    return tuple(key), list(found)[2:], numbers


def _attributes(n: Node, of: Any, sized: Callable[[int], Any]) -> tuple:
    """The attributes of a node like `of`, with sizes put through `sized`: all from 2 on that may be one."""
    op, attrs = n.op, n.attrs
    if op is leaf_op:
        return of if of is not n.aval else None, attrs[1]
    if op.kind == CALL or (op.kind == VIEW and op.name != "transpose"):
        return _through(attrs, sized)
    return (_through(attrs[0], sized), *attrs[1:]) if op.name == "iota" else attrs


def _through(attrs: tuple, sized: Callable[[int], Any]) -> tuple:
    return tuple([_through(a, sized) if isinstance(a, tuple) else sized(a) if type(a) is int and a > 1 else a
                  for a in attrs])


class Template:
    """The layout of a structure as a function of sizes. Raises Untold where that cannot be."""

    def __init__(self, order: Sequence[Node], outputs: Sequence[Node], sizes: Sequence[int],
                 numbers: Sequence[float | int]) -> None:
        trail = Trail(sizes, numbers)
        first = dict(zip(sizes, trail.first))
        given = iter(trail.numbers)
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
            attrs = (next(given), n.attrs[1]) if n.op is const_op and not is_textual(n) else \
                _attributes(n, of, first.__getitem__)
            shadows[n] = Node(n.op, tuple([shadows[i] for i in n.inputs]), attrs, of)
        planning = Planning([shadows[o] for o in outputs], Nodes(aval))
        places = {shadow: i for i, shadow in enumerate(shadows.values())}
        self.layout: Callable[[Sequence[float | int], Sequence[Node]], Layout] = \
            replay(planning.layout, trail, places)
        self.fits = trail.holds()
