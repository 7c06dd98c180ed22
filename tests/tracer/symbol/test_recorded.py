"""Symbols of recorded arrays: MXNet's operators, which compute the same again."""
from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as onp
import pytest

from tracer import autograd, nd, np
from tracer.base import MXNetError
from tracer.ops.ir import node

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("recorded_symbols", ROOT / "oracle" / "recorded_symbols.py")
oracle = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(oracle)
ANSWERS = json.loads((ROOT / "data" / "recorded_symbols.json").read_text())


@pytest.fixture(autouse=True)
def _no_earlier_graphs():
    """Forget what other tests have recorded: equal computations are one node, which has the first call's operator."""
    node.forget_all()


@pytest.mark.parametrize("expression", ANSWERS)
def test_graphs_are_those_of_mxnet(expression):
    symbol, y, x, z = oracle.ask(nd, autograd, expression)
    assert oracle.graph(symbol) == ANSWERS[expression]
    values = {name: x if name.startswith("var") else z for name in symbol.list_arguments()}
    if "z[:, 0]" in expression:
        values["null1"] = z[:, 0]
    onp.testing.assert_allclose(symbol.eval(**values)[0].asnumpy(), y.asnumpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("expression", [
    "x[1]", "x[:, 1:]", "x[::-1]", "x[0, 2]", "x[:, None, 1]", "x[-1:, ::2]", "x.reshape((3, 2))", "x.reshape((2, -1))",
    "x.astype('float64')", "(x + 1) / 2 - x", "2 - x", "abs(x)"])
@pytest.mark.parametrize("module", [nd, np])
def test_symbols_compute_what_was_recorded(module, expression):
    x = module.array([[0.5, -1, 2], [1.5, 0.25, -0.5]], dtype="float32")
    x.attach_grad()
    with autograd.record():
        y = eval(expression, {"x": x}) * 1
    symbol = autograd.get_symbol(y)
    made = symbol.eval(var0=x)[0]
    assert made.shape == y.shape and made.dtype == y.dtype
    onp.testing.assert_array_equal(made.asnumpy(), y.asnumpy())


@pytest.mark.parametrize("expression", [
    "np.tanh(x).sum(axis=1, keepdims=True)", "np.concatenate([x, x], axis=1)", "np.dot(x, x.T)", "x.mean()",
    "np.where(x > 0, x, x * 2)", "np.expand_dims(x, 1).transpose((2, 0, 1))"])
def test_functions_of_numpy(expression):
    x = np.array([[0.5, -1, 2], [1.5, 0.25, -0.5]], dtype="float32")
    x.attach_grad()
    with autograd.record():
        y = eval(expression, {"x": x, "np": np})
    made = autograd.get_symbol(y).eval(var0=x)[0]
    assert type(made) is np.ndarray
    onp.testing.assert_allclose(made.asnumpy(), y.asnumpy(), rtol=1e-6, atol=1e-6)


def test_a_variable_is_its_own_symbol():
    x = nd.ones(2)
    x.attach_grad()
    assert autograd.get_symbol(x).list_arguments() == ["var0"]


def test_errors():
    with pytest.raises(MXNetError, match="Did you forget to turn on recording"):
        autograd.get_symbol(nd.ones(2))
    with pytest.raises(AssertionError, match="Invalid argument type"):
        autograd.get_symbol(3)


def _read_in_a_loop(x, w):
    for i in range(3):
        x = x * 1.5 + i
        x.asnumpy()
    y = nd.dot(x, w)
    y.wait_to_read()
    return nd.relu(y) + y


def _read_at_the_end(x, w):
    y = nd.dot(nd.square(x), w) + x
    y.asnumpy()
    return y


@pytest.mark.parametrize("function", [_read_in_a_loop, _read_at_the_end])
def test_values_that_have_been_read(function):
    x, w = nd.array([[0.5, -1], [1.5, 0.25]]), nd.array([[1, 2], [-3, 4]])
    for array in (x, w):
        array.attach_grad()
    with autograd.record():
        y = function(x, w)
    symbol = autograd.get_symbol(y)
    assert sorted(symbol.list_arguments()) == ["var0", "var1"]
    found = [symbol.eval(**dict(zip(symbol.list_arguments(), order)))[0].asnumpy() for order in ((x, w), (w, x))]
    assert any(onp.allclose(made, y.asnumpy()) for made in found)
    y.backward()
    with pytest.raises(MXNetError, match="Did you forget"):
        autograd.get_symbol(y)


def test_a_function_of_the_users_has_no_symbol():
    class Twice(autograd.Function):
        def forward(self, x):
            return x * 2

        def backward(self, g):
            return g * 2

    x = nd.ones(2)
    x.attach_grad()
    with autograd.record():
        y = Twice()(x) + 1
    with pytest.raises(MXNetError, match="its symbol is not known"):
        autograd.get_symbol(y)
