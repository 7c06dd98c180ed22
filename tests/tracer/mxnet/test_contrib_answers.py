"""mx.contrib, case by case, against stored answers of real MXNet 1.9.1 (tests/oracle/module.py)."""
from __future__ import annotations

import pytest
from module_answers import answers, compare, evaluate, module

pytestmark = [pytest.mark.native_sample(8), pytest.mark.xdist_group("files")]

CASES = module.cases("contrib")
ANSWERS = answers("contrib")


@pytest.mark.filterwarnings("ignore:/tmp/tracer_contrib_embedding")
@pytest.mark.parametrize("source", CASES, ids=[source.splitlines()[-1] for source in CASES])
def test_case(source):
    compare(evaluate("contrib", source), ANSWERS[source], rtol=1e-4)


def test_every_answer_has_its_case():
    assert list(ANSWERS) == CASES and not any("crash" in answer for answer in ANSWERS.values())
