"""Reference values: the numbers of each node, by NumPy in float64, and their origins, the elements of memory used.

The numbers come from the ops' own NumPy references. Origins pass through views and gathers as arrays of objects, which
move them as numbers.
"""
from __future__ import annotations

import math
from collections.abc import Container, Sequence
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

import numpy as np

from tracer.ops.ir.node import Node, const_op, const_value, leaf_op, scalar_op
from tracer.ops.ir.op import OPS, REDUCTION, VIEW
from tracer.ops.primitive.gather_scatter import index_arrays

from .machine import Number, wrapped


class Found(NamedTuple):
    """The numbers of a node and their origins: the elements of memory that each comes from, as bits of an integer."""

    numbers: np.ndarray
    origins: np.ndarray

    def cells(self) -> list[Number]:
        """The elements in row-major order."""
        plain = self.numbers.ravel()
        values = plain if plain.dtype.kind == "f" else plain.tolist()
        return [Number(x, of) for x, of in zip(values, self.origins.ravel().tolist(), strict=True)]


class Reference:
    """The values of nodes. Leaves, scalars and `materialized` values are read from memory, which is filled at random.

    seed: of the random numbers.
    nudge: the relative change of floats from these.
    positive: whether all floats are positive.
    whole: the least integer (0 for unsigned ones), and the bound that all are below.
    """

    def __init__(self, materialized: Container[Node], seed: int, nudge: float = 0.0, positive: bool = False,
                 whole: tuple[int, int] = (-5, 5)) -> None:
        self.materialized = materialized
        self.random = np.random.default_rng(seed)
        self.other = np.random.default_rng(seed + 1)
        self.nudge, self.low, self.whole = nudge, 0.25 if positive else -2.0, whole
        self.count = 0  # of elements in memory
        self._found: dict[Node, Found] = {}
        self._held: dict[Node, Found] = {}

    def value(self, node: Node) -> Found:
        """The value of a node, computed from memory. Exceptions of its reference pass through."""
        if node not in self._found:
            held = node.op in (leaf_op, scalar_op) or node in self.materialized
            self._found[node] = self.held(node) if held else self.computed(node)
        return self._found[node]

    def held(self, node: Node) -> Found:
        """A value in memory; a view has the elements of its source."""
        if node not in self._held:
            if node.op.kind == VIEW:
                self._held[node] = self._viewed(node, self.held(node.inputs[0]))
            elif not node.inputs and node.op not in (leaf_op, scalar_op):
                self._held[node] = self.computed(node)
            else:
                self._held[node] = self._new(node)
        return self._held[node]

    def _new(self, node: Node) -> Found:
        kind, shape = node.dtype.kind, node.shape
        if kind == "f":
            numbers = self.random.uniform(self.low, 2.0, shape)
            numbers = np.asarray(numbers * (1 + self.nudge * self.other.uniform(-1, 1, shape)))
        else:
            low, high = (0, 2) if kind == "b" else self.whole
            low, high = low if kind == "i" else 0, max(high, 1)  # there are no indices of an axis of size 0
            numbers = np.asarray(self.random.integers(low, high, shape)).astype(node.dtype)
        origins = np.empty(node.size, object)
        origins[:] = [1 << i for i in range(self.count, self.count + node.size)]
        self.count += node.size
        return Found(numbers, origins.reshape(shape))

    def _viewed(self, node: Node, x: Found) -> Found:
        return Found(*[np.asarray(node.op.ref([part], node.attrs)) for part in x])

    def computed(self, node: Node) -> Found:
        """The value of a node from its inputs."""
        inputs = [self.value(x) for x in node.inputs]
        if node.op.kind == VIEW:
            return self._viewed(node, inputs[0])
        return Found(self._numbers(node, [x.numbers for x in inputs]), self._origins(node, inputs))

    def _numbers(self, node: Node, inputs: list[np.ndarray]) -> np.ndarray:
        if node.op is const_op:
            numbers: Any = const_value(node)
        elif node.op.name == "cast":
            return _cast(inputs[0], node.dtype)
        else:
            numbers = node.op.ref(inputs, node.attrs)
        dtype = np.dtype("float64") if node.dtype.kind == "f" else node.dtype
        return np.broadcast_to(np.asarray(numbers).astype(dtype), node.shape)

    def _origins(self, node: Node, inputs: list[Found]) -> np.ndarray:
        if node.op.kind == REDUCTION:
            origins = inputs[0].origins
            for axis in sorted(node.attrs[0], reverse=True):
                origins = _objects(np.bitwise_or.reduce(origins, axis=axis))
            return origins
        parts = [x.origins for x in inputs]
        if node.op.step == "gather":
            parts = [node.op.ref([parts[0], *[x.numbers for x in inputs[1:]]], node.attrs),
                     *_indices(node, node.inputs[0].shape, inputs[1:])]
        elif node.op.step in ("scatter", "put"):
            return _scattered(node, inputs)
        none = np.zeros(node.shape, object)
        return _objects(reduce(np.bitwise_or, [_objects(p) for p in parts], none))


def _objects(x: Any) -> np.ndarray:
    if isinstance(x, np.ndarray) and x.dtype == object:
        return x
    out = np.empty((), object)
    out[()] = x if isinstance(x, int) else int(x)
    return out


def _cast(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind not in "iu" or x.dtype.kind != "f":
        return x.astype(np.float64 if dtype.kind == "f" else dtype)
    name = f"{dtype.kind}{8 * dtype.itemsize}"
    return np.array([wrapped(v, name) for v in x.ravel().tolist()], dtype).reshape(x.shape)


def _indices(node: Node, shape: tuple[int, ...], inputs: Sequence[Found]) -> list[np.ndarray]:
    """The origins of the index for each element of the rows, by index array of a gather or scatter.

    shape: that of the array from which a gather reads, or to which a scatter writes.
    """
    together = np.broadcast_shapes(*[x.numbers.shape for x in inputs])
    count = math.prod(together)
    template = node.attrs[0]
    axes = [axis for axis, entry in enumerate(entry for entry in template if entry[0] != "n") if entry[0] == "i"]
    first = next(entry[1] for entry in template if entry[0] == "i")
    # A gather from an array with the numbers of the indices along its first indexed axis gives each element's index.
    numbers = np.arange(count).reshape([count if axis == axes[0] else 1 for axis in range(len(shape))])
    lengths = [count if axis == axes[0] else 1 if axis in axes else n for axis, n in enumerate(shape)]
    own = np.arange(count).reshape(together)
    used = OPS["gather"].ref([np.broadcast_to(numbers, lengths), *[own if k == first else np.zeros_like(own)
                                                                   for k in range(len(inputs))]], (template, False))
    return [np.broadcast_to(x.origins, together).ravel()[used] for x in inputs]


def _scattered(node: Node, inputs: Sequence[Found]) -> np.ndarray:
    rows, indices = inputs[0], inputs[1:1 + len(index_arrays(node))]
    template, shape = node.attrs[:2]
    places = np.arange(math.prod(shape)).reshape(shape)
    found = np.zeros(places.size, object)
    for onto in inputs[1 + len(indices):]:
        found |= onto.origins.ravel()
    at = OPS["gather"].ref([places, *[x.numbers for x in indices]], (template, False))
    parts = [part.ravel().tolist() for part in (rows.origins, *_indices(node, shape, indices))]
    for place, *of in zip(at.ravel().tolist(), *parts, strict=True):
        before = 0 if node.op.step == "put" else found[place]
        found[place] = reduce(or_, of, before)
    return found.reshape(shape)
