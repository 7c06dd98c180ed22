"""Native convolutions and their adjoints: all geometries, dtypes and sizes; the same bits on each number of threads."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

from tracer.jit.plan.plan import Plan
from tracer.jit.report.counters import COUNTERS
from tracer.jit.runtime import driver
from tracer.jit.steps.conv.arguments import AT
from tracer.jit.steps.conv.rows import address
from tracer.jit.verify.native_effects import of_native
from tracer.jit.verify.plan import verify
from tracer.jit.verify.units import PlanError
from tracer.ops.ir.errors import MXNetError
from tracer.ops.npx import convolution
from tracer.ops.npx.convolution import convolve, correlate, spread
from tracer.ops.npx.windows import positions
from tracer.ops.primitive.elementary import tanh
from tracer.ops.primitive.linear import transpose

GEOMETRIES = [  # images, filters, kernel, stride, dilate, pad, groups
    ((2, 3, 7, 8), 5, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 3, 12, 13), 17, (5, 3), (1, 1), (1, 1), (0, 0), 1),
    ((3, 4, 9, 10), 6, (3, 3), (2, 2), (1, 1), (1, 1), 2),
    ((2, 4, 9, 10), 4, (3, 2), (2, 3), (2, 1), (2, 1), 4),
    ((1, 6, 16, 16), 6, (3, 3), (1, 1), (1, 1), (1, 1), 6),
    ((2, 70, 4, 4), 90, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 3, 9, 9), 4, (2, 2), (3, 3), (1, 1), (0, 0), 1),
    ((1, 3, 40, 40), 8, (7, 7), (2, 2), (1, 1), (3, 3), 1),
    ((5, 6, 4, 4), 100, (1, 1), (1, 1), (1, 1), (0, 0), 1),
    ((4, 8, 1, 1), 4, (1, 1), (2, 2), (1, 1), (0, 0), 1),
    ((1, 1, 30, 2), 1, (20, 2), (1, 1), (1, 1), (3, 5), 1),
    ((2, 7, 11), 5, (3,), (1,), (1,), (1,), 1),
    ((1, 2, 40), 3, (4,), (3,), (3,), (5,), 1),
    ((1, 2, 5, 6, 7), 4, (3, 2, 3), (1, 2, 1), (1, 1, 2), (1, 0, 2), 1),
    ((2, 5, 9, 21), 5, (3, 3), (2, 2), (1, 1), (1, 1), 5),
    ((1, 3, 60, 250), 3, (5, 4), (2, 2), (1, 2), (4, 5), 3),
    ((2, 3, 5, 40), 3, (1, 7), (1, 4), (1, 1), (0, 3), 3),
    ((1, 2, 9, 10, 11), 2, (3, 2, 3), (1, 2, 2), (2, 1, 1), (2, 0, 1), 2),
    ((2, 4, 300), 4, (9,), (1,), (2,), (8,), 4),
    ((1, 2, 9000), 2, (3,), (1,), (1,), (1,), 2),
    ((1, 1, 30000), 1, (4,), (2,), (1,), (1,), 1),
    ((1, 2, 2, 40000), 2, (2, 2), (1, 1), (1, 1), (0, 0), 2),
    ((2, 2, 400, 300), 2, (3, 3), (1, 1), (1, 1), (1, 1), 2),
    ((1, 3, 130, 90), 3, (7, 7), (1, 1), (1, 1), (3, 3), 3),
    ((2, 2, 210, 101), 2, (3, 3), (2, 2), (1, 1), (1, 1), 2),
    ((3, 4, 8, 8), 4, (3, 3), (2, 2), (1, 1), (1, 1), 4),
    ((3, 4, 7, 7), 4, (3, 3), (1, 1), (1, 1), (1, 1), 4),
    ((2, 3, 6, 5), 3, (3, 3), (1, 1), (1, 1), (2, 2), 3),
    ((2, 3, 11, 9), 3, (3, 5), (1, 1), (2, 1), (2, 2), 3),
    ((1, 4, 100, 64), 4, (5, 5), (1, 1), (1, 1), (0, 0), 4),
    ((3, 2, 30, 44), 2, (3, 25), (1, 1), (1, 1), (0, 0), 2),
    ((2, 2, 5, 24, 9), 2, (2, 20, 3), (1, 1, 1), (1, 1, 1), (0, 0, 1), 2),
    ((2, 3, 13, 13), 3, (5, 5), (4, 4), (2, 2), (5, 5), 3),
    ((3, 19, 7, 7), 19, (3, 3), (1, 1), (1, 1), (1, 1), 19),
    ((40, 32, 4, 4), 32, (3, 3), (1, 1), (1, 1), (1, 1), 32),
    ((2, 24, 8, 9), 24, (3, 2), (2, 3), (2, 1), (2, 1), 24),
    ((5, 17, 16), 17, (5,), (2,), (2,), (3,), 17),
    ((2, 35, 4, 5, 6), 35, (2, 3, 2), (1, 2, 1), (1, 1, 2), (1, 0, 1), 35),
    ((3, 40, 13, 12), 40, (7, 7), (3, 1), (1, 1), (0, 6), 40),
    ((2, 300, 5, 5), 300, (4, 3), (1, 1), (1, 1), (2, 1), 300),
    ((3, 34, 7, 7), 70, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 6, 21, 19), 66, (3, 3), (2, 2), (1, 1), (0, 0), 2),
    ((2, 700, 1, 1), 160, (1, 1), (1, 1), (1, 1), (0, 0), 1),
    *[(images, filters, (3, 3), (1, 1), (1, 1), (1, 1), 1) for images, filters in (
        ((2, 40, 13, 21), 33), ((9, 35, 8, 8), 70), ((41, 32, 3, 5), 32), ((1, 33, 70, 61), 130),
        ((1, 32, 4, 510), 64))]]


LAID = [  # of few filters and many positions
    ((3, 1, 28, 28), 6, (5, 5), (1, 1), (1, 1), (2, 2), 1),
    ((5, 6, 14, 14), 11, (5, 5), (1, 1), (1, 1), (0, 0), 1),
    ((2, 40, 30, 17), 9, (3, 4), (1, 1), (1, 1), (1, 2), 1),
    ((1, 3, 300, 250), 7, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 4, 40, 33), 10, (2, 3), (1, 1), (3, 2), (4, 0), 2),
    ((2, 4, 150), 5, (9,), (1,), (2,), (8,), 1),
    ((1, 2, 90, 19), 3, (30, 2), (1, 1), (1, 1), (14, 0), 1),
    ((1, 2, 20, 1200), 3, (3, 3), (1, 1), (1, 1), (9, 1), 1),
]


def drawn(images, filters, kernel, stride, dilate, pad, groups, dtype):
    rng = np.random.RandomState(sum(images) + filters)
    out = positions(images[2:], kernel, stride, dilate, pad)
    shapes = images, (filters, images[1] // groups, *kernel), (images[0], filters, *out)
    return [rng.randn(*shape).astype(dtype) for shape in shapes]


def outputs(x, w, g, *geometry):
    return [convolve(x, w, attrs=geometry), spread(g, w, attrs=(x.shape[2:], *geometry)),
            correlate(g, x, attrs=(w.shape[2:], *geometry))]


def wanted(x, w, g, *geometry):
    x, w, g = [a.astype(np.float64) for a in (x, w, g)]
    return [convolution._convolve_ref(x, w, *geometry), convolution._spread_ref(g, w, x.shape[2:], *geometry),
            convolution._correlate_ref(g, x, w.shape[2:], *geometry)]


def is_direct(node):
    """Whether no row of a node's is of Winograd's method."""
    rows = {row.fn for row in Plan((node,)).layout.runs[0]}
    return not rows & {address("run_winograd"), address("run_winograd_weights")}


def check(images, filters, kernel, stride, dilate, pad, groups, dtype):
    arrays = drawn(images, filters, kernel, stride, dilate, pad, groups, dtype)
    geometry = stride, dilate, pad, groups
    nodes = outputs(*graphs.leaves(arrays), *geometry)
    assert graphs.fallbacks(nodes) == []
    for node, got, want, terms in zip(nodes, graphs.run(nodes, arrays, "always"), wanted(*arrays, *geometry),
                                      [arrays[1][0].size, arrays[1].size, arrays[2].size], strict=True):
        # the error of a sum of random products grows with the root of their number
        # and Winograd's method loses a digit more
        bound = (64 if is_direct(node) else 512) * np.finfo(dtype).eps
        np.testing.assert_allclose(got, want, rtol=0, atol=bound * (1 + terms) ** 0.5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", GEOMETRIES, ids=str)
def test_geometries(case, dtype):
    check(*case, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", LAID, ids=str)
def test_images_of_few_filters_are_laid(case, dtype):
    check(*case, dtype)
    images, filters, kernel, *geometry = case
    rows = [Plan((node,)).layout.runs[0] for node in outputs(*graphs.leaves(drawn(*case, dtype)), *geometry)]
    laid = {address("run_laid"), address("run_laid_weights")}
    assert all(laid & {row.fn for row in run} for run in rows)


def _random_cases():
    rng = np.random.RandomState(13)
    while True:
        rank = rng.randint(1, 4)
        kernel, stride, dilate, pad, size = [
            tuple(rng.randint(low, high, rank).tolist())
            for low, high in ((1, 5), (1, 4), (1, 3), (0, 4), (1, (60, 20, 9)[rank - 1]))]
        groups = int(rng.choice([1, 1, 2, 3]))
        deep = rng.randint(3) > 0  # else depthwise
        groups *= 1 if deep else int(rng.choice([1, 9]))
        images = (int(rng.randint(1, 4)), groups * (int(rng.randint(1, 8)) if deep else 1), *size)
        try:
            positions(size, kernel, stride, dilate, pad)
        except MXNetError:
            continue
        yield images, groups * (int(rng.randint(1, 30)) if deep else 1), kernel, stride, dilate, pad, groups


@pytest.mark.sweep(sample=10)
@pytest.mark.parametrize("case", [case for case, _ in zip(_random_cases(), range(300))], ids=str)
def test_random_geometries(case):
    check(*case, "float32")


@pytest.mark.parametrize("case", [
    ((8, 16, 20, 20), 40, (3, 3), (1, 1), (1, 1), (1, 1), 1), ((64, 1, 28, 28), 6, (5, 5), (1, 1), (1, 1), (2, 2), 1),
    ((1, 64, 7, 7), 200, (3, 3), (2, 2), (1, 1), (1, 1), 1), ((8, 32, 40, 40), 32, (3, 3), (2, 2), (1, 1), (1, 1), 32),
    ((4, 32, 40, 40), 48, (3, 3), (1, 1), (1, 1), (1, 1), 1), ((32, 70, 8, 8), 70, (3, 3), (1, 1), (1, 1), (1, 1), 70)],
                         ids=str)
def test_one_and_two_threads_give_the_same_bits(case):
    images, filters, kernel, *geometry = case
    arrays = drawn(*case, "float32")
    nodes = outputs(*graphs.leaves(arrays), *geometry)
    assert any(0 < step.chunk < step.extent for run in Plan(tuple(nodes)).layout.runs for step in run)
    found, before = [], driver.get_threads()
    try:
        for threads in (1, 2):
            driver.set_threads(threads)
            found.append(graphs.run(nodes, arrays, "always"))
    finally:
        driver.set_threads(before)
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_operands_that_are_views_or_computed():
    geometry = (1, 1), (1, 1), (1, 1), 1
    x, w, g = drawn((2, 3, 7, 8), 5, (3, 3), *geometry, "float32")
    a, b, c = graphs.leaves([x.transpose(0, 1, 3, 2).copy(), w, g])
    nodes = outputs(transpose(a, (0, 1, 3, 2)), tanh(b), tanh(c), *geometry)
    found = graphs.run(nodes, [x.transpose(0, 1, 3, 2).copy(), w, g], "always")
    for got, want in zip(found, wanted(x, np.tanh(w), np.tanh(g), *geometry), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-4)


def test_one_operand_used_twice():
    x = np.random.RandomState(3).randn(4, 4, 3, 3).astype("float32")
    leaf, = graphs.leaves([x])
    attrs = (1, 1), (1, 1), (1, 1), 1
    got, = graphs.run([convolve(leaf, leaf, attrs=attrs)], [x], "always")
    np.testing.assert_allclose(got, convolution._convolve_ref(x.astype(np.float64), x.astype(np.float64), *attrs),
                               atol=1e-4)


def check_what_is_not_finite(x, w, g, geometry):
    """Compare the NaNs and infinities of the results with those wanted; returns the pairs."""
    with np.errstate(invalid="ignore"):
        expected = wanted(x, w, g, *geometry)
    nodes = outputs(*graphs.leaves([x, w, g]), *geometry)
    pairs = list(zip(graphs.run(nodes, [x, w, g], "always"), expected, strict=True))
    for got, want in pairs:
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
        np.testing.assert_array_equal(got[np.isinf(want)], want[np.isinf(want)])
    return pairs


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
@pytest.mark.parametrize("channels, filters, groups", [(2, 3, 1), (2, 2, 2), (33, 34, 1), (19, 19, 19)])
def test_nan_and_infinity_reach_their_windows_only(channels, filters, groups, stride, dtype):
    geometry = stride, (1, 1), (1, 1), groups
    x, w, g = drawn((4, channels, 9, 17), filters, (3, 3), *geometry, dtype)
    x[0, 0, 0, 16], x[0, 1, 8, 0], x[0, 1, 4, 8] = np.nan, np.inf, -np.inf
    g[0, 0, 0, -1], g[0, 1, 2, 0] = np.inf, np.nan
    check_what_is_not_finite(x, w, g, geometry)


@pytest.mark.parametrize("images, kernel, stride, dilate, pad", [
    ((3, 2, 5, 6, 7), (3, 2, 3), (1, 2, 1), (1, 1, 2), (1, 0, 2)), ((2, 3, 400, 90), (3, 3), (2, 1), (2, 1), (3, 1)),
    ((2, 2, 9000), (3,), (2,), (2,), (2,)), ((3, 21, 3, 5, 6), (3, 2, 3), (1, 2, 1), (1, 1, 2), (1, 0, 2)),
    ((4, 33, 60), (5,), (2,), (3,), (4,)), ((2, 16, 9, 11), (3, 3), (2, 1), (2, 1), (3, 1))], ids=str)
def test_what_is_not_finite_in_depthwise_images_of_any_geometry(images, kernel, stride, dilate, pad):
    geometry = stride, dilate, pad, images[1]
    x, w, g = drawn(images, images[1], kernel, *geometry, "float32")
    for array, wrong in ((x, [np.inf, np.nan, -np.inf]), (g, [np.nan, np.inf])):
        for i, value in enumerate(wrong):
            array[(0, i % images[1], *[(n - 1) * (axis + i & 1) for axis, n in enumerate(array.shape[2:])])] = value
    for got, want in check_what_is_not_finite(x, w, g, geometry):
        finite = np.isfinite(want)
        np.testing.assert_allclose(got[finite], want[finite], rtol=1e-3, atol=0.1)


def test_an_empty_batch_and_long_kernels_are_numpy_s():
    for images, kernel in (((0, 2, 5), (3,)), ((1, 1, 200), (150,))):
        arrays = drawn(images, 2, kernel, (1,), (1,), (0,), 1, "float32")
        nodes = outputs(*graphs.leaves(arrays), (1,), (1,), (0,), 1)
        for got, want in zip(graphs.run(nodes, arrays, "always"), wanted(*arrays, (1,), (1,), (0,), 1), strict=True):
            np.testing.assert_allclose(got, want, atol=1e-4)


def test_other_sizes_compile_nothing():
    geometry = (1, 1), (1, 1), (1, 1), 1
    check((2, 3, 10, 11), 5, (3, 3), *geometry, "float32")
    before = COUNTERS.kernels_compiled
    check((3, 4, 13, 9), 6, (3, 3), *geometry, "float32")
    assert COUNTERS.kernels_compiled == before


@pytest.mark.parametrize("channels, groups, stride, size, filters", [
    (16, 1, 1, 90, 40), (16, 16, 1, 90, 16), (16, 16, 2, 90, 16), (16, 1, 1, 90, 6), (32, 1, 1, 90, 40),
    (70, 1, 1, 7, 200), (80, 2, 2, 19, 300), (200, 200, 1, 12, 200)])
def test_the_verifier_knows_what_chunks_write(channels, groups, stride, size, filters):
    geometry = (stride, stride), (1, 1), (1, 1), groups
    arrays = drawn((8, channels, size, size), filters, (3, 3), *geometry, "float32")
    for node in outputs(*graphs.leaves(arrays), *geometry):
        step = Plan((node,)).layout.runs[0]
        for fn, args, extent, chunk in step:
            if not chunk or of_native(fn, args, extent, chunk) is None:
                continue
            whole = of_native(fn, args, extent, chunk).accesses[-1].place.span()
            ends = [a.place.span() for at in range(-(-extent // chunk))
                    for a in of_native(fn, args, extent, chunk, at).accesses if a.write]
            assert (min(ends)[0], max([high for _, high in ends])) == whole


def test_the_verifier_finds_a_wrong_size():
    arrays = drawn((2, 3, 7, 8), 5, (3, 3), (1, 1), (1, 1), (1, 1), 1, "float32")
    plan = Plan((outputs(*graphs.leaves(arrays), (1, 1), (1, 1), (1, 1), 1)[0],))
    row, = plan.layout.runs[0]
    for at in (AT.size1, AT.before2, AT.positions, AT.dilate1, AT.panels, AT.batch):
        args = list(row.args)
        args[at] += 1
        layout = plan.layout._replace(runs=((row._replace(args=args),),))
        with pytest.raises(PlanError):
            verify(layout, {}, 0, plan.planning)
