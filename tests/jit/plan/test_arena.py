"""Values between the steps of a program: they lie in an arena that the program owns while it runs, at any address."""
from __future__ import annotations

import numpy as onp
import pytest

from tracer import np
from tracer.jit import settings
from tracer.jit.runtime.buffers import allocate

pytestmark = pytest.mark.tierless  # each test sets its tier

SIZE = 96


def chained(x, w):
    """Three products with a NumPy step between them; four values lie in the arena."""
    y = np.dot(x, w)
    z = np.cumsum(y.T, axis=1) * 0.01
    return np.dot(np.tanh(z), w).sum(axis=1)


def meaning(x, w):
    return onp.tanh(onp.cumsum((x @ w).T, axis=1) * 0.01) @ w @ onp.ones(SIZE)


def test_a_program_s_memory_is_another_s_between_its_runs(monkeypatch):
    monkeypatch.setattr(settings, "mode", "always")
    rng = onp.random.RandomState(0)
    x, w = (rng.uniform(-0.2, 0.2, (SIZE, SIZE)).astype("float32") for _ in range(2))
    a, b = np.array(x), np.array(w)
    want, held = meaning(x.astype("float64"), w.astype("float64")), []
    for turn in range(6):
        onp.testing.assert_allclose(chained(a, b).asnumpy(), want, rtol=1e-4, atol=1e-4)
        for nbytes in [4 * SIZE * SIZE * k for k in (1, 1, 2, 2, 3, 4)]:  # takes the freed arena, whatever its size was
            held.append(allocate(nbytes))
            held[-1].block[0][:] = turn
        for i, buffer in enumerate(held):
            assert (buffer.block[0] == i // 6).all(), "memory of somebody else was written"


@pytest.mark.parametrize("mode", ["always", "auto"])
def test_two_programs_take_turns_with_one_memory(mode, monkeypatch):
    monkeypatch.setattr(settings, "mode", mode)
    rng = onp.random.RandomState(1)
    x, w, v = (rng.uniform(-0.2, 0.2, (SIZE, SIZE)).astype("float32") for _ in range(3))
    a, b, c = np.array(x), np.array(w), np.array(v)
    wants = [meaning(x.astype("float64"), m.astype("float64")) for m in (w, v)]
    for turn in range(8):
        for m, want in zip((b, c), wants):
            made = chained(a, m) if turn % 2 else chained(a, m) + 0
            onp.testing.assert_allclose(made.asnumpy(), want, rtol=1e-4, atol=1e-4)
