"""gluon.rnn against stored answers of real MXNet (tests/oracle/gluon_rnn.py): values, gradients, names and errors."""
from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy
import pytest
from places import ROOT, TESTS

import tracer
from tracer.jit.report.counters import COUNTERS

sys.path.insert(0, str(TESTS / "oracle"))

import gluon_rnn as oracle
import semantics

pytestmark = pytest.mark.native_sample(12)

STORED = json.loads((oracle.DATA / "gluon_rnn.json").read_text())
RUNS = {(net, call): answer for net, call, answer in STORED["runs"]}
PAIRS = oracle.pairs()
STEADY = oracle.pairs({**oracle.LAYERS, **oracle.CELLS})


def compare(got: dict, want: dict) -> None:
    """Assert that two answers of `gluon_rnn.run` agree."""
    assert got["nesting"] == want["nesting"]
    assert list(got["parameters"]) == list(want["parameters"])
    for a, b in zip(arrays(got), arrays(want), strict=True):
        numpy.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-5)


def arrays(answer: dict) -> list:
    """All arrays of an answer: results, gradients of inputs and of parameters."""
    return [*answer["results"], *answer["inputs"], *answer["parameters"].values()]


def ids(pairs: list) -> list[str]:
    return [f"{net}-{call}" for net, call in pairs]


def test_the_answers_are_those_of_the_cases():
    assert list(RUNS) == PAIRS
    assert len(STORED["texts"]) == len(oracle.cases())


def sampled_when_compiled(test):
    """Mark a test as a sweep if kernels are compiled, as each network has its own."""
    return test if os.environ.get("TRACER_JIT") == "never" else pytest.mark.sweep(sample=6, native=3)(test)


@sampled_when_compiled
@pytest.mark.parametrize("pair", PAIRS, ids=ids(PAIRS))
def test_answers_of_mxnet(pair):
    compare(oracle.run(tracer, *pair), RUNS[pair])


@sampled_when_compiled
@pytest.mark.parametrize("pair", PAIRS, ids=ids(PAIRS))
def test_hybridized_blocks_give_the_same(pair):
    compare(oracle.run(tracer, *pair, hybrid=True), RUNS[pair])


@pytest.fixture
def _np():
    tracer.npx.set_np()
    yield
    tracer.npx.reset_np()


@sampled_when_compiled
@pytest.mark.parametrize("pair", STEADY, ids=ids(STEADY))
@pytest.mark.usefixtures("_np")
def test_arrays_of_np_give_the_same(pair):
    compare(oracle.run(tracer, *pair, flavour="np"), RUNS[pair])


TEXTS = oracle.cases()


@pytest.mark.tierless
@pytest.mark.parametrize("number", range(len(TEXTS)), ids=[case.source for case in TEXTS])
def test_names_texts_and_errors(number):
    case, want = TEXTS[number], case_answers()[number]
    names = {"rnn": tracer.gluon.rnn, "contrib": tracer.gluon.contrib.rnn, "stack": oracle._stack}
    got = semantics.evaluate(case.source, {**semantics.namespace(tracer, "nd"), **names})
    if "error" in want:
        assert got.get("error") == want["error"], got
        assert case.phrase in got["message"]
    else:
        assert got == want


def case_answers() -> list[dict]:
    """The answer that each case must give: real MXNet's, or the other that the file gives with a reason."""
    return [case.ours or answer for case, answer in zip(TEXTS, STORED["texts"])]


# ---- training --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("hybrid", [True, False])
def test_losses_of_a_language_model(hybrid):
    """The losses are MXNet's, and from the third step on nothing is compiled."""
    made = []
    found = oracle.losses(tracer, hybrid=hybrid,
                          after=lambda: made.append((COUNTERS.programs, COUNTERS.kernels_compiled,
                                                     COUNTERS.kernels_loaded)))
    numpy.testing.assert_allclose(found, STORED["losses"], rtol=1e-5)
    assert found[4] < found[0] - 0.03
    assert len(set(made[1:])) == 1


# ---- MXNet 2's form --------------------------------------------------------------------------------------

def test_layers_in_mxnet_2_have_one_vector_of_parameters():
    """Real 2.0's answers, by a process in its mode."""
    script = ("import json, sys; sys.path.insert(0, sys.argv[1]); import tracer, gluon_rnn; "
              "print(json.dumps(gluon_rnn.in_2(tracer)))")
    done = subprocess.run([sys.executable, "-c", script, str(TESTS / "oracle")], cwd=ROOT, check=True,
                          capture_output=True, text=True, env={**os.environ, "TRACER_MXNET": "2.0"})
    got = json.loads(done.stdout.splitlines()[-1])
    assert len(got) == len(STORED["in 2"])
    for (net, call, answer, text), (wanted_net, wanted_call, wanted, wanted_text) in zip(got, STORED["in 2"]):
        assert (net, call, text) == (wanted_net, wanted_call, wanted_text)
        compare(answer, wanted)
