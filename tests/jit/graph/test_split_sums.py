"""Sums over a batch split in two: which ones, and that results are right."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

from tracer.jit.graph.builder import Nodes
from tracer.jit.graph.known_ops import SUM
from tracer.jit.graph.split_sums import LEAST, split_sums
from tracer.ops.ir.graph import toposort
from tracer.ops.primitive.elementary import square
from tracer.ops.primitive.linear import reduce_sum


def sums(outputs):
    """The axes of the sums in a graph, operands first."""
    return [n.attrs[0] for n in toposort(outputs) if n.op is SUM]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape, axes, split", [
    ((3, 5, 4, 2), (0, 2, 3), [(2, 3), (0,)]), ((3, 5, 8), (0, 2), [(2,), (0,)]),
    ((3, 2, 5, 1, 9), (0, 1, 3, 4), [(3, 4), (0, 1)]), ((3, 5, 1, 9), (0, 2, 3), [(2, 3), (0,)]),
    ((3, 5, 2, 7, 8), (0, 2, 4), [(4,), (0, 2)]),
    ((3, 5, 7), (0, 2), [(0, 2)]),          # too few elements next to each other
    ((3, 5, 9), (2,), [(2,)]), ((3, 5, 9), (0,), [(0,)]), ((3, 5, 9), (0, 1), [(0, 1)]),
    ((1, 5, 9), (0, 2), [(0, 2)]),          # a batch of one
    ((3, 1, 9), (0, 2), [(0, 2)]),          # one channel
    ((3, 5, 9), (0, 1, 2), [(0, 1, 2)]), ((3, 4, 5, 9), (1, 3), [(1, 3)]), ((3, 5, 9, 4), (0, 2), [(0, 2)])])
def test_which_sums_are_split(shape, axes, split, dtype):
    x = np.random.default_rng(1).standard_normal(shape).astype(dtype)
    leaf, = graphs.leaves([x])
    total = reduce_sum(square(leaf), axes)
    found = split_sums([total], Nodes())
    assert sums(found) == split and found[0].aval is total.aval
    for mode in ("always", "never"):
        made, = graphs.run([total], [x], mode)
        tolerance = 1e-6 if dtype == "float32" else 1e-13
        np.testing.assert_allclose(made, (x.astype("float64") ** 2).sum(axis=axes), tolerance)


@pytest.mark.parametrize("dtype", ["float16", "int32", "int64"])
def test_sums_that_would_round_twice_or_are_of_integers_stay(dtype):
    leaf, = graphs.leaves([np.ones((3, 5, LEAST), dtype)])
    total = reduce_sum(leaf, (0, 2))
    assert split_sums([total], Nodes()) == [total]


def test_both_sums_of_a_value_are_split_once():
    leaf, = graphs.leaves([np.ones((3, 5, 9), "float32")])
    outputs = [reduce_sum(leaf, (0, 2)), square(reduce_sum(leaf, (0, 2))), reduce_sum(leaf, (2,))]
    found = split_sums(outputs, Nodes())
    assert sorted(sums(found)) == [(0,), (2,)]


def test_a_graph_without_sums_is_returned_as_it_is():
    leaf, = graphs.leaves([np.ones((3, 5, 9), "float32")])
    outputs = [square(leaf)]
    assert split_sums(outputs, Nodes()) == outputs


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_values_reach_the_sums_of_their_channel_only(value):
    x = np.ones((3, 5, 9), "float32")
    x[1, 2, 3] = value
    leaf, = graphs.leaves([x])
    made, = graphs.run([reduce_sum(leaf, (0, 2))], [x], "always")
    np.testing.assert_array_equal(made, x.sum(axis=(0, 2)))
