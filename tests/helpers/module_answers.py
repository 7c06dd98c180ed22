"""Stored answers of real MXNet to the cases of mx.io, mx.rnn and mx.mod (tests/oracle/module.py)."""
from __future__ import annotations

import json
import sys

import numpy
from places import TESTS

import tracer

sys.path.insert(0, str(TESTS / "oracle"))

import module


def answers(room: str) -> dict[str, dict]:
    """The answers of a room's cases, by their source."""
    return dict(json.loads((module.DATA / f"module_{room}.json").read_text()))


def evaluate(room: str, source: str) -> dict:
    """tracer's answer to a case."""
    return json.loads(json.dumps(module.evaluate(tracer, room, source)))


def compare(answer: dict, expected: dict, rtol: float = 0) -> None:
    """Assert that an answer is the expected one: an error's class, or all of a value.

    rtol: the relative tolerance of numbers in arrays, more in float16; 0 compares texts, too.
    """
    if "error" in expected:
        assert answer.get("error") == expected["error"], answer
        assert answer["message"] or not expected["message"]
    elif "items" in expected:
        assert answer.get("class") == expected["class"], answer
        assert len(answer["items"]) == len(expected["items"]), answer
        for one, other in zip(answer["items"], expected["items"]):
            compare(one, other, rtol)
    elif "values" in expected and rtol:
        assert [answer.get(key) for key in ("class", "dtype", "shape")] == \
            [expected[key] for key in ("class", "dtype", "shape")], answer
        rtol = max(rtol, 2e-3) if expected["dtype"] == "float16" else rtol
        numpy.testing.assert_allclose(answer["values"], expected["values"], rtol=rtol, atol=rtol / 10)
    elif expected["class"] in ("float", "float64"):  # MXNet's metrics return Python's or NumPy's
        assert answer["class"] in ("float", "float64")
        numpy.testing.assert_allclose(float(answer["repr"]), float(expected["repr"]), rtol=rtol)
    else:
        assert answer == expected
