"""Weighted indices: `nd.random.multinomial` and `nd.sample_multinomial` as in MXNet 1.9.1, whose answers these are."""
from __future__ import annotations

import numpy
import pytest

from tracer import MXNetError, autograd, nd, random

pytestmark = pytest.mark.tierless

FLAT, ROWS = [0.1, 0.2, 0.3, 0.4], [[0.1, 0.9], [0.5, 0.5]]


@pytest.mark.parametrize(("weights", "keywords", "dtype", "wanted"), [
    (FLAT, {}, "int32", [2]), (FLAT, {"shape": 5}, "int32", [2, 2, 2, 2, 1]), (FLAT, {"shape": (1,)}, "int32", [2]),
    (FLAT, {"shape": 0}, "int32", []), (FLAT, {"shape": 2, "dtype": "uint8"}, "uint8", [2, 2]),
    (FLAT, {"shape": 2, "dtype": "float16"}, "float16", [2, 2]), (ROWS, {"dtype": "float64"}, "float64", [1, 0]),
    (ROWS, {"shape": 3}, "int32", [[1, 1, 1], [0, 0, 0]]), ([ROWS], {"shape": 2}, "int32", [[[1, 1], [0, 0]]]),
    (ROWS, {"shape": (2, 2)}, "int32", [[[1, 1], [1, 1]], [[0, 0], [1, 0]]])])
def test_indices_of_mxnet(weights, keywords, dtype, wanted):
    for draw in (nd.random.multinomial, random.multinomial, nd.sample_multinomial):
        random.seed(3)
        found = draw(nd.array(weights), **keywords)
        assert numpy.dtype(found.dtype) == dtype and found.asnumpy().tolist() == wanted


def test_the_logarithms_of_the_weights_have_a_gradient():
    weights = nd.array(ROWS)
    weights.attach_grad()
    random.seed(3)
    with autograd.record():
        index, logarithm = nd.sample_multinomial(weights, shape=3, get_prob=True)
        loss = (logarithm * nd.array([[1, 2, 3], [4, 5, 6]])).sum()
    loss.backward()
    assert index.asnumpy().tolist() == [[1, 1, 1], [0, 0, 0]]
    numpy.testing.assert_allclose(logarithm.asnumpy(), numpy.log([[0.9] * 3, [0.5] * 3]), rtol=1e-6)
    numpy.testing.assert_allclose(weights.grad.asnumpy(), [[0, 6.666667], [30, 0]], rtol=1e-6)


def test_out_and_refusals():
    out = nd.zeros((3,), dtype="int32")
    assert nd.sample_multinomial(nd.array(FLAT), shape=3, out=out, name="a") is out
    for draw in (nd.random.multinomial, nd.sample_multinomial):
        for dtype in ("int64", "bool"):
            with pytest.raises(MXNetError, match=dtype):
                draw(nd.array(FLAT), dtype=dtype)
        with pytest.raises(MXNetError, match="floating"):
            draw(nd.array([1, 2], dtype="int32"))
    with pytest.raises(MXNetError, match="nonsense"):
        nd.sample_multinomial(nd.array(FLAT), nonsense=1)
