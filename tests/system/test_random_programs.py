"""Random programs on `tracer.np`, and their gradients: by NumPy, interpreted, compiled, with and without reads."""
from __future__ import annotations

import contextlib

import graphs
import numpy as onp
import pytest
import random_programs
from random_programs import IN_PLACE, KINKED, SMOOTH

from tracer import autograd, np

MODES = ["never", "always"]
#: Tolerances relative to the largest element of the value: far below a wrong element, far above rounding.
TOLERANCE = {"float32": 2e-4, "float64": 1e-9}


def assert_near(got, want, dtype, what):
    """Assert equal shapes, and equal values to within rounding."""
    got, want = onp.asarray(got), onp.asarray(want)
    assert got.shape == want.shape, f"{what}: {got.shape}, not {want.shape}"
    near = TOLERANCE[dtype] * max(1.0, onp.abs(want).max(initial=0))
    onp.testing.assert_allclose(got, want, rtol=TOLERANCE[dtype], atol=near, err_msg=what)


def arrays_of(program, dtype):
    return [np.array(leaf, dtype=dtype) for leaf in program.leaves]


def named(program, index):
    return f"step {index} of {[step[0] for step in program.steps]}"


@pytest.mark.sweep(sample=10)
@pytest.mark.parametrize("seed", range(4000))
def test_values(seed):
    """All values at the end, as one program; then with a read after each third step."""
    dtype = ["float32", "float64"][seed % 4 == 3]
    program = random_programs.make(seed, SMOOTH + KINKED + IN_PLACE, dtype)
    want = program.run(onp, [leaf.copy() for leaf in program.leaves])
    for mode in MODES:
        with graphs.jit_mode(mode):
            leaves = arrays_of(program, dtype)
            got = [value.asnumpy() for value in program.run(np, leaves)]
            kept = [leaf.asnumpy() for leaf in leaves]
        for i, (g, w) in enumerate(zip(got, want, strict=True)):
            assert_near(g, w, dtype, f"{mode}: {named(program, i)}")
        for after, before in zip(kept, program.leaves, strict=True):
            onp.testing.assert_array_equal(after, before)
    count = iter(range(1000))
    cut = program.run(np, arrays_of(program, dtype), lambda value: next(count) % 3 or value.asnumpy())
    for i, (g, w) in enumerate(zip(cut, want, strict=True)):
        assert_near(g.asnumpy(), w, dtype, f"with reads: {named(program, i)}")


@pytest.mark.sweep(sample=6)
@pytest.mark.parametrize("seed", range(4000, 6000))
def test_only_the_last_value_is_alive(seed):
    """Values without owners are fused away, or their memory is reused."""
    program = random_programs.make(seed, SMOOTH + KINKED + IN_PLACE)
    want = program.run(onp, [leaf.copy() for leaf in program.leaves])[-1]
    for mode in MODES:
        with graphs.jit_mode(mode):
            assert_near(program.run(np, arrays_of(program, "float32"))[-1].asnumpy(), want, "float32", mode)


def gradients(program, weights, dtype, read=lambda value: None):
    """The loss (a weighted sum of all values) and its gradient by each leaf."""
    leaves = arrays_of(program, dtype)
    for leaf in leaves:
        leaf.attach_grad()
    with autograd.record():
        loss = np.zeros((), dtype=dtype)
        for value, weight in zip(program.run(np, leaves, read), weights, strict=True):
            loss = loss + (value * weight).sum()
    loss.backward()
    return [loss.asnumpy(), *(leaf.grad.asnumpy() for leaf in leaves)]


def weights_of(program, seed, dtype):
    draw = onp.random.RandomState(seed)
    values = program.run(onp, program.leaves)
    return [draw.uniform(-1, 1, onp.shape(v)).astype(dtype) for v in values]


@pytest.mark.sweep(sample=4)
@pytest.mark.parametrize("seed", range(3000))
def test_gradients_by_both_tiers_and_with_reads(seed):
    program = random_programs.make(seed, SMOOTH + KINKED)
    weights = [np.array(w) for w in weights_of(program, seed, "float32")]
    with graphs.jit_mode("never"):
        want = gradients(program, weights, "float32")
    count = iter(range(1000))
    for mode, read in [("always", lambda value: None),
                       ("auto", lambda value: next(count) % 3 or value.asnumpy())]:
        with graphs.jit_mode(mode):
            got = gradients(program, weights, "float32", read)
        for i, (g, w) in enumerate(zip(got, want, strict=True)):
            assert_near(g, w, "float32", f"{mode}: gradient {i} of {[step[0] for step in program.steps]}")


@pytest.mark.sweep(sample=14)
@pytest.mark.parametrize("seed", range(6000, 8000))
def test_gradients_are_slopes(seed):
    """Against NumPy: a central difference of order 4 along a random direction."""
    program = random_programs.make(seed, SMOOTH, "float64")
    weights = weights_of(program, seed, "float64")
    with contextlib.ExitStack() as stack:
        if seed % 2:
            stack.enter_context(graphs.jit_mode("never"))
        _, *found = gradients(program, [np.array(w, dtype="float64") for w in weights], "float64")
    draw = onp.random.RandomState(seed + 1)
    along = [draw.randn(*leaf.shape) for leaf in program.leaves]

    def loss(t):
        moved = [onp.asarray(leaf + t * d) for leaf, d in zip(program.leaves, along, strict=True)]
        return sum(float((v * w).sum()) for v, w in zip(program.run(onp, moved), weights, strict=True))

    slope = (8 * (loss(1e-4) - loss(-1e-4)) - (loss(2e-4) - loss(-2e-4))) / 12e-4
    got = sum(float((g * d).sum()) for g, d in zip(found, along, strict=True))
    scale = sum(float(onp.abs(g * d).sum()) for g, d in zip(found, along, strict=True)) + 1
    assert abs(got - slope) < 1e-7 * scale, [step[0] for step in program.steps]
