"""Batch normalization and its variants as functions: what a step computes, and answers in nd and np."""
from __future__ import annotations

import numpy
import pytest

from tracer import autograd, nd, np, npx
from tracer.jit import program

pytestmark = pytest.mark.native_sample(4)


def parameters(F, channels=2):
    """Gamma, beta, running mean and variance."""
    return [F.array([1.5, 0.5][:channels]), F.array([0.25, -1][:channels]), F.zeros((channels,)), F.ones((channels,))]


@pytest.fixture
def ran():
    """The number of outputs of each program that has run."""
    found = []

    def watch(program_, *rest):
        found.append(len(program_.outputs))

    program.WATCHERS.append(watch)
    yield found
    program.WATCHERS.remove(watch)


def test_the_batch_statistics_are_not_computed_for_a_hook_that_has_run(ran):
    """The results of a step are the output and the two statistics; a freed graph holds no others."""
    x, weights = nd.array([[1, 2], [3, 5], [5, 5]]), parameters(nd)
    x.attach_grad()
    for array in (x, *weights):
        array.wait_to_read()
    with autograd.record():
        y = nd.BatchNorm(x, *weights, fix_gamma=False)
    y.backward()
    del ran[:]
    y.wait_to_read()
    assert ran == [4]  # y, the gradient of x, and the running statistics
    assert weights[2].asnumpy().tolist() == pytest.approx([0.3, 0.4])


def test_a_retained_graph_updates_the_statistics_again():
    x, weights = nd.array([[1, 2], [3, 6]]), parameters(nd)
    x.attach_grad()
    with autograd.record():
        y = nd.BatchNorm(x, *weights, fix_gamma=False)
    y.backward(retain_graph=True)
    y.backward()
    assert weights[2].asnumpy().tolist() == pytest.approx([0.38, 0.76])


@pytest.mark.parametrize("F, relu, sync", [(nd, nd.contrib.BatchNormWithReLU, nd.contrib.SyncBatchNorm),
                                           (np, npx.batch_norm_with_relu, npx.sync_batch_norm)])
@pytest.mark.parametrize("statistics", [False, True])
def test_variants(F, relu, sync, statistics):
    plain = nd.BatchNorm if F is nd else npx.batch_norm
    x = F.array(numpy.arange(12).reshape(2, 2, 3) - 6.0)
    found = []
    for function in (plain, relu, sync):
        weights = parameters(F)
        extra = {"key": "k", "ndev": 1} if function is sync else {}
        with autograd.record():
            out = function(x, *weights, fix_gamma=False, eps=1e-5, output_mean_var=statistics, **extra)
        out = out if statistics else [out]
        found.append([y.asnumpy() for y in out])
    normal, positive, synchronized = found
    assert len(normal) == len(positive) == len(synchronized) == (3 if statistics else 1)
    numpy.testing.assert_allclose(positive[0], numpy.maximum(normal[0], 0), rtol=1e-6, atol=1e-6)
    for one, other in zip(normal[1:], positive[1:], strict=True):
        numpy.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
    for one, other in zip(normal[:2], synchronized[:2], strict=True):
        numpy.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_results_go_into_given_arrays():
    x, weights = nd.array([[1, -2], [3, -6]]), parameters(nd)
    out, mean, inverse = nd.zeros((2, 2)), nd.zeros(2), nd.zeros(2)
    nd.contrib.BatchNormWithReLU(x, *weights, output_mean_var=True, fix_gamma=False, out=[out, mean, inverse])
    assert (out.asnumpy() >= 0).all() and out.asnumpy().any() and inverse.asnumpy().all()
    assert nd.contrib.SyncBatchNorm(x, *weights, key="k", out=out) is out and out.asnumpy().min() < 0


@pytest.mark.parametrize("F", [nd, npx])
def test_the_third_result_of_a_synchronized_layer_is_the_variance(F):
    """As in 1.9.1; that of the other layers is 1 / sqrt(variance + eps)."""
    given = numpy.arange(24.0).reshape(4, 2, 3)
    sync, plain = (nd.contrib.SyncBatchNorm, nd.BatchNorm) if F is nd else (npx.sync_batch_norm, npx.batch_norm)
    array = nd.array if F is nd else np.array
    x, *weights = array(given), *(array(v) for v in ([1, 1], [0, 0], [0, 0], [1, 1]))
    with autograd.record():
        _, mean, variance = sync(x, *weights, key="k", output_mean_var=True)
        _, same, inverse = plain(x, *weights, eps=1e-3, output_mean_var=True)
    numpy.testing.assert_allclose(variance.asnumpy(), given.var((0, 2)), rtol=1e-5)
    numpy.testing.assert_allclose(inverse.asnumpy(), (given.var((0, 2)) + 1e-3) ** -0.5, rtol=1e-5)
    numpy.testing.assert_array_equal(mean.asnumpy(), same.asnumpy())
