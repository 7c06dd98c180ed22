"""Checks of optimizers and blocks: they accept equal ones, and refuse others."""
from __future__ import annotations

import numpy
import pytest

from tracer import generation, gluon, nd, optimizer
from tracer import test_utils as tu

pytestmark = pytest.mark.native_sample(2)
SGD, Adam = optimizer.SGD, optimizer.Adam


@pytest.mark.parametrize("shape, options", [
    ((3, 4), {}), ((3, 4), {"w_stype": "row_sparse", "g_stype": "row_sparse"}),
    ([(2, 3), (4,)], {"ntensors": 2}),
])
def test_equal_optimizers(shape, options):
    for make in (lambda: SGD(momentum=0.9, lazy_update=False), lambda: Adam(lazy_update=False)):
        tu.compare_optimizer(make(), make(), shape, "float32", **options)


def test_other_optimizers():
    with pytest.raises(AssertionError, match="elements"):
        tu.compare_optimizer(SGD(learning_rate=0.1), SGD(learning_rate=0.2), (3, 4), "float32")
    with pytest.raises(AssertionError, match="elements"):  # the states alone differ
        tu.compare_optimizer(Adam(learning_rate=0), Adam(learning_rate=0, beta1=0.5), (3,), "float32")
    with pytest.raises(Exception, match="type not supported yet"):
        tu.compare_optimizer(SGD(), SGD(), (3, 4), "float32", w_stype="other")


def test_optimizers_of_2(monkeypatch):
    monkeypatch.setattr(generation, "is_2", lambda: True)
    tu.compare_optimizer(Adam(), Adam(), [(2, 3), (4,)], "float32")
    with pytest.raises(AssertionError, match="elements"):
        tu.compare_optimizer(Adam(), SGD(), [(2, 3), (4,)], "float32", compare_states=False)


def test_optimizers_that_draw():
    tu.compare_optimizer_noise_seeded(optimizer.SGLD(), optimizer.SGLD(), [(2, 3), (4,)], "float32", 5)
    with pytest.raises(AssertionError, match="elements"):
        tu.compare_optimizer(optimizer.SGLD(), optimizer.SGLD(), (40,), "float32")


def test_nested_tuples():
    one, two = nd.array([1]), nd.array([2])
    tu.compare_ndarray_tuple((one, (two, None)), (one, (two, one)))
    with pytest.raises(AssertionError):
        tu.compare_ndarray_tuple((one, (two, None)), (one, (one, None)))


class Odd(gluon.HybridBlock):
    """A layer whose result depends on whether it is hybridized."""

    def hybrid_forward(self, F, x):
        return x * (2 if F is nd else 3)


def test_hybridized_blocks():
    def build(prefix):
        net = gluon.nn.HybridSequential(prefix=prefix)
        with net.name_scope():
            net.add(gluon.nn.Dense(3, activation="tanh"), gluon.nn.Dense(2))
        return net

    x = nd.array([[0.5, -1, 2]])
    tu.check_gluon_hybridize_consistency(build, [x])
    seen = []
    tu.check_gluon_hybridize_consistency(lambda prefix: gluon.nn.Activation("relu"), [x],
                                         lambda a: seen.append(a) or numpy.maximum(a, 0))
    assert len(seen) == 1
    with pytest.raises(AssertionError, match="elements"):
        tu.check_gluon_hybridize_consistency(lambda prefix: gluon.nn.Activation("relu"), [x], lambda a: a)
