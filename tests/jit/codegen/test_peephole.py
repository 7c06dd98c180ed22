"""Peephole rewrites of composed functions: where kernels apply them, and how accurate they are."""
from __future__ import annotations

import numpy
import pytest
import scipy.special
from elementary_loops import compiled
from numpy_lanes import NUMPY

from tracer import autograd, np, npx
from tracer.jit.plan.pipeline import plan_graph
from tracer.ops.ir.aval import aval
from tracer.ops.ir.node import leaf
from tracer.ops.primitive.arithmetic import add, div, like, mul, neg, sub
from tracer.ops.primitive.elementary import absolute, erf, exp, square
from tracer.ops.primitive.linear import reduce_sum, reshape, transpose
from tracer.ops.primitive.reductions import reduce_max, reduce_min
from tracer.ops.primitive.special import gelu

X = leaf(aval((7, 7), numpy.dtype("float32")), 0)
NUMBERS = numpy.random.default_rng(1).normal(size=(7, 30)).astype("float32")


def source_of(*outputs):
    """The sources of the kernels that compute `outputs`."""
    return "".join(one.source for one in plan_graph(outputs).code)


def softmax(x, axis):
    e = exp(sub(x, reshape(reduce_max(x, (axis,)), (7, 1) if axis else (1, 7))))
    return div(e, reshape(reduce_sum(e, (axis,)), (7, 1) if axis else (1, 7)))


@pytest.mark.parametrize("made, expected", [
    (exp(neg(mul(X, X))), True),
    (exp(mul(neg(X), X)), True),
    (exp(mul(X, neg(X))), True),
    (exp(neg(square(X))), True),
    (exp(neg(absolute(X))), True),
    (exp(neg(exp(X))), True),
    (softmax(X, 1), True),
    (softmax(X, 0), True),
    (exp(sub(X, reduce_max(X, (0, 1)))), True),
    (exp(sub(X, reduce_max(X, (0,)))), True),
    (exp(sub(X, reduce_max(X, (1,)))), False),  # the maximum of another row
    (exp(sub(X, reshape(reduce_max(X, (0,)), (7, 1)))), False),
    (exp(sub(X, reduce_max(transpose(X, (1, 0)), (0,)))), False),
    (exp(sub(X, reduce_min(X, (0,)))), False),
    (exp(sub(reduce_max(X, (0,)), X)), False),
    (exp(mul(X, X)), False),
    (exp(neg(X)), False),
    (exp(neg(mul(X, transpose(X, (1, 0))))), False),
    (exp(mul(neg(X), transpose(X, (1, 0)))), False),
])
def test_powers_of_e_that_are_known_to_be_below_one(made, expected):
    assert ("exp_below_zero(" in source_of(made)) == expected


def bell(x):
    return exp(neg(mul(x, x)))


def one_plus(y):
    return add(like(y, 1), y)


@pytest.mark.parametrize("outputs, expected", [
    ([gelu(X)], "one_plus_erf("),
    ([add(erf(X), like(X, 1))], "one_plus_erf("),
    ([reduce_sum(one_plus(erf(X)), (0,))], "one_plus_erf("),
    ([mul(one_plus(erf(X)), bell(X))], "one_plus_erf_by("),
    ([one_plus(erf(X)), bell(X)], "one_plus_erf_by("),
    ([mul(one_plus(erf(X)), bell(transpose(X, (1, 0))))], "one_plus_erf("),
    ([one_plus(mul(erf(X), bell(X)))], "erf("),
    ([mul(one_plus(erf(X)), erf(X))], "erf("),
    ([one_plus(erf(X)), erf(X)], "erf("),
    ([one_plus(erf(X)), reduce_sum(erf(X), (0,))], "erf("),
    ([add(like(X, 2), erf(X))], "erf("),
    ([add(erf(X), erf(neg(X)))], "erf("),
])
def test_one_plus_erf_alone_and_with_a_bell(outputs, expected):
    calls = [call for call in ("one_plus_erf(", "one_plus_erf_by(", "= erf(") if call in source_of(*outputs)]
    assert calls == [expected if "_" in expected else "= erf("]


def test_gelu_and_its_gradient():
    x = np.array(NUMBERS)
    x.attach_grad()
    with autograd.record():
        y = npx.leaky_relu(x, act_type="gelu")
    y.backward()
    wide = NUMBERS.astype("float64")
    below = scipy.special.ndtr(wide)
    numpy.testing.assert_allclose(y.asnumpy(), wide * below, rtol=1e-6, atol=1e-6)
    slope = below + wide * numpy.exp(-wide * wide / 2) / numpy.sqrt(2 * numpy.pi)
    numpy.testing.assert_allclose(x.grad.asnumpy(), slope, rtol=1e-6, atol=1e-6)


POINTS = numpy.concatenate([
    numpy.linspace(-6, 6, 300_001), numpy.geomspace(1e-40, 3e38, 3000), -numpy.geomspace(1e-40, 3e38, 3000),
    [0.0, -0.0, numpy.inf, -numpy.inf],
]).astype("float32")
BELL = NUMPY["exp_below_zero"](-numpy.minimum(abs(POINTS), 1e18) ** 2)


def test_one_plus_erf_is_good_to_3e_7_with_exact_ends():
    y = NUMPY["one_plus_erf"](POINTS)
    assert abs(y - scipy.special.erfc(-POINTS.astype("float64"))).max() <= 3.05e-7
    assert (y[POINTS < -4] == 0).all() and (y[POINTS > 4] == 2).all()
    assert (numpy.isnan(NUMPY["one_plus_erf"](numpy.float32([numpy.nan])))).all()


def test_one_plus_erf_by_a_bell_is_good_relatively():
    y = NUMPY["one_plus_erf_by"](POINTS, BELL)
    exact = scipy.special.erfc(-POINTS.astype("float64"))
    assert abs(y - exact).max() <= 3e-7
    usual = POINTS > -9
    assert (abs(y - exact)[usual] / exact[usual]).max() <= 2e-5
    assert (y[POINTS < -11] == 0).all() and (y[POINTS > 4] == 2).all()
    assert numpy.isnan(NUMPY["one_plus_erf_by"](numpy.float32([numpy.nan]), numpy.float32([numpy.nan]))).all()


@pytest.mark.tierless
@pytest.mark.parametrize("name", ["one_plus_erf", "one_plus_erf_by", "exp_below_zero"])
def test_compiled_code_computes_what_numpy_does(name):
    x = -abs(POINTS) if name == "exp_below_zero" else POINTS
    arrays = (x, BELL) if name == "one_plus_erf_by" else (x,)
    numpy.testing.assert_allclose(compiled(name)(*arrays), NUMPY[name](*arrays), rtol=3e-7, atol=0)


@pytest.mark.parametrize("dtype, ulp", [("float32", 1.1), ("float64", 1.0)])
def test_exp_below_zero(dtype, ulp):
    x = -numpy.geomspace(1e-10, 800, 100_001).astype(dtype)
    exact = numpy.exp(x.astype(numpy.longdouble))
    error = abs(NUMPY["exp_below_zero"](x) - exact) / numpy.spacing(exact.astype(dtype))
    assert error.max() <= ulp
    ends = NUMPY["exp_below_zero"](numpy.array([0.0, -0.0, -numpy.inf, numpy.nan], dtype))
    numpy.testing.assert_array_equal(ends, numpy.array([1, 1, 0, numpy.nan], dtype))


def test_float64_keeps_its_digits():
    x = numpy.linspace(-6, 6, 1001)
    for y in (NUMPY["one_plus_erf"](x), NUMPY["one_plus_erf_by"](x, numpy.exp(-x * x))):
        numpy.testing.assert_allclose(y, 1 + scipy.special.erf(x), rtol=0, atol=1e-15)
