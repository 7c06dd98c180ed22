"""Shapes that `mx.nd` takes for unknown ones: without axes, or with sizes of 0, outside of np_shape."""
from __future__ import annotations

import pytest

from tracer import MXNetError, nd, util

MADE = [nd.zeros, nd.ones, nd.random.uniform, nd.random.exponential, lambda shape: nd.random.randint(0, 5, shape=shape),
        lambda shape: nd.zeros(shape, dtype="float64", name="x")]


@pytest.fixture(autouse=True)
def _legacy_shapes():
    with util.np_shape(False):
        yield


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize("shape", [(), (0,), (0, 1, 3, 0)])
def test_unknown_shapes_are_refused(make, shape):
    """As 1.9.1 answers."""
    with pytest.raises(MXNetError, match="not known"):
        make(shape=shape)
    with util.np_shape(True):
        assert make(shape=shape).shape == shape


def test_arrays_that_are_not_made_by_operators_may_be_empty():
    """As in 1.9.1."""
    assert [x.shape for x in (nd.array([]), nd.array(1.0), nd.empty((0, 2)), nd.full((0,), 2))] == [
        (0,), (), (0, 2), (0,)]


@pytest.mark.parametrize("reps", [0, -1, (1, 0, 3), (1, 2, -3)])
def test_tile_takes_positive_numbers(reps):
    with pytest.raises(MXNetError, match="reps"):
        nd.tile(nd.ones((2, 3)), reps)
