"""Generated kernel sources: interleaved iterations of long loops, and partial results combined along their rows."""
from __future__ import annotations

import re

import graphs
import llvmlite.binding
import numpy
import pytest

from tracer import np, npx
from tracer.jit import program
from tracer.jit.native.intrinsics import namespace_for
from tracer.jit.native.kernel_compiler import lower
from tracer.jit.plan.plan import Plan
from tracer.jit.runtime import driver
from tracer.ops.ir.node import make
from tracer.ops.primitive.arithmetic import cast_op
from tracer.ops.primitive.reductions import reduce_prod

LOOP = """
def kernel(bind, args, lo, hi):
    p = bind[0]
    for j in range(lo, hi):
        x = ld_f32_0(p, j)
        st_f32_1(p, j, {})
"""


def vectors_a_turn(expression: str) -> int:
    """The number of vectors of x that one iteration of the compiled loop loads."""
    source = LOOP.format(expression)
    code = str(lower("kernel", source, namespace_for(source)).module())
    bodies = re.findall(r"\nvector\.body.*?br i1", code, re.DOTALL)
    return max(len(re.findall(r" load <\d+ x float>", body)) for body in bodies)


@pytest.mark.tierless
@pytest.mark.skipif("x86" not in llvmlite.binding.get_process_triple(), reason="knows x86's vectors")
def test_turns_of_a_long_loop_are_interleaved():
    assert vectors_a_turn("erf(exp(x))") == 4
    many = [f"ld_f32_0(p + {i} * 4000, j)" for i in range(1, 7)]
    assert vectors_a_turn(f"erf(exp(x)) + {' + '.join(many[:5])}") == 4 * 6
    assert vectors_a_turn(f"erf(exp(x)) + {' + '.join(many)}") == 2 * 7


@pytest.mark.parametrize("shape", [(300, 2500), (40, 30, 100), (70_000, 3), (5, 0)])
@pytest.mark.parametrize("name", ["sum", "max", "prod"])
def test_columns_are_combined_alike_on_any_number_of_threads(shape, name):
    spread = 0.5 / numpy.sqrt(shape[0])  # so that products stay moderate
    values = numpy.random.default_rng(1).uniform(1 - spread, 1 + spread, shape).astype("float32")
    threads, found = driver.get_threads(), []

    def reduced():
        return getattr(np.array(values) * 1.0, name)(axis=0).asnumpy()

    try:
        for _ in range(program.PATIENCE):
            reduced()  # the runs that the "auto" tier may interpret
        for n in (1, 2):
            driver.set_threads(n)
            found.append(reduced())
    finally:
        driver.set_threads(threads)
    numpy.testing.assert_array_equal(found[0], found[1])
    numpy.testing.assert_allclose(found[0], getattr(values.astype("float64"), name)(axis=0), rtol=1e-4)


@pytest.mark.parametrize("name", ["sum", "max", "prod"])
def test_rows_between_others_are_combined_alike_on_any_number_of_threads(name):
    values = numpy.random.default_rng(2).uniform(-1.01, -0.99, (37, 11, 2000)).astype("float32")
    threads, found = driver.get_threads(), []
    try:
        for n in (1, 2):
            driver.set_threads(n)
            found.append(getattr(np.array(values) * 1.0, name)(axis=1).asnumpy())
    finally:
        driver.set_threads(threads)
    numpy.testing.assert_array_equal(found[0], found[1])
    numpy.testing.assert_allclose(found[0], getattr(values.astype("float64"), name)(axis=1), rtol=1e-4)


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 5000, 8191, 8193, 70_001])
def test_a_flat_loop_ends_where_the_array_does(size):
    base = np.array(numpy.ones(100_000, "float32"))
    base.wait_to_read()
    x = base[:size]
    assert float(x.sum()) == size and float((x * 2).max()) == 2
    rest = np.zeros(100_000)
    rest[:size] = x + 1
    assert float(rest.sum()) == 2 * size


@pytest.mark.parametrize("dtype, rtol", [("float32", 2e-6), ("float64", 1e-13)])
@pytest.mark.parametrize("shape", [(5,), (1 << 22,), (1 << 10, 1 << 12)])
def test_totals_of_many_blocks_are_kept_in_float64(shape, dtype, rtol):
    values = numpy.full(shape, 0.1, dtype)
    numpy.testing.assert_allclose(float(np.array(values, dtype=dtype).sum()), values.size * float(values.flat[0]), rtol)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
@pytest.mark.parametrize("axis", [None, 0, 1, 2])
def test_products_of_integers(dtype, axis):
    values = numpy.random.default_rng(3).integers(1, 4, (3, 4, 2)).astype(dtype)
    (x,) = graphs.leaves([values])
    axes = (0, 1, 2) if axis is None else (axis,)
    (found,) = graphs.run([reduce_prod(x, axes)], [values], "always")
    numpy.testing.assert_array_equal(found, numpy.prod(values, axis=axis, dtype=dtype))


@pytest.mark.tierless
@pytest.mark.parametrize("shape", [(3, 50, 4096), (97, 7, 4096), (1000, 3, 1000), (5, 4, 40_000)])
def test_rows_that_add_to_one_place_are_in_one_chunk(shape):
    (plan,) = plans_of(lambda x: x.max(axis=1), np.zeros(shape))
    (made,), (rows, _, _) = plan.planning.kernels, plan.planning.rows[0]
    (step,) = (row for row in rows if row.extent == shape[0] * shape[1])
    assert made.align == shape[1] and 0 < step.chunk < step.extent and step.chunk % shape[1] == 0


@pytest.mark.tierless
def test_a_row_s_division_by_a_deviation_is_one_reciprocal():
    def layer(x):
        centred = x - x.mean(axis=1, keepdims=True)
        return centred / np.sqrt((centred * centred).mean(axis=1, keepdims=True))

    def shares(x):
        return x / x.sum(axis=1, keepdims=True)

    x = np.array(numpy.random.default_rng(1).uniform(1, 2, (7, 30)).astype("float32"))
    assert "1.0) /" in source_for(layer, x)
    assert "1.0) /" not in source_for(shares, x)
    counts = np.array([[49.0, 0.0, 0.0]])
    assert shares(counts).asnumpy()[0, 0] == 1


@pytest.mark.tierless
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_casts_to_float64_are_compiled(dtype):
    x = numpy.array([1.5, -2.25, 0.0]).astype(dtype)
    node = make(cast_op, graphs.leaves([x]), ("float64",))
    assert graphs.fallbacks([node]) == []
    found, = graphs.run([node], [x], "always")
    numpy.testing.assert_array_equal(found, x.astype("float64"))


@pytest.mark.tierless
def test_a_dear_value_is_kept_from_one_loop_over_a_row_for_the_next():
    def scaled(x):
        y = np.tanh(np.exp(x)) * 2
        return y / y.sum(axis=1, keepdims=True)

    source = source_for(scaled, np.array(numpy.ones((7, 30), "float32")))
    assert source.count("tanh(") == source.count("exp(") == 1


def plans_of(function, x):
    """The plans of the programs that `function(x)` runs."""
    npx.waitall()  # what other tests have left pending is no part of it
    found = []
    program.WATCHERS.append(lambda run, *rest: found.append(Plan(run.outputs)))
    try:
        function(x).asnumpy()
    finally:
        program.WATCHERS.pop()
    return found


def source_for(function, x):
    """The source of the one kernel that computes `function(x)`."""
    (plan,) = plans_of(function, x)
    (made,) = plan.planning.kernels
    return made.source


@pytest.mark.parametrize("shape, axis", [
    ((1000, 3), (0,)), ((3, 20_000), (1,)), ((40_000, 2), (0,)), ((4, 1000, 5), (1,)), ((300, 4, 5), (0, 2)),
    ((2, 9000, 3), (1, 2)), ((5000, 600), (0,)), ((300, 2, 300), (1,)), ((3, 300, 300), (1,)), ((4096, 600), (0,))])
def test_long_sums_of_float32_lose_no_digits(shape, axis):
    """A column of equal numbers loses the most; real MXNet 1.9.1 compensates for the rounding errors."""
    x = numpy.full(shape, 0.1, "float32")
    with graphs.jit_mode("always"):
        found, twice = (np.array(values).sum(axis=axis).asnumpy() for values in (x, x * 2))
    numpy.testing.assert_allclose(found, x.sum(axis=axis, dtype="float64"), rtol=6e-8)
    numpy.testing.assert_array_equal(twice, found * 2)


@pytest.mark.parametrize("rows", [512, 1024, 2048])
def test_a_wide_sum_of_columns_that_is_cut_into_short_chunks_stays_float32(rows):
    """Float64 would halve its speed; each chunk adds at most 256 rows, which lose few digits."""
    x = numpy.full((rows, 600), 0.1, "float32")
    assert "f64" not in source_for(lambda a: a.sum(axis=0), np.array(x))
    with graphs.jit_mode("always"):
        found = np.array(x).sum(axis=0).asnumpy()
    numpy.testing.assert_allclose(found, x.sum(axis=0, dtype="float64"), rtol=2e-6)
