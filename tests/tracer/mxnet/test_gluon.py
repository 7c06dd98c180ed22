"""Gluon's blocks, and gradients attached to values inside them."""
import pytest

import tracer
from tracer import autograd, gluon, np
from tracer.base import MXNetError


class Product(gluon.HybridBlock):
    """a * b * a; it keeps its first product."""

    def forward(self, a, b):
        self.first = a * b
        return self.first * a


class Twice(gluon.Block):
    def __init__(self):
        super().__init__()
        self.inner = Product()

    def forward(self, a, b):
        return self.inner(a, b) * 2


def test_a_block_is_its_forward():
    block = Twice()
    block.initialize()
    block.hybridize()
    assert block(np.array([2.0]), np.array([5.0])).item() == 40
    seen = []
    block.apply(lambda b: seen.append(type(b).__name__))
    assert seen == ["Product", "Twice"]
    with pytest.raises(NotImplementedError, match="Block"):
        gluon.Block()(1)


@pytest.mark.parametrize("read", [False, True])
def test_a_recorded_result_keeps_its_past_when_marked_outside(read):
    x, y = np.array([1, 2, 3]), np.array([5, 6, 7])
    x.attach_grad()
    y.attach_grad()
    block = Product()
    with autograd.record():
        z = block(x, y)
    if read:
        z.asnumpy()
    u = block.first
    u.attach_grad()
    z.attach_grad()
    z.backward(retain_graph=True)
    assert u.grad.tolist() == x.tolist() and z.grad.tolist() == [1, 1, 1]
    assert x.grad.tolist() == (2 * x * y).tolist() and y.grad.tolist() == (x * x).tolist()
    for array in u, z, y:
        array.drop_grad()
    z.backward()
    assert u.grad is None and z.grad is None and x.grad.tolist() == (2 * x * y).tolist()
    with pytest.raises(MXNetError):
        z.backward()


def test_what_is_missing_says_so():
    with pytest.raises(AttributeError, match="mxnet.gluon.no_such_layer is not part of this version"):
        gluon.no_such_layer  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'no_such_module'"):
        tracer.no_such_module  # noqa: B018
