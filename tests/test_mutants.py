"""The list of mutants fits today's code: `make mutants` asks for each whether the tests catch it."""
from __future__ import annotations

import ast
from pathlib import Path

import pytest
from mutants.listed import MUTANTS
from mutants.record import mutated

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.tierless


def test_there_are_enough_and_each_has_its_name():
    assert len({m.name for m in MUTANTS}) == len(MUTANTS) >= 48


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_each_is_a_fault_in_todays_code(mutant):
    text = (ROOT / mutant.file).read_text()
    assert ast.dump(ast.parse(mutated(mutant, ROOT))) != ast.dump(ast.parse(text))
    tier, *arguments = mutant.detector.split()
    assert tier in ("never", "always", "auto")
    for file, _, function in (a.partition("::") for a in arguments if a.startswith("tests/")):
        assert f"def {function}" in (ROOT / file).read_text()
