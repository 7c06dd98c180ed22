"""How `mx.nd.random` reads numbers and draws into arrays, against answers stored by tests/oracle/decimals.py."""
from __future__ import annotations

import importlib.util
import json

import numpy
import pytest
from places import TESTS

import tracer as mx
from tracer.rng.decimals import as_read

pytestmark = pytest.mark.tierless

spec = importlib.util.spec_from_file_location("oracle_decimals", TESTS / "oracle" / "decimals.py")
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)

STORED = json.loads(oracle.DATA.read_text())


def test_numbers_are_read_as_mxnet_reads_them():
    numbers = oracle.numbers()
    assert [float(as_read(n)).hex() for n in numbers] == STORED["read"]
    assert [oracle.read(mx, n) for n in numbers] == STORED["read"]
    assert sum(numpy.float32(n) != as_read(n) for n in numbers) >= 5  # the rounding shows in some


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), 1e39, numpy.float32(0.1), numpy.float64(0.25), True])
def test_other_numbers_are_rounded(number):
    with numpy.errstate(over="ignore"):
        assert as_read(number) == numpy.float32(number)


@pytest.mark.parametrize("case, expected", [*zip(oracle.cases(), STORED["draws"], strict=True)], ids=str)
def test_a_draw_has_the_dtype_of_out(case, expected):
    assert oracle.draw(mx, **case) == expected
