"""gluon.data and gluon.utils, case by case, against stored answers of real MXNet (tests/oracle/gluon_data.py)."""
from __future__ import annotations

import json
import sys

import pytest
from places import TESTS

import tracer

sys.path.insert(0, str(TESTS / "oracle"))

import gluon_data

pytestmark = [pytest.mark.native_sample(8), pytest.mark.xdist_group("files")]

ANSWERS = {tuple(case): answer for case, answer in json.loads((gluon_data.DATA / "gluon_data.json").read_text())}
CASES = gluon_data.cases()


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    monkeypatch.setenv("MXNET_GLUON_REPO", "")  # cases set it
    yield
    tracer.npx.reset_np()


def compare(answer: dict, expected: dict) -> None:
    """Assert that an answer is the expected one: an error's class, or all of a value."""
    if "error" in expected:
        assert answer.get("error") == expected["error"], answer
        assert answer["message"]
    elif "items" in expected:
        assert answer.get("class") == expected["class"], answer
        assert len(answer["items"]) == len(expected["items"])
        for one, other in zip(answer["items"], expected["items"]):
            compare(one, other)
    else:
        assert answer == expected


@pytest.mark.filterwarnings("ignore:Pad reads")
@pytest.mark.parametrize("case", CASES, ids=[f"{c.flavour}-{c.source.splitlines()[-1]}" for c in CASES])
def test_case(case):
    compare(gluon_data.evaluate(tracer, case), ANSWERS[tuple(case)])


def test_every_answer_has_its_case():
    assert set(ANSWERS) == set(map(tuple, CASES)) and not any("crash" in a for a in ANSWERS.values())
