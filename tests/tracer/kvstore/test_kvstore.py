"""Stores and trainers on several contexts: what tracer refuses, and what a step compiles."""
from __future__ import annotations

import numpy
import pytest

import tracer as mx
from tracer import autograd, gluon, nd
from tracer.base import MXNetError
from tracer.kvstore.base import KVStoreBase
from tracer.optimizer.state_files import unpickled


@pytest.mark.parametrize("name", ["dist", "dist_sync", "dist_async", "dist_device_sync", "horovod", "BytePS"])
def test_stores_of_several_processes_are_refused(name):
    with pytest.raises(NotImplementedError, match=f"'{name}'.*one process"):
        mx.kv.create(name)


def test_rows_of_dense_arrays_and_compression_are_refused():
    store = mx.kv.create("device")
    store.init("w", nd.ones((2,)))
    with pytest.raises(mx.MXNetError, match="row_sparse"):
        store.row_sparse_pull("w", out=nd.ones((2,)), row_ids=nd.array([0]))
    with pytest.raises(NotImplementedError, match="2bit"):
        store.set_gradient_compression({"type": "2bit"})
    assert store.local_rank == 0 and store.barrier() is None


def test_bad_arguments_are_named():
    store = mx.kv.create()
    store.init(3, nd.ones((2,)))
    for value, text in ((5, "int"), ([5], "int"), ([], "no arrays")):
        with pytest.raises((AssertionError, TypeError), match=text):
            store.push(3, value)
    with pytest.raises(MXNetError, match=r"key 3.*\(2,\).*\(3,\)"):
        store.push(3, [nd.ones((2,)), nd.ones((3,))])
    with pytest.raises(MXNetError, match=r"key 3.*\(2,\).*\(3,\)"):
        store.pull(3, out=nd.ones((3,)))
    with pytest.raises(AssertionError, match="inconsistent"):
        store.push([3, "a"], [nd.ones((2,))] * 2)
    with pytest.raises(AssertionError, match="class of stores"):
        KVStoreBase.register({})
    with pytest.raises(NotImplementedError, match="KVStoreBase defines no rank"):
        KVStoreBase().rank  # noqa: B018


def test_an_error_of_the_updater_is_raised():
    store = mx.kv.create()
    store.init(3, nd.ones((2,)))
    store.set_updater(lambda key, grad, weight: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.push(3, nd.ones((2,)))


@pytest.mark.parametrize("shape", [(0,), (1,), (2, 0, 3), (3, 1)])
@pytest.mark.parametrize("dtype", ["float16", "float64", "int32"])
def test_shapes_and_dtypes(shape, dtype):
    store = mx.kv.create()
    store.init("a", nd.full(shape, 0, dtype=dtype))
    store.push("a", [nd.full(shape, 1, dtype=dtype)] * 3)
    found = nd.full(shape, 0, dtype=dtype)
    store.pull("a", out=found)
    assert found.dtype == numpy.dtype(dtype)
    numpy.testing.assert_array_equal(found.asnumpy(), numpy.full(shape, 3, dtype))


def test_arrays_without_axes_under_np():
    with mx.np_shape(True), mx.np_array(True):
        store = mx.kv.create()
        store.init(0, mx.np.array(2.0))
        store.push(0, [mx.np.array(1.5), mx.np.array(2.5)])
        found = mx.np.array(0.0)
        store.pull(0, out=found)
        assert found.item() == 4


def test_a_registered_class_is_created_and_a_second_one_warns():
    class Mine(KVStoreBase):
        pass

    KVStoreBase.register(Mine)
    assert isinstance(mx.kv.create("mine"), Mine)
    with pytest.warns(UserWarning, match="overriding"):
        KVStoreBase.register(type("mine", (KVStoreBase,), {}))


def made(contexts, **settings):
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Dense(5, in_units=3, activation="relu"), gluon.nn.Dense(2, in_units=5))
    net.initialize(mx.init.Xavier(), ctx=contexts)
    net.hybridize()
    return net, gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1, "momentum": 0.9}, **settings)


def step(net, trainer, contexts, number):
    x = nd.array(numpy.random.RandomState(number).randn(8, 3))
    with autograd.record():
        losses = [(net(part) ** 2).sum() for part in gluon.utils.split_and_load(x, contexts)]
    for loss in losses:
        loss.backward()
    trainer.step(8)
    return sum(float(loss.asscalar()) for loss in losses)


@pytest.mark.parametrize("on_store", [True, False])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_step_compiles_nothing_after_the_second(on_store, count):
    contexts = [mx.cpu(i) for i in range(count)]
    net, trainer = made(contexts, update_on_kvstore=on_store and count > 1)
    for i in range(2):
        step(net, trainer, contexts, i)
    nd.waitall()
    before = mx.counters().programs
    for i in range(4):
        step(net, trainer, contexts, i)
    nd.waitall()
    assert mx.counters().programs == before


def test_one_context_has_no_store():
    net, trainer = made([mx.cpu()])
    step(net, trainer, [mx.cpu()], 0)
    assert trainer._kvstore is None and trainer._update_on_kvstore is None


def test_a_store_updates_as_one_context_does():
    mx.random.seed(1)
    one, alone = made([mx.cpu()])
    several, together = made([mx.cpu(0), mx.cpu(1)])
    for p, q in zip(several.collect_params().values(), one.collect_params().values()):
        p.set_data(q.data())
    for i in range(3):
        a = step(one, alone, [mx.cpu()], i)
        b = step(several, together, [mx.cpu(0), mx.cpu(1)], i)
        assert a == pytest.approx(b, rel=1e-5)


def test_states_of_a_store_are_pickled_by_key(tmp_path):
    net, trainer = made([mx.cpu(0), mx.cpu(1)])
    step(net, trainer, [mx.cpu(0), mx.cpu(1)], 0)
    trainer.save_states(str(tmp_path / "states"))
    states, optimizer = unpickled((tmp_path / "states").read_bytes())
    assert sorted(states) == [0, 1, 2, 3] and type(optimizer).__name__ == "SGD"
