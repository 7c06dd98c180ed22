"""Convolutions in chains with what reads their results by rows: normalizations, in training and in prediction."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

from tracer.jit.fusion.kernel import Kernel
from tracer.jit.plan.plan import Plan
from tracer.jit.runtime import driver
from tracer.jit.steps.conv import links
from tracer.jit.steps.conv.arguments import ConvArgs
from tracer.ops.control.gradient import gradient
from tracer.ops.npx.convolution import convolve
from tracer.ops.npx.normalization import batch_norm
from tracer.ops.primitive.arithmetic import add, like, maximum

#: Images, filters, kernel, stride, pad, groups.
CASES = {
    "panels": ((20, 6, 20, 20), 16, 3, 1, 1, 1),
    "pointwise": ((32, 32, 16, 16), 48, 1, 1, 0, 1),
    "strided": ((17, 12, 32, 32), 16, 3, 2, 1, 1),
    "odd": ((17, 12, 33, 33), 17, 3, 2, 1, 1),
    "depthwise": ((16, 24, 24, 24), 24, 3, 1, 1, 24),
    "depthwise strided": ((16, 24, 25, 25), 24, 3, 2, 1, 24),
    "small depthwise": ((32, 48, 14, 14), 48, 3, 1, 1, 48),
    "tiles": ((20, 32, 16, 16), 40, 3, 1, 1, 1),
    "small tiles": ((32, 64, 8, 8), 64, 3, 1, 1, 1),
    "odd tiles": ((9, 33, 13, 9), 50, 3, 1, 1, 1),
}

#: Those whose units share no images evenly; and those of which the processor's masks decide how they are computed.
ALONE, EITHER = {"odd", "odd tiles"}, {"depthwise"}


def drawn(images, filters, kernel, stride, pad, groups, dtype="float32"):
    """Arrays of images, weights, gamma, beta, moving mean and variance."""
    rng = np.random.default_rng(filters)
    shapes = [images, (filters, images[1] // groups, kernel, kernel)]
    made = [rng.standard_normal(s) for s in shapes] + [rng.uniform(0.5, 2, filters) for _ in range(4)]
    return [a.astype(dtype) for a in made]


def normalized(leaves, kernel, stride, pad, groups, batch):
    x, w, gamma, beta, mean, var = leaves
    made = convolve(x, w, attrs=((stride,) * 2, (1, 1), (pad,) * 2, groups))
    out, *_ = batch_norm(made, gamma, beta, mean, var, 1e-5, 1, False, batch)
    return maximum(out, like(out, 0))


def in_training(name, arrays):
    """The result, and the gradients of images, weights, gamma and beta."""
    leaves = graphs.leaves(arrays)
    out = normalized(leaves, *CASES[name][2:], True)
    return [out, *gradient((out,), (add(out, like(out, 1)),), tuple(leaves[:4]))]


def chained(plan):
    """For each chain that a convolution begins, the names of its first op and the number of kernels in it."""
    steps = plan.planning.steps
    return [(steps[chain[0]].node.op.name, sum([isinstance(steps[i], Kernel) for i in chain]))
            for chain in plan.planning.chains if len(chain) > 1]


def on_threads(outputs, arrays):
    """The results of a compiled run, which must be the same on one thread and on two."""
    before, found = driver.get_threads(), []
    try:
        for threads in (1, 2):
            driver.set_threads(threads)
            found.append(graphs.run(outputs, arrays, "always"))
    finally:
        driver.set_threads(before)
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)
    return found[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_statistics_of_a_batch(name, dtype):
    arrays = drawn(*CASES[name], dtype)
    outputs = in_training(name, arrays)
    found = on_threads(outputs, arrays)
    wide = [a.astype("float64") for a in arrays]
    for got, want in zip(found, graphs.run(in_training(name, wide), wide), strict=True):
        tolerance = (2e-4 if dtype == "float32" else 1e-11) * np.abs(want).max()
        np.testing.assert_allclose(got, want, atol=tolerance)
    if dtype == "float32" and name not in EITHER:
        assert any([op == "convolve" for op, _ in chained(Plan(outputs))]) == (name not in ALONE)


@pytest.mark.parametrize("name", CASES)
def test_normalization_in_prediction_runs_on_the_images_of_a_chunk(name):
    arrays = drawn(*CASES[name])
    outputs = [normalized(graphs.leaves(arrays), *CASES[name][2:], False)]
    found, = on_threads(outputs, arrays)
    want, = graphs.run(outputs, arrays)
    np.testing.assert_allclose(found, want, rtol=2e-4, atol=2e-4)
    if name not in EITHER:
        assert chained(Plan(outputs)) == ([] if name in ALONE else [("convolve", 1)])


@pytest.mark.parametrize("where", ["image", "weight", "moving variance"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_values_spread_as_in_the_interpreter(where, value):
    arrays = drawn(*CASES["tiles"])
    arrays[{"image": 0, "weight": 1, "moving variance": 5}[where]].flat[77 if where != "moving variance" else 3] = value
    outputs = [normalized(graphs.leaves(arrays), *CASES["tiles"][2:], False)]
    with np.errstate(invalid="ignore"):
        found, = on_threads(outputs, arrays)
        want, = graphs.run(outputs, arrays)
    np.testing.assert_allclose(found, want, rtol=2e-4, atol=2e-4)


def test_one_image_is_cut_by_filters_where_there_are_enough_parts():
    case = (1, 8, 4, 4), 1024, 3, 1, 1, 1
    arrays = drawn(*case)
    outputs = [normalized(graphs.leaves(arrays), *case[2:], False)]
    found, = on_threads(outputs, arrays)
    want, = graphs.run(outputs, arrays)
    np.testing.assert_allclose(found, want, rtol=2e-4, atol=2e-4)
    assert chained(Plan(outputs)) == [("convolve", 1)]


# ---- blocks --------------------------------------------------------------------------------------

def given(**numbers):
    """The arguments of a step, those not named being 0."""
    return ConvArgs(*[numbers.get(name, 0) for name in ConvArgs._fields])


@pytest.mark.parametrize("numbers, block", [
    ({"batch": 4, "groups": 1, "part": 16, "filters": 16, "panels": 3, "positions": 96}, (3, 1536)),
    ({"batch": 4, "groups": 1, "part": 8, "filters": 16, "panels": 3, "positions": 96}, None),
    ({"batch": 4, "groups": 2, "part": 16, "filters": 16, "panels": 3, "positions": 96}, None),
    ({"batch": 1, "groups": 2, "part": 8, "filters": 16, "panels": 3, "positions": 96}, (3, 768)),
    ({"batch": 1, "groups": 1, "part": 12, "filters": 16, "panels": 3, "positions": 96}, None)])
def test_blocks_of_panels(numbers, block):
    assert links.block_of_panels(given(**numbers)) == block


@pytest.mark.parametrize("numbers, block", [
    ({"size1": 32, "lines": 4, "batch": 2}, (2, 32 * 64)), ({"size1": 8, "lines": 4, "batch": 2}, (1, 2 * 32 * 64)),
    ({"size1": 8, "lines": 4, "batch": 3}, None), ({"size1": 20, "lines": 4, "batch": 4}, None),
    ({"size1": 32, "lines": 4, "batch": 2, "most": 12}, (6, 32 * 64))])
def test_blocks_of_tiles(numbers, block):
    assert links.block_of_tiles(given(**{"filters": 32, "positions": 64, "most": 32, **numbers})) == block
