"""Optimizer steps of many arrays in one call: one function, few numbers, in place, equal to single steps."""
from __future__ import annotations

import numpy
import pytest

from tracer import nd
from tracer.base import MXNetError
from tracer.core.trace import current
from tracer.jit import settings
from tracer.jit.report.counters import COUNTERS

SHAPES = [(3, 4), (7,), (1, 1), (200, 300), (5, 1)]


def arrays(seed, dtype="float32"):
    rng = numpy.random.default_rng(seed)
    return [nd.array(rng.normal(size=s), dtype=dtype) for s in SHAPES]


def flat(*lists):
    return [x for group in zip(*lists) for x in group]


@pytest.mark.parametrize("mode", ["always", "never"])
@pytest.mark.parametrize("lrs", [[0.1] * 5, [0.1, 0.2, 0.1, 0.3, 0.1]])
def test_equal_to_one_by_one(monkeypatch, mode, lrs):
    monkeypatch.setattr(settings, "mode", mode)
    wds = [0.01] * 5
    many, one, grads, moms = arrays(0), arrays(0), arrays(1), arrays(2)
    theirs = [m.copy() for m in moms]
    for _ in range(3):
        nd.multi_sgd_mom_update(*flat(many, grads, moms), lrs=lrs, wds=wds, momentum=0.9, num_weights=5, out=many)
        nd.multi_sgd_update(*flat(many, grads), lrs=lrs, wds=wds, num_weights=5, out=many)
        for w, g, m, lr, wd in zip(one, grads, theirs, lrs, wds):
            nd.sgd_mom_update(w, g, m, lr=lr, wd=wd, momentum=0.9, out=w)
            nd.sgd_update(w, g, lr=lr, wd=wd, out=w)
        nd.waitall()
    for a, b in zip(many + moms, one + theirs):
        numpy.testing.assert_allclose(a.asnumpy(), b.asnumpy(), rtol=1e-6, atol=1e-6)


def test_equal_numbers_are_one_and_a_schedule_makes_no_new_program():
    many, grads = arrays(0), arrays(1)
    nd.waitall()
    made = []
    for lr in (0.1, 0.05, 0.025, 0.0125):
        before = COUNTERS.programs
        nd.multi_sgd_update(*flat(many, grads), lrs=[lr] * 5, wds=[lr / 10] * 5, num_weights=5, out=many)
        assert len(current().trace.scalars) == 3  # the rate, the decay, and the gradients' factor
        many[0].wait_to_read()
        made.append(COUNTERS.programs - before)
    assert made[1:] == [0, 0, 0]


def test_the_same_array_twice():
    """The last update counts, and both read the old value, as in one call."""
    w, g = nd.array([1, 2]), nd.array([1, 1])
    nd.multi_sgd_update(w, g, w, g, lrs=[0.1, 0.2], wds=[0, 0], num_weights=2, out=[w, w])
    numpy.testing.assert_allclose(w.asnumpy(), [0.8, 1.8], rtol=1e-6)


def test_half_precision_keeps_the_copies_exact():
    w, g, w32 = arrays(0, "float16"), arrays(1, "float16"), arrays(0)
    expected = [a.asnumpy() for a in w32]
    for _ in range(4):
        nd.multi_mp_sgd_update(*flat(w, g, w32), lrs=[1e-4] * 5, wds=[0] * 5, num_weights=5, out=w)
        expected = [a - numpy.float32(1e-4) * b.asnumpy().astype("float32") for a, b in zip(expected, g)]
    for a, b, right in zip(w, w32, expected):
        assert a.dtype == numpy.float16
        numpy.testing.assert_allclose(b.asnumpy(), right, rtol=1e-6, atol=1e-7)
        numpy.testing.assert_allclose(a.asnumpy(), right.astype("float16"), rtol=2e-3, atol=1e-6)


def test_empty_arrays():
    assert nd.multi_sum_sq(nd.full((0, 3), 0), nd.ones(2), num_arrays=2).asnumpy().tolist() == [0, 2]
    assert nd.all_finite(nd.full((0, 3), 0)).asnumpy().tolist() == [1]


@pytest.mark.parametrize("call", [
    lambda a: nd.multi_sgd_update(*a, lrs=[0.1], wds=[0.1], num_weights=1, out=[a[0], a[1]]),
    lambda a: nd.multi_sgd_update(*a, lrs=[0.1], num_weights=1, out=a[0]),
    lambda a: nd.preloaded_multi_sgd_update(a[0], num_weights=1, out=a[0]),
    lambda a: nd.multi_all_finite(*a, num_arrays=3),
    lambda a: nd.reset_arrays(*a, num_arrays=3),
])
def test_what_does_not_fit(call):
    with pytest.raises(MXNetError):
        call([nd.ones(2), nd.ones(2)])


@pytest.mark.parametrize(("wrong", "error"), [("text", TypeError), (nd.ones((3,)), MXNetError)])
def test_an_update_into_what_does_not_fit_writes_nothing(wrong, error):
    weight, grad, mom = nd.ones((2,)), nd.ones((2,)), nd.zeros((2,))
    with pytest.raises(error):
        nd.sgd_mom_update(weight, grad, mom, lr=0.1, momentum=0.9, out=wrong)
    assert mom.asnumpy().tolist() == [0, 0]
    assert weight.asnumpy().tolist() == [1, 1]
