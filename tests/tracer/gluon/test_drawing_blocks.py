"""Hybridized blocks that draw: each pass draws anew, and as the same block does when it is not hybridized."""
from __future__ import annotations

import numpy as onp
import pytest

from tracer import gluon, nd, np, npx, random

PROBABILITIES = [0.2, 0.3, 0.5]
FUNCTIONS = {
    "np.uniform": lambda x: np.random.uniform(size=(5,)),
    "np.multinomial": lambda x: np.random.multinomial(1000, PROBABILITIES),
    "np.permutation": lambda x: np.random.permutation(20),
    "np.permutation of rows": lambda x: np.random.permutation(x.reshape(15, 2)),
    "np.choice": lambda x: np.random.choice(1000, (5,)),
    "np.choice of an array": lambda x: np.random.choice(x, (9,), p=np.ones(30) / 30),
    "np.multivariate_normal": lambda x: np.random.multivariate_normal(np.zeros(2), np.eye(2)),
    "npx.bernoulli": lambda x: npx.random.bernoulli(0.5, size=(40,)),
    "npx.categorical": lambda x: npx.random.categorical(np.ones((1, 30)) / 30, (9,)),
    "nd.shuffle": lambda x: nd.random.shuffle(nd.arange(20)),
    "nd.bernoulli": lambda x: nd.random.bernoulli(0.5, shape=(40,)),
    "nd.multinomial of weights": lambda x: nd.random.multinomial(nd.ones((30,)) / 30, 9),
    "nd.multinomial": lambda x: nd.random.multinomial(n=[1000], p=[PROBABILITIES]),
    "nd.gamma": lambda x: nd.random.gamma(2, 1, shape=(5,)),
}


class _Drawing(gluon.HybridBlock):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def _passes(name, hybridized):
    random.seed(7)
    net = _Drawing(FUNCTIONS[name])
    net.hybridize(hybridized)
    x = np.arange(30.0)
    return [net(x).asnumpy() for _ in range(6)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_pass_draws_anew(name):
    ordinary, hybridized = _passes(name, False), _passes(name, True)
    for a, b in zip(ordinary, hybridized):
        onp.testing.assert_array_equal(a, b)
    assert any(not onp.array_equal(hybridized[0], other) for other in hybridized[1:])


def test_a_draw_into_an_array_is_repeated():
    out = np.zeros(5)
    net = _Drawing(lambda x: np.random.uniform(size=(5,), out=x))
    net.hybridize()
    seen = {net(out).asnumpy().tobytes() for _ in range(6)}
    assert len(seen) == 6


@pytest.mark.parametrize("draw", [
    lambda x: np.random.choice(2, (9,), p=x), lambda x: np.random.multinomial(9, x), lambda x: npx.random.bernoulli(x),
    lambda x: np.random.normal(x, 1e-9), lambda x: npx.random.categorical(x.reshape(1, 2), (9,)),
    lambda x: np.random.multivariate_normal(x, np.eye(2) * 1e-12)])
def test_draws_by_the_elements_of_an_argument_follow_it(draw):
    net = _Drawing(lambda x: draw(x) * 2)
    net.hybridize()
    made = [net(np.array(x)).asnumpy().round(3).tolist() for x in [[1.0, 0.0], [0.0, 1.0]] * 3]
    assert made[0] == made[2] == made[4] != made[1] == made[3] == made[5]
