"""Large values of short products: later readers read copies, of equal numbers, put off until these readers."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

from tracer.jit.graph import recompute
from tracer.ops.ir.graph import toposort
from tracer.ops.primitive.arithmetic import add, mul
from tracer.ops.primitive.linear import reduce_sum
from tracer.ops.primitive.matmul import product


@pytest.fixture(autouse=True)
def _large(monkeypatch):
    monkeypatch.setattr(recompute, "LARGE", 1)


def _graph(batch=20, inner=2):
    """Scores of which a product is made, and a later product that reads them and depends on the first."""
    q, k, v = graphs.leaves([np.ones((batch, 16, n), "float32") for n in (inner, inner, 4)])
    scores = product(q, k, False, True)
    values = mul(scores, scores)
    first = product(values, v)
    return values, first, product(values, mul(first, first), True, False)


def test_later_readers_read_a_copy():
    values, first, last = _graph()
    (early, late), copies = recompute.recompute([first, last])
    assert early is first and late is not last and len(copies) == 2
    copy = late.inputs[0]
    assert copy in copies and copy is not values and copy.op is values.op and copy.inputs[0] in copies
    order = recompute.put_off(toposort([late]), copies)
    at = {n: i for i, n in enumerate(order)}
    assert sorted(at.values()) == list(range(len(toposort([late]))))
    assert all(at[x] < at[n] for n in order for x in n.inputs)
    assert at[copy] == at[late] - 1 and at[early] < min(at[n] for n in copies)


@pytest.mark.parametrize("sizes", [{"batch": 16}, {"inner": 129}, {"inner": 8}])
def test_few_products_long_ones_and_large_operands_are_kept(sizes):
    _, first, last = _graph(**sizes)
    assert recompute.recompute([first, last]) == ([first, last], set())


def test_outputs_and_values_of_one_reader_are_kept():
    values, first, last = _graph()
    assert recompute.recompute([first, last, values]) == ([first, last, values], set())
    assert recompute.recompute([add(first, reduce_sum(first, (0,)))])[1] == set()


def test_small_products_are_kept(monkeypatch):
    monkeypatch.setattr(recompute, "LARGE", 1 << 24)
    _, first, last = _graph()
    assert recompute.recompute([first, last])[1] == set()
