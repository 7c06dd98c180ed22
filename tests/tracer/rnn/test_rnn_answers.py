"""mx.rnn, case by case, against stored answers of real MXNet (tests/oracle/module.py)."""
from __future__ import annotations

import pytest
from module_answers import answers, compare, evaluate

pytestmark = [pytest.mark.native_sample(8), pytest.mark.filterwarnings("ignore:NTC layout")]

ANSWERS = answers("rnn")


@pytest.mark.parametrize("source", ANSWERS, ids=[source.splitlines()[-1] for source in ANSWERS])
def test_case(source):
    compare(evaluate("rnn", source), ANSWERS[source])
