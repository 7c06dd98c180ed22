"""Donated memory: only where reference counts show that there is no other owner."""
from __future__ import annotations

import sys

import graphs
import numpy as onp
import pytest

from tracer import np
from tracer.core import flush
from tracer.jit import program

pytestmark = pytest.mark.tierless


@pytest.mark.parametrize("more", [-1, 0, 1, 5])
def test_counts_are_measured(monkeypatch, more):
    """Simulates a Python whose getrefcount returns more, or less, than this one's."""
    monkeypatch.setattr(flush, "getrefcount", lambda x: sys.getrefcount(x))
    here, dead = flush._calibrate()
    assert here >= 3 and dead == (here, here)
    monkeypatch.setattr(flush, "getrefcount", lambda x: sys.getrefcount(x) + more)
    assert flush._calibrate() == (here + more, (here + more, here + more))


def test_a_pending_value_is_living_while_somebody_holds_it():
    held, dead = flush._sample(), flush._sample()
    held.buffer = dead.buffer = None
    pending = [dead, held]
    del dead
    assert flush.living(pending) == [held]


def test_counts_that_tell_nothing_forbid_to_donate(monkeypatch):
    monkeypatch.setattr(flush, "getrefcount", lambda x: 3)
    unowned, dead = flush._calibrate()
    assert flush.getrefcount(None) > unowned and flush.getrefcount(None) not in dead


def test_an_update_is_in_place():
    given = []
    w = np.array(onp.zeros(4096))
    w.wait_to_read()
    program.WATCHERS.append(lambda found, leaves, scalars, donated: given.append(bool(donated)))
    try:
        with graphs.jit_mode("always"):
            for _ in range(4):
                w -= 0.5 * (w - 1)
                w.wait_to_read()
    finally:
        program.WATCHERS.pop()
    assert given[1:] == [True] * 3
    assert (w.asnumpy() == 1 - 0.5**4).all()
