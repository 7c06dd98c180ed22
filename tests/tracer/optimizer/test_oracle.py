"""Optimizers and updaters against stored results of real MXNet (tests/oracle/optimizers.py)."""
from __future__ import annotations

import base64
import json
import sys
import warnings

import numpy
import pytest
from places import TESTS

import tracer

sys.path.insert(0, str(TESTS / "oracle"))

import optimizers

pytestmark = pytest.mark.native_sample(8)

STORED = json.loads(optimizers.DATA.read_text())
CASES = [(case, expected) for version in STORED.values() for case, expected in version["cases"]]
NAMES = sorted({case["name"] for case, _ in CASES})
#: Relative and absolute. A float16 weight may round the other way where its float32 copy differs in the last bit;
#: MXNet squares float16 elements in float16 where it needs norms, tracer in float32.
TOLERANCE = {"float32": (2e-6, 2e-7), "float16": (1e-3, 1e-5)}


@pytest.fixture(params=["nd", "np"])
def flavour(request):
    if request.param == "np":
        tracer.npx.set_np()
    yield request.param
    tracer.npx.reset_np()


def close(got, expected, tolerance):
    assert len(got) == len(expected)
    for one, other in zip(got, expected):
        if isinstance(one, list) and one and isinstance(one[0], list):
            close(one, other, tolerance)
        else:
            numpy.testing.assert_allclose(one, other, *tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_steps(name, flavour):
    chosen = [(case, expected) for case, expected in CASES if case["name"] == name]
    assert chosen
    for case, expected in chosen:
        got = optimizers.steps(tracer, case, flavour)
        assert got["updates"] == expected["updates"]
        for kind in ("first", "last", "states"):
            close(got[kind], expected[kind], TOLERANCE[case["dtype"]])


@pytest.mark.parametrize("source, expected", STORED["1.9.1"]["errors"])
def test_errors(source, expected):
    assert optimizers.error(tracer, source) == expected


@pytest.mark.parametrize("stored", [d for version in STORED.values() for d in version["dumped"]],
                         ids=lambda d: f"{d['name']}-{d['whole']}")
def test_training_goes_on_from_states_of_real_mxnet(stored):
    settings = {"multi_precision": True, "momentum": 0.9} if stored["name"] == "sgd" else {}
    updater = tracer.optimizer.get_updater(tracer.optimizer.create(stored["name"], learning_rate=0.1, **settings))
    if not stored["whole"]:
        updater.optimizer._index_update_count[0] = 2
    updater.set_states(base64.b64decode(stored["bytes"]))
    weight = tracer.nd.array(stored["before"], dtype=stored["dtype"])
    updater(0, tracer.nd.array([0.5, -1, 2], dtype=stored["dtype"]), weight)
    numpy.testing.assert_allclose(weight.asnumpy(), stored["after"], rtol=1e-6, atol=1e-6)
    assert updater.optimizer.num_update == 3 if stored["whole"] else True


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("name", optimizers.DUMPED)
def test_states_are_pickled_as_by_real_mxnet(name, whole):
    """Real MXNet's classes by name, arrays as bytes in its format, and no name of tracer."""
    stored = next(d for d in STORED["1.9.1"]["dumped"] if (d["name"], d["whole"]) == (name, whole))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = base64.b64decode(optimizers.dumped(tracer, name, whole)["bytes"])
    real = base64.b64decode(stored["bytes"])
    assert b"tracer" not in data
    for text in (b"mxnet.ndarray.ndarray", b"NDArray", b"handle"):
        assert text in data and text in real
    assert (b"mxnet.optimizer" in data) == whole == (b"mxnet.optimizer" in real)
    magic = b"\xc9\xfa\x93\xf9"
    assert data.count(magic) == real.count(magic) == 2
    for at, other in zip(data.split(magic)[1:], real.split(magic)[1:]):
        assert at[:32] == other[:32]  # storage, shape, context, dtype; then come the elements
        if name == "sgd":
            assert at[32:44] == other[32:44]
