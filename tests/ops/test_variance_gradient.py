"""The derivative of a variance: without a sum of distances from the mean, which is 0, and right to second order."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

from tracer.ops.control.gradient import gradient
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.op import OPS
from tracer.ops.np.reductions import variance
from tracer.ops.npx.normalization import batch_norm
from tracer.ops.primitive.arithmetic import mul
from tracer.ops.primitive.linear import reduce_sum

CASES = [((3, 4, 5), (0, 2)), ((7,), (0,)), ((3, 4), (1,)), ((2, 3, 4), (0, 1, 2)), ((1, 3), (1,)), ((5, 1), (0,)),
         ((), ())]


def slopes(function, x, step=1e-5):
    """The derivatives of a number by each element, by central differences."""
    found = np.empty(x.shape)
    for at in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[at] += step
        down[at] -= step
        found[at] = (function(up) - function(down)) / (2 * step)
    return found


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("shape, axes", CASES)
def test_first_and_second_derivative(shape, axes, ddof):
    if ddof and int(np.prod([shape[a] for a in axes])) < 2:
        pytest.skip("no variance")
    rng = np.random.default_rng(3)
    x = rng.standard_normal(shape)
    head, = graphs.leaves([rng.standard_normal(np.var(x, axis=axes).shape)], 1)
    other, = graphs.leaves([rng.standard_normal(shape)], 2)
    heads = [rng.standard_normal(n.shape) for n in (head, other)]
    leaf, = graphs.leaves([x])
    first, = gradient((variance(leaf, axes, ddof, False),), (head,), (leaf,))
    along = reduce_sum(mul(first, other), tuple(range(x.ndim))) if x.ndim else mul(first, other)
    second, = gradient((along,), (None,), (leaf,))
    for mode in ("never", "always"):
        one, number, two = graphs.run([first, along, second], [x, *heads], mode)
        np.testing.assert_allclose(
            one, slopes(lambda x: (np.var(x, axis=axes, ddof=ddof) * heads[0]).sum(), x), 1e-6, 1e-8)
        np.testing.assert_allclose(two, slopes(lambda x: graphs.run([along], [x, *heads])[0].item(), x), 1e-6, 1e-8)


def test_the_derivative_sums_no_distances():
    leaf, = graphs.leaves([np.ones((4, 6))])
    first, = gradient((variance(leaf, (1,), 0, False),), (None,), (leaf,))
    assert [n.inputs[0] for n in toposort([first]) if n.op is OPS["reduce_sum"]] == [leaf]  # that of the mean


# ---- statistics of batch normalization -----------------------------------------------------------

@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape, axis", [
    ((4, 3, 5, 6), 1), ((1, 3, 5, 6), 1), ((4, 1, 5, 6), 1), ((4, 3, 1, 1), 1), ((4, 3), 1), ((4, 3, 7), 1),
    ((1, 1, 1), 1), ((2, 3, 2, 3, 4), 1), ((4, 5, 6, 3), 3), ((4, 5, 6, 3), 0), ((4, 5, 6, 3), 2), ((33, 17, 9, 7), 1)])
def test_statistics_are_those_of_the_whole_batch(shape, axis, dtype):
    """Also where the mean is far from 0: no difference of large squares is taken."""
    x = np.random.default_rng(4).standard_normal(shape)
    x = (x + 1000 * np.arange(1, 1 + shape[0]).reshape(-1, *[1] * (len(shape) - 1))).astype(dtype)
    ones = np.ones(shape[axis], dtype)
    leaves = graphs.leaves([x, ones])
    made = batch_norm(leaves[0], *[leaves[1]] * 4, 1e-5, axis, False, True)
    others = tuple([a for a in range(len(shape)) if a != axis])
    wide = x.astype("float64")
    mean, var = wide.mean(axis=others, keepdims=True), wide.var(axis=others, keepdims=True)
    for mode in ("never", "always"):
        out, found_mean, found_var, _ = graphs.run(made, [x, ones], mode)
        tolerance = 1e-5 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(found_mean, mean.ravel(), tolerance)
        np.testing.assert_allclose(found_var, var.ravel(), tolerance * 10, tolerance)
        rounding = 1e-2 if dtype == "float32" else 1e-9
        np.testing.assert_allclose(out, (wide - mean) / np.sqrt(var + 1e-5) + 1, rounding, rounding)


def test_a_nan_spoils_its_channel_only():
    x = np.random.default_rng(5).standard_normal((4, 3, 5, 6)).astype("float32")
    x[2, 1, 3, 3] = np.nan
    leaves = graphs.leaves([x, np.ones(3, "float32")])
    made = batch_norm(leaves[0], *[leaves[1]] * 4, 1e-5, 1, False, True)
    for mode in ("never", "always"):
        out, *_ = graphs.run(made, [x, np.ones(3, "float32")], mode)
        assert np.isnan(out).all(axis=(0, 2, 3)).tolist() == [False, True, False]
        assert not np.isnan(out[:, [0, 2]]).any()


def test_an_empty_batch_has_no_statistics():
    leaves = graphs.leaves([np.ones((0, 3, 5), "float32"), np.ones(3, "float32")])
    made = batch_norm(leaves[0], *[leaves[1]] * 4, 1e-5, 1, False, True)
    for mode in ("never", "always"):
        with np.errstate(invalid="ignore"):
            out, mean, *_ = graphs.run(made, [np.ones((0, 3, 5), "float32"), np.ones(3, "float32")], mode)
        assert out.shape == (0, 3, 5) and np.isnan(mean).all()
