"""Shape templates: the layout of a graph that differs from a known one in its sizes only, by look-up and arithmetic.

The second time that a structure comes with other sizes, it is planned with symbolic sizes (graph/symbolic_size.py).
The result, a `Template`, serves all graphs of the structure whose sizes fulfil the guards: it is the residual program
of the layout (residual.py). The structure is the recorded graph, with distinct sizes from 2 on numbered as they first
appear. Counts among the attributes of nodes, and numbers that a kernel takes as arguments, are no part of it, but
parameters of the template, as sizes are.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer.ops.ir.aval import Aval, Shape
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, const_op, leaf_op
from tracer.ops.ir.op import CALL, VIEW

from ... import settings
from ...graph.builder import Nodes
from ...graph.scalars import is_textual, number_of
from ...graph.symbolic_size import NotSymbolic, ShapeEnv
from ..layout import PlanLayout
from ..pipeline import plan_graph
from ..planner import PlanState
from . import stored_layouts
from .residual import residual

#: The most structures, and the most templates of one structure, that are remembered.
MAX_STRUCTURES, MAX_TEMPLATES = 512, 16
#: The most nodes of a graph that gets a template: expressions of a larger one would be too long.
MAX_NODES = 4000

#: Structure -> its templates, the latest used first; None where planning needs concrete sizes.
_SEEN: dict[tuple, list[Template] | None] = {}

#: Placeholder for avals inside attributes: the key holds them separately. No attribute equals it.
NOTHING = Aval((), np.dtype(bool))

#: A layout as a function of sizes and numbers, and of the graph's nodes in order: None where a guard fails.
Template = Callable[[Sequence[float | int], Sequence[Node]], PlanLayout | None]


def forget() -> None:
    """Drop all templates."""
    _SEEN.clear()


def layout_of(outputs: Sequence[Node]) -> tuple[PlanLayout, PlanState | None]:
    """The layout that computes `outputs`, and the state of planning; None for that where the layout was known."""
    order = toposort(outputs)
    key, sizes, counts, numbers = structure(order, outputs)
    values = [*sizes, *counts, *numbers]
    known = _SEEN.get(key, [])
    for i, template in enumerate(known or ()):
        layout = template(values, order)
        if layout is not None:
            if known and i:
                known.insert(0, known.pop(i))
            return layout, None
    name = stored_layouts.name_of(order, key, values)
    stored = stored_layouts.load(name, order) if name else None
    if key not in _SEEN:
        if len(_SEEN) >= MAX_STRUCTURES:
            _SEEN.clear()
        _SEEN[key] = []
    elif stored is None and known is not None and values and len(known) < MAX_TEMPLATES and len(order) <= MAX_NODES:
        try:
            template = template_of(order, outputs, sizes, counts, numbers)
        except NotSymbolic:
            _SEEN[key] = None
        else:
            known.insert(0, template)
            layout = template(values, order)
            assert layout is not None
            return layout, None
    if stored is not None:
        return stored, None
    planning = plan_graph(outputs)
    if name:
        stored_layouts.store(name, planning.layout, order)
    return planning.layout, planning


def structure(order: Sequence[Node],
              outputs: Sequence[Node]) -> tuple[tuple, list[int], list[int], list[float | int]]:
    """(structure, sizes, counts, numbers) of a graph, which are all that planning depends on.

    sizes: distinct ones from 2 on, as they first appear.
    counts: the integers from 2 on in attributes: the start of a slice may happen to equal the batch size, for example.
    numbers: the constants that kernels take as arguments.
    """
    places: dict[Node, int] = {}
    found: dict[int, int] = {0: 0, 1: 1}  # a size -> its number
    counts: list[int] = []
    numbers: list[float | int] = []
    avals: dict[Any, int] = {}
    key: list[Any] = []

    def counted(count: int) -> Aval:
        counts.append(count)
        return NOTHING

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
        if attrs and not op.converts:  # the aval gives the dtype to convert to
            if op is const_op and not is_textual(n):
                numbers.append(number_of(n))
            else:
                key.append(_attributes(n, NOTHING, counted))
        places[n] = at
    key += [settings.skip, *[places[o] for o in outputs]]
    return tuple(key), list(found)[2:], counts, numbers


def _attributes(n: Node, of: Any, counted: Callable[[int], Any]) -> tuple:
    """The attributes of a node for the aval `of`; `counted` maps integers from 2 on that may depend on sizes."""
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
    """The layout of a structure as a function of its sizes. Raises NotSymbolic where planning needs concrete ones."""
    env = ShapeEnv(sizes, counts, numbers)
    first = dict(zip(sizes, env.first))
    given, given_counts = iter(env.numbers), iter(env.counts)
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
    return residual(planning.layout, env, places)
