"""Inference of shapes beyond the stored answers (test_answers.py): NumPy's semantics, errors, deep graphs."""
from __future__ import annotations

import numpy as np
import pytest

import tracer as mx
from tracer.symbol.infer.unify import common, contradicts, unified

pytestmark = pytest.mark.tierless


def test_partial_shapes():
    assert unified((2, -1), (-1, 3)) == (2, 3) and unified(None, None) is None
    assert contradicts((2,), (2, 3)) and not contradicts((2, -1), (-1, 4))
    assert common([None, (2, -1), (-1, 3), (5, 5)]) == (2, 3)


def test_unknown_is_minus_one_under_numpys_semantics():
    with mx.np_shape(True):
        x = mx.sym.var("x", shape=(0, 3))
        made = mx.sym.exp(x)
        assert made.infer_shape() == ([(0, 3)], [(0, 3)], [])
        assert mx.sym.exp(mx.sym.var("y")).infer_shape_partial(y=(-1, 3)) == ([(-1, 3)], [(-1, 3)], [])
        assert mx.sym.exp(mx.sym.var("y")).infer_shape_partial() == ([None], [None], [])
        assert mx.sym.exp(mx.sym.var("y")).infer_shape(y=()) == ([()], [()], [])


@pytest.mark.parametrize("a, b, wanted", [  # as real MXNet 1.9.1 answers
    ((3, 4), (-1, 5), ([(3, 4), (4, 5)], [(3, 5)])), ((2, 3, 4), (6, -1, 5), ([(2, 3, 4), (6, 4, 5)], [(2, 3, 6, 5)])),
    ((-1,), (4,), ([(4,), (4,)], [()])), ((2, -1), (4,), ([(2, 4), (4,)], [(2,)])),
    ((2, 3), (), ([(2, 3), ()], [(2, 3)])),
    ((-1, 4), (-1, -1), ([(-1, 4), (4, -1)], [(-1, -1)]))])
def test_the_length_that_a_dot_sums_over(a, b, wanted):
    with mx.np_shape(True):
        dot = mx.sym.np.dot(mx.sym.var("a").as_np_ndarray(), mx.sym.var("b").as_np_ndarray())
        assert dot.infer_shape_partial(a=a, b=b) == (*wanted, [])
        with pytest.raises(mx.MXNetError, match="Shape inconsistent"):
            dot.infer_shape(a=(3, 4), b=(5, 5))


def test_an_error_names_the_node_and_the_shapes():
    x, y = mx.sym.var("x"), mx.sym.var("y")
    with pytest.raises(mx.MXNetError, match=r"Error in operator sum1: .*\[3\].*\[2\].*input 1 \(y\)"):
        mx.sym.elemwise_add(x, y, name="sum1").infer_shape(x=(2,), y=(3,))
    with pytest.raises(mx.MXNetError, match=r"Error in operator fc: .*Provided = \(4, 3\)"):
        mx.sym.FullyConnected(x, num_hidden=3, name="fc").infer_shape(x=(2, 3), fc_weight=(4, 3))
    with pytest.raises(mx.MXNetError, match="argument name z not found"):
        (x + y).infer_shape(z=(2,))
    with pytest.raises(TypeError, match="Arguments need to be shapes"):
        (x + y).infer_shape(x=[2])
    with pytest.raises(ValueError, match="either by positional or kwargs"):
        (x + y).infer_shape((2,), y=(2,))


def test_missing_shapes_are_named():
    x, y = mx.sym.var("x"), mx.sym.var("y")
    with pytest.warns(UserWarning, match=r"y: \(\)"):
        assert mx.sym.dot(x, y).infer_shape(x=(2, 3)) == (None, None, None)


def test_deep_graphs_need_no_recursion():
    x = made = mx.sym.var("x")
    for _ in range(3000):
        made = made + 1
    assert made.infer_shape(x=(2,))[1] == [(2,)] and made.infer_type(x="float16")[1] == [np.float16]
    assert mx.sym.load_json(made.tojson()).list_arguments() == ["x"]
    assert made.eval(x=mx.nd.zeros(2))[0].asnumpy().tolist() == [3000, 3000] and (x is not made)


def test_nothing_is_computed_or_drawn():
    mx.random.seed(7)
    wanted = mx.nd.random.uniform(shape=(3,)).asnumpy()
    mx.random.seed(7)
    big = mx.sym.Dropout(mx.sym.var("x"), p=0.5, mode="always") + mx.sym.random.normal(shape=(4, 4))
    assert big.infer_shape(x=(4, 4))[1] == [(4, 4)]
    assert mx.sym.exp(mx.sym.var("x")).infer_shape(x=(1 << 20, 1 << 20))[1] == [(1 << 20, 1 << 20)]
    np.testing.assert_array_equal(mx.nd.random.uniform(shape=(3,)).asnumpy(), wanted)
