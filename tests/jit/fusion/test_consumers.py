"""Values read by several steps of different kinds: each reader finds all elements, whatever the other readers are.

Any two of the 13 consumers meet in one program of each producer: the sets of four are the shifts of a perfect
difference set.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as onp
import pytest

from tracer import np
from tracer.jit import settings

pytestmark = pytest.mark.tierless  # each test sets its tier

RNG = onp.random.RandomState(5)
X, M, N = RNG.uniform(-1, 1, (4, 6)), RNG.uniform(-1, 1, (6, 6)), RNG.uniform(-1, 1, (6, 3))
ROWS = onp.array([3, 0, 1, 1])

#: Functions of (np or NumPy, x, a matrix, row indices); the result has shape (4, 6).
PRODUCERS: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "expression": lambda F, x, m, at: F.exp(x * 0.5),
    "product": lambda F, x, m, at: F.dot(x, m),
    "gather": lambda F, x, m, at: x[at],
    "copies": lambda F, x, m, at: F.broadcast_to(F.tanh(x).sum(axis=1, keepdims=True), (4, 6)),
    "view": lambda F, x, m, at: F.tanh(x.T).reshape(4, 6)[::-1],
}

CONSUMERS: list[Callable[[Any, Any, Any, Any], Any]] = [
    lambda F, y, n, at: y * 1.5,
    lambda F, y, n, at: y.T + 1,
    lambda F, y, n, at: y + y[::-1],
    lambda F, y, n, at: y - y[:, :1],
    lambda F, y, n, at: F.take(y, at, axis=0, mode="clip") * y,
    lambda F, y, n, at: y[at],
    lambda F, y, n, at: y.sum(axis=0),
    lambda F, y, n, at: y.sum(axis=1) + y[:, 2],
    lambda F, y, n, at: (y * y).mean(),
    lambda F, y, n, at: F.dot(y, n),
    lambda F, y, n, at: y.reshape(3, 8) * 2,
    lambda F, y, n, at: F.exp(y - y.max(axis=1, keepdims=True)),
    lambda F, y, n, at: F.cumsum(y, axis=1),
]
SETS = [[(k + d) % 13 for d in (0, 1, 3, 9)] for k in range(13)]


@pytest.mark.parametrize("chosen", SETS, ids=lambda s: "-".join(map(str, s)))
@pytest.mark.parametrize("producer", PRODUCERS)
def test_all_consumers_find_all_of_it(producer, chosen, monkeypatch):
    monkeypatch.setattr(settings, "mode", "always")
    make, use = PRODUCERS[producer], [CONSUMERS[k] for k in chosen]
    wide = make(onp, X, M, ROWS)
    want = [wide, *[one(onp, wide, N, ROWS) for one in use]]
    for kept in (True, False):  # the value itself may be a result, too
        x, m, n, at = np.array(X), np.array(M), np.array(N), np.array(ROWS, dtype="int32")
        y = make(np, x, m, at)
        got = [one(np, y, n, at) for one in use]
        if kept:
            got = [y, *got]
        del y
        got[-1].wait_to_read()
        for g, w in zip(reversed(got), reversed(want)):
            onp.testing.assert_allclose(g.asnumpy(), w, rtol=1e-5, atol=1e-5)
