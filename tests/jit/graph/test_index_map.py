"""Index maps against NumPy: all positions that a chain of views reads, over many small shapes."""
from __future__ import annotations

import math
import random
from typing import Any

import graphs
import numpy as np
import pytest

from tracer.jit.graph.index_map import (
    IndexMap,
    NotAffine,
    along,
    broadcast,
    flat,
    flatten,
    is_invariant,
    long_axes,
    through_view,
)
from tracer.ops.ir.node import Node
from tracer.ops.primitive.linear import broadcast_to, reshape, slice_, transpose

pytestmark = pytest.mark.tierless

#: Sizes of axes; 1 is frequent.
SIZES = (1, 2, 3, 1, 4, 6)


def positions(affine: tuple[int, tuple[int, ...]], domain: tuple[int, ...]) -> np.ndarray:
    """The values of an affine function over a domain."""
    offset, coefs = affine
    return offset + sum((c * i for c, i in zip(coefs, np.indices(domain), strict=True)), np.zeros(domain, int))


def read(node: Node, leaf: Node) -> tuple[IndexMap, tuple[int, ...]]:
    """The index map by which a chain of views, over its own shape, reads the leaf; and the domain."""
    dims = long_axes(node.shape)
    domain, index_map = tuple(node.shape[i] for i in dims), along(dims, node.ndim)
    while node is not leaf:
        index_map, node = through_view(node, index_map, domain), node.inputs[0]
    return index_map, domain


def drawn_view(rng: random.Random, x: Node, a: np.ndarray) -> tuple[Node, np.ndarray]:
    """A view of a node, and the same view of an array."""
    kind = rng.choice(["transpose", "slice", "reshape", "broadcast_to"])
    if kind == "transpose":
        perm = tuple(rng.sample(range(a.ndim), a.ndim))
        return transpose(x, perm), a.transpose(perm)
    if kind == "slice":
        spec: list[tuple[int, int, int]] = []
        key: list[Any] = []
        for n in a.shape:
            step = rng.choice([1, 1, 2, -1, -2])
            picked = list(range(n))[::step][rng.randrange(2):][:rng.randint(1, n)] or [0]
            spec.append((picked[0], len(picked), step))
            key.append(picked)
        return slice_(x, tuple(spec)), a[np.ix_(*key)]
    if kind == "reshape":
        left, shape = a.size, []
        while left > 1 or rng.random() < 0.3:
            shape.append(rng.choice([d for d in range(1, left + 1) if left % d == 0]))
            left //= shape[-1]
        return reshape(x, tuple(shape)), a.reshape(shape)
    shape = [rng.choice([1, 2, 3]) for _ in range(rng.randrange(3))]
    shape += [rng.choice([1, 2, 5]) if n == 1 else n for n in a.shape]
    return broadcast_to(x, tuple(shape)), np.broadcast_to(a, shape)


@pytest.mark.parametrize("seed", range(20))
def test_chains_of_views_read_what_numpy_reads(seed):
    rng, affine = random.Random(seed), 0
    for _ in range(60):
        shape = tuple(rng.choice(SIZES) for _ in range(rng.randint(1, 4)))
        a = np.arange(math.prod(shape)).reshape(shape)
        (leaf,) = graphs.leaves([a])
        x, seen = leaf, a
        for _ in range(rng.randint(1, 4)):
            x, seen = drawn_view(rng, x, seen)
        try:
            index_map, domain = read(x, leaf)
        except NotAffine:
            continue
        affine += 1
        found = positions(flatten(index_map, shape, len(domain)), domain)
        np.testing.assert_array_equal(found.reshape(seen.shape), seen, err_msg=f"{shape} -> {x.shape}")
        for (start, row), n in zip(index_map, shape, strict=True):
            digits = positions((start, row), domain)
            assert digits.size == 0 or 0 <= digits.min() <= digits.max() < n
        assert positions(flat(index_map, shape, len(domain))[0], domain).tolist() == found.tolist()
        for d in range(len(domain)):
            moves = bool(np.diff(found, axis=d).any())
            assert not (is_invariant(index_map, [d]) and moves)
    assert affine > 30  # enough cases have an affine map


def test_operands_of_elementwise_ops_broadcast():
    for shape, other in [((1, 3), (1, 5, 3)), ((3,), (2, 3)), ((4, 1), (2, 4, 3)), ((1,), (2, 2)), ((), (2, 3)),
                         ((1, 1, 3), (4, 2, 3)), ((2, 1, 3), (1, 2, 1, 3)), ((1, 4), (1, 1, 4))]:
        out = np.broadcast_shapes(shape, other)
        dims = long_axes(out)
        domain = tuple(out[i] for i in dims)
        index_map = broadcast(along(dims, len(out)), out, shape, len(domain))
        want = np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), out)
        found = positions(flatten(index_map, shape, len(domain)), domain)
        np.testing.assert_array_equal(found.reshape(out), want, err_msg=str((shape, out)))


@pytest.mark.parametrize("view", [
    lambda x: reshape(slice_(x, ((3, 4, -1),)), (2, 2)),  # reversed
    lambda x: reshape(transpose(reshape(x, (2, 3)), (1, 0)), (6,)),  # permuted
    lambda x: reshape(slice_(reshape(x, (2, 3)), ((0, 2, 1), (0, 2, 1))), (4,)),  # with gaps
])
def test_what_no_affine_map_expresses_is_said_or_right(view):
    a = np.arange(6)
    (x,) = graphs.leaves([a])
    want, = graphs.run([view(x)], [a])
    try:
        index_map, domain = read(view(x), x)
    except NotAffine:
        return
    np.testing.assert_array_equal(positions(flatten(index_map, (6,), len(domain)), domain).reshape(want.shape), want)
