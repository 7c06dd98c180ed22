"""`sym.random`: numbers in the shape of a symbol are those of MXNet 1.9.1, bit for bit."""
from __future__ import annotations

import pytest

from tracer import nd, random, sym

pytestmark = pytest.mark.tierless

#: The numbers after the seed 3, drawn one after the other.
LIKE = {"uniform_like": [0.5853, 0.42166], "normal_like": [-1.90284, -0.89185], "gamma_like": [0.42253, 1.45298],
        "poisson_like": [1, 1], "exponential_like": [0.97375, 0.0523], "negative_binomial_like": [0, 0],
        "generalized_negative_binomial_like": [1, 2]}


def test_shapes_of_symbols():
    random.seed(3)
    for name, answer in LIKE.items():
        drawn = getattr(sym.random, name)(sym.var("x"), name="o")
        assert drawn.list_arguments() == ["x"] and drawn.list_outputs() == ["o_output"]
        assert drawn.eval(x=nd.zeros(2))[0].asnumpy().tolist() == pytest.approx(answer, abs=1e-5)
    far = sym.random.normal_like(sym.var("x"), loc=100, scale=0.5).eval(x=nd.zeros((2, 3)))[0]
    assert far.shape == (2, 3) and abs(far.asnumpy() - 100).max() < 5
