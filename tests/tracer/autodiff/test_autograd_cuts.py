"""Gradients over reads within `record()` equal those of the program without the reads."""
from __future__ import annotations

import random

import graphs
import numpy as onp
import pytest
from flavours import same, variable

from tracer import autograd, nd, np, npx
from tracer.base import MXNetError
from tracer.core import segment

pytestmark = [pytest.mark.slow_sample(2), pytest.mark.native_sample(8)]


def test_control_flow_on_values(F):
    """The doubling-until-norm example: a read, and so a cut, in every iteration."""
    for start in (0.9, 3.0, 100.0):
        x = variable(F, [start, start])
        rounds = 0
        with autograd.record():
            y = x * 2
            while (y * y).sum().asnumpy().item() < 1e6:
                y = y * 2
                rounds += 1
            loss = y.sum() if y.sum() > 0 else (y * 100).sum()
        loss.backward()
        same(x.grad, [2.0**(rounds + 1)] * 2)


def test_value_used_over_several_cuts_by_several_consumers(F):
    x = variable(F, [0.5, 2])
    with autograd.record():
        y = F.exp(x)
        y.asnumpy()
        a = y * x
        a.asnumpy()
        b = y * y + a
        (b * 1).asnumpy()
        c = a * b + y
    c.backward()
    v = onp.array([0.5, 2])
    e, a_, b_ = onp.exp(v), onp.exp(v) * v, onp.exp(v)**2 + onp.exp(v) * v
    da = e * v + e
    same(x.grad, da * b_ + a_ * (2 * e * e + da) + e, 1e-4)


@pytest.mark.parametrize("alias", [lambda y: y.reshape((2,)), lambda y: y.transpose(), lambda y: y[0:2]])
def test_another_name_for_a_value_from_before_the_cut(F, alias):
    """A result that is the unchanged input shares its node."""
    x = variable(F, [1, 2])
    with autograd.record():
        y = x * x
        y.asnumpy()
        z, u = alias(y), alias(x)
        z.asnumpy()
        (z * u * y).backward()
    same(x.grad, [5, 80])


def test_heads_on_both_sides_of_a_cut(F):
    x = variable(F, [1, 2])
    with autograd.record():
        y = x * x
        y.asnumpy()
        z = y * x
    autograd.backward([y, z])
    same(x.grad, [2 + 3, 4 + 12])


@pytest.mark.parametrize("read", [False, True])
def test_a_backward_leaves_alone_what_its_heads_do_not_depend_on(F, read):
    x, w = variable(F, [1, 2]), variable(F, [3, 4])
    with autograd.record():
        y, z = x * x, w * 2
        if read:
            y.asnumpy()
    y.backward(retain_graph=True)
    same(x.grad, [2, 4])
    z.backward(retain_graph=True)
    same(x.grad, [2, 4])
    same(w.grad, [2, 2])
    with pytest.raises(MXNetError):
        autograd.grad(z, [x])


def test_a_backward_leaves_alone_a_result_that_its_heads_do_not_depend_on(F):
    x = variable(F, [1, 2])
    with autograd.record():
        h = x * 3
        y, z = h * h, x * 5
    h.attach_grad()
    y.backward(retain_graph=True)
    same(h.grad, [6, 12])
    z.backward()
    same(h.grad, [6, 12])
    same(x.grad, [5, 5])


def test_a_stopped_gradient_is_written_as_zero(F):
    """As real MXNet 1.9.1 and 2.0: BlockGrad has a gradient of zeros; a detached array has none."""
    x = variable(F, [1, 2])
    stopped = getattr(F, "BlockGrad", None) or npx.stop_gradient
    for block, want in [(lambda x: x * x, [2, 4]), (lambda x: x.detach(), [2, 4]), (stopped, [0, 0])]:
        w = variable(F, [3, 4])
        with autograd.record():
            y = block(x) + w
        y.backward()
        same(x.grad, want)


def test_equal_segments_that_compute_what_nobody_needs():
    """The scatter in each segment's backward is for an empty array, and computed only because it may fail."""
    index, constants = np.array([0, 2, 0], dtype="int32"), np.array([1.0, 2.0, 3.0])
    for mode in ("never", "always"):
        x, value, want = variable(np, [0.1, 0.2, 0.3]), onp.array([0.1, 0.2, 0.3]), onp.ones(3)
        with graphs.jit_mode(mode):
            with autograd.record():
                y = x
                for _ in range(12):
                    y = np.tanh(y) + np.concatenate([y[:0], constants])[index].sum() * 0.01
                    y.wait_to_read()
                    want = want * (1 - onp.tanh(value) ** 2)
                    value = onp.tanh(value) + 0.05
                loss = y.sum()
            loss.backward()
            same(x.grad, want)


@pytest.mark.parametrize("use", [
    lambda c, v, w: c, lambda c, v, w: c * w, lambda c, v, w: np.where(c, w, v), lambda c, v, w: np.where(c, 1.0, 0.5),
    lambda c, v, w: c.astype("float32").mean() * w, lambda c, v, w: c.reshape(3, 1) * w, lambda c, v, w: c == c,
    lambda c, v, w: np.where(c, w, v) * c], ids=range(8))
def test_a_comparison_keeps_its_history(use):
    """As real MXNet 2.0: a value computed from a comparison alone has a gradient of zeros, with or without a read."""
    found = []
    for read in (False, True):
        v, w = variable(np, [0.5, -1, 2]), variable(np, [3.0, 4, 5])
        with autograd.record():
            chosen = v >= 0
            if read:
                chosen.asnumpy()
            y = use(chosen, v, w)
        y.backward()
        found.append((v.grad.tolist(), w.grad.tolist()))
    assert found[0] == found[1]


def test_a_comparison_saves_nothing():
    """No gradient passes through it: its operands are not needed by a backward."""
    segment.forget()
    x = variable(np, [0.5, -1, 2])
    with autograd.record():
        y = x * 2
        small = np.abs(y).sum() < 100
        assert small
    kept, = segment.KEPT.values()
    assert len(kept.heads) == 2 and kept.saved == ()


def test_a_loss_behind_a_comparison_has_its_gradient():
    """As real MXNet 1.9.1: a loss layer's gradient does not depend on its readers."""
    for read in (False, True):
        v, w = variable(nd, [[0.5, -1, 2]]), np.array([[3.0, 4, 5]])
        with autograd.record():
            chosen = nd.SoftmaxOutput(v, nd.array([1])).as_np_ndarray() > 0.3
            if read:
                chosen.asnumpy()
            y = np.where(chosen, w, w * 2)
        y.backward()
        same(v.grad, [[0.1753, -0.9609, 0.7856]], 1e-3)


def test_only_part_of_a_segment_is_consumed(F):
    x = variable(F, [1, 2])
    with autograd.record():
        y, z = F.exp(x), F.sin(x)
        y.asnumpy()
        u, v = y * 2, z * 2
    u.backward()
    same(x.grad, 2 * onp.exp([1, 2]))
    v.backward()
    same(x.grad, 2 * onp.cos([1, 2]))


STEPS = ["add", "mul", "sub", "exp", "tanh", "sin", "sum", "square", "scale", "max", "divide"]
#: Further steps, which block part of the gradient on purpose.
CONSTANT_STEPS = ["detach", "paused"]


def random_program(seed, names):
    """A seeded function of (F, x, w, reads): ops on a list of values; `reads` seeds the choice of values to read."""
    script = random.Random(seed)
    steps = []
    for at in range(script.randrange(4, 14)):
        steps.append((script.choice(names), script.randrange(at + 2), script.randrange(at + 2)))

    def program(F, x, w, reads):
        chooser = random.Random(reads) if reads is not None else None
        values = [x, w]
        for name, i, j in steps:
            a, b = values[i], values[j]
            if name == "add":
                c = a + b
            elif name == "mul":
                c = F.tanh(a) * b
            elif name == "sub":
                c = a - b
            elif name in ("exp", "tanh", "sin"):
                c = getattr(F, name)(F.tanh(a))
            elif name == "sum":
                c = F.sum(a) * 0.1 + b
            elif name == "square":
                c = F.tanh(a) ** 2
            elif name == "detach":
                c = a.detach() * b
            elif name == "scale":
                c = a * 0.5 + 1
            elif name == "max":
                c = F.maximum(a, b)
            elif name == "divide":
                c = a / (1.5 + F.tanh(b))
            else:
                with autograd.pause():
                    c = a * 0.5
                c = c + b
            values.append(c)
            if chooser and chooser.random() < 0.4:
                chooser.choice(values).asnumpy()
        total = values[-1]
        for v in values[2:-1]:
            total = total + v * 0.25
        return total.sum()

    return program


def gradients_of(F, program, reads):
    x, w = variable(F, [0.1, -0.4, 0.8]), variable(F, [0.5, 0.3, -0.2])
    with autograd.record():
        loss = program(F, x, w, reads)
    loss.backward()
    return [a.asnumpy() for a in (loss, x.grad, w.grad)]


def second_gradients_of(F, program, reads):
    x, w = variable(F, [0.1, -0.4, 0.8]), variable(F, [0.5, 0.3, -0.2])
    with autograd.record():
        loss = program(F, x, w, reads)
        slopes = autograd.grad(loss + 0 * x.sum() + 0 * w.sum(), [x, w], create_graph=True, retain_graph=True)
        if reads is not None:
            slopes[0].asnumpy()
        penalty = (slopes[0] * slopes[0] + slopes[1] * x * w).sum()
    penalty.backward()
    return [a.asnumpy() for a in (penalty, x.grad, w.grad)]


@pytest.mark.sweep(sample=30, native=6)
@pytest.mark.parametrize("seed", range(1000))
def test_reads_change_no_gradient(seed):
    F, program = (np, nd)[seed % 2], random_program(seed, STEPS + CONSTANT_STEPS)
    for compute in (gradients_of, second_gradients_of):
        whole = compute(F, program, None)
        for reads in (seed, seed + 1):
            for got, want in zip(compute(F, program, reads), whole, strict=True):
                onp.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-5)


@pytest.mark.sweep(sample=10)
@pytest.mark.parametrize("seed", range(200))
def test_gradient_of_a_program_is_its_slope(seed):
    program = random_program(seed, STEPS)
    x, w = np.array([0.1, -0.4, 0.8], dtype="float64"), np.array([0.5, 0.3, -0.2], dtype="float64")
    x.attach_grad()
    w.attach_grad()
    with autograd.record():
        loss = program(np, x, w, seed)
    loss.backward()
    rng = onp.random.RandomState(seed)
    dx, dw = rng.randn(3), rng.randn(3)

    def at(t):
        moved = [np.array(a.asnumpy() + t * d, dtype="float64") for a, d in ((x, dx), (w, dw))]
        return program(np, *moved, None).item()

    slope = (8 * (at(1e-4) - at(-1e-4)) - (at(2e-4) - at(-2e-4))) / 12e-4
    found = float((x.grad.asnumpy() * dx).sum() + (w.grad.asnumpy() * dw).sum())
    assert found == pytest.approx(slope, rel=1e-6, abs=1e-6)

