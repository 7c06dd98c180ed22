"""Python integers beyond int64, and numbers beyond a narrow integer dtype."""
from __future__ import annotations

import operator

import numpy
import pytest

from tracer import autograd, nd, np
from tracer.ops.ir import node

pytestmark = pytest.mark.native_sample(3)

BIG = 10**30
NUMBERS = [BIG, -BIG, 2**63, -2**63 - 1, 2**64 - 1]
FLOATS = ["float64", "float32", "float16"]
INTEGERS = ["int64", "int32", "uint8", "int8"]
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.mod, operator.pow, operator.lt,
             operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


def wanted(function, x, number):
    """The result in NumPy with the number as a float of the array's dtype, as MXNet 1.9.1 computes it."""
    with numpy.errstate(all="ignore"):
        return function(x, numpy.asarray(float(number)).astype(x.dtype))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("function", OPERATORS, ids=lambda f: f.__name__)
def test_floats_take_large_integers_on_either_side(F, function, dtype):
    values = numpy.array([1.0, 0.5, 4.0, 2.0], dtype)
    x = F.array(values, dtype=dtype)
    for number in NUMBERS:
        for _ in range(3):  # under "auto" the third run is native
            for found, right in ((function(x, number), wanted(function, values, number)),
                                 (function(number, x), wanted(lambda a, n: function(n, a), values, number))):
                numpy.testing.assert_allclose(found.asnumpy().astype("float64"), right.astype("float64"),
                                              rtol={"float16": 2e-3, "float32": 1e-5, "float64": 1e-12}[dtype])


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("function", [f for f in OPERATORS if f is not operator.truediv], ids=lambda f: f.__name__)
def test_integers_take_no_large_integer(F, function, dtype):
    """MXNet 2.0 raises OverflowError("Integer out of bounds"); 1.9.1 converts it as C does: undefined."""
    x = F.array([1, 0, 3], dtype=dtype)
    for number in NUMBERS:
        for operands in ((x, number), (number, x)):
            with pytest.raises(OverflowError, match="Integer out of bounds"):
                function(*operands)
    assert (x + 1).asnumpy().tolist() == [2, 1, 4]


def test_integers_divided_by_a_large_integer_are_floats():
    # MXNet 1.9.1; 2.0 refuses the number
    found = np.array([1, 0, 3], dtype="int32") / BIG
    assert found.dtype == "float32"
    numpy.testing.assert_allclose(found.asnumpy(), [1e-30, 0, 3e-30], rtol=1e-6)


def test_no_float_holds_it(F):
    with pytest.raises(OverflowError):
        F.array([1.0]) + 10**400


@pytest.mark.parametrize("key", [0, slice(None), slice(1, None), [0, 2]], ids=str)
def test_large_integers_are_written(F, key):
    x = F.array([1.0, 2.0, 3.0])
    y = numpy.array([1.0, 2.0, 3.0], "float32")
    at = F.array(key, dtype="int32") if isinstance(key, list) else key
    x[at] = BIG
    y[key] = 1e30
    numpy.testing.assert_array_equal(x.asnumpy(), y)
    whole = F.array([1, 2, 3], dtype="int64")
    for number in (BIG, 2**63):
        with pytest.raises(OverflowError):
            whole[at] = number
    assert whole.asnumpy().tolist() == [1, 2, 3]


def test_arrays_are_made_of_large_integers(F):
    for found in (F.full((2,), BIG, dtype="float32"), F.array([BIG, BIG]), F.ones(2) * 0 + BIG):
        assert found.dtype == numpy.float32
        numpy.testing.assert_array_equal(found.asnumpy(), numpy.full(2, 1e30, "float32"))
    assert F.full((1,), 2**63, dtype="float64").asnumpy().tolist() == [2.0**63]
    with pytest.raises(OverflowError):
        F.full((2,), BIG, dtype="int32")
    with pytest.raises(TypeError):  # as MXNet
        F.array([BIG, 1], dtype="int32")


def test_functions_take_large_integers():
    x = np.array([-1e31, 2.0, 1e31])
    numpy.testing.assert_allclose(np.clip(x, -BIG, BIG).asnumpy(), [-1e30, 2, 1e30], rtol=1e-6)
    numpy.testing.assert_allclose(nd.clip(x.as_nd_ndarray(), -BIG, BIG).asnumpy(), [-1e30, 2, 1e30], rtol=1e-6)
    numpy.testing.assert_allclose(np.maximum(x, 2**63).asnumpy(), [2.0**63, 2.0**63, 1e31], rtol=1e-6)
    numpy.testing.assert_allclose(np.where(x > 0, x, BIG).asnumpy(), [1e30, 2, 1e31], rtol=1e-6)
    numpy.testing.assert_allclose(np.full_like(x, BIG).asnumpy(), [1e30] * 3, rtol=1e-6)


def test_an_optimizer_takes_large_integers():
    weight = nd.array([1.0, -2.0])
    nd.sgd_update(weight, nd.array([1.0, 2.0]), lr=BIG, wd=0, out=weight)
    numpy.testing.assert_allclose(weight.asnumpy(), [-1e30, -2e30], rtol=1e-6)


def test_a_derivative_passes_a_large_integer():
    x = np.array([1.0, 2.0])
    x.attach_grad()
    for _ in range(3):
        with autograd.record():
            y = x * BIG + 2**63
        y.backward()
        numpy.testing.assert_allclose(x.grad.asnumpy(), [1e30, 1e30], rtol=1e-6)


def test_a_number_of_numpy_s_widest_float_is_a_number(F):
    x = F.array([1.0, 2.0]) + numpy.longdouble(2.5)
    assert x.asnumpy().tolist() == [3.5, 4.5]


#: (dtype, number, the element after it is set to the number): both versions of MXNet.
WRAPPED = [("uint8", 300, 44), ("uint8", -1, 255), ("int8", 200, -56), ("uint8", 300.7, 44)]


@pytest.mark.parametrize("dtype, number, becomes", WRAPPED)
def test_numbers_wrap_around_in_narrow_dtypes(F, dtype, number, becomes):
    assert F.full((2,), number, dtype=dtype).asnumpy().tolist() == [becomes] * 2
    assert F.array([number], dtype=dtype).asnumpy().tolist() == [becomes]
    assert F.clip(F.array([1, 0], dtype=dtype), number, number).asnumpy().tolist() == [becomes] * 2
    for key in (0, slice(0, 1), F.array([0], dtype="int32")):
        x = F.array([1, 5], dtype=dtype)
        x[key] = number
        assert x.asnumpy().tolist() == [becomes, 5]


@pytest.mark.tierless
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, "uint32", "uint64", "bool"])
def test_numbers_are_converted_as_numpy_converts_an_array(dtype):
    for number in (0, 1, 127, 128, 300, -1, 2**40, True, False, 0.0, -0.0, 0.1, 1e-300, 127.5, 59999.9, 65520.0, -6e4,
                   1e300, numpy.inf, numpy.nan):
        with numpy.errstate(all="ignore"):
            want = numpy.asarray(number).astype(dtype)[()]
        found = node.converted(number, numpy.dtype(dtype))
        assert (type(found), repr(found)) == (type(want), repr(want))


@pytest.mark.tierless
@pytest.mark.parametrize("number, dtype", [(2, "int64"), (-1, "int64"), (0.5, "float64"), (-0.0, "float64"),
                                           (True, "bool")])
def test_a_literal_is_the_constant_that_yields(number, dtype):
    literal = node.literal(number)
    assert literal.attrs == (*node.const(number, dtype).attrs, "number") and literal.dtype == dtype
    assert repr(node.const_value(literal)) == repr(number)
