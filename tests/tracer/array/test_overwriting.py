"""Writes outside record() to recorded arrays: the state that they leave behind.

The values are compared with real MXNet's by data/semantics_cases_both_overwriting.txt.
"""
from __future__ import annotations

import gc
import weakref

import numpy as onp
import pytest

from tracer import autograd
from tracer.core.trace import Trace
from tracer.jit.runtime.buffers import used_bytes

pytestmark = pytest.mark.slow_sample(3)


@pytest.mark.parametrize("reads", [False, True])
def test_of_many_writes_the_tape_keeps_the_last(F, reads):
    x = F.array([1.0, 2.0, 3.0])
    x.attach_grad()
    with autograd.record():
        v = x * x
        u = v[1:]
    entries = []
    for i in range(40):
        v[:] = i
        u += 1
        if reads:
            v.asnumpy()
            entries.append(weakref.ref(v._value.entry))
    gc.collect()
    assert sum([entry() is not None for entry in entries]) <= 3
    with autograd.record():
        y = v * v + x
    y.backward()
    assert v.asnumpy().tolist() == [39, 40, 40] and y.asnumpy().tolist() == [39 ** 2 + 1, 40 ** 2 + 2, 40 ** 2 + 3]
    assert x.grad.asnumpy().tolist() == [2 * 39 * 2 * 1 + 1, 2 * 40 * 2 * 2 + 1, 2 * 40 * 2 * 3 + 1]


def test_what_was_written_over_is_let_go(F):
    x = F.array([1.0, 2.0, 3.0])
    x.attach_grad()
    with autograd.record():
        v = x * x
    v.asnumpy()
    entry = weakref.ref(v._value.entry)
    v[:] = 5
    assert v.asnumpy().tolist() == [5, 5, 5] and entry() is not None
    v.backward()
    v[:] = 6
    gc.collect()
    assert entry() is None and x.grad.asnumpy().tolist() == [2, 4, 6] and v.asnumpy().tolist() == [6, 6, 6]


@pytest.mark.parametrize("bound", range(2, 8))
def test_recording_goes_on_where_reading_a_view_runs_the_trace(F, bound, monkeypatch):
    """The recording flag was once restored in the wrong trace, so that the rest of the scope was not recorded."""
    monkeypatch.setattr(Trace, "bound", bound)
    x, w = F.ones((6,)), F.ones((4,))
    views = [x[i:i + 3] for i in range(4)]
    w.attach_grad()
    x.wait_to_read()  # the next trace uses the new bound
    with autograd.record():
        for _ in range(10):
            x += 1
            assert autograd.is_recording()
        y = w * 2
    y.backward()
    assert w.grad.asnumpy().tolist() == [2] * 4
    assert [v.asnumpy().tolist() for v in views] == [[11] * 3] * 4


def test_a_whole_write_of_a_numpy_array_frees_the_old_memory_at_once(F):
    x, new = F.zeros((200, 300)), onp.arange(60000, dtype="float32").reshape(200, 300)
    x.wait_to_read()
    before = used_bytes()
    for key in (slice(None), Ellipsis, slice(0, 200)):
        x[key] = new
        assert used_bytes() == before
        new += 1
        assert (x.asnumpy() == new - 1).all()


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_a_whole_write_copies_the_numpy_array(F, dtype):
    x, given = F.zeros((2, 3), dtype=dtype), onp.arange(6, dtype=dtype).reshape(2, 3)
    view = x[1]
    x[:] = given
    given[...] = 9
    assert x.asnumpy().tolist() == [[0, 1, 2], [3, 4, 5]] and x.asnumpy().dtype == dtype
    assert view.asnumpy().tolist() == [3, 4, 5]
    x[0] = 7
    assert (given == 9).all()


@pytest.mark.parametrize("of, to", [(slice(0, -1), slice(1, None)), (slice(1, None), slice(0, -1)),
                                    (slice(None, None, -1), slice(0, None)), (slice(0, None), slice(None, None, -1))])
@pytest.mark.parametrize("shape", [(7,), (7, 5)])
def test_a_part_is_written_over_another_that_it_overlaps(F, shape, of, to):
    start = onp.arange(onp.prod(shape), dtype="float32").reshape(shape)
    x = F.array(start)
    x.wait_to_read()
    part = x[of]
    part.wait_to_read()
    x[to] = part
    wanted = start.copy()
    wanted[to] = start[of]
    assert x.asnumpy().tolist() == wanted.tolist()
