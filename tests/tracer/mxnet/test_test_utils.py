"""`mx.test_utils`: its comparisons accept values equal within the tolerance, and nothing else."""
from __future__ import annotations

import os

import numpy
import pytest

from tracer import cpu, sym
from tracer import test_utils as tu

pytestmark = pytest.mark.native_sample(4)


@pytest.mark.parametrize("a, b, options", [
    ([1.0, 2.0], [1.0, 2.0], {}),
    (numpy.float32([1]), numpy.float32([1.0005]), {}),
    ([1.0], [1.0 + 1e-9], {}),
    ([1.0], [1.1], {"rtol": 0.2}),
    ([1.0, 1.0], 1.0, {}),
    ([numpy.nan], [numpy.nan], {"equal_nan": True}),
    ([True, False], [True, False], {}),
    (numpy.zeros((0, 2)), numpy.zeros((0, 2)), {}),
])
def test_close_arrays_are_accepted(F, a, b, options):
    tu.assert_almost_equal(F.array(a, dtype=numpy.asarray(a).dtype), b, **options)
    assert tu.almost_equal(a, b, **options)


@pytest.mark.parametrize("a, b, options", [
    ([1.0, 2.0], [1.0, 2.1], {}),
    (numpy.float32([1]), numpy.float32([1.002]), {}),
    ([1.0], [1.0 + 1e-3], {}),
    ([1.0], [1.1], {"rtol": 0.01}),
    ([1.0, 1.0], 1.0, {"use_broadcast": False}),
    ([numpy.nan], [numpy.nan], {}),
    ([numpy.inf], [1.0], {}),
    ([True, False], [True, True], {}),
])
def test_other_arrays_are_refused(F, a, b, options):
    with pytest.raises(AssertionError):
        tu.assert_almost_equal(F.array(a, dtype=numpy.asarray(a).dtype), b, **options)
    assert not tu.almost_equal(a, b, **options)


def test_the_message_shows_where():
    a, b = numpy.array([[1.0, 2], [3, 4]]), numpy.array([[1.0, 2], [4, 4]])
    with pytest.raises(AssertionError, match=r"1 of 4 (.|\n)*\(1, 0\): left=.*3.0.* right=.*4.0"):
        tu.assert_almost_equal(a, b, names=("left", "right"))


def test_gradients_by_differences(F):
    x, y = F.array([0.5, 1, 2]), F.array([[1.0], [3.0]])
    multiply = F.broadcast_mul if hasattr(F, "broadcast_mul") else F.multiply
    tu.check_numeric_gradient(lambda x, y: multiply(x * x, y), [x, y])
    with pytest.raises(AssertionError):
        tu.check_numeric_gradient(lambda x: x.detach() * x, [x])
    assert x.asnumpy().tolist() == [0.5, 1, 2]


X, W = sym.Variable("x"), sym.Variable("w")
ONE_TWO = numpy.array([[1.0, 2.0]])


def test_outputs_of_symbols():
    tu.check_symbolic_forward(X * W, [ONE_TWO, ONE_TWO], [ONE_TWO ** 2])
    tu.check_symbolic_forward(sym.square(X, name="own"), {"x": ONE_TWO}, {"own_output": ONE_TWO ** 2})
    assert tu.simple_forward(X * 3, x=[1, 2]).tolist() == [3, 6]
    assert [y.tolist() for y in tu.simple_forward(sym.Group([X, X * 2]), x=[1])] == [[1], [2]]
    with pytest.raises(AssertionError, match="EXPECTED_own_output"):
        tu.check_symbolic_forward(sym.square(X, name="own"), [ONE_TWO], [ONE_TWO])
    with pytest.raises(ValueError, match="do not match"):
        tu.check_symbolic_forward(X * W, {"x": ONE_TWO}, [ONE_TWO])
    with pytest.raises(ValueError, match="aux_states names"):
        tu.check_symbolic_forward(X * W, [ONE_TWO, ONE_TWO], [ONE_TWO], aux_states={"mean": ONE_TWO})


@pytest.mark.parametrize("request_", ["write", "add", "null", ["write", "add"], {"x": "add", "w": "write"}])
def test_gradients_of_symbols(request_):
    tu.check_symbolic_backward(X * W, [ONE_TWO, ONE_TWO + 1], [ONE_TWO * 2], [ONE_TWO * (ONE_TWO + 1) * 2,
                               ONE_TWO * ONE_TWO * 2], grad_req=request_, rtol=1e-4, atol=1e-5)
    if request_ != "null":
        with pytest.raises(AssertionError, match="BACKWARD_x"):
            tu.check_symbolic_backward(X * W, [ONE_TWO, ONE_TWO], [ONE_TWO], [ONE_TWO, ONE_TWO], grad_req=request_)


def test_gradients_of_symbols_by_differences():
    tu.check_numeric_gradient(sym.tanh(X) * W, {"x": ONE_TWO, "w": ONE_TWO}, rtol=1e-2, atol=1e-3)
    tu.check_numeric_gradient(X * W, [ONE_TWO, ONE_TWO], grad_nodes={"w": "add"}, rtol=1e-2, atol=1e-3)
    tu.check_numeric_gradient(X * X, [ONE_TWO], numeric_eps=1e-5, rtol=1e-6, atol=1e-6, dtype=numpy.float64)
    with pytest.raises(AssertionError, match="NUMERICAL_x"):
        tu.check_numeric_gradient(sym.BlockGrad(X) * X, [ONE_TWO], rtol=1e-2, atol=1e-3)
    with pytest.raises(TypeError, match="give a symbol"):
        tu.check_numeric_gradient(5, [ONE_TWO])


def test_settings_are_compared():
    settings = [{"ctx": cpu(), "x": (2, 3), "type_dict": {"x": kind}} for kind in ("float64", "float32")]
    truth = tu.check_consistency(sym.FullyConnected(X, num_hidden=2, name="fc"), settings)
    assert truth["fc_output"].dtype == truth["fc_weight"].dtype == numpy.float64
    with pytest.raises(AssertionError):
        tu.check_consistency([sym.square(X, name="own"), sym.square(X * 2, name="own")], settings)
    assert tu.check_speed(X * W, N=1, x=(2,), w=(2,)) > 0


def test_environment_is_put_back():
    os.environ["TRACER_TEST_KEPT"] = "before"
    with tu.environment({"TRACER_TEST_KEPT": None, "TRACER_TEST_NEW": "1"}):
        assert "TRACER_TEST_KEPT" not in os.environ and os.environ["TRACER_TEST_NEW"] == "1"
    assert os.environ.pop("TRACER_TEST_KEPT") == "before" and "TRACER_TEST_NEW" not in os.environ


def test_random_shapes_and_arrays():
    assert len(tu.rand_shape_nd(4)) == 4 and all(1 <= n <= 3 for n in tu.rand_shape_3d(3, 3, 3))
    assert tu.rand_ndarray((2, 3)).shape == (2, 3) and tu.random_arrays((2,), ())[1].shape == ()
    assert tu.rand_ndarray((2, 3), "csr").stype == "csr"


def test_sums_undo_a_broadcast():
    assert tu.collapse_sum_like(numpy.ones((4, 2, 3)), (2, 1)).tolist() == [[12], [12]]


def test_an_exception_that_does_not_come():
    tu.assert_exception(int, ValueError, "x")
    with pytest.raises(AssertionError):
        tu.assert_exception(int, ValueError, "1")


def test_tolerances_are_mxnet_s():
    float16, int8 = numpy.dtype("float16"), numpy.dtype("int8")
    assert tu.default_rtols()[float16] == 1e-2 and tu.default_atols()[float16] == 1e-1
    assert tu.default_rtols()[int8] == tu.default_atols()[int8] == 0 and tu.default_numeric_eps()[float16] == 1 / 64
    assert tu.get_rtol() == 1e-5 and tu.get_atol(dtype="float32") == 1e-3 and tu.get_etol() == 0
    assert tu.get_rtol(3) == tu.get_atol(3) == tu.get_etol(3) == 3


def test_comparisons_that_leave_elements_out():
    a, b = numpy.array([1, numpy.nan, 3.0]), numpy.array([1, 2, numpy.nan])
    tu.assert_almost_equal_ignore_nan(a, b)
    with pytest.raises(AssertionError):
        tu.assert_almost_equal_ignore_nan(a, b + 1)
    tu.assert_almost_equal_with_err(numpy.zeros(10), numpy.eye(10)[0], etol=0.1)
    for etol in (None, 0.05):
        with pytest.raises(AssertionError):
            tu.assert_almost_equal_with_err(numpy.zeros(10), numpy.eye(10)[0], etol=etol)


def test_arrays_of_the_same_memory():
    from tracer import nd

    x = nd.ones((2, 3))
    assert tu.same_array(x, x[:]) and not tu.same_array(x, x.copy()) and x.asnumpy().tolist() == [[1] * 3] * 2


def test_structures_of_symbols():
    assert tu.same_symbol_structure(X * 2 + W, W * 3 + X)
    assert not tu.same_symbol_structure(X * 2 + W, X * 2 - W)


def test_where_arrays_differ():
    a, b = numpy.array([1.0, numpy.inf, 2]), numpy.array([1.5, numpy.inf, 2])
    place, excess = tu._find_max_violation(a, b, 0.1, 0.01)
    assert place == (0,) and excess == pytest.approx(3.125)
    assert tu.locationError(a, b, place, ("x", "y"), maxError=True) == \
        "Location of maximum error: (0,), x=1.00000000, y=1.50000000"
    with pytest.raises(AssertionError, match=r"a\.shape = \(2,\) and b\.shape = \(3,\) are not equal"):
        tu.checkShapes(a[:2], b)
    tu.checkShapes(a, b)
