"""Symbols of `mx.np`: values, types and shapes are those of the functions of arrays, after a trip through JSON."""
from __future__ import annotations

import numpy as np
import pytest

import tracer as mx

CASES = """
x+y x+2 2-x x*2.5 x/y 1/x x**2 2**x x%2 -x x>y x>2 2<x x==y x[0] x[1:2] x[:,0] x.sum(axis=1) x.mean() x.reshape((4,2))
x.T x.astype('float16') x.max(axis=0) x.flatten() np.concatenate([x,y],axis=1) np.stack([x,y]) np.vstack([x,y])
np.split(x,2,axis=1)[1] np.split(x,[1,3],axis=1)[1] np.where(x>0.5,x,y) np.where(x>0.5,x,1) np.where(x>0.5,1,0)
np.full_like(x,2) np.exp(x) np.maximum(x,y) np.maximum(x,0.5) np.clip(x,0,0.5) np.expand_dims(x,1) np.transpose(x,(1,0))
np.swapaxes(x,0,1) np.tile(x,(2,1)) np.repeat(x,2,axis=0) np.dot(x,y.T) np.matmul(x,y.T) np.einsum('ij,kj->ik',x,y)
np.tensordot(x,y.T,1) np.pad(x,((1,1),(1,1))) np.argmax(x,axis=1) np.var(x) np.std(x,axis=0) np.cumsum(x,axis=0)
np.flip(x,0) np.broadcast_to(x,(3,2,4)) np.ravel(x) npx.relu(x) npx.sigmoid(x) npx.softmax(x) npx.log_softmax(x,axis=1)
npx.activation(x,act_type='relu') npx.reshape(x,(-1,2)) npx.one_hot(x,3) npx.topk(x,k=2) npx.leaky_relu(x)
npx.batch_dot(x.reshape(1,2,4),y.reshape(1,4,2)) np.prod(x) np.around(x,2) np.diff(x) np.average(x,axis=0) np.outer(x,y)
np.logical_not(x) np.sort(x) np.argsort(x) np.hsplit(x,2)[0] np.sin(x) np.atleast_1d(x) np.arctan2(x,2) np.hypot(x,2)
np.linalg.norm(x) np.linalg.inv(x[:,:2]) np.linalg.det(x[:,:2]) np.tril(x) np.trace(x) np.take(x,y,axis=0,mode='clip')
abs(x) x@y.T np.add(x,y) np.mod(5,x) np.stack([x,y],axis=1) np.moveaxis(x,0,1) np.roll(x,1) np.all(x) np.kron(x,y)
np.squeeze(np.expand_dims(x,0))
""".split()


@pytest.mark.tierless
@pytest.mark.parametrize("start", range(0, len(CASES), 20))
def test_values_are_those_of_arrays(start):
    rng = np.random.default_rng(start)
    arrays = {name: mx.np.array(rng.random((2, 4)), dtype="float32") for name in "xy"}
    symbols = {name: mx.sym.var(name).as_np_ndarray() for name in "xy"}
    for case in CASES[start:start + 20]:
        made = eval(case, {**symbols, "np": mx.sym.np, "npx": mx.sym.npx})
        again = mx.sym.load_json(made.tojson())
        given = {name: arrays[name] for name in made.list_arguments()}
        (found,), wanted = again.eval(**given), eval(case, {**arrays, "np": mx.np, "npx": mx.npx})
        assert found.dtype == wanted.dtype and type(found) is type(wanted), case
        np.testing.assert_array_equal(found.asnumpy(), wanted.asnumpy(), case)
        with mx.np_shape(True):
            assert made.infer_shape(**{n: (2, 4) for n in given})[1] == [wanted.shape], case


def test_constants():
    S = mx.sym.np
    for made, wanted in ((S.zeros((2, 3)), np.zeros((2, 3))), (S.arange(3), np.arange(3)), (S.eye(3), np.eye(3)),
                         (S.linspace(0, 1, 5), np.linspace(0, 1, 5)), (S.full((2,), 3), np.full(2, 3))):
        np.testing.assert_allclose(made.eval()[0].asnumpy(), wanted)


@pytest.mark.tierless
def test_symbols_of_both_kinds_do_not_mix():
    x, y = mx.sym.var("x").as_np_ndarray(), mx.sym.var("y")
    with pytest.raises(TypeError, match="as_np_ndarray"):
        x + y
    assert type(x.as_nd_ndarray()) is mx.sym.Symbol and type((x + 1).as_np_ndarray()) is type(x)


@pytest.mark.tierless
def test_an_array_of_unknown_length_is_not_iterated():
    x = mx.sym.var("x").as_np_ndarray()
    with pytest.raises(TypeError, match="not a list"):
        len(x)
    with pytest.raises(IndexError, match="Only integer, slice"):
        x[..., 0]
    assert isinstance(mx.sym.np.split(x, 2), list)


@pytest.mark.tierless
def test_types_follow_numpys_promotion():
    x = mx.sym.var("x").as_np_ndarray()
    assert (x > 1).infer_type(x="float32")[1] == [np.bool_]
    assert (x / 2).infer_type(x="int32")[1] == [np.float32]
    assert mx.sym.np.argmax(x).infer_type(x="float32")[1] == [np.int64]
