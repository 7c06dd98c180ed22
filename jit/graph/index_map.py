"""Index maps: the element of an array that each point of a kernel's iteration domain reads or writes.

An access has one affine function of the domain's indices for each axis of the array: (offset, coefficients).
Views only compose these maps; no element moves. A kernel's domain has no dimension of size 1 (`long_axes`), along which
any coefficient would do: two maps over it are the same function only if they are equal.
"""
from __future__ import annotations

from collections.abc import Container, Sequence

from tracer.ops.ir.aval import Shape
from tracer.ops.ir.node import Node

from .known_ops import BROADCAST_TO, RESHAPE, SLICE, TRANSPOSE

#: The index along one axis: the offset, and a coefficient for each dimension of the domain.
Affine = tuple[int, tuple[int, ...]]
#: The map into an array: one Affine for each axis.
IndexMap = tuple[Affine, ...]


class NotAffine(Exception):
    """The error for a reshape that mixes axes in a way that no affine map expresses: its input must be in memory."""


def identity(rank: int) -> IndexMap:
    """The map of an array whose axes are the domain's."""
    return tuple((0, tuple(int(i == j) for j in range(rank))) for i in range(rank))


def along(axes: Sequence[int], ndim: int) -> IndexMap:
    """The map of an array whose axes `axes` are the domain's dimensions, in that order; the others have size 1."""
    return tuple((0, tuple(int(i == axis) for axis in axes)) for i in range(ndim))


def long_axes(shape: Shape) -> list[int]:
    """The axes whose size is not 1: only these are dimensions of a domain."""
    return [i for i, n in enumerate(shape) if n != 1]


def broadcast(index_map: IndexMap, out: Shape, source: Shape, rank: int) -> IndexMap:
    """The map of an operand of shape `source` whose broadcast to `out` is read at `index_map`."""
    if out == source:
        return index_map
    lead, still = len(out) - len(source), (0, (0,) * rank)
    return tuple(still if n == 1 and out[lead + i] != 1 else index_map[lead + i] for i, n in enumerate(source))


def flatten(index_map: IndexMap, shape: Shape, rank: int) -> Affine:
    """The row-major position in an array of `shape` that `index_map` gives."""
    if len(index_map) == 1 and len(shape) != 1:
        return index_map[0]  # already a position: see `flat`
    offset, coefs, stride = 0, [0] * rank, 1
    for (start, row), n in zip(reversed(index_map), reversed(shape), strict=True):
        offset += start * stride
        for i, c in enumerate(row):
            if c:
                coefs[i] += c * stride
        stride *= n
    return offset, tuple(coefs)


def flat(index_map: IndexMap, shape: Shape, rank: int) -> IndexMap:
    """The map that gives the row-major position itself; only values in memory can be read by it."""
    return (flatten(index_map, shape, rank),)


def unflatten(position: Affine, shape: Shape, domain: Shape) -> IndexMap:
    """The map into an array of `shape` of a row-major position. Raises NotAffine when digits would carry."""
    offset, coefs = position
    rest = list(coefs)
    out: list[Affine] = []
    stride = 1
    for n in shape:
        stride *= n
    for n in shape:
        stride = stride // n if n else 0
        if n == 1 or stride == 0:
            out.append((0, (0,) * len(domain)))
            continue
        digit, offset = divmod(offset, stride)
        row = [0] * len(domain)
        for i, c in enumerate(rest):
            if c >= stride and domain[i] > 1:
                row[i], rest[i] = divmod(c, stride)
                if rest[i]:
                    raise NotAffine
            elif c < 0:
                raise NotAffine
        top = digit + sum(c * (domain[i] - 1) for i, c in enumerate(row))
        below = offset + sum(c * (domain[i] - 1) for i, c in enumerate(rest))
        if top >= n or below >= stride:
            raise NotAffine
        out.append((digit, tuple(row)))
    return tuple(out)


def through_view(node: Node, index_map: IndexMap, domain: Shape) -> IndexMap:
    """The map into the input of the view `node` that is read at `index_map`."""
    source = node.inputs[0]
    rank = len(domain)
    op = node.op
    if op is TRANSPOSE:
        out: list[Affine] = [(0, ())] * source.ndim
        for i, p in enumerate(node.attrs[0]):
            out[p] = index_map[i]
        return tuple(out)
    if op is BROADCAST_TO:
        return broadcast(index_map, node.shape, source.shape, rank)
    if op is SLICE:
        return tuple((start + step * offset, tuple(step * c for c in row))
                     for (start, _, step), (offset, row) in zip(node.attrs[0], index_map, strict=True))
    if op is RESHAPE:
        return unflatten(flatten(index_map, node.shape, rank), source.shape, domain)
    raise NotAffine


def is_invariant(index_map: IndexMap, dims: Sequence[int]) -> bool:
    """Whether the position does not change along the dimensions `dims`."""
    return all(row[d] == 0 for _, row in index_map for d in dims)


def without_reshapes(x: Node, materialized: Container[Node]) -> Node:
    """`x` without the reshapes that only relabel its memory, up to the first value that is `materialized` itself.

    A step that read a value beyond that one would use memory that the plan does not know to be in use.
    """
    while x.op is RESHAPE and x not in materialized:
        x = x.inputs[0]
    return x
