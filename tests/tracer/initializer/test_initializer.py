"""Initializers against the answers of real MXNet 1.9.1 and 2.0, stored by tests/oracle/initializers.py."""
from __future__ import annotations

import copy
import importlib.util
import json
import pickle
from itertools import groupby

import numpy
import pytest
from places import TESTS

import tracer as mx

pytestmark = pytest.mark.native_sample(8)

spec = importlib.util.spec_from_file_location("oracle_initializers", TESTS / "oracle" / "initializers.py")
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)

STORED = json.loads(oracle.DATA.read_text())
DRAWS = [(f"{flavour}-{text}", flavour, list(pairs))
         for flavour in ("nd", "np")
         for text, pairs in groupby(sorted(zip(oracle.draws(flavour), STORED[flavour]["draws"], strict=True),
                                           key=lambda pair: pair[0][1]), key=lambda pair: pair[0][1])]
BEHAVIOUR = [(flavour, *pair) for flavour in ("nd", "np")
             for pair in zip(oracle.cases(flavour), STORED[flavour]["behaviour"], strict=True)]


@pytest.fixture(autouse=True)
def np_mode_reset():
    yield
    mx.npx.reset_np()


@pytest.mark.parametrize("flavour, cases", [d[1:] for d in DRAWS], ids=[d[0] for d in DRAWS])
def test_the_values_are_mxnets(flavour, cases):
    """Bit for bit; those of a singular value decomposition up to rounding and signs, which are LAPACK's."""
    for case, expected in cases:
        found = oracle.fill(mx, flavour, *case)
        if case[1] in oracle.ORTHOGONAL:
            tolerance = 1e-3 if case[3] == "float16" else 2e-6
            numpy.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, err_msg=str(case))
        else:
            assert found == expected, case


@pytest.mark.parametrize("flavour, source, expected", BEHAVIOUR, ids=[b[1] for b in BEHAVIOUR])
def test_the_behaviour_is_mxnets(flavour, source, expected):
    found = oracle.answer(mx, source, flavour)
    if isinstance(expected, dict) and "error" in expected:
        assert found["error"][0] == expected["error"][0]
    else:
        assert found == expected


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_initializers_and_names_are_copied_and_pickled(copied):
    xavier = mx.init.Xavier(magnitude=2).set_verbosity(True)
    assert copied(xavier) == xavier and vars(copied(xavier)).keys() == vars(xavier).keys()
    name = copied(mx.init.InitDesc("a_weight", {"lr_mult": "2"}, xavier))
    assert (name, name.attrs, name.global_init) == ("a_weight", {"lr_mult": "2"}, xavier)
    assert type(name) is mx.init.InitDesc


@pytest.mark.parametrize("flavour", ["nd", "np"])
@pytest.mark.parametrize("text", ["Xavier()", "Normal(1)", "Orthogonal()", "One()", "Constant(3)"])
def test_arrays_are_written_in_place(flavour, text):
    """A view writes to its base; an array keeps its identity, its gradient and its dtype."""
    initializer = mx.init.create(eval(f"mx.init.{text}"))
    weight = getattr(mx, flavour).zeros((4, 3), dtype="float16")
    weight.attach_grad()
    gradient = weight.grad
    initializer(mx.init.InitDesc("weight"), weight[1:3])
    values = weight.asnumpy()
    assert (values[[0, 3]] == 0).all() and (values[1:3] != 0).all()
    initializer(mx.init.InitDesc("weight"), weight)
    assert (weight.asnumpy() != 0).all() and weight.dtype == numpy.float16 and weight.grad is gradient


def test_the_stream_is_that_of_the_mode_and_of_the_array():
    """np arrays outside of np mode, which MXNet refuses, are drawn as in np mode; so are nd arrays in np mode."""
    name, drawn = mx.init.InitDesc("weight"), {}
    for mode in (mx.npx.reset_np, mx.npx.set_np):
        for flavour in ("nd", "np"):
            mode()
            array = getattr(mx, flavour).zeros((70,))
            mx.random.seed(1)
            mx.init.Uniform()(name, array)
            drawn[mode, flavour] = array.asnumpy().tolist()
    one, *others = drawn.values()
    assert others[0] == others[1] == others[2] != one


def test_a_fused_initializer_is_made_by_name():
    """MXNet's own raises KeyError for the JSON text that its `dumps` writes."""
    made = mx.init.create(mx.init.FusedRNN(mx.init.Normal(2), 2, 1, "gru").dumps())
    assert made._init == mx.init.Normal(2) and made._mode == "gru"
    assert mx.init.FusedRNN("normal", 2, 1, "gru") == mx.init.FusedRNN(mx.init.Normal(), 2, 1, "gru")


@pytest.mark.parametrize("call, message", [
    (lambda: mx.init.Xavier()(mx.init.InitDesc("dense0_weight"), mx.nd.ones((3,))), r"dense0_weight.*\(3,\)"),
    (lambda: mx.init.Xavier("normal")(mx.init.InitDesc("weight"), mx.nd.ones((3, 2))), "'normal'.*'gaussian'"),
    (lambda: mx.init.Zero()(mx.init.InitDesc("running_mean"), mx.nd.ones((3,))), "running_mean"),
    (lambda: mx.init.Mixed(["a"], [mx.init.Zero()])("b_weight", mx.nd.ones((3,))), "b_weight"),
    (lambda: mx.init.Load({"a": mx.nd.ones((3,))})("a", mx.nd.ones((2,))), r"\(2,\).*\(3,\)"),
    (lambda: mx.init.create("nothing"), "nothing is not registered"),
    (lambda: mx.init.Initializer()._init_weight("a", mx.nd.ones((1,))), "Initializer defines no _init_weight"),
    (lambda: mx.init.Normal()(mx.init.InitDesc("weight"), mx.np.ones((3,), dtype=bool)), "dtype bool"),
    (lambda: mx.init.Normal()(mx.init.InitDesc("weight"), mx.nd.ones((3,), dtype=int)), "'int64'"),
    (lambda: mx.init.FusedRNN("one", 2, 1, "gru")._init_weight("a", mx.nd.ones((40,))), "40 parameters"),
])
def test_messages_name_the_parameter_and_the_remedy(call, message):
    with pytest.raises(Exception, match=message):
        call()


def test_modules_are_loaded_when_they_are_asked_for():
    assert mx.init is mx.initializer and mx.init.Xavier is mx.init.create("xavier").__class__
    assert mx.registry.get_registry(mx.init.Initializer)["zeros"] is mx.init.Zero
    for name in ("nothing", "__main__", "_private", "two.names"):
        assert not hasattr(mx, name)
