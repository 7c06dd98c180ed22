"""float16: conversions to it round once, each op's result is rounded, in both tiers alike; sums are in float32."""
from __future__ import annotations

import graphs
import numpy
import pytest

from tracer import autograd, nd, np, npx

pytestmark = pytest.mark.tierless

HALVES = numpy.arange(65536, dtype="uint16").view("float16")
TIERS = ["never", "always"]


def in_tier(tier, function, *arrays):
    """The result of `function` on the arrays, a NumPy array."""
    with graphs.jit_mode(tier):
        given = [np.array(a, dtype=a.dtype) for a in arrays]
        for a in given:
            a.wait_to_read()
        return function(*given).asnumpy()


def assert_same(found, wanted):
    """Assert equal float16s, bit by bit but for the payload of NaNs."""
    assert found.dtype == wanted.dtype == "float16" and found.shape == wanted.shape
    numpy.testing.assert_array_equal(numpy.isnan(found), numpy.isnan(wanted))
    kept = ~numpy.isnan(wanted)
    numpy.testing.assert_array_equal(found[kept].view("uint16"), wanted[kept].view("uint16"))


def assert_near(found, wanted, places=""):
    """Assert that `found` is within one float16 of the rounded `wanted`, which is float64."""
    with numpy.errstate(over="ignore"):
        rounded = wanted.astype("float16")
    assert found.dtype == "float16" and found.shape == wanted.shape, places
    numpy.testing.assert_array_equal(numpy.isnan(found), numpy.isnan(rounded), places)
    steps = numpy.abs(_order(found) - _order(rounded))[~numpy.isnan(rounded)]
    assert steps.max(initial=0) <= 1, places


def _order(halves):
    """Integers in the order of the float16s."""
    bits = halves.view("int16").astype("int64")
    return numpy.where(bits < 0, -(bits & 0x7FFF), bits)


def hard_to_round():
    """float64s: each finite float16, the midpoint between each two, and the nearest numbers on both sides of these."""
    exact = numpy.sort(HALVES[numpy.isfinite(HALVES)].astype("float64"))
    middles = numpy.concatenate([(exact[1:] + exact[:-1]) / 2, [65520.0, -65520.0]])
    points = numpy.concatenate([exact, middles])
    beside = [numpy.nextafter(points, side) for side in (numpy.inf, -numpy.inf)]
    # Numbers that float32 rounds to a midpoint lie on one side of it in float64.
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
    """Functions with a conversion before or after them: when fused, it called a missing library function."""
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


#: Functions of arrays of tracer's or NumPy's; NumPy rounds float16s after each operation.
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


# ---- one op rounds once --------------------------------------------------------------------------

#: Elements whose sum, sum of squares, and even count are beyond float16.
MANY = (numpy.random.default_rng(5).random(50_000) * 4).astype("float16")
FEW = some(6, 60 * 50).reshape(60, 50)
ONES, ZEROS = numpy.ones(50, "float16"), numpy.zeros(50, "float16")
IMAGES = some(7, 3 * 4 * 5 * 50).reshape(3, 4, 5, 50)

#: name -> (function of the namespaces and arrays, the arrays): compared with the same in float64, rounded once.
#: MXNet's own sum, mean, var and softmax of so many float16s are inf, NaN or wrong, partly so with
#: MXNET_SAFE_ACCUMULATION too: here mathematics decides. Functions that MXNet computes in one step round once.
ONCE = {
    "sum": (lambda np, npx, nd, a: np.sum(a / 8), [MANY]),
    "var": (lambda np, npx, nd, a: np.var(a), [MANY]),
    "var over an axis": (lambda np, npx, nd, a: np.var(a, axis=0, ddof=1), [FEW]),
    "std": (lambda np, npx, nd, a: np.std(a), [MANY]),
    "std of large numbers": (lambda np, npx, nd, a: np.std(a * 200), [FEW]),
    "mean": (lambda np, npx, nd, a: np.mean(a, dtype=a.dtype), [MANY]),
    "average": (lambda np, npx, nd, a: np.average(a), [MANY]),
    "weighted average": (lambda np, npx, nd, a: np.average(a, weights=a), [MANY]),
    "norm": (lambda np, npx, nd, a: np.linalg.norm(a), [MANY]),
    "norm 3": (lambda np, npx, nd, a: np.linalg.norm(a, ord=3, axis=1), [FEW]),
    "dot": (lambda np, npx, nd, a: np.dot(a, a) if a.ndim == 2 else np.dot(a / 8, a / 8), [MANY]),
    "softmax": (lambda np, npx, nd, a: npx.softmax(a), [MANY]),
    "softmax of rows": (lambda np, npx, nd, a: npx.softmax(a, temperature=0.7), [FEW]),
    "log_softmax": (lambda np, npx, nd, a: npx.log_softmax(a), [MANY]),
    "masked_softmax": (lambda np, npx, nd, a: npx.masked_softmax(a, a > 0), [FEW]),
    "layer_norm": (lambda np, npx, nd, a, g, b: npx.layer_norm(a, g, b), [FEW, ONES, ZEROS]),
    "layer_norm of a long row": (
        lambda np, npx, nd, a: npx.layer_norm(a.reshape(1, -1), np.ones(a.size, a.dtype), np.zeros(a.size, a.dtype)),
        [MANY]),
    "group_norm": (lambda np, npx, nd, a, g, b: npx.group_norm(a, g, b, num_groups=2), [IMAGES, ONES[:4], ZEROS[:4]]),
    "instance_norm": (lambda np, npx, nd, a, g, b: npx.instance_norm(a, g, b), [IMAGES, ONES[:4], ZEROS[:4]]),
    "l2_normalization": (lambda np, npx, nd, a: npx.l2_normalization(a.reshape(1, -1)), [MANY]),
    "gelu": (lambda np, npx, nd, a: npx.gelu(a), [numpy.maximum(FEW, -2)]),  # below, float32 loses digits
    "selu": (lambda np, npx, nd, a: npx.leaky_relu(a, act_type="selu"), [FEW]),
    "mish": (lambda np, npx, nd, a: npx.activation(a, "mish"), [FEW]),
    "around": (lambda np, npx, nd, a: np.around(a, 1), [FEW]),
    "cross": (lambda np, npx, nd, a: np.cross(a[:, :3], a[:, 3:6]), [FEW]),
    "nd.mean": (lambda np, npx, nd, a: nd.mean(a.as_nd_ndarray()), [MANY]),
    "nd.norm": (lambda np, npx, nd, a: nd.norm(a.as_nd_ndarray()), [MANY]),
    "nd.moments": (lambda np, npx, nd, a: nd.moments(a.as_nd_ndarray(), axes=(0,))[1], [MANY]),
    "nd.hard_sigmoid": (lambda np, npx, nd, a: nd.hard_sigmoid(a.as_nd_ndarray()), [FEW]),
    "fully_connected": (lambda np, npx, nd, a, b: npx.fully_connected(a, a, b, num_hidden=60), [FEW, some(8, 60)]),
    "convolution": (lambda np, npx, nd, a, w, b: npx.convolution(a, w, b, kernel=(3, 3), num_filter=2),
                    [IMAGES, some(9, 72).reshape(2, 4, 3, 3), some(10, 2)]),
}


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", ONCE)
def test_one_op_rounds_once(name, tier):
    function, arrays = ONCE[name]
    wide = in_tier("never", lambda *given: function(np, npx, nd, *given), *[a.astype("float64") for a in arrays])
    assert numpy.isfinite(wide).all()
    found = in_tier(tier, lambda *given: function(np, npx, nd, *given), *arrays)
    assert_near(found, wide, name)


@pytest.mark.parametrize("tier", TIERS)
def test_moments_of_many_agree_with_numpy_in_float64(tier):
    wide = MANY.astype("float64")
    for name in ("var", "std"):
        assert_near(in_tier(tier, getattr(np, name), MANY), numpy.asarray(getattr(wide, name)()), name)
    assert_near(in_tier(tier, lambda a: np.linalg.norm(a), MANY), numpy.asarray(numpy.sqrt((wide ** 2).sum())))
    z = numpy.exp(wide - wide.max())
    assert_near(in_tier(tier, npx.softmax, MANY), z / z.sum())


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name, more", [("median", ()), ("percentile", (30,))])
def test_quantiles_are_float32(name, more, tier):
    """As MXNet 2.0.0b1."""
    found = in_tier(tier, lambda a: getattr(np, name)(a, *more), MANY)
    assert found.dtype == "float32"
    numpy.testing.assert_allclose(found, getattr(numpy, name)(MANY.astype("float64"), *more), rtol=1e-6)


@pytest.mark.parametrize("tier", TIERS)
def test_the_gradient_of_a_variance_is_finite(tier):
    def slope(x):
        x.attach_grad()
        with autograd.record():
            y = np.var(x)
        y.backward(np.array(8192, dtype="float16"))
        return x.grad

    wide = MANY.astype("float64")
    assert_near(in_tier(tier, slope, MANY), 8192 * 2 * (wide - wide.mean()) / wide.size)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("take", [lambda w, i: np.take(w, i, axis=0), lambda w, i: w[i],
                                  lambda w, i: npx.embedding(i, w, 3, 2)], ids=["take", "[]", "embedding"])
def test_gradients_of_rows_taken_often_are_summed_in_float32(take, tier):
    """As MXNet 2.0.0b1: 5000 and 1666. 1.9.1 adds in float16 and stops at 2048 and 1024."""
    def slope(w, i, head):
        w.attach_grad()
        with autograd.record():
            y = take(w, i)
        y.backward(head)
        return w.grad

    index = numpy.zeros(5000, "int32")
    for value, total in ((1, 5000), (1 / 3, 1666)):
        found = in_tier(tier, slope, numpy.ones((3, 2), "float16"), index, numpy.full((5000, 2), value, "float16"))
        assert found.tolist() == [[total, total], [0, 0], [0, 0]]


@pytest.mark.parametrize("tier", TIERS)
def test_running_sums_are_rounded_each(tier):
    """As both versions of MXNet, and NumPy: 2048 + 1 is 2048."""
    found = in_tier(tier, lambda a: np.cumsum(a), numpy.ones(3000, "float16"))
    numpy.testing.assert_array_equal(found, numpy.minimum(numpy.arange(1, 3001), 2048))


@pytest.mark.parametrize("tier", TIERS)
def test_numbers_are_rounded_before_they_are_used(tier):
    """As both versions of MXNet: x * 0.1, and x ** 2.1."""
    x = numpy.array([3.0, 1000.0, 2047.0], "float16")
    assert_same(in_tier(tier, lambda a: a * 0.1, x), numpy.array([0.2998, 100.0, 204.6], "float16"))
    assert_same(in_tier(tier, lambda a: a ** 2.1, x[:1]), numpy.array([10.04], "float16"))


def test_a_sum_over_copies_is_rounded_once():
    x = numpy.array([[1.0, 2**-11], [3.0, 2**-10]], "float16")
    wanted = (x.astype("float64").sum() * 3).astype("float16")
    for tier in TIERS:
        found = in_tier(tier, lambda a: np.broadcast_to(a.reshape(1, 2, 2), (3, 2, 2)).sum(), x)
        assert found == wanted, tier


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("kinds", ["float16 float16", "float16 float32", "float16 float64", "float32 float64"])
@pytest.mark.parametrize("function", [
    lambda x: np.clip(x, 0, 1), lambda x: npx.leaky_relu(x, act_type="elu"),
    lambda x: npx.leaky_relu(x, act_type="selu"), lambda x: np.where(x < 0, np.zeros_like(x), x)],
    ids=["clip", "elu", "selu", "where"])
def test_a_choice_keeps_the_sign_of_zero_beside_its_slope(tier, kinds, function):
    """float16s, and values converted to a wider float."""
    stored, computed = kinds.split()

    def chosen(x):
        x.attach_grad()
        with autograd.record():
            y = function(x.astype(computed))
        y.backward()
        npx.waitall()
        return y

    found = in_tier(tier, chosen, numpy.array([0.0, -0.0, 1.0, -1.0, 2.0], stored))
    assert numpy.signbit(found[:2]).tolist() == [False, True]
