"""Control flow of symbols: the values are those of the same loop over arrays, also after a trip through JSON."""
from __future__ import annotations

import numpy as np
import pytest

import tracer as mx

pytestmark = pytest.mark.native_sample(4)


def same(found, wanted):
    for x, y in zip(found, wanted, strict=True):
        np.testing.assert_allclose(x.asnumpy(), y.asnumpy(), rtol=1e-5, atol=1e-6)


def test_foreach_with_weights_of_its_own_and_an_array_from_outside():
    d, s, w = (mx.sym.var(n) for n in "dsw")

    def body(F, outer, x, states, **weights):
        y = F.FullyConnected(x, num_hidden=3, **weights) + states[0] * outer
        return [y, x], [y + 1]

    outputs, states = mx.sym.contrib.foreach(lambda x, s: body(mx.sym, mx.sym.exp(w), x, s, name="fc"), d, [s])
    net = mx.sym.load_json(mx.sym.Group(outputs + states).tojson())
    shapes = net.infer_shape(d=(4, 2, 5), s=(2, 3))
    assert shapes[1] == [(4, 2, 3), (4, 2, 5), (2, 3)]
    rng = np.random.default_rng(0)
    values = {n: mx.nd.array(rng.random(s)) for n, s in zip(net.list_arguments(), shapes[0])}
    weights = {"weight": values["fc_weight"], "bias": values["fc_bias"]}
    wanted, last = mx.nd.contrib.foreach(lambda x, s: body(mx.nd, mx.nd.exp(values["w"]), x, s, **weights),
                                         values["d"], [values["s"]])
    same(net.eval(**values), wanted + last)


def test_gradients_go_through_a_loop():
    d, w = mx.sym.var("d"), mx.sym.var("w")
    outputs, _ = mx.sym.contrib.foreach(lambda x, s: (x * s[0], [s[0] + x]), d, [w])
    values = {"d": mx.nd.array([[1, 2], [3, 4]]), "w": mx.nd.array([2, 3])}
    values["w"].attach_grad()
    with mx.autograd.record():
        (found,) = mx.symbol.evaluate.evaluate(outputs, values)
    found.backward()
    np.testing.assert_array_equal(values["w"].grad.asnumpy(), [4, 6])


def test_while_loop_pads_with_zeros():
    i, x, w = (mx.sym.var(n) for n in "ixw")
    outputs, last = mx.sym.contrib.while_loop(lambda i, x: i < 3, lambda i, x: (x * w, [i + 1, x + 1]), [i, x],
                                              max_iterations=5)
    net = mx.sym.load_json(mx.sym.Group([outputs, *last]).tojson())
    given = {"x": mx.nd.ones(2), "w": mx.nd.array([2, 3])}
    products = mx.nd.array([[2, 3], [4, 6], [6, 9], [0, 0], [0, 0]])
    same(net.eval(i=mx.nd.array([0]), **given), [products, mx.nd.array([3]), mx.nd.array([4, 4])])
    same(net.eval(i=mx.nd.array([7]), **given), [products * 0, mx.nd.array([7]), mx.nd.ones(2)])


def test_cond_takes_one_branch():
    a, d = mx.sym.var("a"), mx.sym.var("d")
    net = mx.sym.load_json(mx.sym.contrib.cond(a > 2, lambda: d + 1, lambda: d * 5).tojson())
    for value, wanted in ((3, 4), (1, 15)):
        assert net.eval(a=mx.nd.array([value]), d=mx.nd.array([3]))[0].asscalar() == wanted
    assert net.infer_shape(a=(1,), d=(2, 3))[1] == [(2, 3)]


def test_a_loop_in_a_loop():
    d = mx.sym.var("d")

    def inner(x, states):
        outputs, _ = mx.sym.contrib.foreach(lambda y, s: (y + s, s + 1), x, states)
        return outputs, states + 1

    outputs, _ = mx.sym.contrib.foreach(inner, d, mx.sym.var("s"))
    (found,) = mx.sym.load_json(outputs.tojson()).eval(d=mx.nd.zeros((2, 3)), s=mx.nd.array([1]))
    np.testing.assert_array_equal(found.asnumpy()[..., 0], [[1, 2, 3], [2, 3, 4]])
