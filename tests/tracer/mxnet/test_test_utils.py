"""`mx.test_utils`: its comparisons accept values equal within the tolerance, and nothing else."""
from __future__ import annotations

import os

import numpy
import pytest

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


def test_environment_is_put_back():
    os.environ["TRACER_TEST_KEPT"] = "before"
    with tu.environment({"TRACER_TEST_KEPT": None, "TRACER_TEST_NEW": "1"}):
        assert "TRACER_TEST_KEPT" not in os.environ and os.environ["TRACER_TEST_NEW"] == "1"
    assert os.environ.pop("TRACER_TEST_KEPT") == "before" and "TRACER_TEST_NEW" not in os.environ


def test_random_shapes_and_arrays():
    assert len(tu.rand_shape_nd(4)) == 4 and all(1 <= n <= 3 for n in tu.rand_shape_3d(3, 3, 3))
    assert tu.rand_ndarray((2, 3)).shape == (2, 3) and tu.random_arrays((2,), ())[1].shape == ()
    with pytest.raises(NotImplementedError):
        tu.rand_ndarray((2, 3), "csr")


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
