"""Symbols: names, composition, attributes, JSON, shapes and values of small graphs."""
from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tracer as mx
from tracer.name import NameManager
from tracer.symbol.evaluate import evaluate

pytestmark = pytest.mark.native_sample(8)


@pytest.fixture(autouse=True)
def names():
    with NameManager():
        yield


def net():
    x = mx.sym.Variable("x")
    fc = mx.sym.FullyConnected(x, num_hidden=3, name="fc")
    return mx.sym.Activation(mx.sym.BatchNorm(fc) * 2 + fc, act_type="relu")


def test_inputs_that_are_not_given_become_variables():
    z = net()
    assert z.list_arguments() == ["x", "fc_weight", "fc_bias", "batchnorm0_gamma", "batchnorm0_beta"]
    assert z.list_auxiliary_states() == ["batchnorm0_moving_mean", "batchnorm0_moving_var"]
    assert z.list_outputs() == ["activation0_output"]


def test_internals_and_children():
    z = net()
    names = z.get_internals().list_outputs()
    assert names[-3:] == ["_mulscalar0_output", "_plus0_output", "activation0_output"]
    assert z.get_internals()["fc_output"].list_arguments() == ["x", "fc_weight", "fc_bias"]
    assert z.get_children().name == "_plus0" and mx.sym.var("x").get_children() is None


def test_shapes_of_parameters_come_from_data():
    arguments, outputs, states = net().infer_shape(x=(2, 5))
    assert arguments == [(2, 5), (3, 5), (3,), (3,), (3,)] and outputs == [(2, 3)] and states == [(3,), (3,)]


def test_json_and_copies_keep_the_graph():
    z = net()
    text = z.tojson()
    for other in (mx.sym.load_json(text), pickle.loads(pickle.dumps(z)), copy.deepcopy(z), copy.copy(z)):
        assert other.tojson() == text and other is not z


def test_evaluation_is_that_of_the_functions_of_arrays():
    z = net()
    rng = np.random.default_rng(0)
    arguments, _, states = z.infer_shape(x=(2, 5))
    names = z.list_arguments() + z.list_auxiliary_states()
    values = {n: mx.nd.array(rng.random(s)) for n, s in zip(names, arguments + states)}
    fc = mx.nd.FullyConnected(values["x"], values["fc_weight"], values["fc_bias"], num_hidden=3)
    norm = mx.nd.BatchNorm(fc, *[values[n] for n in names[3:]])
    (found,) = evaluate(z, values)
    np.testing.assert_array_equal(found.asnumpy(), mx.nd.relu(norm * 2 + fc).asnumpy())


def test_a_monitor_sees_each_output():
    seen = []
    x = mx.sym.var("x")
    evaluate(mx.sym.split(x + 1, num_outputs=2, name="parts"), {"x": mx.nd.ones((2, 2))},
             monitor=lambda name, array: seen.append((name, array.shape)))
    assert seen == [("_plusscalar0_output", (2, 2)), ("parts_output0", (2, 1)), ("parts_output1", (2, 1))]


def test_composition_replaces_variables_by_name():
    x, y = mx.sym.var("x"), mx.sym.var("y")
    inner = mx.sym.exp(y, name="inner")
    made = mx.sym.tanh(x, name="outer")(x=inner)
    assert made.list_arguments() == ["y"] and made.get_internals().list_outputs()[1] == "inner_output"
    with pytest.raises(mx.MXNetError, match="argument name z not found"):
        inner(z=x)


def test_gradients_of_an_evaluation_are_slopes():
    rng = np.random.default_rng(0)
    start, weights = rng.normal(size=(2, 3)), [rng.normal(size=s) for s in ((2, 3), (2, 2))]
    q, lower = mx.sym.linalg.gelqf(mx.sym.var("x"))
    net = (q * mx.sym.var("a")).sum() + (lower * mx.sym.var("b")).sum()

    def value(x):
        given = dict(zip("ab", [mx.nd.array(w, dtype="float64") for w in weights]))
        return evaluate(net, {"x": x, **given})[0]

    x = mx.nd.array(start, dtype="float64")
    x.attach_grad()
    with mx.autograd.record():
        loss = value(x)
    loss.backward()
    for at in np.ndindex(start.shape):
        step = np.zeros_like(start)
        step[at] = 1e-6
        ends = [value(mx.nd.array(start + s, dtype="float64")).asscalar() for s in (step, -step)]
        np.testing.assert_allclose(x.grad.asnumpy()[at], (ends[0] - ends[1]) / 2e-6, atol=1e-6)


@pytest.mark.parametrize("wanted", ["float32", "int32", "float16"])
@pytest.mark.parametrize("given", ["int32", "float32"])
def test_an_executor_differentiates_casts_of_integers(given, wanted):
    """As 1.9.1 answers: the cotangent is cast back."""
    made = mx.sym.Cast(mx.sym.Variable("x", dtype=given), dtype=wanted).simple_bind(mx.cpu(), x=(3,))
    made.forward(is_train=True)
    made.backward(mx.nd.array([5, -6, 7], dtype=wanted))
    assert made.grad_arrays[0].dtype == np.dtype(given)
    assert made.grad_arrays[0].asnumpy().tolist() == [5, -6, 7]


def test_cotangents_of_outputs_without_derivative_are_not_looked_at():
    """As 1.9.1 answers; that of an output with a derivative must fit."""
    given = [mx.nd.array([[3, 1, 2]])], [mx.nd.ones((1, 3))]
    made = mx.sym.topk(mx.sym.var("x"), k=2).bind(mx.cpu(), *given)
    made.forward(is_train=True)
    made.backward(mx.nd.ones((1, 3)))
    assert made.grad_arrays[0].asnumpy().tolist() == [[0, 0, 0]]
    made = mx.sym.topk(mx.sym.var("x"), k=2, ret_typ="value").bind(mx.cpu(), *given)
    made.forward(is_train=True)
    with pytest.raises(mx.MXNetError, match="head gradient of shape"):
        made.backward(mx.nd.ones((1, 3)))


@pytest.mark.parametrize("request_", ["write", "add"])
def test_a_gradient_is_cast_to_its_array(request_):
    """As in 1.9.1, which does so for softmax."""
    grad = mx.nd.array([0.5, 0.5], dtype="float64")
    made = (mx.sym.softmax(mx.sym.var("x")) * 3).bind(
        mx.cpu(), [mx.nd.array([0, 0], dtype="float16")], [grad], grad_req=request_)
    made.forward(is_train=True)
    made.backward(mx.nd.array([1, 0], dtype="float16"))
    before = 0.5 if request_ == "add" else 0
    assert grad.dtype == np.float64 and grad.asnumpy().tolist() == [before + 0.75, before - 0.75]


def test_backward_has_the_mask_of_a_prediction_with_dropout():
    """As in 1.9.1."""
    made = mx.sym.Dropout(mx.sym.var("x"), mode="always").simple_bind(mx.cpu(), x=(1000,))
    made.arg_arrays[0][:] = 1
    made.forward(is_train=False)
    assert made.outputs[0].asnumpy().min() == 0
    made.backward([mx.nd.ones(1000)], is_train=False)
    np.testing.assert_array_equal(made.grad_arrays[0].asnumpy(), made.outputs[0].asnumpy())
