"""Symbols' JSON, names, shapes, types, values, pictures and errors against stored answers of real MXNet 1.9.1.

The cases are in tests/data/symbol_cases.txt; tests/oracle/symbols.py, which says how to read them, stored the answers.
"""
from __future__ import annotations

import json
import sys

import pytest
from places import TESTS

import tracer

sys.path.insert(0, str(TESTS / "oracle"))

import symbols

pytestmark = pytest.mark.tierless

CASES, FILES = symbols.read()
STORED = json.loads(symbols.STORED.read_text())


def test_each_case_has_an_answer():
    assert set(CASES) == set(STORED)


@pytest.mark.parametrize("start", range(0, len(CASES), 25))
def test_answers_are_mxnets(start):
    wrong = []
    for case in CASES[start:start + 25]:
        found = json.loads(json.dumps(symbols.evaluate(tracer, case, FILES)))
        if found != STORED[case]:
            wrong.append(f"{case}\n    wanted {STORED[case]}\n    found  {found}")
    assert not wrong, "\n".join(wrong)
