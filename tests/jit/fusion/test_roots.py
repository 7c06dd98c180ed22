"""Kernels that go through the axes in another order than that of memory: statistics of channels, and what uses them."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

from tracer import autograd, nd
from tracer.jit.fusion.fuse import fuse
from tracer.jit.runtime import driver
from tracer.ops.primitive.arithmetic import add, like, mul, sub
from tracer.ops.primitive.elementary import square
from tracer.ops.primitive.linear import reduce_sum, reshape

AXES = (0, 2, 3)


def normalized(shape, scale=1.0):
    """Numbers minus their channel's mean, times that of squares; the graph of batch normalization in short."""
    x = graphs.leaves([np.zeros(shape, "float32")])[0]
    column = tuple(n if i == 1 else 1 for i, n in enumerate(shape))
    mean = mul(reduce_sum(x, AXES), like(x, shape[1] / np.prod(shape)))
    centred = sub(x, reshape(mean, column))
    spread = reduce_sum(square(centred), AXES)
    return [mul(centred, reshape(add(spread, like(spread, scale)), column)), mean, spread]


def test_statistics_and_their_use_are_one_kernel():
    kernel, = fuse(normalized((4, 16, 8, 8)))
    assert kernel.order == (1, 0, 2, 3) and sorted(r.kind for r in kernel.roots) == ["inner", "inner", "map", "row"]


@pytest.mark.parametrize("shape", [(4, 3, 8, 8), (64, 16, 2, 2)])
def test_few_channels_and_short_pieces_are_used_in_the_order_of_memory(shape):
    assert len(fuse(normalized(shape))) == 2


@pytest.mark.parametrize("shape", [(4, 16, 8, 8), (3, 9, 5, 7), (2, 8, 33, 1), (4, 3, 8, 8), (64, 16, 2, 2)])
def test_values_are_those_of_numpy(shape):
    values = np.random.RandomState(1).randn(*shape).astype("float32")
    outputs = normalized(shape)
    for got, want in zip(graphs.run(outputs, [values], "always"), graphs.run(outputs, [values]), strict=True):
        np.testing.assert_allclose(got, want, 1e-4, 1e-4)


def test_batch_norm_keeps_digits_beside_a_large_mean_on_any_number_of_threads():
    values = np.random.RandomState(2).randn(16, 32, 12, 12).astype("float32") + np.float32(3000)
    gradient = np.random.RandomState(3).randn(*values.shape).astype("float32")
    kept, found = driver.get_threads(), []
    with graphs.jit_mode("always"):
        for threads in (1, 2):
            driver.set_threads(threads)
            x, gamma, beta = nd.array(values), nd.ones(32), nd.zeros(32)
            for a in (x, gamma, beta):
                a.attach_grad()
            with autograd.record():
                y = nd.BatchNorm(x, gamma, beta, nd.zeros(32), nd.ones(32), fix_gamma=False, eps=1e-5)
            y.backward(nd.array(gradient))
            found.append([a.asnumpy() for a in (y, x.grad, gamma.grad, beta.grad)])
    driver.set_threads(kept)
    for one, other in zip(*found, strict=True):
        assert one.tobytes() == other.tobytes()
    wide, g, axes = values.astype(float), gradient.astype(float), AXES
    mean, deviation = wide.mean(axes, keepdims=True), np.sqrt(wide.var(axes, keepdims=True) + 1e-5)
    normal = (wide - mean) / deviation
    slope = (g - g.mean(axes, keepdims=True) - normal * (g * normal).mean(axes, keepdims=True)) / deviation
    want = [normal, slope, (g * normal).sum(axes), g.sum(axes)]
    for got, exact in zip(found[0], want, strict=True):
        assert abs(got - exact).max() < 2e-3 * abs(exact).max()
