"""`ParameterDict`: what differs from a dictionary, as in real MXNet 1.9.1."""
from __future__ import annotations

import pytest

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
