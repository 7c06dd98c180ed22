"""Graphs too large for one kernel: equal periods are cut at equal places, so that they share kernels."""
from __future__ import annotations

import random

import graphs
import numpy as onp
import pytest

from tracer import autograd, np, npx
from tracer.jit.fusion import fuse
from tracer.jit.fusion.cut_points import Signatures, segments
from tracer.jit.fusion.kernel import Library
from tracer.jit.graph.simplify import simplify
from tracer.jit.plan.pipeline import plan_graph
from tracer.jit.plan.plan import Plan
from tracer.jit.runtime.interpreter import Interpreter
from tracer.jit.steps import kernel as kernels
from tracer.ops.control.gradient import gradient
from tracer.ops.ir.aval import aval
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import leaf, store
from tracer.ops.primitive.arithmetic import add, mul, sub
from tracer.ops.primitive.linear import reshape
from tracer.ops.primitive.matmul import product

pytestmark = [pytest.mark.slow_sample(4), pytest.mark.tierless]


def _array(random_state, *shape, scale=1.0):
    return np.array((random_state.randn(*shape) * scale).astype("float32"))


def _chain(ops, backward=False):
    x = _array(onp.random.RandomState(0), 16)
    x.attach_grad()
    with autograd.record():
        y = x
        for i in range(ops):
            y = (y * x, y - 0.5, np.tanh(y), y + x)[i % 4]
        y = y.sum()
    if backward:
        y.backward()
        x -= 0.1 * x.grad
    return [y.asnumpy(), x.asnumpy()]


def _rnn(steps):
    state = onp.random.RandomState(0)
    w, u, b = params = [_array(state, 8, 8, scale=0.2), _array(state, 8, 8, scale=0.2), _array(state, 8)]
    xs, h = [_array(state, 4, 8) for _ in range(steps)], _array(state, 4, 8)
    for p in params:
        p.attach_grad()
    with autograd.record():
        for x in xs:
            h = np.tanh(np.dot(x, w) + np.dot(h, u) + b)
        loss = (h * h).mean()
    loss.backward()
    for p in params:
        p -= 0.1 * p.grad
    return [loss.asnumpy(), *[p.asnumpy() for p in params]]


def _gated(steps):
    """A cell with two states that feed each other: no single value carries the whole state."""
    state = onp.random.RandomState(0)
    c, h = _array(state, 32), _array(state, 32)
    a, b = _array(state, 32), _array(state, 32)
    for _ in range(steps):
        gate = npx.sigmoid(a * h + b)
        c = gate * c + (1 - gate) * np.tanh(h + a)
        h = gate * np.tanh(c)
    return [(c + h).asnumpy()]


def _deep(layers):
    state = onp.random.RandomState(0)
    params = [(_array(state, 8, 8, scale=0.4), _array(state, 8)) for _ in range(layers)]
    x = _array(state, 4, 8)
    for w, b in params:
        w.attach_grad()
        b.attach_grad()
    with autograd.record():
        for w, b in params:
            x = npx.relu(np.dot(x, w) + b)
        loss = (x * x).mean()
    loss.backward()
    for w, b in params:
        w -= 0.1 * w.grad
        b -= 0.1 * b.grad
    return [loss.asnumpy()]


def _sources(build):
    """The distinct kernels of the program, found without compiling them; asserts that no step needs NumPy."""
    outputs, *_ = graphs.recorded(build)
    plan = _uncompiled(outputs)
    return {made.source for made in plan.kernels}


def _uncompiled(outputs):
    before = kernels.find_kernel
    kernels.find_kernel = lambda source: 0
    try:
        return plan_graph(outputs)
    finally:
        kernels.find_kernel = before


@pytest.mark.sweep(sample=2)
@pytest.mark.parametrize("build, short, long, most", [
    (_chain, 401, 4002, 6), (lambda n: _chain(n, True), 402, 1601, 12), (_rnn, 100, 300, 12), (_gated, 100, 400, 12),
    (_deep, 30, 200, 12)], ids=["chain", "chain-backward", "rnn", "gated", "deep"])
def test_kernels_do_not_grow_with_periods(build, short, long, most):
    few, many = _sources(lambda: build(short)), _sources(lambda: build(long))
    assert len(few) <= most and len(many) <= most
    assert abs(len(many) - len(few)) <= 2, "the last piece may be another one"


def test_kernels_are_bounded():
    for build in (lambda: _chain(3000, True), lambda: _distinct(600)):
        outputs, *_ = graphs.recorded(build)
        steps = fuse.fuse(outputs)
        for kernel in steps:
            if isinstance(kernel, fuse.Kernel) and len(kernel.roots) > 1:
                assert kernel.ops <= fuse.MAX_KERNEL_OPS and len(kernel.roots) <= fuse.MAX_ROOTS


def _distinct(ops, keep=5):
    chosen = random.Random(1)
    single = [np.tanh, np.sin, np.cos, np.abs, lambda v: v * 0.5, lambda v: np.exp(-np.abs(v)), np.square]
    double = [np.add, np.multiply, np.subtract, np.maximum, np.minimum]
    values = [_array(onp.random.RandomState(0), 32)]
    for _ in range(ops):
        if chosen.random() < 0.5:
            made = chosen.choice(single)(values[-1])
        else:
            made = chosen.choice(double)(values[-1], values[-1 - chosen.randrange(min(len(values), 5))])
        values = [*values, np.tanh(made)][-keep:]
    return [v.asnumpy() for v in values]


def _agrees(build):
    outputs, leaves, scalars = graphs.recorded(build)
    wanted = [b.view(n.aval).copy() for b, n in zip(Interpreter(outputs).run(leaves, scalars), outputs)]
    got = [b.view(n.aval).copy() for b, n in zip(Plan(outputs).run(leaves, scalars, None), outputs)]
    for one, other in zip(wanted, got):
        onp.testing.assert_allclose(other, one, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("build, count", [(lambda n: _chain(n, True), 500), (_rnn, 40), (_gated, 60), (_distinct, 120)],
                         ids=["chain", "rnn", "gated", "distinct"])
def test_values(build, count):
    _agrees(lambda: build(count))


def test_many_results_of_one_kernel():
    """More results than a kernel may write."""
    _agrees(lambda: _distinct(60, keep=60))


def test_marks_know_structure_and_no_sizes():
    def signatures(size):
        x = np.array(onp.ones(size, "float32"))
        outputs, *_ = graphs.recorded(lambda: (np.tanh(x * 2 + x) - x).asnumpy())
        order = toposort(outputs)
        return list(Signatures(order).by_node.values())

    assert signatures(3) == signatures(50) and len(set(signatures(3))) == len(signatures(3))


@pytest.mark.parametrize("most, many", [(10, 100), (100, 4), (7, 3)])
def test_segments_respect_bounds_and_find_periods(most, many):
    weights, signatures = [3, 1, 2] * 40, [7, 5, 9] * 40
    lengths = segments(weights, signatures, most, many)
    assert sum(lengths) == len(weights)
    at = 0
    for n in lengths:
        assert n <= many and (n == 1 or sum(weights[at:at + n]) <= most)
        at += n
    assert len(set(lengths[1:-1])) == 1


def test_a_stored_value_and_its_cotangent_are_computed_once():
    """A cheap state that two kernels use: without `store` each computes it again."""
    def kernels_of(keep):
        x = leaf(aval((64,), onp.dtype("float32")), 0)
        state = keep(mul(x, x))
        heads = (product(reshape(add(state, x), (8, 8)), reshape(sub(state, x), (8, 8))),)
        grads = gradient(heads, (None,), (x,))
        steps = fuse.fuse(simplify([*heads, *grads]))
        return [r.node for s in steps if not isinstance(s, Library) for r in s.roots]

    kept = [n for n in kernels_of(store) if n.op.name == "store"]
    assert len(kept) == 2 and not [n for n in kernels_of(lambda x: x) if n.op.name == "store"]
