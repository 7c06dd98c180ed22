"""mx.mod, mx.model and mx.callback, case by case, against stored answers of real MXNet (tests/oracle/module.py)."""
from __future__ import annotations

import pytest
from module_answers import answers, compare, evaluate

pytestmark = [pytest.mark.native_sample(8), pytest.mark.filterwarnings("ignore")]

ANSWERS = answers("module")


@pytest.mark.parametrize("source", ANSWERS, ids=[source.splitlines()[-1] for source in ANSWERS])
def test_case(source):
    compare(evaluate("module", source), ANSWERS[source], rtol=1e-4)
