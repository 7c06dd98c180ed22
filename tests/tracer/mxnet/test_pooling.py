"""Pooling against stored answers of real MXNet, and what its native steps must keep.

The answers are in tests/data/pooling.json, written by tests/oracle/pooling.py.
"""
from __future__ import annotations

import json
import os
import sys

import numpy
import pytest
from places import TESTS

sys.path.insert(0, str(TESTS / "oracle"))

import pooling

import tracer
from tracer import autograd, nd
from tracer.jit import settings
from tracer.jit.report.counters import COUNTERS
from tracer.jit.runtime import driver

STORED = list(zip(pooling.cases(), json.loads(pooling.DATA.read_text()), strict=True))
NEAR = {"float16": 1e-3, "float32": 1e-6, "float64": 1e-14}


#: Compiled, most cases have kernels of their own.
COMPILED = os.environ.get("TRACER_JIT", "auto") != "never"


@pytest.mark.sweep(sample=25 if COMPILED else len(STORED))
@pytest.mark.parametrize("number", range(len(STORED)))
def test_answers_are_those_of_mxnet(number):
    case, wanted = STORED[number]
    for (shape, values), (want_shape, want) in zip(pooling.answer(tracer, case), wanted, strict=True):
        assert list(shape) == want_shape
        numpy.testing.assert_allclose(numpy.array(values, float), numpy.array(want, float), NEAR[case[0]])


def both(shape, seed=0, **keywords):
    """The result and the gradient of a pooling of random numbers."""
    x = nd.array(numpy.random.RandomState(seed).randint(-9, 9, shape) / 4.0)
    x.attach_grad()
    with autograd.record():
        y = nd.Pooling(x, **keywords)
    y.backward(nd.array(numpy.random.RandomState(1).randn(*y.shape)))
    return y.asnumpy(), x.grad.asnumpy()


GEOMETRIES = [{"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1)}, {"kernel": (3, 2)},
              {"kernel": (2, 9), "stride": (1, 2), "pad": (0, 3), "pooling_convention": "full"}]


@pytest.mark.parametrize("pool_type", ["max", "avg"])
@pytest.mark.parametrize("keywords", GEOMETRIES)
def test_threads_do_not_change_results(keywords, pool_type, monkeypatch):
    monkeypatch.setattr(settings, "mode", "always")  # the first runs under "auto" are NumPy's, of other bits
    kept = driver.get_threads()
    try:
        found = []
        for threads in (1, 2, 3):
            driver.set_threads(threads)
            found.append(both((16, 8, 21, 23), pool_type=pool_type, **keywords))
    finally:
        driver.set_threads(kept)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("shape", [(0, 2, 5, 5), (2, 0, 5, 5), (1, 1, 1, 1), (3, 1, 1, 6), (1, 2, 9, 1)])
@pytest.mark.parametrize("pool_type", ["max", "avg", "sum", "lp"])
def test_tiers_agree_on_odd_sizes(shape, pool_type, monkeypatch):
    keywords = {"kernel": tuple(min(2, n) for n in shape[2:]), "pad": (1, 0)[:2] if shape[2] > 1 else (0, 0),
                "pool_type": pool_type, "p_value": 2}
    found = []
    for mode in ("never", "always"):
        monkeypatch.setattr(settings, "mode", mode)
        found.append(both(shape, **keywords))
    for a, b in zip(*found, strict=True):
        assert a.shape == b.shape
        numpy.testing.assert_allclose(a, b, 1e-6, 1e-6)


def test_another_batch_compiles_nothing(monkeypatch):
    monkeypatch.setattr(settings, "mode", "always")
    for keywords in GEOMETRIES:
        for pool_type in ("max", "avg"):
            for batch in (11, 12):
                both((batch, 2, 9, 9), pool_type=pool_type, **keywords)
            before = COUNTERS.kernels_compiled, COUNTERS.kernels_loaded
            got = both((13, 2, 9, 9), pool_type=pool_type, **keywords)
            assert before == (COUNTERS.kernels_compiled, COUNTERS.kernels_loaded)
            with monkeypatch.context() as within:
                within.setattr(settings, "mode", "never")
                for a, b in zip(got, both((13, 2, 9, 9), pool_type=pool_type, **keywords), strict=True):
                    numpy.testing.assert_allclose(a, b, 1e-5, 1e-6)


@pytest.mark.parametrize("keywords", [{"pool_type": "max", "kernel": (3, 3), "stride": (2, 1), "pad": (1, 1)},
                                      {"pool_type": "avg", "kernel": (2, 3), "pad": (0, 1), "count_include_pad": False},
                                      {"pool_type": "lp", "p_value": 2, "kernel": (2, 2)}])
def test_second_gradients_are_those_of_finite_differences(keywords):
    draw = numpy.random.RandomState(2)
    numbers = draw.permutation(48).reshape(1, 2, 4, 6) / 7.0 + 0.5
    weights = nd.array(draw.randn(*numbers.shape), dtype="float64")

    def gradient(values):
        x = nd.array(values, dtype="float64")
        x.attach_grad()
        with autograd.record():
            y = nd.Pooling(x, **keywords)
            first = autograd.grad((y * y * y).sum(), [x], create_graph=True)[0]
            total = (first * weights).sum()
        total.backward()
        return float(total.asscalar()), x.grad.asnumpy()

    _, exact = gradient(numbers)
    for at in draw.permutation(48)[:8]:
        moved = [numbers.copy(), numbers.copy()]
        for sign, values in zip((1, -1), moved, strict=True):
            values.flat[at] += sign * 1e-5
        slope = (gradient(moved[0])[0] - gradient(moved[1])[0]) / 2e-5
        assert slope == pytest.approx(exact.flat[at], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("tier", ["never", "always"])
@pytest.mark.parametrize("p, values, wanted", [  # of MXNet 1.9.1
    (2, (1, -1, 0, 0, 3, 4), (2**-0.5, -2**-0.5, 0, 0, 0.6, 0.8)), (3, (1, -1, 0, 0, 0, 2), (0, 0, 0, 0, 0, 1))])
def test_a_norm_of_zero_has_the_gradient_zero(p, values, wanted, tier, monkeypatch):
    monkeypatch.setattr(settings, "mode", tier)
    x = nd.array([[values]])
    x.attach_grad()
    with autograd.record():
        y = nd.Pooling(x, kernel=(2,), stride=(2,), pool_type="lp", p_value=p)
        first = autograd.grad(y, x, create_graph=True, retain_graph=True)[0]
    numpy.testing.assert_allclose(first.asnumpy().ravel(), wanted, 1e-6)
    first.backward()
    assert numpy.isfinite(x.grad.asnumpy()).all()


@pytest.mark.parametrize("tier", ["never", "always"])
@pytest.mark.parametrize("shape", [(0, 2, 5), (2, 0, 5, 4), (0, 3, 3, 4, 5)])
@pytest.mark.parametrize("pool_type", ["max", "avg", "lp"])
def test_an_empty_batch_has_empty_gradients(pool_type, shape, tier, monkeypatch):
    monkeypatch.setattr(settings, "mode", tier)
    x = nd.array(numpy.zeros(shape))
    x.attach_grad()
    with autograd.record():
        y = nd.Pooling(x, kernel=(2,) * len(shape[2:]), pool_type=pool_type, p_value=2)
        y.asnumpy()  # the gradient is then another program
        first = autograd.grad(y, x, create_graph=True, retain_graph=True)[0]
        first.asnumpy()
    first.backward()
    assert x.grad.asnumpy().shape == shape
