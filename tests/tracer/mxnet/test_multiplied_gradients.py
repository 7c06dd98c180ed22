"""`contrib.gradientmultiplier`: values, gradients and the symbol are those of MXNet 1.9.1."""
from __future__ import annotations

import pytest

from tracer import autograd, nd, sym


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
def test_a_multiplied_gradient(dtype):
    """The value is the array's, in a symbol too; the numbers are MXNet 1.9.1's."""
    x = nd.array([1, 2, -3], dtype=dtype)
    x.attach_grad()
    with autograd.record():
        y = nd.contrib.gradientmultiplier(x, scalar=-3, is_int=False) * x
    y.backward()
    assert y.asnumpy().tolist() == [1, 4, 9] and x.grad.asnumpy().tolist() == [-2, -4, 6] and x.grad.dtype == x.dtype
    out = sym.contrib.gradientmultiplier(sym.var("x"), scalar=2, name="g")
    assert out.list_outputs() == ["g_output"] and out.eval(x=x)[0].asnumpy().tolist() == [1, 2, -3]
