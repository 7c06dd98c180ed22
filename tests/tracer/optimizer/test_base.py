"""The base of optimizers: counts, factors, registry, pickles, and users' own optimizers of both generations."""
from __future__ import annotations

import copy
import pickle
import warnings
from types import SimpleNamespace

import numpy
import pytest

from tracer import nd, np, optimizer
from tracer.optimizer.rule_optimizer import RuleOptimizer

pytestmark = pytest.mark.native_sample(4)


def ones(*shape, dtype="float32"):
    return nd.ones(shape, dtype=dtype)


def test_counts():
    adam = optimizer.Adam(begin_num_update=3)
    adam._update_count([0, 1])
    adam._update_count(1)
    assert adam._index_update_count == {0: 4, 1: 5} and adam.num_update == 5
    adam._set_current_context(1)
    assert adam._index_update_count == {}
    adam._update_count(0)
    adam._set_current_device(0)
    assert adam._index_update_count == {0: 4, 1: 5}
    assert adam._all_index_update_counts == {0: {0: 4, 1: 5}, 1: {0: 4}} and adam.num_update == 5


def test_factors_by_parameter_index_and_name():
    sgd = optimizer.SGD(learning_rate=1, wd=1, param_idx2name={0: "a_weight", 1: "a_bias", 2: "b_gamma", 3: "b_beta"},
                        param_dict={5: SimpleNamespace(lr_mult=3, wd_mult=4)})
    assert sgd.wd_mult == {"a_bias": 0.0, "b_beta": 0.0}
    assert sgd._get_wds([0, 1, 2, 3, 4, 5]) == [1, 0, 1, 0, 1, 4]
    sgd.set_lr_mult({"a_bias": 0.5, 0: 0.25})
    sgd.set_wd_mult({"a_bias": 2.0})
    assert sgd._get_lrs([0, 1, 2, 3, 4, 5]) == [0.25, 0.5, 1, 1, 1, 3]
    assert sgd._get_wds([1, 3]) == [2, 0] and sgd._get_lr(5) == 3 and sgd._get_wd(5) == 4
    lars = optimizer.LARS(param_idx2name={0: "a_weight", 1: "b_gamma"})
    assert lars.wd_mult == {"b_gamma": 0.0}


def test_factors_of_a_symbol():
    sym = SimpleNamespace(attr_dict=lambda: {"w": {"__lr_mult__": "0.5", "__wd_mult__": "2"}, "v": {}},
                          list_arguments=lambda: ["data", "w", "v"])
    sgd = optimizer.SGD(sym=sym, learning_rate=1, wd=1, param_idx2name={0: "w", 1: "v"})
    assert sgd.lr_mult == {"w": 0.5} and sgd.wd_mult == {"w": 2.0, "v": 0.0}
    assert sgd._get_lrs([0, 1]) == [0.5, 1] and sgd._get_wds([0, 1]) == [2, 0]


def test_registry():
    assert {"sgd", "ccsgd", "adabelief", "groupadagrad", "lbsgd", "lans"} <= set(optimizer.Optimizer.opt_registry)
    assert type(optimizer.create("ADAM", beta1=0.5)) is optimizer.Adam

    class Mine(optimizer.Optimizer):
        pass

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert optimizer.register(Mine) is Mine
    with pytest.warns(UserWarning, match="overriding"):
        optimizer.Optimizer.register(Mine)
    assert type(optimizer.Optimizer.create_optimizer("mine")) is Mine
    with pytest.raises(ValueError, match="Cannot find optimizer nothing.*adam"):
        optimizer.create("nothing")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_goes_on(copied):
    adam = optimizer.Adam(learning_rate=0.1, param_dict={0: SimpleNamespace(lr_mult=1.0, wd_mult=1.0)})
    weight, state = ones(3), adam.create_state(0, ones(3))
    adam.update(0, weight, ones(3), state)
    other, weight2, state2 = copied(adam), copied(weight), copied(state)
    assert other.param_dict == {}  # it belongs to the trainer
    adam.update(0, weight, ones(3), state)
    other.update(0, weight2, ones(3), state2)
    assert (weight.asnumpy() == weight2.asnumpy()).all()
    assert other._index_update_count is other._all_index_update_counts[0]


def test_float16_without_a_copy_warns():
    for name in ("sgd", "adam", "lars"):
        with pytest.warns(UserWarning, match="Accumulating with float16"):
            state = optimizer.create(name, learning_rate=0.1).create_state_multi_precision(0, ones(2, dtype="float16"))
        for one in state or ():
            assert one.dtype == numpy.float16


def test_layouts_of_states():
    """MXNet 1.9.1's: SGD, NAG and LARS put the float32 copy last, the others first."""
    half = ones(2, dtype="float16")
    for name in ("sgd", "nag", "lars", "lbsgd"):
        state = optimizer.create(name, momentum=0.9, multi_precision=True).create_state(0, half.astype("float32"))
        assert state.dtype == numpy.float32
    mom, master = optimizer.SGD(momentum=0.9, multi_precision=True).create_state_multi_precision(0, half)
    assert mom.asnumpy().tolist() == [0, 0] and master.asnumpy().tolist() == [1, 1]
    assert optimizer.SGD(multi_precision=True).create_state_multi_precision(0, half)[0] is None
    master, (mean, var) = optimizer.Adam(multi_precision=True).create_state_multi_precision(0, half)
    assert master.asnumpy().tolist() == [1, 1] and {mean.dtype, var.dtype, master.dtype} == {numpy.float32}
    assert [type(s) for s in optimizer.DCASGD().create_state(0, half)] == [type(None), nd.NDArray]


# ---- users' own ---------------------------------------------------------------------------------

class Old(optimizer.Optimizer):
    """As written for MXNet 1.x."""

    def create_state(self, index, weight):
        return nd.zeros(weight.shape, weight.context, dtype=weight.dtype)

    def update(self, index, weight, grad, state):
        assert not isinstance(index, list)
        self._update_count(index)
        lr, wd = self._get_lr(index), self._get_wd(index)
        state[:] = 0.5 * state - lr * (grad * self.rescale_grad + wd * weight)
        weight[:] += state


class New(optimizer.Optimizer):
    """As written for MXNet 2.0."""

    def create_state(self, index, weight):
        return nd.zeros(weight.shape, weight.context, dtype=weight.dtype)

    def step(self, indices, weights, grads, states):
        for index, weight, grad, state in zip(indices, weights, grads, states):
            self._update_count(index)
            lr, wd = self._get_lr(index), self._get_wd(index)
            state[:] = 0.5 * state - lr * (grad * self.rescale_grad + wd * weight)
            weight[:] += state


class Fused(New):
    def __init__(self, **kwargs):
        super().__init__(use_fused_step=True, **kwargs)

    def fused_step(self, indices, weights, grads, states):
        New.step(self, indices, weights, grads, states)

    def step(self, indices, weights, grads, states):
        raise AssertionError("not this one")


@pytest.mark.parametrize("kind", [Old, New, Fused])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_own_optimizers(kind, dtype):
    mine = kind(learning_rate=0.1, wd=0.01, rescale_grad=0.5, multi_precision=True)
    theirs = optimizer.SGD(learning_rate=0.1, wd=0.01, rescale_grad=0.5, momentum=0.5, multi_precision=True)
    updates = [optimizer.get_updater(o) for o in (mine, theirs)]
    weights = [[ones(2, 3, dtype=dtype), ones(4, dtype=dtype)] for _ in updates]
    for _ in range(3):
        for update, mine_or_theirs in zip(updates, weights):
            update([0, 1], [ones(2, 3, dtype=dtype) * 2, ones(4, dtype=dtype)], mine_or_theirs)
    for a, b in zip(*weights):
        numpy.testing.assert_allclose(a.asnumpy(), b.asnumpy(), rtol=1e-3 if dtype == "float16" else 1e-6)
    assert mine._index_update_count == {0: 3, 1: 3}


@pytest.mark.parametrize("kind", [New, Fused])
def test_an_own_step_of_lists_with_float32_copies(kind):
    mine = kind(learning_rate=0.1, multi_precision=True)
    weights = [ones(2, dtype="float16"), ones(2)]
    states = [mine.create_state_multi_precision(i, w) for i, w in enumerate(weights)]
    mine.update_multi_precision([0, 1], weights, [ones(2, dtype="float16"), ones(2)], states)
    assert weights[0].dtype == numpy.float16 and states[0][0].asnumpy() == pytest.approx([0.9, 0.9])
    for weight in weights:
        assert weight.asnumpy() == pytest.approx([0.9, 0.9], rel=1e-3)


@pytest.mark.parametrize("name", ["update", "_update_impl", "step"])
@pytest.mark.parametrize("base", [optimizer.SGD, optimizer.Signum, optimizer.Adam])
def test_a_subclass_puts_its_own_update_in_the_place(base, name):
    seen = []
    mine = type("Mine", (base,), {name: lambda self, index, *rest, **kwargs: seen.append(index)})(learning_rate=0.1)
    weight = ones(2)
    mine.update_multi_precision(0, weight, ones(2), mine.create_state(0, weight))
    assert seen == [[0] if name == "step" else 0] and weight.asnumpy().tolist() == [1, 1]


def test_a_subclass_of_sgd_with_its_own_precision():
    seen = []

    class Mine(optimizer.SGD):
        def _update_impl(self, indices, weights, grads, states, multi_precision=False):
            seen.append(multi_precision)

    mine = Mine(multi_precision=True)
    for dtype in ("float16", "float32"):
        weight = ones(2, dtype=dtype)
        mine.update_multi_precision([0], [weight], [weight], [mine.create_state_multi_precision(0, weight)])
    assert seen == [True, False]


def test_a_subclass_that_adds_to_update():
    class Clipped(optimizer.Adam):
        def update(self, index, weight, grad, state):
            super().update(index, weight, nd.clip(grad, -1, 1), state)

    results = []
    for adam, gradient in ((Clipped(), 5), (optimizer.Adam(), 1)):
        weight = ones(2)
        update = optimizer.get_updater(adam)
        update(0, ones(2) * gradient, weight)
        update(0, ones(2) * gradient, weight)
        results.append(weight.asnumpy().tolist())
    assert results[0] == results[1]


@pytest.mark.parametrize("wrong", [
    lambda: optimizer.Optimizer().update(0, ones(1), ones(1), None),
    lambda: optimizer.Optimizer(use_fused_step=True).update(0, ones(1), ones(1), None),
    lambda: RuleOptimizer().update(0, ones(1), ones(1), None),
])
def test_a_base_has_no_update(wrong):
    with pytest.raises(NotImplementedError, match="Optimizer defines"):
        wrong()


def test_names_of_both_generations():
    assert optimizer.optimizer.SGD is optimizer.SGD and optimizer.optimizer.Updater is optimizer.Updater
    assert optimizer.contrib.GroupAdaGrad(epsilon=0.5).float_stable_eps == 0.5
    assert optimizer.AdaGrad(epsilon=0.5).float_stable_eps == 0.5 and optimizer.LARS(epsilon=0.5).eps == 0.5
    rmsprop = optimizer.RMSProp(rho=0.5, momentum=0.25)
    assert (rmsprop.gamma1, rmsprop.gamma2) == (0.5, 0.25)
    assert optimizer.SGD(0.5, False).momentum == 0.5  # 1.9.1's order of parameters
    assert optimizer.SGD(aggregate_num=1, use_fused_step=False).aggregate_num == 1
    assert (optimizer.NDabs(nd.array([-1])).asnumpy() == 1).all()
    with pytest.raises(AssertionError, match="45"):
        optimizer.LAMB(aggregate_num=46)
    weight = np.ones((2,))
    assert isinstance(optimizer.Adam().create_state(0, weight)[0], np.ndarray)
