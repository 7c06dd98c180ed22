"""The derivative of a product is the product of the other factors, zeros or not."""
from __future__ import annotations

import itertools
import math

import numpy
import pytest

from tracer import autograd, nd, np

pytestmark = pytest.mark.native_sample(4)

#: Factors, and the derivative by each.
LINES = [([2, 0, 3], [0, 6, 0]), ([0, 0, 3], [0, 0, 0]), ([0, 0], [0, 0]), ([0], [1]), ([-0.0, 4], [4, 0]), ([7], [1]),
         ([2, -4, 5], [-20, 10, -8]), ([math.inf, 2, 3], [6, math.inf, math.inf]),
         ([math.inf, -math.inf, 2], [-math.inf, math.inf, -math.inf]), ([math.nan, 2, 3], [6, math.nan, math.nan]),
         ([2.0 ** 70, 2.0 ** 70, 0], [0, 0, math.inf]), ([2.0 ** 100, 2.0 ** 100, 2.0 ** -100], [1, 1, math.inf]),
         ([2.0 ** -100, 2.0 ** -100, 2.0 ** 100], [1, 1, 0]), ([2.0 ** 50] * 3 + [0], [0, 0, 0, math.inf])]


def others(x: numpy.ndarray, axes: tuple[int, ...]) -> numpy.ndarray:
    """For each element, the product of the other elements over `axes`."""
    out = numpy.empty(x.shape)
    for at in numpy.ndindex(*x.shape):
        line = tuple([slice(None) if a in axes else i for a, i in enumerate(at)])
        kept = numpy.ones(x.shape, bool)
        kept[at] = False
        out[at] = x[line][kept[line]].astype("float64").prod()
    return out


def gradient(function, values, head=None, dtype="float32"):
    """The gradient of `function`; asserts that three runs agree."""
    found = []
    for _ in range(3):
        x = function.module.array(values, dtype=dtype)
        x.attach_grad()
        with autograd.record():
            y = function(x)
        y.backward(None if head is None else function.module.array(head, dtype=dtype))
        found.append(x.grad.asnumpy())
    numpy.testing.assert_array_equal(found[0], found[1])
    numpy.testing.assert_allclose(found[2], found[1], rtol=1e-5)
    return found[2]


def product(module, name="prod", **more):
    def function(x):
        return getattr(module, name)(x, **more)

    function.module = module
    return function


@pytest.mark.parametrize("values, wanted", LINES, ids=str)
def test_of_a_line(F, values, wanted):
    numpy.testing.assert_array_equal(gradient(product(F), values), numpy.array(wanted, "float32"))


def some(shape, zeros):
    """Random numbers, about one in `zeros` of which is zero."""
    rng = numpy.random.default_rng(len(shape) + zeros)
    return (rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape) * (rng.random(shape) > 1 / zeros)).astype("float32")


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("zeros", [2, 4, 1000])
@pytest.mark.parametrize("shape, axis", [((4, 5), None), ((4, 5), 0), ((4, 5), 1), ((2, 3, 4), (0, 2)), ((2, 3, 4), 1),
                                         ((3, 1, 2), 1), ((1, 6), 0), ((1, 1), None), ((70, 33), 0), ((33, 70), 1),
                                         ((2, 1, 3, 1), (1, 2, 3))], ids=str)
def test_over_axes(F, shape, axis, zeros, keepdims):
    x = some(shape, zeros)
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    total = x.prod(axis=axes, keepdims=keepdims)
    head = numpy.random.default_rng(5).uniform(0.5, 1, total.shape or ((1,) if F is nd else ())).astype("float32")
    wanted = others(x, axes) * head.reshape(x.sum(axis=axes, keepdims=True).shape)
    found = gradient(product(F, axis=axis, keepdims=keepdims), x, head)
    numpy.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-30)


@pytest.mark.parametrize("shape, axis", [((0,), 0), ((3, 0), 0), ((3, 0), 1), ((0, 4), 0)], ids=str)
def test_of_nothing(F, shape, axis):
    assert gradient(product(F, axis=axis), numpy.zeros(shape, "float32")).shape == shape


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_in_other_dtypes(F, dtype):
    x = numpy.array([[2, 0, 300], [0.5, 400, 500], [0, 3, 0]], dtype)
    found = gradient(product(F, axis=1), x, dtype=dtype)
    with numpy.errstate(over="ignore"):
        numpy.testing.assert_array_equal(found, others(x, (1,)).astype(dtype))
    assert found.dtype == dtype


def test_what_is_not_nan(F):
    found = gradient(product(F, "nanprod"), [2, math.nan, 0, 5])
    numpy.testing.assert_array_equal(found, [0, 0, 10, 0])


def test_under_a_logarithm(F):
    def function(x):
        return F.log(F.prod(x * x - 1, axis=1) + 1)

    function.module = F
    x = numpy.array([[1, 2, 3], [2, 3, 0.5], [1, -1, 4]], "float32")  # x * x - 1 is 0 once, never, and twice
    factors = (x.astype("float64") ** 2 - 1)
    wanted = others(factors, (1,)) * 2 * x / (factors.prod(axis=1, keepdims=True) + 1)
    numpy.testing.assert_allclose(gradient(function, x), wanted, rtol=1e-5)


def hessian_product(x: numpy.ndarray, direction: numpy.ndarray) -> numpy.ndarray:
    """The second derivative of the product of a line, times a direction."""
    out = numpy.zeros(x.shape)
    for i, j in itertools.permutations(range(x.size), 2):
        out[i] += direction[j] * numpy.delete(x.astype("float64"), [i, j]).prod()
    return out


@pytest.mark.parametrize("values", [[2, 3, 4], [2, 0, 4, 5], [0, 0, 3, 2, 5], [0, 0, 0, 2], [5], [2, 0], [0, 0]],
                         ids=str)
def test_of_second_order(F, values):
    direction = numpy.arange(1, len(values) + 1, dtype="float32")
    for _ in range(3):
        x = F.array(values)
        x.attach_grad()
        with autograd.record():
            y = F.prod(x)
            slope, = autograd.grad(y, [x], create_graph=True)
            z = (slope * F.array(direction)).sum()
        z.backward()
        numpy.testing.assert_allclose(x.grad.asnumpy(), hessian_product(numpy.array(values), direction),
                                      rtol=1e-5, atol=1e-6)


def test_of_second_order_over_an_axis_by_differences():
    x = some((2, 5, 3), 4).astype("float64")
    direction = numpy.random.default_rng(0).standard_normal(x.shape)

    def slope(values):
        return others(values, (1,))

    step = 1e-3  # the function is linear in each element: only rounding errors
    wanted = (slope(x + step * direction) - slope(x - step * direction)) / (2 * step)
    a = np.array(x, dtype="float64")
    a.attach_grad()
    with autograd.record():
        first, = autograd.grad(np.prod(a, axis=1), [a], create_graph=True)
        z = (first * np.array(direction, dtype="float64")).sum()
    z.backward()
    numpy.testing.assert_allclose(a.grad.asnumpy(), wanted, rtol=1e-4, atol=1e-4)


def test_of_third_order():
    # Of x0 x1 x2 x3: d3/(dx0 dx1 dx2) = x3, not 0 although the others are.
    a = np.array([0, 0, 0, 7.0])
    a.attach_grad()
    with autograd.record():
        first, = autograd.grad(np.prod(a), [a], create_graph=True)
        second, = autograd.grad(first[0], [a], create_graph=True)
        z = second[1]
    z.backward()
    numpy.testing.assert_array_equal(a.grad.asnumpy(), [0, 0, 7, 0])
