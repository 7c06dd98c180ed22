"""One-element `asnumpy()` results: numbers to `float` and formatting, NumPy arrays to everything else."""
from __future__ import annotations

import copy
import math
import operator
import pickle

import numpy as np
import pytest

import tracer
from tracer.array.one_element import REFUSED, OneElement

pytestmark = pytest.mark.tierless

SHAPES = [(1,), (1, 1), (1, 1, 1)]


@pytest.fixture(params=SHAPES)
def one(request, F):
    return (F.ones(request.param) * 2.5).asnumpy()


@pytest.mark.filterwarnings("ignore:Conversion of an array:DeprecationWarning")
def test_it_is_a_number_where_one_is_wanted(one):
    """In old NumPy versions too, which convert all arrays of one element."""
    assert float(one) == 2.5 and int(one) == 2 and complex(one) == 2.5 and bool(one)
    assert "%f" % one == "2.500000" and "%.2f %d" % (one, one) == "2.50 2"  # noqa: UP031
    assert math.sqrt(one) == math.sqrt(2.5) and math.floor(one) == 2
    assert type(float(one)) is float and type(int(one)) is int


def test_the_mean_of_a_loss_can_be_printed(F):
    loss = F.array([1.0, 2.0, 4.5])
    assert "loss %.3f" % loss.mean().asnumpy() == "loss 2.500" and float(loss.mean().asnumpy()) == 2.5  # noqa: UP031


@pytest.mark.skipif(not REFUSED, reason="this NumPy's own arrays")
class TestSubclass:
    """The class for NumPy 2.4 and later."""

    def test_indices(self):
        three = tracer.nd.array([3], dtype="int32").asnumpy()
        assert operator.index(three) == 3 and list(range(three)) == [0, 1, 2] and "abcd"[three] == "d"
        assert "%x" % three == "3" and np.arange(5)[three].tolist() == [3] and np.zeros(three).shape == (3,)  # noqa: UP031
        with pytest.raises(TypeError, match="only integer scalar arrays can be converted to a scalar index"):
            operator.index(tracer.nd.array([3.0]).asnumpy())

    def test_it_is_an_array(self, one):
        assert type(one) is OneElement and isinstance(one, np.ndarray) and one.dtype == np.float32
        assert str(one) == str(np.asarray(one)) and repr(one) == repr(np.asarray(one))
        assert one.flags.owndata or one.base.flags.owndata
        with pytest.raises(TypeError, match="unhashable"):
            hash(one)
        with pytest.raises(TypeError, match="unsupported format string"):
            f"{one:.2f}"

    def test_results_are_ordinary(self, one):
        for made in (one + 1, 1 + one, one + one, -one, one > 0, np.exp(one), np.maximum(one, 0), one * np.ones(3),
                     one.cumsum(), np.asarray(one), np.array(one), np.concatenate([one, one]), np.where(one, one, 0)):
            assert type(made) is np.ndarray
        for made in (one.sum(), np.mean(one), one.max(), one.reshape(-1)[0]):
            assert type(made) is np.float32
        assert type(sum([one, one])) is np.ndarray

    def test_writing_in_place_keeps_it(self, one):
        same = one
        one += 1
        assert one is same and float(one) == 3.5
        total = np.zeros(3)
        total[1] = one
        assert total.tolist() == [0, 3.5, 0]

    def test_copies(self, one):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            made = pickle.loads(pickle.dumps(one, protocol))
            assert type(made) is np.ndarray and np.array_equal(made, one) and made.shape == one.shape
        assert float(copy.deepcopy(one)) == float(one.copy()) == float(one.astype("float64")) == 2.5

    def test_several_elements_are_refused_as_by_numpy(self, one):
        for convert in (float, int, complex):
            with pytest.raises(TypeError, match="only 0-dimensional arrays|only length-1 arrays"):
                convert(np.repeat(one, 3))

    def test_tracer_takes_it(self, one, F):
        assert F.array(one).asnumpy().tolist() == one.tolist()
        assert type(F.ones((2,)).asnumpy()) is type(F.array([]).asnumpy()) is np.ndarray
        assert type(tracer.np.ones(()).asnumpy()) is np.ndarray

    def test_dtypes(self):
        for dtype in ("float16", "float64", "int8", "uint8", "int32", "int64", "bool"):
            made = tracer.np.ones((1,), dtype=dtype).asnumpy()
            assert made.dtype == dtype and float(made) == int(made) == 1


@pytest.mark.filterwarnings("ignore:Conversion of an array:DeprecationWarning")
def test_elsewhere_the_class_is_not_used(monkeypatch):
    from tracer.array import nd_array

    monkeypatch.setattr(nd_array, "REFUSED", False)
    assert type(tracer.nd.ones(1).asnumpy()) is np.ndarray


def test_this_numpy_refuses_where_the_class_is_used():
    plain = np.ones(1)
    if REFUSED:
        with pytest.raises(TypeError):
            float(plain)
    else:
        with np.testing.suppress_warnings() as quiet:
            quiet.filter(DeprecationWarning)
            assert float(plain) == 1
