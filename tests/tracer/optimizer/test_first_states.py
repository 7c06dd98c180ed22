"""The first states of optimizers: zeros that are made when they are read, or when the first step runs."""
from __future__ import annotations

import copy
import pickle
import threading

import numpy as onp
import pytest

from tracer import autograd, gluon, nd, np, optimizer
from tracer.jit.program import WATCHERS
from tracer.jit.runtime.buffers import used_bytes


def _state(weight=None, **given):
    """A new state of SGD with momentum."""
    return optimizer.SGD(momentum=0.9, **given).create_state(0, nd.ones((2, 3)) if weight is None else weight)


@pytest.mark.parametrize("module", [nd, np])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_they_are_zeros_like_the_weight(module, dtype):
    weight = module.ones((2, 3), dtype=dtype)
    state = _state(weight)
    assert type(state) is type(weight) and state.shape == (2, 3) and state.context == weight.context
    assert state._value.buffer is None  # nothing has made it
    found = state.asnumpy()
    assert found.dtype == dtype and not found.any()


def test_they_take_no_memory_before_they_are_read():
    weight = nd.ones((300, 500))
    weight.wait_to_read()
    before = used_bytes()
    state = _state(weight)
    assert used_bytes() == before
    state.wait_to_read()
    assert used_bytes() >= before + 4 * weight.size


@pytest.mark.parametrize("use", ["copy", "deepcopy", "pickle", "operate", "view", "write a part", "write all", "cast",
                                 "thread", "variable", "device"])
def test_they_serve_as_any_array(use):
    state = _state()
    found, wanted = state, [[0] * 3] * 2
    if use == "copy":
        found = state.copy()
    elif use == "deepcopy":
        found = copy.deepcopy(state)
    elif use == "pickle":
        found = pickle.loads(pickle.dumps(state))
    elif use == "operate":
        found, wanted = state * 2 + 1, [[1] * 3] * 2
    elif use == "view":
        found = state[1]
        state[:] = nd.ones((2, 3))
        wanted = [1] * 3
    elif use == "write a part":
        state[1, 2] = 5
        wanted = [[0] * 3, [0, 0, 5]]
    elif use == "write all":
        state[:] = onp.arange(6).reshape(2, 3)
        wanted = [[0, 1, 2], [3, 4, 5]]
    elif use == "cast":
        found = state.astype("float64")
    elif use == "thread":
        read = []
        reader = threading.Thread(target=lambda: read.append((state + 1).asnumpy()))
        reader.start()
        reader.join()
        assert read[0].tolist() == [[1] * 3] * 2
    elif use == "variable":
        state.attach_grad()
        with autograd.record():
            y = ((state + 1) ** 2).sum()
        y.backward()
        assert state.grad.asnumpy().tolist() == [[2] * 3] * 2
    else:
        found = state.as_in_context(nd.ones((1,)).context)
    assert found.asnumpy().tolist() == wanted


def test_one_does_not_show_writes_to_another():
    first = _state()
    second = first.copy()
    first[0] = 1
    assert second.asnumpy().tolist() == [[0] * 3] * 2 and first.asnumpy().tolist() == [[1] * 3, [0] * 3]


def _trained(kind, states=None, **settings):
    """The weights and the trainer after some steps from states that were loaded, if they are given."""
    weight = gluon.Parameter("weight", shape=(4,), init="ones")
    weight.initialize()
    trainer = gluon.Trainer([weight], kind, settings, kvstore=None)
    if states is not None:
        trainer._init_kvstore()
        trainer._updaters[0].set_states(states)
    for _ in range(3):
        with autograd.record():
            y = (weight.data() ** 2 * nd.array([1, 2, 3, 4])).sum()
        y.backward()
        trainer.step(1)
    return weight.data().asnumpy(), trainer


@pytest.mark.parametrize("kind, settings", [("sgd", {"momentum": 0.9}), ("adam", {}), ("rmsprop", {}), ("ftrl", {}),
                                            ("nag", {"momentum": 0.9}), ("adagrad", {}), ("signum", {})])
def test_unread_states_are_saved_and_loaded(kind, settings):
    wanted, _ = _trained(kind, **settings)
    made = optimizer.create(kind, **settings)
    updater = optimizer.get_updater(made)
    updater.states[0] = made.create_state_multi_precision(0, nd.ones((4,)))
    updater.states_synced[0] = True
    found, trainer = _trained(kind, updater.get_states(dump_optimizer=False), **settings)
    assert found.tolist() == pytest.approx(wanted.tolist(), rel=1e-6)  # of two tiers, perhaps
    kept = trainer._updaters[0].get_states(dump_optimizer=True)
    again = optimizer.get_updater(optimizer.create(kind, **settings))
    again.set_states(kept)
    for one, other in zip(_leaves(again.states[0]), _leaves(trainer._updaters[0].states[0]), strict=True):
        assert one.asnumpy().tolist() == other.asnumpy().tolist()


def _leaves(state):
    return [x for one in state for x in _leaves(one)] if isinstance(state, (tuple, list)) else [state]


def test_the_first_step_runs_the_program_of_the_later_ones():
    weight = gluon.Parameter("weight", shape=(40, 30), init="ones")
    weight.initialize()
    trainer = gluon.Trainer([weight], "sgd", {"momentum": 0.9, "learning_rate": 0.1}, kvstore=None)
    programs = []

    def note(program, *_):
        programs.append(program)

    WATCHERS.append(note)
    try:
        for _ in range(3):
            with autograd.record():
                y = (weight.data() ** 2).sum()
            y.backward()
            trainer.step(1)
            weight.data().wait_to_read()
    finally:
        WATCHERS.remove(note)
    steps = [p for p in programs if (40, 30) in [n.shape for n in p.outputs]]
    assert len(steps) >= 3 and steps[-1] is steps[-3]
