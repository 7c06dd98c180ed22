"""Rules of optimizers: numbers go to operations as they are, steps compile nothing, any shape and dtype works."""
from __future__ import annotations

import math

import numpy
import pytest

import tracer
from tracer import autograd, nd, np, optimizer
from tracer.jit import settings
from tracer.jit.report.counters import COUNTERS
from tracer.optimizer.rule_optimizer import RuleOptimizer, follows_rules

pytestmark = pytest.mark.native_sample(8)

#: Each rule, by settings that choose among its branches.
RULES = [
    ("sgd", {}), ("sgd", {"momentum": 0.9}), ("nag", {}), ("nag", {"momentum": 0.9}), ("signum", {}),
    ("signum", {"momentum": 0.0}), ("sgld", {}), ("dcasgd", {}), ("dcasgd", {"momentum": 0.9}), ("adam", {}),
    ("adamw", {}), ("adabelief", {}), ("adamax", {"epsilon": 1e-8}), ("nadam", {}), ("adagrad", {}), ("adadelta", {}),
    ("rmsprop", {}), ("rmsprop", {"centered": True}), ("ftrl", {}), ("ftml", {}), ("lars", {"eta": 0.5}),
    ("lars", {"eta": 0.5, "momentum": 0.9}), ("lamb", {}), ("lans", {"lower_bound": 0.1, "upper_bound": 1.0}),
    ("groupadagrad", {}),
]
every_rule = pytest.mark.parametrize("name, own", RULES, ids=lambda x: x if isinstance(x, str) else "-".join(x))


def leaves(state):
    if isinstance(state, (tuple, list)):
        return [one for part in state for one in leaves(part)]
    return [] if state is None else [state]


class Opaque(float):
    """A number that no Python code may compute with, compare or ask for its truth."""


def refused(*args):
    raise AssertionError("Python arithmetic on a number of a rule")


for _name in ("add radd sub rsub mul rmul truediv rtruediv pow rpow neg pos abs lt le gt ge eq ne bool floordiv mod"
              .split()):
    setattr(Opaque, f"__{_name}__", refused)
Opaque.__hash__ = float.__hash__  # type: ignore[method-assign]


@every_rule
@pytest.mark.parametrize("flavour", [nd, np])
@pytest.mark.parametrize("mixed", [False, True])
def test_a_rule_hands_its_numbers_to_operations(name, own, flavour, mixed):
    made = optimizer.create(name, multi_precision=True, clip_gradient=0.5, **own)
    assert follows_rules(made)
    weight, grad = (flavour.ones((2, 3), dtype="float16" if mixed else "float32") for _ in range(2))
    state = made.create_state_multi_precision(0, weight)
    made._update_count(0)
    numbers = made._numbers(0)
    assert isinstance(numbers, tuple) and all(isinstance(n, (int, float)) for n in numbers)
    (made._rule_multi_precision if mixed else made._rule)(weight, grad, state, *map(Opaque, numbers))
    assert numpy.isfinite(weight.asnumpy()).all() and (weight.asnumpy() != 1).any()


@every_rule
def test_further_steps_compile_nothing(name, own, monkeypatch):
    monkeypatch.setattr(settings, "mode", "always")
    made = optimizer.create(name, learning_rate=0.1, clip_gradient=0.5, **own)
    weight, grad = nd.ones((2, 3)), nd.ones((2, 3))
    state = made.create_state(0, weight)
    counts = []
    for step in range(5):
        made.lr, made.rescale_grad = 0.1 / (step + 1), 1 / (step + 1.5)
        made.update(0, weight, grad, state)
        nd.waitall()
        counts.append((COUNTERS.programs, COUNTERS.kernels_compiled, COUNTERS.kernels_loaded))
    assert len(set(counts[1:])) == 1  # the first step may see fresh zeros


@every_rule
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0), (2, 1, 3)])
def test_any_shape(name, own, shape):
    made = optimizer.create(name, wd=0.1 if name != "groupadagrad" else 0.0, **own)
    if name == "groupadagrad":
        shape = (*shape, 1, 1)[:2]
    weight, grad = np.ones(shape), np.ones(shape)
    state = made.create_state(0, weight)
    with tracer.util.np_shape(True):
        made.update(0, weight, grad, state)
        made.update(0, weight, grad, state)
    assert weight.shape == shape and numpy.isfinite(weight.asnumpy()).all()
    if weight.size:
        assert (weight.asnumpy() != 1).all()


@every_rule
@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_any_dtype(name, own, dtype):
    """The weight and its state keep their dtype, and float64 agrees with float32 within its accuracy."""
    results = []
    for kind in (dtype, "float32"):
        tracer.random.seed(0)
        made = optimizer.create(name, learning_rate=0.01, **own)
        weight = nd.array([[0.5, -0.25, 1.0]], dtype=kind)
        state = made.create_state(0, weight)
        for _ in range(2):
            made.update(0, weight, nd.array([[1.0, -2.0, 0.5]], dtype=kind), state)
        assert {weight.dtype, *(s.dtype for s in leaves(state))} == {numpy.dtype(kind).type}
        results.append(weight.asnumpy().astype("float64"))
    if name != "sgld":  # each dtype draws other noise
        numpy.testing.assert_allclose(*results, rtol=2e-2 if dtype == "float16" else 2e-5, atol=1e-3)


@every_rule
def test_lists_are_as_one_by_one(name, own):
    made, other = (optimizer.create(name, learning_rate=0.1, **own) for _ in range(2))
    tracer.random.seed(0)
    weights = [nd.ones((2, 3)), nd.ones((1, 2))]
    states = [made.create_state(i, w) for i, w in enumerate(weights)]
    grads = [w * 0.5 for w in weights]
    for _ in range(2):
        made.update([0, 1], weights, grads, states)
    tracer.random.seed(0)
    singles = [nd.ones((2, 3)), nd.ones((1, 2))]
    single_states = [other.create_state(i, w) for i, w in enumerate(singles)]
    for _ in range(2):
        for i in range(2):
            other.update_multi_precision(i, singles[i], grads[i], single_states[i])
    for one, two in zip(weights + leaves(states), singles + leaves(single_states)):
        numpy.testing.assert_allclose(one.asnumpy(), two.asnumpy(), rtol=1e-6, atol=1e-6)
    assert (weights[0].asnumpy() != 1).all() and made.num_update == other.num_update == 2


@every_rule
def test_writes_are_in_place(name, own):
    """Handles of the weight and of the state see each step; the gradient stays as it was."""
    made = optimizer.create(name, learning_rate=0.1, rescale_grad=0.5, **own)
    weight, grad = nd.ones((2, 3)), nd.ones((2, 3))
    row = weight[0]
    state = made.create_state(0, weight)
    held = leaves(state)
    made.update(0, weight, grad, state)
    assert (row.asnumpy() == weight.asnumpy()[0]).all() and (row.asnumpy() != 1).all()
    assert (grad.asnumpy() == 1).all()
    assert all(a is b for a, b in zip(held, leaves(state)))
    if name not in ("dcasgd",):  # whose state may be the previous weight alone
        assert all((s.asnumpy() != 0).any() for s in held)


@pytest.mark.parametrize("name", ["adamw", "adabelief"])
@pytest.mark.parametrize("factor", [0.0, math.inf, math.nan])
def test_no_step_without_a_usable_factor(name, factor):
    made = optimizer.create(name, wd=0.1)
    weight, state = nd.ones((3,)), (nd.ones((3,)), nd.ones((3,)))
    made.rescale_grad = factor
    made.update(0, weight, nd.array([1, math.inf, math.nan]), state)
    for array in (weight, *state):
        assert array.asnumpy().tolist() == [1, 1, 1]


def test_lars_corrects_the_momentum():
    """After a change of the rate, the first call's momentum is scaled by it; MXNet's rule."""
    lars = optimizer.LARS(learning_rate=1.0, momentum=0.5, param_idx2name={0: "a_weight", 1: "a_bias"})
    lars._update_count([0, 1])
    assert lars._numbers_of([0, 1]) == [(1.0, 0.0, 1.0, 0.5, 1.0), (1.0, 0.0, 1.0, 0.5, 0.0)]
    lars.lr = 0.5
    assert [n[3] for n in lars._numbers_of([0, 1])] == [0.25, 0.25]
    assert lars._numbers(0)[3] == 0.5
    lars.momentum_correction = False
    lars.lr = 0.1
    assert lars._numbers(0)[3] == 0.5


@every_rule
def test_numbers_of_several_weights(name, own):
    """As one by one, whatever their rates, decays and counts; a schedule is asked for all at once."""
    asked = []

    class Schedule:
        base_lr = 0.25

        def __call__(self, num_update):
            asked.append(num_update)
            return 0.25

    made, other = (optimizer.create(name, param_idx2name={0: "a", 3: "d_weight"}, **own) for _ in range(2))
    for one in (made, other):
        one.lr_scheduler = Schedule()
        one.set_lr_mult({1: 0.5})
        one.wd = 0.0 if name == "groupadagrad" else 0.1
        one._update_count([0, 1, 2, 3])
        one._update_count([2, 3])
    found = made._numbers_of([0, 1, 2, 3])
    assert len(asked) <= (4 if name == "nadam" else 5) and set(asked) == {2}
    assert found == [other._numbers(index) for index in range(4)]


@pytest.mark.parametrize("wrong", [lambda: (1.0, nd.ones(2)), lambda: (nd.ones(2), numpy.ones(2, "float32"))])
def test_other_things_than_arrays(wrong):
    weight, grad = wrong()
    with pytest.raises(AssertionError, match="NDArrays"):
        optimizer.SGD().update(0, weight, grad, None)


def test_a_training_step():
    """Adam on the gradients of a recorded loss: it falls, for nd and np weights alike."""
    for flavour in (nd, np):
        weight, adam = flavour.ones((4,)), optimizer.Adam(learning_rate=0.1)
        weight.attach_grad()
        state, losses = adam.create_state(0, weight), []
        for _ in range(20):
            with autograd.record():
                loss = ((weight - 3) ** 2).sum()
            loss.backward()
            adam.update(0, weight, weight.grad, state)
            losses.append(loss.asnumpy().item())
        assert losses[-1] < losses[0] / 5


def test_no_rule_where_users_code_decides():
    class Mine(optimizer.Optimizer):
        def update(self, index, weight, grad, state):
            pass

    assert not follows_rules(Mine()) and not follows_rules(optimizer.LBSGD())
    assert not follows_rules(type("Other", (optimizer.Adam,), {"_update_impl": lambda *args: None})())
    assert not follows_rules(type("Other", (optimizer.Adam,), {"fused_step": lambda *args: None})())
    assert follows_rules(type("Other", (optimizer.Adam,), {"_numbers": lambda *args: None})())
    assert issubclass(optimizer.SGLD, RuleOptimizer)
