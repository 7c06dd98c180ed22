"""The mutants apply to today's code, and a sample of them, a new one for each commit, is caught."""
from __future__ import annotations

import ast
import random

import pytest
from fuzz.seeds import commit_seed
from mutants.listed import MUTANTS
from mutants.record import mutated
from mutants.run import caught
from places import ROOT

#: Mutants tried for each commit; limited by CI's time.
SAMPLE = 1

pytestmark = pytest.mark.tierless


def test_there_are_enough_and_each_has_its_name():
    assert len({m.name for m in MUTANTS}) == len(MUTANTS) >= 48


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_each_is_a_fault_in_todays_code(mutant):
    text = (ROOT / mutant.file).read_text()
    assert ast.dump(ast.parse(mutated(mutant, ROOT))) != ast.dump(ast.parse(text))
    tier, *arguments = mutant.detector.split()
    assert tier in ("never", "always")
    for file, _, function in (a.partition("::") for a in arguments if a.startswith("tests/")):
        assert f"def {function}" in (ROOT / file).read_text()


@pytest.mark.timeout(900)  # if a mutant makes its tests hang, their own limit ends first
@pytest.mark.parametrize("number", range(SAMPLE))
def test_a_sample_is_caught_by_the_tests_known_to_catch_it(number):
    mutant = random.Random(commit_seed()).sample(MUTANTS, SAMPLE)[number]
    done = caught(mutant, whole=False, checked=False)
    assert done.by, f"{mutant.name} survives: {mutant.wrong}"
