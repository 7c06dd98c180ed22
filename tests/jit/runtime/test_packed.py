"""Packed operands: kept from the second run on with the same buffer, dropped when it is written over or goes."""
from __future__ import annotations

import graphs
import numpy as np
import pytest

from tracer.jit.plan.plan import Plan
from tracer.jit.process import interrupts
from tracer.jit.report import timing
from tracer.jit.runtime import packed
from tracer.jit.runtime.buffers import OutsideBuffer, from_array
from tracer.jit.verify.plan import verify
from tracer.jit.verify.units import PlanError
from tracer.ops.npx.convolution import convolve, spread
from tracer.ops.primitive.arithmetic import add

RNG = np.random.RandomState(5)
IMAGES, WEIGHTS = (1, 64, 20, 20), (128, 64, 3, 3)
#: Winograd's method, whose weights are transformed, and vectors of filters, whose weights are packed by panels: 25
#: positions fill neither vectors of 16 nor of 8.
WAYS = {"transformed": (1, 1), "packed": (4, 4)}


class _Case:
    """A convolution with its plan; `run(w)` gives its result on weights in the buffer `w`."""

    def __init__(self, way, plus=False):
        self.arrays = [RNG.randn(*shape).astype("float32") for shape in (IMAGES, WEIGHTS)]
        x, w = graphs.leaves(self.arrays)
        self.node = convolve(x, w, attrs=(WAYS[way], (1, 1), (1, 1), 1))
        self.plan = Plan((self.node, add(w, w)) if plus else (self.node,))
        self.image = from_array(self.arrays[0])

    @property
    def nbytes(self):
        one, = self.plan.layout.packings
        return one.nbytes

    def weights(self, factor=1):
        return from_array(factor * self.arrays[1])

    def run(self, w, donated=None):
        return self.read(self.plan.run([self.image, w], [], donated))

    def read(self, buffers):
        """The elements of a run's first result."""
        return buffers[0].view(self.node.aval).copy()

    def check(self, got, factor=1):
        want, = graphs.run([self.node], [self.arrays[0], factor * self.arrays[1]])
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-4 * np.abs(want).max())


@pytest.fixture(params=WAYS)
def case(request):
    return _Case(request.param)


def test_a_form_is_kept_from_the_second_run_on(case):
    w, before, found = case.weights(), packed.held_bytes(), []
    for held in (0, case.nbytes, case.nbytes, case.nbytes):
        found.append(case.run(w))
        assert packed.held_bytes() == before + held
    case.check(found[0])
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])
    form, = w.forms.values()
    form.memory.block[0][:] = 0
    assert not case.run(w).any()  # nothing has been packed again
    packed.forget([w])
    np.testing.assert_array_equal(case.run(w), found[0])
    del form
    assert packed.held_bytes() == before


def test_forms_go_with_their_buffer(case):
    before = packed.held_bytes()
    for _ in range(3):
        w = case.weights()
        case.run(w)
        case.run(w)
        assert packed.held_bytes() == before + case.nbytes
        del w
        assert packed.held_bytes() == before


def test_buffers_have_their_own_forms(case):
    both = {factor: case.weights(factor) for factor in (1, -2)}
    for _ in range(3):
        for factor, w in both.items():
            case.check(case.run(w), factor)
    assert all(form.whole for w in both.values() for form in w.forms.values())


def test_plans_share_forms(case):
    w = case.weights()
    for _ in range(3):
        first = case.run(w)
    before, other = packed.held_bytes(), Plan((add(case.node, case.node),))
    got = case.read(other.run([case.image, w], [], None))
    np.testing.assert_array_equal(got, first + first)
    assert packed.held_bytes() == before


def test_memory_that_others_may_write_to_has_no_forms(case):
    before, whole = packed.held_bytes(), case.weights()
    shared = np.frombuffer(bytearray(case.arrays[1].nbytes + 64), np.uint8)
    start = -shared.ctypes.data % 64
    outside = OutsideBuffer(shared[start:start + case.arrays[1].nbytes])
    part = whole.part(0, case.arrays[1].nbytes)
    for factor in (1, 3, -1, 5):
        values = factor * case.arrays[1]
        for buffer in (part, outside):
            buffer.block[0][:] = values.view(np.uint8).reshape(-1)
            case.check(case.run(buffer), factor)
    assert packed.held_bytes() == before


def test_forms_have_a_bound(case, monkeypatch):
    monkeypatch.setattr(packed, "KEEP_BYTES", packed.held_bytes() + case.nbytes)
    one, two, before = case.weights(1), case.weights(2), packed.held_bytes()
    for _ in range(3):
        case.check(case.run(one), 1)
        case.check(case.run(two), 2)
    assert packed.held_bytes() == before + case.nbytes
    del one
    case.run(two)
    assert packed.held_bytes() == before + case.nbytes
    assert all(two.forms.values())


def test_a_buffer_that_is_written_over_has_no_forms():
    case = _Case("transformed", plus=True)
    assert case.plan.donations == ((1, (1,)),) and case.plan.layout.packings
    w, before = case.weights(), packed.held_bytes()
    for factor in (1, 2, 4, 8):
        case.check(case.run(w, {1: w}), factor)  # w becomes w + w
        assert not hasattr(w, "forms") and packed.held_bytes() == before
    for _ in range(3):
        case.run(w)
    case.check(case.run(w, {1: w}), 16)  # by the form that was kept
    case.check(case.run(w, {1: w}), 32)
    assert packed.held_bytes() == before


def test_a_run_that_ends_early_leaves_no_whole_form(case):
    w = case.weights()
    case.run(w)
    interrupts.noted = True
    wanted, interrupts.wanted = interrupts.wanted, lambda: True
    try:
        with pytest.raises(interrupts.Paused) as stopped:
            case.run(w)
    finally:
        interrupts.noted, interrupts.wanted = False, wanted
    form, = w.forms.values()
    assert not form.whole
    form.memory.block[0][:] = 0x7F
    case.check(case.read(stopped.value.go_on()))
    assert form.whole
    case.check(case.run(w))


def test_timed_runs_use_forms_too(case):
    w = case.weights()
    first = case.run(w)
    timing.switch("test", True)
    try:
        for _ in range(3):
            np.testing.assert_array_equal(case.run(w), first)
    finally:
        timing.switch("test", False)
    form, = w.forms.values()
    assert form.whole


def test_weights_that_a_step_computes_are_packed_in_each_run():
    x, w = graphs.leaves([np.zeros(IMAGES, "float32"), np.zeros(WEIGHTS, "float32")])
    assert Plan((convolve(x, add(w, w), attrs=((1, 1), (1, 1), (1, 1), 1)),)).layout.packings == ()


def test_a_small_image_packs_weights_that_nothing_else_reads():
    x, w, g = graphs.leaves([np.zeros(shape, "float32") for shape in (IMAGES, WEIGHTS, (1, 128, 5, 5))])
    geometry = (4, 4), (1, 1), (1, 1), 1
    alone, other = convolve(x, w, attrs=geometry), convolve(add(x, x), w, attrs=geometry)
    assert len(Plan((alone, other)).layout.packings) == 2
    assert Plan((alone, spread(g, w, attrs=(IMAGES[2:], *geometry)))).layout.packings == ()


def test_the_verifier_finds_a_form_of_another_leaf_or_place(case):
    one, = case.plan.layout.packings
    places = dict(zip(case.plan.places.tolist(), case.plan.starts.tolist()))
    verify(case.plan.layout, places, case.plan.arena_bytes, case.plan.planning)
    for wrong in (one._replace(leaf=0), one._replace(slot=one.slot + 1), one._replace(done=one.slot),
                  one._replace(nbytes=one.nbytes - 64)):
        with pytest.raises(PlanError):
            verify(case.plan.layout._replace(packings=(wrong,)), places, case.plan.arena_bytes, case.plan.planning)
