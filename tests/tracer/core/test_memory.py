"""Memory stays flat: in training, in loops without reads, and in loops whose graph always differs."""
from __future__ import annotations

import gc
import sys

import numpy as onp
import psutil
import pytest

import tracer.core.trace
import tracer.ops.ir.node
from tracer import autograd, np
from tracer.jit.program import PATIENCE
from tracer.jit.report import timing
from tracer.jit.report.counters import BOUND, LOG
from tracer.ops.ir.node import table_size

pytestmark = pytest.mark.slow_sample(4)

#: The allowed growth of resident memory in a loop after its warm-up.
ALLOWED = 6 << 20


def measure() -> tuple[int, int]:
    """Resident bytes, and the blocks that Python has allocated."""
    gc.collect()
    return psutil.Process().memory_info().rss, sys.getallocatedblocks()


def assert_flat(loop, steps: int, blocks_a_step: float = 0.5) -> None:
    """After a warm-up, `steps` steps of `loop` add no pages, and no Python objects in proportion to the steps.

    Where they add some, two more tries must do so, too: what is compiled in the background may come late.
    """
    for _ in range(PATIENCE + 1):  # the program of a loop's last step is compiled in the last of them
        loop(min(steps, 2_000))
    for _ in range(3):
        resident, blocks = measure()
        loop(steps)
        more_resident, more_blocks = (now - then for now, then in zip(measure(), (resident, blocks), strict=True))
        if more_resident < ALLOWED and more_blocks < blocks_a_step * steps:
            return
    pytest.fail(f"{more_resident / 2**20:.1f} MiB and {more_blocks} blocks in {steps} steps")


@pytest.fixture
def small_bound(monkeypatch):
    """Run loops without reads every 32 operations, so that a short test has many runs."""
    monkeypatch.setattr(tracer.core.trace.Trace, "bound", 32)


def train(steps, read=False):
    rng = onp.random.RandomState(0)
    x, y = np.array(rng.randn(8, 5)), np.array(rng.randn(8, 1))
    w, b = np.array(rng.randn(5, 1)), np.zeros((1,))
    w.attach_grad()
    b.attach_grad()
    for step in range(steps):
        with autograd.record():
            error = np.dot(x, w) + b - y
            loss = (error * error).mean()
        loss.backward()
        for p in (w, b):
            p -= 0.01 * p.grad
        if read and step % 10 == 0:
            loss.asnumpy()
    return w.asnumpy()


def train_with_reads(steps):
    return train(steps, read=True)


def record_and_forget(steps):
    """Inside record(), with results that are dropped at once."""
    w = np.array([1.0, 2.0])
    w.attach_grad()
    with autograd.record():
        for _ in range(steps):
            np.exp(w) * w


def record_and_forget_between(steps):
    """The same; the bound is met between the two operations, so that each run leaves a value for the next."""
    np.zeros((2,))
    record_and_forget(steps)


def forget(steps):
    """Outside of record()."""
    w = np.array([1.0, 2.0])
    for _ in range(steps):
        np.exp(w) * w


def update_only(steps):
    """`w -= 0.1 * w`, never read."""
    w = np.array([1.0, 2.0])
    for _ in range(steps):
        w -= 0.1 * w
    return w.asnumpy()


def update_a_variable_only(steps):
    w = np.array([1.0, 2.0])
    w.attach_grad()
    for _ in range(steps):
        w -= 0.1 * w
    return w.asnumpy()


def backward_only(steps):
    """Gradients that are never read, without an update."""
    w = np.array([1.0, 2.0])
    w.attach_grad()
    for _ in range(steps):
        with autograd.record():
            y = np.exp(w) * w
        y.backward()


def accumulate(steps):
    w = np.array([1.0, 2.0])
    w.attach_grad("add")
    for _ in range(steps):
        with autograd.record():
            y = w * w
        y.backward()
    return w.grad.asnumpy()


def carry_state(steps):
    """A state carried from step to step: each backward detaches it."""
    w, h = np.array([0.5]), np.array([1.0])
    w.attach_grad()
    for step in range(steps):
        with autograd.record():
            h = np.tanh(h * w + 1)
        h.backward()
        w -= 0.001 * w.grad
        if step % 3 == 0:
            h.asnumpy()


def cut_within_record(steps):
    """Reads under record(): segments of the tape, dropped after each backward."""
    w = np.array([0.5, 1.5])
    w.attach_grad()
    for _ in range(steps // 3):
        with autograd.record():
            y = w * 2
            while float(y.sum().asnumpy()) < 10:
                y = y * 2
            loss = (y * y).sum()
        loss.backward()


def custom_function(steps):
    class Double(autograd.Function):
        def forward(self, x):
            self.save_for_backward(x)
            return x * 2

        def backward(self, dy):
            return dy * 2

    w = np.array([0.5, 1.5])
    w.attach_grad()
    for _ in range(steps // 3):
        with autograd.record():
            y = Double()(w)
        y.backward()


def second_order(steps):
    w = np.array([0.5, 1.5])
    w.attach_grad()
    for _ in range(steps // 3):
        with autograd.record():
            slope = autograd.grad(np.exp(w), w, create_graph=True, retain_graph=True)[0]
            loss = (slope * slope).sum()
        loss.backward()
        w -= 0.0 * w.grad


def learning_rate_schedule(steps):
    """A different Python number in each step."""
    w = np.array([1.0, 2.0])
    w.attach_grad()
    for step in range(steps // 2):
        with autograd.record():
            loss = (w * w).sum()
        loss.backward()
        w -= (0.1 / (1 + step)) * w.grad


LOOPS = [train, train_with_reads, record_and_forget, record_and_forget_between, forget, update_only,
         update_a_variable_only, backward_only,
         accumulate, carry_state, cut_within_record, custom_function, second_order, learning_rate_schedule]


@pytest.mark.sweep(sample=8)
@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_memory_is_flat(loop, small_bound):
    assert_flat(loop, 2_000)


@pytest.mark.tierless
def test_memory_is_flat_over_many_training_steps():
    assert_flat(train, 20_000)


@pytest.mark.sweep(sample=0)
@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_memory_is_flat_in_the_long_run(loop):
    assert_flat(loop, 100_000)


def index_everywhere(steps):
    """A different static index in each step."""
    x = np.array(onp.arange(2 * steps)) * 1
    for i in range(steps):
        np.flip(x[i:i + 2], 0).wait_to_read()
        x[i] = 3.0


def new_shapes(steps):
    """A different shape in each step: shapes stay in memory, three blocks each; their graphs do not."""
    for i in range(steps):
        x = np.ones((2, i % 97 + 1, (i * 31) % 89 + 1))
        (x * 2 + 1).sum().wait_to_read()


@pytest.mark.parametrize("loop", [index_everywhere, new_shapes], ids=lambda loop: loop.__name__)
def test_graphs_that_are_always_new_are_forgotten(loop, monkeypatch):
    monkeypatch.setattr(tracer.ops.ir.node, "NODES_BOUND", 2000)

    def and_forget(steps):
        loop(steps)
        assert table_size() < 2100
        tracer.ops.ir.node.forget_all()

    assert_flat(and_forget, 1_000, 4.0)


def test_forgetting_changes_no_result(monkeypatch):
    """Forget at every flush, within recording and within a backward."""
    monkeypatch.setattr(tracer.ops.ir.node, "NODES_BOUND", 0)
    x = np.array([0.5, 2.0])
    x.attach_grad()
    for _ in range(3):
        with autograd.record():
            y = x * x
            y.asnumpy()
            z = np.exp(y) * x
            z.asnumpy()
            slope = autograd.grad(z + y, x, create_graph=True, retain_graph=True)[0]
            slope.asnumpy()
        slope.backward()
        v = onp.array([0.5, 2.0])
        want = onp.exp(v**2) * (6 * v + 4 * v**3) + 2
        onp.testing.assert_allclose(x.grad.asnumpy(), want, rtol=1e-5, atol=1e-6)
        assert table_size() < 50


def execute_cells(steps):
    """Different code in each step, as in a notebook, with a read and a fallback to NumPy."""
    x = np.array([1.0, 3.0, 2.0])
    for i in range(steps):
        cell = compile("(x * 2).sum().item(), np.polyfit(x, x, 1)", f"<cell {i}>", "exec")
        exec(cell, {"x": x, "np": np})


@pytest.mark.tierless
def test_memory_is_flat_over_many_cells():
    reads, fallbacks = LOG.syncs.total, sum(LOG.fallbacks.values())
    assert_flat(execute_cells, 10_000)  # many, as the tables shrink by half and grow again
    executed = (PATIENCE + 1) * 2_000 + 10_000
    assert len(LOG.syncs.kinds) <= BOUND and len(LOG.fallbacks) <= BOUND
    assert sum(LOG.fallbacks.values()) == fallbacks + executed  # folded entries still count
    assert LOG.syncs.total >= reads + executed


def test_times_of_many_cells_are_folded():
    """The times of lines with the least total are folded into an entry without a line; the sums stay."""
    x = np.array([1.0, 3.0, 2.0])
    timing.switch("cells", True)
    try:
        for i in range(2 * BOUND):
            exec(compile("(x * 2).sum().item()", f"<cell {i}>", "exec"), {"x": x})
    finally:
        timing.switch("cells", False)
        total, size = sum(entry.runs for entry in timing.ENTRIES.values()), len(timing.ENTRIES)
        timing.ENTRIES.clear()
    assert size <= BOUND + 8
    assert total >= 2 * BOUND
