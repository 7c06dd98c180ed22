"""Scans: native loops against the interpreter and loops of Python, their gradients, lengths, threads and interrupts."""
from __future__ import annotations

import ctypes
from functools import partial

import graphs
import numpy as np
import pytest

from tracer.jit.plan.cache import shape_templates
from tracer.jit.plan.plan import Plan
from tracer.jit.process import interrupts
from tracer.jit.runtime import driver, halting
from tracer.jit.runtime.buffers import from_array
from tracer.ops.control.body import Body
from tracer.ops.control.gradient import gradient
from tracer.ops.control.loops import scan
from tracer.ops.ir.node import items, literal
from tracer.ops.primitive.arithmetic import add, cast, greater, like, mul, where
from tracer.ops.primitive.elementary import sigmoid, tanh
from tracer.ops.primitive.linear import concatenate, cut, reduce_sum
from tracer.ops.primitive.matmul import product

RANDOM = np.random.RandomState(50)


def _gates(leaves, keep):
    """Two states that read each other, a weight, a bias and a matrix that each step only scales."""
    x, valid, h, c, w, b, m = leaves
    left, right = cut(add(product(h, w), add(x, b)), 1, [h.shape[1]] * 2)
    new = add(mul(c, sigmoid(left)), tanh(right))
    after = mul(tanh(new), sigmoid(add(right, mul(h, m))))
    new, after = (where(valid, a, before) for a, before in ((new, c), (after, h)))
    return [after, new, *([] if keep == "states" else [after, where(valid, after, like(after, 0))])]


def _arrays(steps, batch, size, dtype="float64"):
    arrays = [RANDOM.randn(*s) * 0.5 for s in [(steps, batch, 2 * size), (batch, size), (batch, size),
                                               (size, 2 * size), (2 * size,), (batch, size)]]
    valid = RANDOM.rand(steps, batch, 1) < 0.7
    arrays = [a.astype(dtype) for a in arrays]
    return [arrays[0], valid, *arrays[1:]]


def _outputs(arrays, backwards, keep="all"):
    leaves = graphs.leaves(arrays)
    return leaves, items(scan(leaves, Body(_gates, (keep,)), 2, 2, backwards))


def _in_numpy(x, valid, h, c, w, b, m, backwards):
    size, outputs = h.shape[1], np.empty((2, *x.shape[:2], h.shape[1]))
    for t in reversed(range(len(x))) if backwards else range(len(x)):
        z = h @ w + x[t] + b
        new = c / (1 + np.exp(-z[:, :size])) + np.tanh(z[:, size:])
        after = np.tanh(new) / (1 + np.exp(-(z[:, size:] + h * m)))
        h, c = np.where(valid[t], after, h), np.where(valid[t], new, c)
        outputs[:, t] = h, np.where(valid[t], h, 0)
    return h, c, outputs[0], outputs[1]


@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 1, 1), (5, 3, 4), (9, 4, 33)])
@pytest.mark.parametrize("backwards", [False, True])
def test_values_are_those_of_a_loop(shape, backwards):
    arrays = _arrays(*shape)
    _, outputs = _outputs(arrays, backwards)
    wanted = _in_numpy(*arrays, backwards)
    for mode in ("never", "always"):
        for got, want in zip(graphs.run(outputs, arrays, mode), wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
    assert graphs.fallbacks(outputs) == []


def _total(outputs, weights):
    """A number that depends on all outputs."""
    total = None
    for n, w in zip(outputs, weights, strict=True):
        term = reduce_sum(mul(n, cast(literal(w), n.dtype)), tuple(range(n.ndim)))
        total = term if total is None else add(total, term)
    return total


@pytest.mark.parametrize("keep", ["all", "states"])
@pytest.mark.parametrize("backwards", [False, True])
def test_gradients_are_those_of_finite_differences(keep, backwards):
    """Gradients of sequences, states, products, and sums over rows and steps, are right with any given cotangents."""
    arrays = _arrays(4, 2, 3)
    leaves, outputs = _outputs(arrays, backwards, keep)
    total = _total(outputs, [0.5, -1.0, 2.0, 0.3][:len(outputs)])
    targets = [n for n in leaves if n.dtype.kind == "f"]
    found = gradient((total,), (None,), tuple(targets))
    for mode in ("never", "always"):
        got = graphs.run(found, arrays, mode)
        for n, g in zip(targets, got, strict=True):
            at = leaves.index(n)
            direction = RANDOM.randn(*n.shape)
            sides = []
            for step in (1e-6, -1e-6):
                moved = [a + step * direction if i == at else a for i, a in enumerate(arrays)]
                sides.append(graphs.run([total], moved)[0])
            np.testing.assert_allclose((sides[0] - sides[1]) / 2e-6, np.sum(g * direction), rtol=1e-6, atol=1e-8)
    assert graphs.fallbacks(found) == []


def test_second_derivatives_are_those_of_finite_differences():
    arrays = _arrays(3, 2, 2)
    leaves, outputs = _outputs(arrays, False)
    targets = tuple([n for n in leaves if n.dtype.kind == "f"])
    first = gradient((_total(outputs, [1.0, 0.5, -0.7, 0.2]),), (None,), targets)
    norm = _total([mul(g, g) for g in first], [1.0] * len(first))
    second = gradient((norm,), (None,), targets)
    got = graphs.run(second, arrays, "always")
    for a, b in zip(got, graphs.run(second, arrays), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
    for n, g in zip(targets, got, strict=True):
        at, direction = leaves.index(n), RANDOM.randn(*n.shape)
        sides = [graphs.run([norm], [a + step * direction if i == at else a for i, a in enumerate(arrays)])[0]
                 for step in (1e-6, -1e-6)]
        np.testing.assert_allclose((sides[0] - sides[1]) / 2e-6, np.sum(g * direction), rtol=1e-5, atol=1e-7)


def test_forward_and_derivative_are_one_loop_each():
    """The derivative's copy of the scan, which also keeps values, takes the place of the scan itself."""
    arrays = _arrays(4, 2, 3, "float32")
    leaves, outputs = _outputs(arrays, False)
    found = gradient((outputs[2],), (None,), tuple(leaves[:1]))
    rows = [row for run in Plan([*outputs, *found]).layout.runs for row in run if isinstance(row, driver.Loop)]
    assert [row.steps[0].args[3] for row in rows] == [4, 4]


def test_another_length_is_another_size():
    """A template serves all lengths of which neither it nor one less equals another size."""
    shape_templates.forget()
    known = []
    for steps in (4, 5, 9, 40, 11):
        arrays = _arrays(steps, 2, 6, "float32")
        leaves, outputs = _outputs(arrays, True)
        plan = [*outputs, *gradient((outputs[3],), (None,), tuple(leaves[:1]))]
        _, planning = shape_templates.layout_of(plan)
        known.append(planning is None)
        for got, want in zip(graphs.run(plan, arrays, "always"), graphs.run(plan, arrays), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    assert known == [False, True, True, True, True]


def _maxima(leaves):
    x, n, best = leaves
    return [add(n, like(n, 1)), where(greater(x, best), x, best), x]


def test_integers_and_results_that_are_operands():
    """A result that a body only passes on is a copy."""
    arrays = [RANDOM.randint(-9, 9, (5, 4)), np.array(0), np.full(4, -100)]
    outputs = items(scan(graphs.leaves(arrays), Body(_maxima), 1, 2))
    for mode in ("never", "always"):
        count, best, same = graphs.run(outputs, arrays, mode)
        assert count == 5
        np.testing.assert_array_equal(best, arrays[0].max(axis=0))
        np.testing.assert_array_equal(same, arrays[0])
    assert graphs.fallbacks(outputs) == []


def test_an_output_that_nobody_reads_is_not_stored():
    arrays = _arrays(6, 2, 3, "float32")
    _, outputs = _outputs(arrays, False)
    assert Plan(outputs[:1]).layout.nbytes == (arrays[2].nbytes,)
    np.testing.assert_allclose(graphs.run(outputs[:1], arrays, "always")[0], _in_numpy(*arrays, False)[0], rtol=1e-5,
                               atol=1e-6)


def test_threads_do_not_change_results():
    arrays = _arrays(6, 32, 128, "float32")
    leaves, outputs = _outputs(arrays, False)
    plan = [*outputs, *gradient((outputs[2],), (None,), tuple(leaves[2:]))]
    before, found = driver.get_threads(), []
    try:
        for threads in (1, 2):
            driver.set_threads(threads)
            found.append(graphs.run(plan, arrays, "always"))
    finally:
        driver.set_threads(before)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("at", [0, 1, 3, -1])
def test_a_halted_loop_goes_on(at, monkeypatch):
    """A table that is halted in each repetition of a loop does the rest of it, with the addresses that have been set.

    at: the item of the loop behind which it is halted.
    """
    arrays = _arrays(8, 64, 256, "float32")
    leaves, outputs = _outputs(arrays, False)
    plan = Plan([*outputs, *gradient((outputs[2],), (None,), tuple(leaves[2:]))])
    buffers = [from_array(a) for a in arrays]
    wanted = [b.view(n.aval).copy() for b, n in zip(plan.run(buffers, [], None), plan._outputs, strict=True)]
    words, address = halting.new_watch()

    def halt(*_):
        words[halting.HALTED] = 1

    def watch():
        words[halting.HALTED] = 0
        return words, address

    callback = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)(halt)
    step = driver.Step(ctypes.cast(callback, ctypes.c_void_p).value, (), 0)
    (run,) = plan.layout.runs
    items_of_run = []
    for item in run:
        if isinstance(item, driver.Loop):
            steps = list(item.steps)
            steps.insert(len(steps) if at < 0 else at + 1, step)
            item = item._replace(steps=steps)
        items_of_run.append(item)
    table, halts = driver.Table(items_of_run), 0

    def whole():
        nonlocal halts
        go_on = partial(table.run, plan.address)
        while go_on is not None:
            try:
                go_on()
                go_on = None
            except interrupts.Paused as left:
                halts, go_on = halts + 1, left.go_on

    monkeypatch.setattr(plan, "runs", [whole])
    monkeypatch.setattr(driver, "_take_watch", watch)
    got = plan.run(buffers, [], None)
    assert halts == 16
    for b, n, want in zip(got, plan._outputs, wanted, strict=True):
        np.testing.assert_array_equal(b.view(n.aval), want)


@pytest.mark.parametrize("shapes", [[(3, 2), (0, 2), (4, 2)], [(2, 3), (2, 1)], [(2, 3, 1, 4), (2, 2, 1, 4)],
                                    [(5,), (7,)], [(200_000,), (1,), (100_000,)], [(3, 1, 2), (3, 1, 3)]])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "bool", "float16"])
def test_concatenations_are_native(shapes, dtype):
    axis = next((i for i in range(len(shapes[0])) if len({s[i] for s in shapes}) > 1), 0)
    arrays = [(RANDOM.randn(*s) * 3).astype(dtype) for s in shapes]
    outputs = [concatenate(graphs.leaves(arrays), axis)]
    assert graphs.fallbacks(outputs) == []
    np.testing.assert_array_equal(graphs.run(outputs, arrays, "always")[0], np.concatenate(arrays, axis))


def test_parts_without_elements():
    """Where no part has any, nothing is left to do natively."""
    for shapes in ([(0, 3), (0, 3)], [(2, 0), (2, 0)], [(0, 3), (2, 3)]):
        arrays = [RANDOM.randn(*s) for s in shapes]
        axis = 1 if shapes[0][1] == 0 else 0
        outputs = [concatenate(graphs.leaves(arrays), axis)]
        np.testing.assert_array_equal(graphs.run(outputs, arrays, "always")[0], np.concatenate(arrays, axis))
