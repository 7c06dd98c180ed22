"""Layered layout of a directed acyclic graph of boxes: a pure function from sizes and edges to places and routes.

It follows Sugiyama: longest-path layers; an edge over several layers becomes a chain of points, one for each layer;
sweeps sort each layer by its neighbours' means; places in a layer are the nearest to those means that keep order and
gaps (isotonic regression by pooling adjacent violators). Edges bend only between layers, so they cross no box.
"""
from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Key = Any  # hashable; each graph may have its own type of keys

#: Sweeps over the layers for their order, and for places; the last of these use neighbours on both sides.
ORDER_SWEEPS, PLACE_SWEEPS, FINAL_SWEEPS = 12, 24, 8
#: The weight of a point of a long edge, relative to a box's: it keeps the edge straight.
STRAIGHT = 8.0
#: The pull of each box to the middle of the picture, without which a long chain would drift to one side.
GATHER = 0.05
#: The width that an edge takes in a layer that it passes.
LANE = 6.0


@dataclass(frozen=True)
class Edge:
    """An edge from the bottom of one box to the top of another.

    leaves, enters: the positions of its ends, from the boxes' left (None: middle).
    far: over more layers than this it has no route, and only orders the layers of its ends.
    """

    source: Key
    target: Key
    leaves: float | None = None
    enters: float | None = None
    far: float = math.inf


@dataclass
class Layout:
    """The result of `arrange`.

    places: the left and top of each box.
    routes: the points of each edge downwards, in the order of the edges; empty for an edge that goes too far.
    width, height: the size of the picture.
    """

    places: dict[Key, tuple[float, float]]
    routes: list[list[tuple[float, float]]]
    width: float
    height: float


@dataclass(eq=False)
class _Cell:
    """A box, or a point of a long edge, in its layer.

    key: the box's key; None for a point.
    x: its left edge.
    rank: its number in the layer.
    chain: for a point, all points of its edge.
    above, below: (neighbour, its port, own port) for each edge.
    """

    key: Key | None
    width: float
    height: float = 0.0
    x: float = 0.0
    rank: int = 0
    chain: list[_Cell] = field(default_factory=list)
    above: list[tuple[_Cell, float, float]] = field(default_factory=list)
    below: list[tuple[_Cell, float, float]] = field(default_factory=list)


def layers(sizes: Mapping[Key, tuple[float, float]], edges: Sequence[Edge], top: Collection[Key] = (),
           bottom: Collection[Key] = (), limit: float = math.inf) -> dict[Key, int]:
    """The layer of each box: below all boxes that it depends on; for one without inputs just above its first user.

    top: boxes without inputs, which have layer 0 to themselves.
    bottom: boxes without outputs, which go to the last layer.
    limit: the width of a layer; boxes that exceed it go to a later one.

    ValueError when there is a cycle.

    >>> layers(dict.fromkeys("abcd", (1, 1)), [Edge("a", "b"), Edge("b", "c"), Edge("d", "c")])
    {'a': 0, 'b': 1, 'c': 2, 'd': 1}
    """
    into: dict[Key, int] = dict.fromkeys(sizes, 0)
    users: dict[Key, list[Key]] = {k: [] for k in sizes}
    for e in edges:
        into[e.target] += 1
        users[e.source].append(e.target)
    sources = [k for k in sizes if not into[k]]
    depth = {k: int(bool(top) and k not in top) for k in sizes}
    filled: dict[int, float] = {}
    ready = list(sources)
    for k in ready:
        if k not in sources or not users[k]:
            while filled.get(depth[k], 0.0) + sizes[k][0] > limit and filled.get(depth[k]):
                depth[k] += 1
            filled[depth[k]] = filled.get(depth[k], 0.0) + sizes[k][0]
        for user in users[k]:
            depth[user] = max(depth[user], depth[k] + 1)
            into[user] -= 1
            if not into[user]:
                ready.append(user)
    if len(ready) < len(sizes):
        raise ValueError("a layered layout needs a graph without cycles")
    last = max(depth.values(), default=0)
    for k in sources:
        if k not in top and users[k]:
            depth[k] = min(depth[u] for u in users[k]) - 1
    for k in bottom:
        depth[k] = last
    return depth


def arrange(sizes: Mapping[Key, tuple[float, float]], edges: Sequence[Edge], *, gap: float = 24.0, space: float = 44.0,
            top: Collection[Key] = (), bottom: Collection[Key] = (), limit: float = math.inf) -> Layout:
    """Places for boxes and routes for edges.

    sizes: the width and height of each box.
    gap: the distance between boxes.
    space: the distance between layers.
    top, bottom, limit: as in `layers`.
    """
    depth = layers(sizes, edges, top, bottom, limit)
    rows: list[list[_Cell]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    cells = {k: _Cell(k, w, h) for k, (w, h) in sizes.items()}
    for k, cell in cells.items():
        rows[depth[k]].append(cell)
    chains = [_chain(e, cells, depth, rows) for e in edges]
    _order(rows)
    _place(rows, gap)
    left = min((c.x for row in rows for c in row), default=0.0)
    tops, y = [], 0.0
    for row in rows:
        tops.append(y)
        y += max((c.height for c in row), default=0.0) + space
    places = {}
    for row, start in zip(rows, tops, strict=True):
        tall = max((c.height for c in row), default=0.0)
        for c in row:
            c.x -= left
            if c.key is not None:
                places[c.key] = c.x, start + (tall - c.height) / 2
    bands = [(start, start + max((c.height for c in row), default=0.0)) for row, start in zip(rows, tops, strict=True)]
    routes = [_route(e, chain, places, bands, depth) for e, chain in zip(edges, chains, strict=True)]
    return Layout(places, routes, max((c.x + c.width for row in rows for c in row), default=0.0), max(0.0, y - space))


def _chain(edge: Edge, cells: dict[Key, _Cell], depth: dict[Key, int], rows: list[list[_Cell]]) -> list[_Cell]:
    """The cells along an edge, ends included, linked as neighbours."""
    first, last = cells[edge.source], cells[edge.target]
    if depth[edge.target] - depth[edge.source] > edge.far:
        return []
    chain = [first]
    for level in range(depth[edge.source] + 1, depth[edge.target]):
        point = _Cell(None, LANE)
        rows[level].append(point)
        chain.append(point)
    points = chain[1:]
    for point in points:
        point.chain = points
    chain.append(last)
    out = first.width / 2 if edge.leaves is None else edge.leaves
    for upper, lower in zip(chain, chain[1:]):
        into = lower.width / 2
        if lower is last and edge.enters is not None:
            into = edge.enters
        upper.below.append((lower, into, out))
        lower.above.append((upper, out, into))
        out = LANE / 2
    return chain


# ---- order in a layer ----------------------------------------------------------------------------

def _order(rows: list[list[_Cell]]) -> None:
    """Sort each layer by its neighbours' means, downwards and upwards in turn; keep the order with fewest crossings."""
    def number(row: list[_Cell]) -> None:
        for i, c in enumerate(row):
            c.rank = i

    for row in rows:
        number(row)
    best, fewest = [list(row) for row in rows], _crossings(rows)
    for sweep in range(ORDER_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for row in rows[1:] if down else rows[-2::-1]:
            means = {}
            for c in row:
                near = c.above if down else c.below
                # The port is a fraction of a rank: two edges from one box keep the order of their ports.
                means[c] = sum(n.rank + port / (n.width + 1) for n, port, _ in near) / len(near) if near else c.rank
            row.sort(key=means.__getitem__)
            number(row)
        crossings = _crossings(rows)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    for row, order in zip(rows, best, strict=True):
        row[:] = order
        number(row)


def _crossings(rows: list[list[_Cell]]) -> int:
    """The number of pairs of edges that cross: inversions of their lower ends, counted in a Fenwick tree."""
    total = 0
    for row in rows:
        ends = [(lower.rank, into) for c in row for lower, into, _ in sorted(c.below, key=lambda b: (b[2], b[0].rank))]
        places = {end: i + 1 for i, end in enumerate(sorted(set(ends)))}
        tree = [0] * (len(places) + 1)
        for seen, end in enumerate(ends):
            at = i = places[end]
            before = 0
            while i:
                before += tree[i]
                i &= i - 1
            total += seen - before
            while at < len(tree):
                tree[at] += 1
                at += at & -at
    return total


# ---- places in a layer ---------------------------------------------------------------------------

def _place(rows: list[list[_Cell]], gap: float) -> None:
    """Set the left edge of each cell: in order, with gaps, as near to its neighbours' ports as these allow."""
    for row in rows:
        offsets = _offsets(row, gap)
        for c, x in zip(row, offsets, strict=True):
            c.x = x - (offsets[-1] + row[-1].width) / 2
    for sweep in range(PLACE_SWEEPS):
        down, final = sweep % 2 == 0, sweep >= PLACE_SWEEPS - FINAL_SWEEPS
        means = {id(c.chain): sum(p.x for p in c.chain) / len(c.chain) for row in rows for c in row
                 if c.chain and c is c.chain[0]} if final else {}
        for row in rows if down else reversed(rows):
            wanted, weights = [], []
            for c in row:
                near = (c.above if down else c.below) or (c.below if down else c.above)
                if final:
                    near = c.above + c.below
                if final and c.chain:  # keep a long edge straight
                    wanted.append(means[id(c.chain)])
                else:
                    x = sum(n.x + port - own for n, port, own in near) / len(near) if near else c.x
                    wanted.append(x - GATHER * (x + c.width / 2))
                weights.append(STRAIGHT if c.key is None else 1.0)
            _settle(row, wanted, weights, gap)


def _offsets(row: list[_Cell], gap: float) -> list[float]:
    """The left edges of the cells at their least distances, which are smaller between points of edges."""
    offsets, x = [], 0.0
    for c, following in zip(row, [*row[1:], None]):
        offsets.append(x)
        x += c.width + (gap / 3 if c.key is None and following is not None and following.key is None else gap)
    return offsets


def _settle(row: list[_Cell], wanted: list[float], weights: list[float], gap: float) -> None:
    """Move the cells of a layer to the places nearest to `wanted` (least squares) that keep order and gaps."""
    offsets = _offsets(row, gap)
    blocks: list[list[float]] = []  # mean, weight, cells
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        blocks.append([want - offset, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, heavy, count = blocks.pop()
            other = blocks[-1]
            other[0] = (other[0] * other[1] + mean * heavy) / (other[1] + heavy)
            other[1] += heavy
            other[2] += count
    i = 0
    for mean, _, count in blocks:
        for _ in range(int(count)):
            row[i].x = mean + offsets[i]
            i += 1


def _route(edge: Edge, chain: list[_Cell], places: dict[Key, tuple[float, float]],
           bands: list[tuple[float, float]], depth: dict[Key, int]) -> list[tuple[float, float]]:
    """The points of an edge: from a box down to the end of its layer, along the chain, and down to the other box."""
    if not chain:
        return []
    first, last = chain[0], chain[-1]
    level = depth[edge.source]
    x = first.x + (first.width / 2 if edge.leaves is None else edge.leaves)
    points = [(x, places[edge.source][1] + first.height), (x, bands[level][1])]
    for step, point in enumerate(chain[1:-1], level + 1):
        points += [(point.x + LANE / 2, bands[step][0]), (point.x + LANE / 2, bands[step][1])]
    x = last.x + (last.width / 2 if edge.enters is None else edge.enters)
    points += [(x, bands[depth[edge.target]][0]), (x, places[edge.target][1])]
    return points
