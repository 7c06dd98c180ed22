"""Updaters: states by index, groups of arrays, flavours, contexts, and states as bytes."""
from __future__ import annotations

import pickle

import numpy
import pytest

from tracer import cpu, lr_scheduler, nd, np, npx, optimizer

pytestmark = pytest.mark.native_sample(4)


class Noting(optimizer.SGD):
    """SGD that notes the indices of its calls."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.calls = []

    def update_multi_precision(self, index, weight, grad, state):
        self.calls.append(index)
        super().update_multi_precision(index, weight, grad, state)


@pytest.mark.parametrize("size, calls", [
    (0, [0, 1, 2, 3]), (1, [[0], [2], [3], [1]]), (2, [[0, 2], [3], [1]]), (float("inf"), [[0, 2, 3], [1]]),
])
def test_groups_of_one_dtype(size, calls):
    noting = Noting(learning_rate=0.5, aggregate_num=size)
    update = optimizer.get_updater(noting)
    weights = [nd.ones((2,), dtype=dtype) for dtype in ("float32", "float64", "float32", "float32")]
    update([0, 1, 2, 3], [w.copy() for w in weights], weights)
    assert noting.calls == calls
    assert all((w.asnumpy() == 0.5).all() for w in weights)
    assert update.aggregate_updates == (size > 0)


def test_the_size_of_groups_is_an_environment_variable(monkeypatch):
    monkeypatch.setenv("MXNET_OPTIMIZER_AGGREGATION_SIZE", "7")
    made = [optimizer.SGD(), optimizer.LARS(), optimizer.LAMB(), optimizer.AdamW(), optimizer.Adam()]
    assert [o.aggregate_num for o in made] == [7, 7, 7, 7, 0]
    monkeypatch.setenv("MXNET_OPTIMIZER_AGGREGATION_SIZE", "70")
    assert [optimizer.LAMB().aggregate_num, optimizer.AdamW().aggregate_num] == [45, 50]


def test_states_are_made_once_by_index():
    update = optimizer.get_updater(optimizer.Adam())
    weight = nd.ones((2,))
    update(b"weight", nd.ones((2,)), weight)
    state = update.states["weight"]
    update("weight", nd.ones((2,)), weight)
    assert update.states == {"weight": state} and update.states_synced == {"weight": True}
    assert update.optimizer._index_update_count == {"weight": 2}


def test_np_arrays_have_nd_states():
    with npx_set():
        update = optimizer.get_updater(optimizer.Adam(learning_rate=0.1))
    weight = np.ones((3,))
    update(0, np.ones((3,)), weight)
    update([0], [np.ones((3,))], [weight])
    assert [type(s) for s in update.states[0]] == [nd.NDArray, nd.NDArray]
    assert weight.asnumpy() == pytest.approx([0.8] * 3, rel=1e-4)


def test_np_arrays_are_refused_where_they_were_off():
    update = optimizer.get_updater(optimizer.Adam())
    with pytest.raises(ValueError, match="not allowed"):
        update(0, np.ones((3,)), np.ones((3,)))


class npx_set:
    def __enter__(self):
        npx.set_np()

    def __exit__(self, *args):
        npx.reset_np()


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop", "dcasgd", "adagrad", "adamax", "groupadagrad"])
def test_a_training_goes_on_from_its_states(name, whole):
    settings = {"lr_scheduler": lr_scheduler.FactorScheduler(step=2, factor=0.5)} if name != "adagrad" else {}
    one, two = (optimizer.get_updater(optimizer.create(name, **settings)) for _ in range(2))
    weight = nd.ones((2, 3))
    for _ in range(3):
        one(0, nd.ones((2, 3)), weight)
    again = weight.copy()
    two.set_states(one.get_states(dump_optimizer=whole))
    if not whole:
        two.optimizer._index_update_count[0] = two.optimizer.num_update = 3
    assert two.states_synced == {0: False}
    one(0, nd.ones((2, 3)), weight)
    two(0, nd.ones((2, 3)), again)
    assert (weight.asnumpy() == again.asnumpy()).all() and two.states_synced == {0: True}
    assert type(two.optimizer) is type(one.optimizer) and two.optimizer.num_update == 4


def test_np_states_keep_their_flavour():
    update = optimizer.get_updater(optimizer.SGD())
    update.states = {0: (np.array(2.0), [nd.full((2, 0), 1), None]), "a": 3}
    other = optimizer.get_updater(optimizer.SGD())
    other.set_states(update.get_states())
    (scalar, (empty, none)), number = other.states[0], other.states["a"]
    assert type(scalar) is np.ndarray and scalar.shape == () and float(scalar) == 2
    assert type(empty) is nd.NDArray and empty.shape == (2, 0) and none is None and number == 3


def test_states_under_set_np_are_of_the_version_that_mxnet_reads_then():
    update = optimizer.get_updater(optimizer.SGD())
    update.states = {0: nd.ones((2,))}
    legacy = update.get_states()
    with npx_set():
        modern = update.get_states()
    assert b"\xc9\xfa\x93\xf9" in legacy and b"\xca\xfa\x93\xf9" in modern
    for data in (legacy, modern):
        update.set_states(data)
        assert update.states[0].asnumpy().tolist() == [1, 1]


def test_a_users_own_class_is_pickled_by_its_own_name():
    update = optimizer.get_updater(Noting(learning_rate=0.25))
    update.set_states(update.get_states(dump_optimizer=True))
    assert type(update.optimizer) is Noting and update.optimizer.lr == 0.25


def test_states_of_a_plain_pickle():
    update = optimizer.get_updater(optimizer.SGD())
    update.set_states(pickle.dumps({0: nd.ones((2,))}))
    assert update.states[0].asnumpy().tolist() == [1, 1]


def test_states_move_with_their_weight():
    update = optimizer.get_updater(optimizer.Adam())
    states = (nd.ones((2,)), [None, nd.ones((2,))])
    moved = update.sync_state_context(states, cpu(1))
    assert moved[0].context == cpu(1) and moved[1][0] is None and moved[1][1].context == cpu(1)
    assert isinstance(moved[1], list) and isinstance(moved, tuple)
    update.states, update.states_synced = {0: (nd.zeros((2,)), nd.zeros((2,)))}, {0: False}
    weight = nd.ones((2,), ctx=cpu(1))
    update(0, nd.ones((2,), ctx=cpu(1)), weight)
    assert update.states[0][0].context == cpu(1) and weight.context == cpu(1)
    assert update.optimizer._all_index_update_counts == {0: {}, 1: {0: 1}}
    assert numpy.isfinite(weight.asnumpy()).all()
