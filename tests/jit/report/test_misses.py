"""The reasons why programs were new."""
from __future__ import annotations

import numpy as np
import pytest

from tracer.jit.report import misses
from tracer.ops.ir.aval import aval
from tracer.ops.ir.node import leaf
from tracer.ops.primitive.arithmetic import add, mul
from tracer.ops.primitive.linear import reduce_sum

pytestmark = pytest.mark.tierless

F32 = np.dtype("float32")


@pytest.fixture(autouse=True)
def _nothing_known():
    misses.forget()
    yield
    misses.forget()


def _inputs(count, size):
    return [leaf(aval((size,), F32), i) for i in range(count)]


def _total(values):
    total = values[0]
    for x in values[1:]:
        total = add(total, x)
    return total


def test_the_first_of_a_structure():
    x, y = _inputs(2, 3)
    assert misses.why_new([add(x, y)]) == misses.why_new([mul(x, y)]) == "new structure"


def test_inputs_that_differ_from_the_nearest_known():
    for size in (3, 5):
        misses.why_new([_total(_inputs(2, size))])
    x, y = _inputs(2, 4)
    assert misses.why_new([add(x, y)]) == "input 0 is f32[4], was f32[3]; input 1 is f32[4], was f32[3]"


def test_no_more_than_three_inputs_are_listed():
    misses.why_new([_total(_inputs(6, 3))])
    reason = misses.why_new([_total(_inputs(6, 4))])
    assert reason.startswith("input 0 is") and reason.endswith("; 3 more inputs differ") and reason.count("was") == 3


def test_the_same_ops_otherwise():
    x = leaf(aval((3, 4), F32), 0)
    misses.why_new([reduce_sum(x, (0,))])
    assert misses.why_new([reduce_sum(x, (1,))]) == "other static arguments or connections"
