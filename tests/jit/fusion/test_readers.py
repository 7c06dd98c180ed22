"""A value read by steps of different kinds in different ways: through views, by rows, by NumPy, or as a copy."""
from __future__ import annotations

import itertools
from collections.abc import Callable

import graphs
import numpy as np
import pytest

from tracer import autograd, nd
from tracer import np as mnp
from tracer.jit.plan.plan import Plan
from tracer.jit.plan.schedule import read_by
from tracer.ops.ir.node import Node
from tracer.ops.primitive.arithmetic import mul
from tracer.ops.primitive.elementary import exp
from tracer.ops.primitive.gather_scatter import gather, scatter_add
from tracer.ops.primitive.linear import broadcast_to, reduce_sum, reshape, slice_, transpose
from tracer.ops.primitive.matmul import product
from tracer.ops.primitive.reductions import reduce_max
from tracer.ops.primitive.scans import cumsum

_RNG = np.random.default_rng(11)
INDEX = np.array([2, 0, 3, 0])
WEIGHTS = _RNG.normal(size=(6, 5)).astype("float32")

#: Views of shape (4, 6): the shape of the base, the view of a node, and of a NumPy array.
VIEWS = {
    "itself": ((4, 6), lambda x: x, lambda x: x),
    "reshape": ((2, 12), lambda x: reshape(x, (4, 6)), lambda x: x.reshape(4, 6)),
    "rows alike": ((6,), lambda x: broadcast_to(x, (4, 6)), lambda x: np.broadcast_to(x, (4, 6))),
    "columns alike": ((4, 1), lambda x: broadcast_to(x, (4, 6)), lambda x: np.broadcast_to(x, (4, 6))),
    "transpose": ((6, 4), lambda x: transpose(x, (1, 0)), lambda x: x.T),
    "transpose reshaped": ((3, 8), lambda x: reshape(transpose(x, (1, 0)), (4, 6)), lambda x: x.T.reshape(4, 6)),
    "part": ((6, 6), lambda x: slice_(x, ((1, 4, 1), (0, 6, 1))), lambda x: x[1:5]),
    "part reshaped": ((5, 12), lambda x: reshape(slice_(x, ((3, 2, -1), (0, 12, 1))), (4, 6)),
                      lambda x: x[3:1:-1].reshape(4, 6)),
}


def _scattered(v: np.ndarray) -> np.ndarray:
    out = np.zeros((5, 6))
    np.add.at(out, INDEX, v)
    return out


#: Readers of such a view: on nodes (view, index array, weights), and in NumPy.
READERS: dict[str, tuple[Callable[[Node, Node, Node], Node], Callable[[np.ndarray], np.ndarray]]] = {
    "gather": (lambda v, i, w: gather(v, (i,), (("i", 0), ("s", 0, 6, 1))), lambda v: v[INDEX]),
    "gather in a kernel": (lambda v, i, w: exp(gather(v, (i,), (("i", 0), ("s", 0, 6, 1)), True)),
                           lambda v: np.exp(v[INDEX])),
    "scatter": (lambda v, i, w: scatter_add(v, (i,), (("i", 0), ("s", 0, 6, 1)), (5, 6)), _scattered),
    "product": (lambda v, i, w: product(v, w), lambda v: v @ WEIGHTS),
    "sum": (lambda v, i, w: reduce_sum(v, (0,)), lambda v: v.sum(axis=0)),
    "NumPy": (lambda v, i, w: cumsum(v, 1), lambda v: v.cumsum(axis=1)),
    "result": (lambda v, i, w: v, lambda v: v),
}


@pytest.mark.sweep(sample=3)
@pytest.mark.tierless
@pytest.mark.parametrize("name", VIEWS)
def test_two_readers_of_a_view(name):
    shape, view, view64 = VIEWS[name]
    a, b = (_RNG.normal(size=shape).astype("float32") for _ in range(2))
    x, y, i, w = graphs.leaves([a, b, INDEX, WEIGHTS])
    own = view64(a.astype("float64") ** 2)
    other = np.exp(b.astype("float64"))
    for (one, one64), (two, two64) in itertools.product(READERS.values(), repeat=2):
        v = view(mul(x, x))
        first = one(v, i, w)
        # Between the readers, other steps need memory of the same size.
        outputs = [reduce_max(mul(first, first), (0,)), reduce_sum(product(view(exp(y)), w), (0,)), two(v, i, w)]
        wanted = [(one64(own) ** 2).max(axis=0), (view64(other) @ WEIGHTS).sum(axis=0), two64(own)]
        for got, want in zip(graphs.run(outputs, [a, b, INDEX, WEIGHTS], "always"), wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
        plan = Plan(tuple(outputs))
        for step, (_, reads, _) in zip(plan.planning.steps, plan.planning.rows, strict=True):
            assert set(reads) == set(read_by(step, plan.planning.materialized)), "other passes know of other reads"


def test_a_gather_of_repeated_rows():
    for _ in range(4):
        p = mnp.array([[2.0]]) * 0.5
        y = mnp.tile(p, (2, 1))
        assert y[mnp.array([0], dtype="int32")].asnumpy().tolist() == [[1]]
        assert y.asnumpy().tolist() == [[1], [1]]


def test_gradients_alike_along_an_axis_into_a_table_and_a_product():
    d = nd.array([[0, 1], [2, 3], [4, 5]])
    d.attach_grad()
    for _ in range(4):
        with autograd.record():
            loss = nd.dot(nd.take(d, nd.array([1, 2])), nd.ones((2, 2))).sum() + nd.take(d, nd.array([0, 1])).sum()
        loss.backward()
        assert d.grad.asnumpy().tolist() == [[1, 1], [3, 3], [2, 2]]


def test_gradients_of_two_tables_and_a_product():
    u, e, w = (_RNG.normal(size=s) for s in ((20, 4), (20, 4), (4, 4)))
    i, j = (_RNG.integers(0, 20, 200) for _ in range(2))
    rows = u[i] @ w + e[j]
    slope = np.repeat(2 * rows.sum(axis=1, keepdims=True) / 200, 4, axis=1)
    tables = np.zeros((2, 20, 4))
    np.add.at(tables[0], i, slope @ w.T)
    np.add.at(tables[1], j, slope)
    params = [nd.array(x) for x in (u, e, w)]
    for p in params:
        p.attach_grad()
    for _ in range(4):
        with autograd.record():
            made = nd.dot(nd.take(params[0], nd.array(i)), params[2]) + nd.take(params[1], nd.array(j))
            loss = (made.sum(axis=1) ** 2).mean()
        loss.backward()
        for p, want in zip(params, [*tables, u[i].T @ slope], strict=True):
            np.testing.assert_allclose(p.grad.asnumpy(), want, rtol=1e-4, atol=1e-5)
