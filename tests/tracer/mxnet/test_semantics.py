"""Answers of expressions, case by case, against stored answers of real MXNet (1.9.1 for nd, 2.0.0b1 for np).

The cases are in tests/data/semantics_cases_*.txt, the answers in tests/data/semantics_{nd,np}.json, written by
tests/oracle/semantics.py. A case where tracer differs on purpose says so, with its reason (`@ours`, `@why`).
"""
from __future__ import annotations

import json
import os
import sys
from collections import Counter

import numpy
import pytest
from places import TESTS

sys.path.insert(0, str(TESTS / "oracle"))

import semantics
from semantics_cases import DATA, FLAVOURS, Case, cases_of

pytestmark = pytest.mark.native_sample(16)

STORED = {flavour: json.loads((DATA / f"semantics_{flavour}.json").read_text()) for flavour in FLAVOURS}
ANSWERS = {flavour: dict(stored["answers"]) for flavour, stored in STORED.items()}
CASES = [(flavour, case) for flavour in FLAVOURS for case in cases_of(flavour)]
ANSWERED = [(flavour, case) for flavour, case in CASES if case.source in ANSWERS[flavour]]
RELATIVE = {"float16": 2e-3, "float32": 2e-5, "float64": 1e-9}
ABSOLUTE = {"float16": 1e-3, "float32": 1e-6, "float64": 1e-12}


def ids(chosen: list[tuple[str, Case]]) -> list[str]:
    """The tests' names: flavour, group, number in the group, and the case's last line."""
    seen: Counter[tuple[str, str]] = Counter()
    names = []
    for flavour, case in chosen:
        seen[flavour, case.group] += 1
        number = seen[flavour, case.group]
        names.append(f"{flavour}-{case.group}-{number}-{case.source.splitlines()[-1]}")
    return names


def compare(answer: dict, expected: dict, strict: bool) -> None:
    """Assert that an answer is the expected one; floats within the accuracy of their dtype.

    The text of an array is compared where its values are exactly the expected ones, and always when `strict`.
    """
    if "error" in expected:
        compare_errors(answer, expected)
        return
    assert "error" not in answer, answer
    if "class" in expected and expected["class"] not in ("Context", "Device"):
        assert answer["class"] == expected["class"]
    if "items" in expected:
        assert len(answer["items"]) == len(expected["items"])
        for one, other in zip(answer["items"], expected["items"]):
            compare(one, other, strict)
        return
    for key in ("dtype", "shape"):
        assert answer.get(key) == expected.get(key, answer.get(key))
    same = True
    if "values" in expected:
        same = compare_values(answer["values"], expected["values"], answer["dtype"])
    if "repr" in expected and (same or strict):
        assert answer["repr"] == expected["repr"]


def compare_errors(answer: dict, expected: dict) -> None:
    """Assert that the case raised one of the expected errors (a list or one name), under that very name."""
    allowed = expected["error"] if isinstance(expected["error"], list) else [expected["error"]]
    assert "error" in answer, f"no {allowed}: {answer}"
    assert answer["error"] in allowed, f"not {allowed}: {answer}"


def compare_values(values, expected, dtype: str) -> bool:
    """Assert that the values agree; True when they are the same to the last bit and sign of zero."""
    kind = "float64" if dtype.startswith("float") else dtype
    got, want = numpy.array(values, dtype=kind), numpy.array(expected, dtype=kind)
    numpy.testing.assert_allclose(got, want, rtol=RELATIVE.get(dtype, 0), atol=ABSOLUTE.get(dtype, 0))
    if kind != "float64":
        return True
    zeros = [numpy.signbit(side) & (side == 0) for side in (got, want)]
    return numpy.array_equal(got, want, equal_nan=True) and numpy.array_equal(*zeros)


@pytest.fixture
def mx():
    """tracer; afterwards set back to its initial np mode."""
    import tracer

    yield tracer
    tracer.npx.reset_np()


def check(mx, flavour: str, case: Case) -> None:
    """Evaluate one case under tracer and assert its answer."""
    answer = semantics.evaluate(case.source, semantics.namespace(mx, flavour))
    compare(answer, case.ours or ANSWERS[flavour][case.source], strict=case.group == "repr")
    assert case.phrase in answer.get("message", "")


def pairs(generated: bool):
    """Parametrize a test with the cases of the tables, or with those generated for each pair of dtypes."""
    chosen = [(flavour, case) for flavour, case in ANSWERED if case.answer_only == generated]
    alone = pytest.mark.xdist_group("files")  # cases write to files with the same name
    sets = [pytest.param(*pair, marks=alone if "/tmp/" in pair[1].source else ()) for pair in chosen]
    return pytest.mark.parametrize(("flavour", "case"), sets, ids=ids(chosen))


def sampled_when_compiled(test):
    """Mark a test as a sweep if all kernels are compiled, as each pair of dtypes has its own kernel."""
    return pytest.mark.sweep(sample=150)(test) if os.environ.get("TRACER_JIT") == "always" else test


@pairs(generated=False)
def test_case(mx, flavour, case):
    check(mx, flavour, case)


@sampled_when_compiled
@pairs(generated=True)
def test_dtypes(mx, flavour, case):
    check(mx, flavour, case)


def test_every_case_has_an_answer():
    left_out = [case for flavour, case in CASES if case.source not in ANSWERS[flavour]]
    assert all(case.answer_only for case in left_out)
    assert len(left_out) < len(CASES) / 20


def test_every_difference_has_its_reason():
    assert all(case.why for _, case in CASES if case.ours)
