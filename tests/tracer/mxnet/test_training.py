"""Stores, trainers on several contexts, callbacks and custom operators against answers of real MXNet 1.9.1."""
from __future__ import annotations

import json
import logging
import sys

import numpy
import pytest
from places import TESTS

import tracer

sys.path.insert(0, str(TESTS / "oracle"))

import training

pytestmark = [pytest.mark.native_sample(8), pytest.mark.xdist_group("files")]

CASES = training.cases()
ANSWERS = json.loads((training.DATA / "training.json").read_text())


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    monkeypatch.setattr(tracer.callback, "time", tracer.callback.time)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize("case, stored", list(zip(CASES, ANSWERS)), ids=[training.title(c) for c in CASES])
def test_case(case, stored):
    expected = case.ours or stored[1]
    answer = training.evaluate(tracer, case)
    if "error" in expected:
        assert answer.get("error") == expected["error"], answer
        assert answer["message"] and case.phrase in answer["message"], answer
    else:
        assert_equal(answer, expected)


def assert_equal(answer: dict, expected: dict) -> None:
    """Assert that an answer is the expected one; numbers of arrays up to their last digits."""
    if "items" in expected:
        assert answer.get("class") == expected["class"], answer
        assert len(answer["items"]) == len(expected["items"])
        for one, other in zip(answer["items"], expected["items"]):
            assert_equal(one, other)
    elif "values" in expected:
        kind = ("class", "dtype", "shape")
        assert [answer.get(k) for k in kind] == [expected[k] for k in kind]
        near = 1e-7 * max(1, numpy.abs(expected["values"]).max(initial=0))  # sums that cancel keep the terms' error
        numpy.testing.assert_allclose(answer["values"], expected["values"], rtol=1e-6, atol=near)
    else:
        assert answer == expected


def test_every_answer_has_its_case():
    assert [title for title, _ in ANSWERS] == [training.title(c) for c in CASES]
    assert not any("crash" in answer for _, answer in ANSWERS)
