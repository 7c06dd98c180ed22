"""`ParameterDict`: what differs from a dictionary, as in real MXNet 1.9.1."""
from __future__ import annotations

import pytest

import tracer as mx
from tracer import gluon, nd
from tracer.gluon.parameter_dict import OwnParameters

pytestmark = pytest.mark.tierless


def test_an_empty_one_is_true_and_equal_to_itself_only():
    params = gluon.ParameterDict("x_")
    assert params and params == params and params != {} and params != gluon.ParameterDict("x_")


def test_own_parameters_make_what_layers_in_mxnet_1_s_style_ask_for():
    own = OwnParameters()
    weight = own.get("weight", shape=(2,))
    assert weight.name == "weight" and weight.shape == (2,) and own == {}
    own["weight"] = weight
    assert own.get("weight") is weight and own.get("none") is None and own.get("none", 3) == 3
    assert own.get_constant("half", nd.ones(2)).shape == (2,)


@pytest.mark.parametrize("saved", ["row_sparse", "default"])
@pytest.mark.parametrize("loaded", ["row_sparse", "default"])
def test_files_of_sparse_weights(tmp_path, saved, loaded):
    def made(stype):
        params = gluon.ParameterDict("net_")
        params.get("w", shape=(4, 2), stype=stype)
        return params

    def values(params, stype):
        if stype == "default":
            return params.get("w").data()
        gluon.Trainer(params, "sgd")
        return params.get("w").row_sparse_data(nd.array([0, 1, 2, 3]))

    file, first, second = str(tmp_path / "a.params"), made(saved), made(loaded)
    first.initialize(mx.init.Uniform())
    wanted = values(first, saved).asnumpy()
    first.save(file)
    second.load(file, mx.cpu())
    found = values(second, loaded)
    assert found.stype == loaded and (found.asnumpy() == wanted).all()
