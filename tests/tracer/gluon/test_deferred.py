"""Deferred initialization: the pass that finds shapes runs no operation, unless the block's Python reads elements."""
from __future__ import annotations

import pytest

from tracer import gluon, init, nd, np
from tracer.core.trace import Trace
from tracer.gluon import nn

pytestmark = pytest.mark.native_sample(2)


def _stack(*layers):
    net = nn.HybridSequential()
    net.add(*layers)
    net.initialize(init.Uniform(0.5))
    return net


@pytest.mark.parametrize("F", [nd, np])
def test_data_that_are_pending_stay_so(F, monkeypatch):
    """Each layer of a network that is not hybridized finds its shapes by itself, from the one before: none computes."""
    def refuse(value):
        raise AssertionError(f"an array of shape {value.aval.shape} was computed")

    net = _stack(nn.Conv2D(2, 3), nn.BatchNorm(), nn.Conv2D(3, 3), nn.BatchNorm(), nn.Flatten(), nn.Dense(4))
    with monkeypatch.context() as patch:
        patch.setattr(Trace, "compute_foreign", refuse)
        found = net(F.ones((2, 1, 9, 9)) * 2)
    assert found._value.buffer is None and net[2].weight.shape == (3, 2, 3, 3)
    assert found.asnumpy().tolist() == net(F.ones((2, 1, 9, 9)) * 2).asnumpy().tolist()


class Scaled(gluon.HybridBlock):
    """A block that reads an element of its data before its layer finds its shape."""

    def __init__(self):
        super().__init__()
        self.weight = gluon.Parameter("weight", shape=(0, 3), allow_deferred_init=True)
        self.read = []

    def forward(self, x):
        self.read.append(float((x * 2).sum().asscalar()))
        return nd.dot(x, self.weight.data()) * self.read[-1]

    def infer_shape(self, x):
        self.read.append(x.mean().asscalar())
        self.weight.shape = (x.shape[1], 3)


def test_elements_may_be_read_while_shapes_are_found():
    """By `infer_shape`, and by a block's Python in the pass, of data that are pending."""
    block = Scaled()
    block.initialize("ones")
    assert block(nd.ones((1, 2)) * 3).asnumpy().tolist() == [[72, 72, 72]] and block.read == [3, 12]


class Reading(gluon.HybridBlock):
    """A block whose Python reads its data before a layer that knows no shape yet."""

    def __init__(self):
        super().__init__()
        self.layer, self.read = nn.Dense(2), []

    def forward(self, x):
        self.read.append(float((x * 2).sum().asscalar()))
        return self.layer(x * self.read[-1])


def test_reads_of_pending_data_in_the_pass():
    block = Reading()
    block.initialize("ones")
    block.hybridize()
    assert block(nd.ones((1, 2)) * 3).asnumpy().tolist() == [[72, 72]] and set(block.read) == {12}
