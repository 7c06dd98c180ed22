"""Recorded steps of optimizers: the rule's Python runs a few times, whatever its numbers; nothing else changes."""
import numpy
import pytest

from tracer import lr_scheduler, nd, np, npx, optimizer
from tracer.core.invoke import Handle
from tracer.jit.report.counters import COUNTERS

pytestmark = pytest.mark.native_sample(4)

SHAPES = ((3, 2), (4,), (3, 2))
#: Runs of a rule: with states that are pending zeros, with computed ones, and with other numbers.
RUNS = 3


class Counted:
    """An optimizer whose rule counts its calls."""

    def __init__(self, made):
        self.optimizer = made
        self.calls = 0
        rule = made._rule

        def counting(*args):
            self.calls += 1
            rule(*args)

        made._rule = counting


def arrays(seed, F=nd):
    rng = numpy.random.RandomState(seed)
    return [F.array(rng.uniform(-1, 1, s).astype("float32")) for s in SHAPES]


def plain(make, steps, change=lambda optimizer, step: None):
    """The weights after some steps, each array updated by itself."""
    made, weights = make(), arrays(0)
    states = [made.create_state_multi_precision(i, w) for i, w in enumerate(weights)]
    for step in range(steps):
        change(made, step)
        for i, (w, g) in enumerate(zip(weights, arrays(step + 1), strict=True)):
            made.update_multi_precision(i, w, g, states[i])
    return [w.asnumpy() for w in weights]


def recorded(make, steps, change=lambda optimizer, step: None):
    """The weights after the same steps of an updater, and the number of calls of the rule."""
    counted, weights, grads = Counted(make()), arrays(0), arrays(9)
    update = optimizer.get_updater(counted.optimizer)
    for step in range(steps):
        change(counted.optimizer, step)
        for g, new in zip(grads, arrays(step + 1), strict=True):
            g[:] = new
        update([0, 1, 2], grads, weights)
        nd.waitall()
    return [w.asnumpy() for w in weights], counted.calls


def rate(made, step):
    made.lr = 0.1 / (step + 1)


def batch(made, step):
    made.rescale_grad = 1 / (step + 2)


@pytest.mark.parametrize("change", [lambda made, step: None, rate, batch])
@pytest.mark.parametrize("name", ["sgd", "nag", "adam", "rmsprop", "adagrad", "ftrl", "ftml", "adamax", "nadam",
                                  "lamb"])
def test_steps_with_other_numbers_run_no_python(name, change):
    def make():
        momentum = {"momentum": 0.9} if name in ("sgd", "nag") else {}
        return optimizer.create(name, learning_rate=0.1, wd=0.01, **momentum)

    found, calls = recorded(make, 6, change)
    for w, expected in zip(found, plain(make, 6, change), strict=True):
        numpy.testing.assert_allclose(w, expected, rtol=2e-6, atol=1e-7)
    assert calls <= RUNS * len(SHAPES)


def test_a_schedule_compiles_nothing_and_runs_no_python():
    def make():
        return optimizer.SGD(lr_scheduler=lr_scheduler.FactorScheduler(1, 0.5, base_lr=0.4))

    recorded(make, 2)
    before = COUNTERS.programs
    found, calls = recorded(make, 8)
    assert calls <= RUNS * len(SHAPES) and COUNTERS.programs - before <= 2
    for w, expected in zip(found, plain(make, 8), strict=True):
        numpy.testing.assert_allclose(w, expected, rtol=2e-6, atol=1e-7)


def test_a_changed_setting_is_seen():
    def change(made, step):
        made.momentum = 0.9 if step < 3 else 0.5
        made.clip_gradient = None if step < 4 else 0.2

    def make():
        return optimizer.SGD(learning_rate=0.1, momentum=0.9)

    found, _ = recorded(make, 6, change)
    for w, expected in zip(found, plain(make, 6, change), strict=True):
        numpy.testing.assert_allclose(w, expected, rtol=2e-6, atol=1e-7)


def test_multipliers_that_change_are_seen():
    def change(made, step):
        made.set_lr_mult({0: 1.0 + step % 2, 1: 0.5})
        made.set_wd_mult({2: float(step % 3)})

    def make():
        return optimizer.Adam(learning_rate=0.1, wd=0.1)

    found, _ = recorded(make, 7, change)
    for w, expected in zip(found, plain(make, 7, change), strict=True):
        numpy.testing.assert_allclose(w, expected, rtol=2e-6, atol=1e-7)


def test_a_repeated_step_leaves_no_views_of_np_arrays():
    steps = RUNS + 2
    with npx.np_array():
        weights, grads = arrays(0, np), arrays(1, np)
        update = optimizer.get_updater(optimizer.SGD(learning_rate=0.1))
        for _ in range(steps):
            for g, new in zip(grads, arrays(1, np), strict=True):
                g[:] = new
            update([0, 1, 2], grads, weights)
            nd.waitall()
        assert [a._views for a in weights + grads] == [None] * 6
    for w, start, g in zip(weights, arrays(0), arrays(1), strict=True):
        numpy.testing.assert_allclose(w.asnumpy(), start.asnumpy() - 0.1 * steps * g.asnumpy(), rtol=1e-5, atol=1e-6)


def test_other_weights_gradients_and_states_are_seen():
    update = optimizer.get_updater(optimizer.SGD(learning_rate=1.0, momentum=0.5))
    weight, grad = nd.zeros(2), nd.ones(2)
    update([0], [grad], [weight])
    update([0], [grad], [weight])
    assert weight.asnumpy().tolist() == [-2.5, -2.5]
    update([0], [nd.ones(2) * 2], [weight])
    other = nd.zeros(2)
    update([0], [grad], [other])
    assert update.states[0].asnumpy().tolist() == [-2.375, -2.375] and other.asnumpy().tolist() == [-2.375, -2.375]
    update.states[0] = nd.zeros(2)
    update([0], [grad], [other])
    assert other.asnumpy().tolist() == [-3.375, -3.375]
    update.set_states(update.get_states())
    update([0], [grad], [other])
    assert other.asnumpy().tolist() == [-4.875, -4.875]


def test_numbers_that_a_rule_computes_with_are_never_replayed():
    class Halving(optimizer.SGD):
        """A rule that breaks its contract: it computes with a number."""

        def _rule(self, weight, grad, state, lr, wd, rescale_grad):
            weight[:] = weight - grad * (lr / 2)

    update = optimizer.get_updater(Halving(learning_rate=1.0))
    weight, grad = nd.zeros(2), nd.ones(2)
    expected = 0.0
    for step in range(6):
        update.optimizer.lr = 1.0 / (1 + step)
        expected -= update.optimizer.lr / 2
        update([0], [grad], [weight])
        assert weight.asnumpy().tolist() == pytest.approx([expected] * 2, rel=1e-6)


def test_arrays_of_np_are_updated_in_place():
    with npx.np_array(True):
        update = optimizer.get_updater(optimizer.Adam(learning_rate=0.1))
        weight, grad = np.ones(3), np.ones(3)
        for _ in range(3):
            update([0], [grad], [weight])
        assert type(weight) is np.ndarray and weight.tolist() == pytest.approx([0.7] * 3, rel=1e-4)
        assert all(isinstance(s, Handle) for s in update.states[0])
