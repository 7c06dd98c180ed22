"""float16: conversions to it round once, each op's result is rounded, both tiers alike."""
from __future__ import annotations

import graphs
import numpy
import pytest

from tracer import np, npx

pytestmark = pytest.mark.tierless

HALVES = numpy.arange(65536, dtype="uint16").view("float16")
TIERS = ["never", "always"]


def in_tier(tier, function, *arrays):
    """What `function` makes of the arrays, a NumPy array."""
    with graphs.jit_mode(tier):
        given = [np.array(a, dtype=a.dtype) for a in arrays]
        for a in given:
            a.wait_to_read()
        return function(*given).asnumpy()


def assert_same(found, wanted):
    """The same float16s, bit by bit but for what a NaN carries."""
    assert found.dtype == wanted.dtype == "float16" and found.shape == wanted.shape
    numpy.testing.assert_array_equal(numpy.isnan(found), numpy.isnan(wanted))
    kept = ~numpy.isnan(wanted)
    numpy.testing.assert_array_equal(found[kept].view("uint16"), wanted[kept].view("uint16"))


def assert_near(found, wanted, places=""):
    """Within one float16 of the rounded `wanted`, which is float64."""
    with numpy.errstate(over="ignore"):
        rounded = wanted.astype("float16")
    assert found.dtype == "float16" and found.shape == wanted.shape, places
    numpy.testing.assert_array_equal(numpy.isnan(found), numpy.isnan(rounded), places)
    steps = numpy.abs(_order(found) - _order(rounded))[~numpy.isnan(rounded)]
    assert steps.max(initial=0) <= 1, places


def _order(halves):
    """The places of float16s in their order."""
    bits = halves.view("int16").astype("int64")
    return numpy.where(bits < 0, -(bits & 0x7FFF), bits)


def hard_to_round():
    """float64s: each finite float16, the middle between each two, and the next numbers beside all of these."""
    exact = numpy.sort(HALVES[numpy.isfinite(HALVES)].astype("float64"))
    middles = numpy.concatenate([(exact[1:] + exact[:-1]) / 2, [65520.0, -65520.0]])
    points = numpy.concatenate([exact, middles])
    beside = [numpy.nextafter(points, side) for side in (numpy.inf, -numpy.inf)]
    # What is nearest to a middle as a float32 is not on its side as a float64.
    beside += [middles * (1 + 2.0**-k) for k in (23, 24, 30, 40)] + [middles * (1 - 2.0**-k) for k in (24, 25, 40)]
    odd = [0.0, -0.0, numpy.nan, numpy.inf, -numpy.inf, 1e300, -1e300,
           5e-324, 2.0**-25, 2.0**-25 + 2.0**-60, 3e38, 4e38]
    return numpy.concatenate([points, *beside, odd])


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "uint64", "int32", "int8", "bool", "float16"])
def test_a_conversion_to_float16_rounds_once(dtype, tier):
    if dtype == "bool":
        values = numpy.array([True, False])
    elif dtype.startswith("float"):
        with numpy.errstate(all="ignore"):
            values = hard_to_round().astype(dtype)
    else:
        limits = numpy.iinfo(dtype)
        few = numpy.arange(max(limits.min, -70_000), min(limits.max, 70_000), 3)
        values = numpy.concatenate([few.astype(dtype), numpy.array([limits.min, limits.max], dtype)])
    with numpy.errstate(all="ignore"):
        wanted = values.astype("float16")
    assert_same(in_tier(tier, lambda x: x.astype("float16"), values), wanted)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "uint8", "bool", "int64"])
def test_a_conversion_from_float16_is_exact(dtype, tier):
    values = HALVES if dtype.startswith("float") else HALVES[(HALVES >= 0) & (HALVES <= 255)]
    numpy.testing.assert_array_equal(in_tier(tier, lambda x: x.astype(dtype), values), values.astype(dtype))


FUNCTIONS = ["sin", "cos", "tan", "tanh", "sinh", "cosh", "arcsinh", "arctan", "exp", "expm1", "log", "log1p", "log2",
             "log10", "sqrt", "cbrt", "square", "abs", "negative", "sign", "floor", "ceil", "trunc", "fix"]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int32"])
def test_functions_of_what_was_converted_agree_with_numpy(name, dtype):
    """And of what is converted afterwards: such fused conversions called a function that no library has."""
    values = numpy.array([0.0, 0.1, 0.75, 1.5, 2.5, 7.0, -0.4, -2.0, -6.5, 1e-4, 3e-6]).astype(dtype)
    reference = getattr(numpy, name)
    with numpy.errstate(all="ignore"):
        before = reference(values.astype("float16").astype("float64"))
        after = reference(values.astype("float64"))
    for tier in TIERS:
        found = in_tier(tier, lambda x: getattr(np, name)(x.astype("float16")), values)
        assert_near(found, before, f"{name} after, {tier}")
        found = in_tier(tier, lambda x: getattr(np, name)(x).astype("float16"), values)
        assert_near(found, after, f"{name} before, {tier}")


def some(seed, n=3000):
    return (numpy.random.default_rng(seed).standard_normal(n) * 3).astype("float16")


#: Of arrays of tracer's or NumPy's, whose float16s are rounded after each operation.
CHAINS = {
    "sums": lambda m, a, b: (a + b) + a - b,
    "products": lambda m, a, b: a * b * a / b,
    "a number": lambda m, a, b: (a * 0.1 + 0.3) / 7,
    "a square and a root": lambda m, a, b: m.sqrt(m.square(a) + b * b),
    "opposite signs": lambda m, a, b: -(a * b) + (-a) * b - (-(a + b)),
    "extremes": lambda m, a, b: m.maximum(a * b, a + b) - m.minimum(a / b, b),
    "overflow": lambda m, a, b: (a * 10000) * 10 / 10000 / 10,
    "underflow": lambda m, a, b: (a / 30000) / 30000 * 30000,
    "powers": lambda m, a, b: (a ** 2 + a ** 3) * a ** -1,
    "a choice": lambda m, a, b: m.where(a * b > a + b, a * a, b / 3),
}


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", CHAINS)
def test_each_result_in_a_chain_is_rounded(name, tier):
    a, b = some(1), some(2)
    with numpy.errstate(all="ignore"):
        wanted = CHAINS[name](numpy, a, b)
    assert_same(in_tier(tier, lambda x, y: CHAINS[name](np, x, y), a, b), wanted)


@pytest.mark.parametrize("tier", TIERS)
def test_what_follows_a_function_sees_its_rounded_value(tier):
    x = numpy.linspace(-9, 9, 2001).astype("float16")
    tanh = numpy.tanh(x.astype("float64")).astype("float16")
    assert_same(in_tier(tier, lambda a: np.fix(np.tanh(a)), x), numpy.trunc(tanh))
    wide = in_tier("never", npx.erf, x).astype("float32")
    assert_same(in_tier(tier, lambda a: 1 + npx.erf(a), x), (1 + wide).astype("float16"))


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("axis", [0, 1])
def test_what_follows_a_sum_sees_its_rounded_value(axis, tier):
    x = (some(3, 60 * 50).reshape(60, 50) + 2).astype("float16")
    total = x.astype("float64").sum(axis=axis, keepdims=True).astype("float16")
    assert_same(in_tier(tier, lambda a: a.sum(axis=axis, keepdims=True) / 3 - a, x),
                (total / numpy.float16(3)).astype("float16") - x)


@pytest.mark.parametrize("tier", TIERS)
def test_a_gradient_in_float16_is_rounded_alike(tier):
    from tracer import autograd

    def slope(x):
        x.attach_grad()
        with autograd.record():
            y = np.tanh(x) * x
        y.backward()
        return x.grad

    x = some(4, 500)
    y = numpy.tanh(x.astype("float64")).astype("float16")
    wanted = y + x * (numpy.float16(1) - y * y)  # MXNet's own kernel rounds y * y and 1 - y * y too
    found = in_tier(tier, slope, x)
    assert_near(found, wanted.astype("float64"))
