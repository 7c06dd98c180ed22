"""Metrics, case by case, against stored answers of real MXNet: 1.9.1 for mx.metric, 2.0.0b1 for mx.gluon.metric.

The cases are tests/oracle/metrics.py's, the answers tests/data/metrics.json.
"""
from __future__ import annotations

import json
import math
import sys
import warnings

import pytest
from places import TESTS

sys.path.insert(0, str(TESTS / "oracle"))

import metrics
from semantics import evaluate
from semantics_cases import DATA

pytestmark = pytest.mark.tierless

STORED = json.loads((DATA / "metrics.json").read_text())
CASES = [(version, case) for version in metrics.VERSIONS for case in metrics.cases_of(version)]
#: Classes whose objects print alike (NumPy 1's scalars print as Python's numbers do), or are equal as numbers.
ALIKE = {**dict.fromkeys(("float64", "float32", "int64", "int", "float"), "number"), "type": "dtype"}
NUMPY_TOO = "tracer takes NumPy arrays as well"
NO_ARRAY = "tracer says what labels and predictions are before it computes with them"
ANY_ARRAY = "tracer takes arrays of both flavours"
EMPTY = "1.9.1 takes a size of 0 for an unknown one"
ROWS = "MXNet compares rows with labels of another number, which NumPy made False in those days"
#: Where tracer's answer is another one on purpose: version, text of the case, tracer's error or "", and the reason.
DIFFERENT = (
    ("", "onp.array(", "", NUMPY_TOO),
    ("", "asnumpy()]", "", NUMPY_TOO),
    ("", "[None]", "AttributeError", NO_ARRAY),
    ("", "[3.0]", "AttributeError", NO_ARRAY),
    ("1.9.1", "[mx.np.array(", "", ANY_ARRAY),
    ("2.0.0b1", "[mx.nd.array(", "", ANY_ARRAY),
    ("", "m = metric.PCC(); m.update([a([])]", "ValueError", "the error is NumPy's: PCC counts with NumPy"),
    ("", "m = metric.PCC(); m.update([a(onp.zeros(", "ValueError", "the error is NumPy's: PCC counts with NumPy"),
    ("1.9.1", "onp.zeros((0, ", "", EMPTY),
    ("2.0.0b1", "Accuracy(axis=0); m.update([a(onp.zeros(0))]", "MXNetError", "no largest of no predictions"),
    ("", "[a([[3., -0.5, 2], [7, 1, 0]])]", "ValueError", ROWS),
    ("", "[a([[0, 1, 0], [1, 1, 0]])]", "ValueError", ROWS),
    ("2.0.0b1", "PCC(); m.update([a([[1, 0], [2, 1]])]", "IndexError", "the error is NumPy's: PCC counts with NumPy"),
    ("2.0.0b1", "MeanCosineSimilarity(); m.update([a([3, 5, 2]", "", "MXNet's norms of integers are truncated"),
    ("1.9.1", "TopKAccuracy(2); m.update(L, [a([.1", "", "1.9.1 forgets the global sum of predictions of one axis"),
    ("2.0.0b1", "Perplexity(None)", "TypeError", "None is no eps, which is 2.0's first argument"),
)


@pytest.fixture
def mx():
    """tracer; afterwards set back to its initial np mode."""
    import tracer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield tracer
    tracer.npx.reset_np()


def close(one: float, other: float) -> bool:
    """Whether two numbers are equal, or differ by float32's rounding."""
    one, other = float(one), float(other)
    return math.isclose(one, other, rel_tol=3e-6, abs_tol=1e-6) or (math.isnan(one) and math.isnan(other))


def compare(answer, expected) -> None:
    """Assert that an answer is the expected one: the same type of error, or the same classes and close numbers."""
    if isinstance(expected, dict) and expected.get("shape") == [] and isinstance(answer, str):
        expected = f"float {expected['values']}"  # a number where MXNet 2 has an array without axes
    assert type(answer) is type(expected), (answer, expected)
    if isinstance(expected, list):
        assert (answer[0], len(answer)) == (expected[0], len(expected))
        for one, other in zip(answer[1:], expected[1:]):
            compare(one, other)
    elif isinstance(expected, dict):
        for key in ("error", "dtype", "shape"):
            assert answer.get(key) == expected.get(key), (answer, expected)
        flat = [numbers(found.get("values", [])) for found in (answer, expected)]
        assert all(map(close, *flat)), (answer, expected)
    else:
        (kind, text), (wanted, wanted_text) = answer.split(" ", 1), expected.split(" ", 1)
        kind = ALIKE.get(kind, kind)
        assert kind == ALIKE.get(wanted, wanted), (answer, expected)
        assert close(text, wanted_text) if kind == "number" else text == wanted_text, (answer, expected)


def numbers(values) -> list:
    """The numbers of nested lists."""
    return [number for value in values for number in numbers(value)] if isinstance(values, list) else [values]


@pytest.mark.parametrize(("version", "group"), dict.fromkeys((version, case.group) for version, case in CASES))
def test_answers(mx, version, group):
    cases = [case for asked, case in CASES if asked == version and case.group == group]
    stored = STORED[version][group]
    differences = []
    for case, expected in zip(cases, stored, strict=True):
        answer = metrics.brief(evaluate(case.source, metrics.namespace(mx, version)))
        try:
            compare(answer, expected)
        except AssertionError as error:
            if not intended(version, case.source, answer):
                differences.append((case.source, str(error)[:600]))
    assert differences == []


@pytest.mark.parametrize("version", metrics.VERSIONS)
def test_answers_are_of_these_cases(version):
    assert STORED[version]["asked"] == metrics.asked(metrics.cases_of(version))


def intended(version: str, source: str, answer) -> bool:
    """Whether an answer is one of those that differ on purpose, with the error named there."""
    found = answer.get("error", "") if isinstance(answer, dict) else ""
    return any(asked in ("", version) and text in source and found == error for asked, text, error, _ in DIFFERENT)
