"""Parallel groups: which steps may form one, and that results equal those of serial execution."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

from tracer.jit.plan.parallel_groups import Work, group_steps
from tracer.jit.plan.plan import Plan
from tracer.jit.runtime import driver
from tracer.jit.runtime.buffers import from_array
from tracer.ops.ir.aval import aval
from tracer.ops.ir.node import leaf
from tracer.ops.primitive.arithmetic import add, mul, sub
from tracer.ops.primitive.linear import reduce_sum
from tracer.ops.primitive.matmul import product

A, B, C, D = (leaf(aval((2,), np.dtype("float32")), i) for i in range(4))


def work(reads=(), writes=(), in_place=(), cost=10.0):
    return Work(cost, list(reads), list(writes), list(in_place))


def test_steps_that_do_not_need_one_another():
    assert group_steps([work([A], [B]), work([A], [C]), work([A], [D])], 1) == [[0, 1, 2]]


@pytest.mark.parametrize("first, second", [
    (work([A], [B]), work([B], [C])),  # one reads the other's result
    (work([B], [A]), work([C], [B])),  # one writes the other's operand
    (work([], [A]), work([], [A])),
    (work([A, B], [C], [(C, A)]), work([A], [D])),  # one may write over the other's operand
    (work([A], [D]), work([A, B], [C], [(C, A)])),
    (work([A], [B], cost=0), work([A], [C])),  # a step that must be alone
    (work([A], [B]), work([A], [C], cost=0)),
])
def test_steps_that_need_one_another(first, second):
    assert group_steps([first, second], 1) == [[0], [1]]


def test_cheap_steps_stay_alone():
    assert group_steps([work([A], [B]), work([A], [C])], 21) == [[0], [1]]
    assert group_steps([work([A], [B]), work([A], [C])], 20) == [[0, 1]]


def test_no_steps():
    assert group_steps([], 1) == []


def sample(rng):
    """Updates of arrays of odd sizes, and later steps, some of which depend on them."""
    shapes = [(300, 384), (7,), (1, 1), (0, 3), (96, 1024), (5000,), (3, 200, 100)] * 3
    arrays = [rng.standard_normal(s).astype("float32") for s in shapes for _ in range(2)]
    leaves = graphs.leaves(arrays)
    ws, gs = leaves[::2], leaves[1::2]
    outputs = [sub(w, mul(g, add(g, w))) for w, g in zip(ws, gs)]
    outputs += [reduce_sum(outputs[0], (0,)), mul(outputs[0], outputs[7]), product(ws[0], gs[7], True)]
    outputs += [add(product(ws[4], gs[4], False, True), product(ws[11], gs[11], False, True))]
    return outputs, arrays


def test_results_are_equal_for_any_number_of_threads():
    outputs, arrays = sample(np.random.default_rng(0))
    plan, before = Plan(outputs), driver.get_threads()
    assert max(map(len, plan.planning.groups)) > 10
    expected = graphs.run(outputs, arrays)
    results = []
    try:
        for threads in (1, 2, 4):
            driver.set_threads(threads)
            for _ in range(5):
                buffers = plan.run([from_array(a) for a in arrays], [], None)
                results.append([b.view(n.aval).copy() for b, n in zip(buffers, outputs)])
    finally:
        driver.set_threads(before)
    for made in results:
        for a, first, right in zip(made, results[0], expected):
            assert (a == first).all()
            np.testing.assert_allclose(a, right, rtol=1e-4, atol=1e-3)


def test_memory_between_steps_is_not_used_twice_in_a_group():
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal((256, 512)).astype("float32") for _ in range(8)]
    leaves = graphs.leaves(arrays)
    firsts = [product(x, x, True) for x in leaves]
    outputs = [product(add(f, f), g) for f, g in zip(firsts, firsts[1:])]
    plan = Plan(outputs)
    planned = plan.planning
    assert max(map(len, planned.groups)) > 1
    for group in planned.groups:
        places = [(planned.offsets[v], planned.offsets[v] + planned.sizes[v])
                  for v in {planned.aliases.get(v, v) for _, reads, writes in [planned.rows[i] for i in group]
                            for v in [*reads, *writes]}
                  if v in planned.offsets]
        for (_, end), (start, _) in zip(sorted(places), sorted(places)[1:]):
            assert end <= start
    for a, b in zip(graphs.run(outputs, arrays, "always"), graphs.run(outputs, arrays)):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-1)
