"""The call cache: cached calls and their successors."""
from __future__ import annotations

import numpy as onp
import pytest

from tracer import np, npx, util
from tracer.core.call_cache import START, CachedCall, matches
from tracer.ops.ir.node import forget_all


def _names(count: int) -> list[str]:
    """The functions of the calls that are expected to follow the start of a trace."""
    found, call = [], START.successor
    for _ in range(count):
        assert call is not None
        found.append(call.function.names[0])
        call = call.successor
    return found


def test_a_sequence_is_known_by_its_order():
    x = np.ones(3)
    npx.waitall()
    for _ in range(2):
        y = np.exp(x * x) + x
        y.wait_to_read()
    assert _names(3)[1] == "np.exp"
    first = START.successor
    (x * x).wait_to_read()
    assert START.successor is first
    np.sin(x).wait_to_read()
    assert START.successor is not first and _names(1) == ["np.sin"]
    onp.testing.assert_allclose((np.exp(x * x) + x).asnumpy(), onp.e + 1, rtol=1e-6)


def test_what_repeats():
    function, other, a, b = object(), object(), object(), object()
    call = CachedCall(function, (1, "x"), [a, b], None, False)
    assert matches(call, function, (1, "x"), [a, b])
    assert not matches(None, function, (1, "x"), [a, b])
    assert not matches(call, other, (1, "x"), [a, b])
    assert not matches(call, function, (1, "x"), [b, a])
    assert not matches(call, function, (1, "x"), [a])
    assert not matches(call, function, (True, "x"), [a, b])
    assert not matches(call, function, (1.0, "x"), [a, b])
    assert not matches(call, function, (1,), [a, b])
    assert not matches(call, function, ([1], "x"), [a, b])


@pytest.mark.parametrize("statics", [[0, False], [1, True], [True, 1], [0.0, 0]])
def test_equal_static_arguments_in_turn_give_what_each_gives_alone(statics):
    x = np.array(onp.arange(6.).reshape(2, 3))

    def shapes():
        return [np.sum(x, axis=0, keepdims=k).shape for k in statics]

    forget_all()
    assert shapes() == shapes() == [(1, 3) if k else (3,) for k in statics]


def test_arrays_and_lists_as_static_arguments():
    x = np.array(onp.arange(6.))
    for _ in range(3):
        a = np.reshape(x, [2, 3])
        b = np.tile(x, onp.array([2, 1]))
        a.wait_to_read()
        assert a.shape == (2, 3) and b.shape == (2, 6)
        assert np.reshape(x, [3, 2]).shape == (3, 2)


def test_a_changed_default_dtype_changes_calls_that_repeat():
    x = np.array([1, 2, 3], dtype="int32")
    before = util.set_np_default_dtype(False)
    try:
        for wide in (False, True, False, True):
            util.set_np_default_dtype(wide)
            y = x / 2
            assert y.dtype == (onp.float64 if wide else onp.float32)
            assert (x / 2).asnumpy().dtype == y.dtype
    finally:
        util.set_np_default_dtype(before)


def test_forgetting_in_the_middle_of_a_trace():
    x = np.ones(4)
    npx.waitall()
    for i in range(4):
        y = np.tanh(x) * 2
        if i == 2:
            forget_all()
        z = y + x
        onp.testing.assert_allclose(z.asnumpy(), onp.tanh(1.) * 2 + 1, rtol=1e-6)
