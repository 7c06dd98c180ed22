"""Lazy updates: only the rows of the gradient change, by the formula of a dense step, and nothing is compiled again."""
from __future__ import annotations

import numpy
import pytest

import tracer as mx
from tracer import autograd, gluon, nd
from tracer.jit import settings
from tracer.jit.program import WATCHERS
from tracer.jit.report.counters import COUNTERS


def trained(name, sparse, batches, **settings):
    mx.random.seed(0)
    net = gluon.nn.Embedding(12, 3, sparse_grad=sparse, weight_initializer=mx.init.Uniform(1))
    net.initialize()
    net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), name, {"learning_rate": 0.1, **settings})
    for ids in batches:
        with autograd.record():
            loss = (net(nd.array(ids)) ** 2).sum()
        loss.backward()
        trainer.step(2)
    return net.weight.data().asnumpy()


@pytest.mark.parametrize("name, settings", [
    ("sgd", {}), ("sgd", {"momentum": 0.9, "wd": 0.1}), ("sgd", {"momentum": 0.9, "clip_gradient": 0.1}),
    ("adam", {"wd": 0.1}), ("adagrad", {}), ("groupadagrad", {})])
def test_rows_of_the_batch_move_as_in_a_dense_step(name, settings):
    """With all rows in each batch lazy steps are dense ones; with a few the others keep their values."""
    whole = [[*range(12), 3, 3], [*range(11, -1, -1), 0, 5], [*range(12), 7, 7]]
    numpy.testing.assert_allclose(trained(name, True, whole, **settings), trained(name, False, whole, **settings),
                                  rtol=1e-5, atol=1e-6)
    few = [[1, 4, 4], [4, 2, 1]]
    before, after = trained(name, True, [], **settings), trained(name, True, few, **settings)
    moved = (before != after).any(1)
    assert moved.nonzero()[0].tolist() == [1, 2, 4]


def test_without_lazy_update_all_rows_decay():
    few = [[1, 4, 4]]
    settings = {"wd": 0.5, "momentum": 0.5, "lazy_update": False}
    numpy.testing.assert_allclose(trained("sgd", True, few, **settings), trained("sgd", False, few, **settings),
                                  rtol=1e-6)


def test_another_batch_compiles_nothing():
    batches = [nd.array(ids) for ids in ([1, 2, 3], [4, 4, 4], [5, 6, 5], [0, 11, 3])]
    net = gluon.nn.Embedding(12, 3, sparse_grad=True)
    net.initialize()
    trainer = gluon.Trainer(net.collect_params(), "adam")
    for i in range(12):
        if i == 6:
            before = COUNTERS.programs
        with autograd.record():
            loss = net(batches[i % 4]).sum()
        loss.backward()
        trainer.step(1)
        loss.wait_to_read()
    assert COUNTERS.programs == before


@pytest.mark.parametrize("stype", ["default", "row_sparse"])
@pytest.mark.parametrize("mode", ["never", "always"])
def test_infinite_and_large_weights(stype, mode, monkeypatch):
    """The new rows are MXNet 1.9.1's: an infinite weight stays so, and no digits of the old ones are left in them."""
    monkeypatch.setattr(settings, "mode", mode)
    inf = numpy.inf
    grad = nd.sparse.row_sparse_array((numpy.float32([[1, 2], [3, 4], [5, 6]]), [0, 2, 3]), shape=(5, 2))
    weight = nd.array([[1, inf], [2, 3], [-inf, 0.001], [1000, 1], [7, 8]]).tostype(stype)
    nd.sgd_update(weight, grad, lr=0.1, wd=0.01, out=weight)
    numpy.testing.assert_allclose(weight.asnumpy(), numpy.float32(
        [[0.8989999890327454, inf], [2, 3], [-inf, -0.39900100231170654], [998.5, 0.39899998903274536], [7, 8]]),
                                  rtol=2e-7)
    if stype == "row_sparse":
        grad = nd.sparse.row_sparse_array((numpy.float32([[0, 0]]), [0]), shape=(2, 2))
        weight, z, n = [nd.array(x).tostype(stype) for x in ([[1e6, inf], [2, 3]], [[0.5] * 2] * 2, [[0.5] * 2] * 2)]
        nd.ftrl_update(weight, grad, z, n, lr=0.1, out=weight)
        numpy.testing.assert_allclose(weight.asnumpy(), [[-0.028703537, numpy.nan], [2, 3]], rtol=1e-6)


def test_rows_are_written_in_place(monkeypatch):
    """A step of rows does not copy the table: its memory becomes the result's."""
    monkeypatch.setattr(settings, "mode", "always")
    weight, mean, var = nd.ones((5, 2)), nd.zeros((5, 2)), nd.zeros((5, 2))
    grad = nd.sparse.row_sparse_array((numpy.float32([[1, 2], [3, 4]]), [3, 0]), shape=(5, 2))
    nd.waitall()
    donated = []
    WATCHERS.append(watch := lambda program, *_: donated.append(len(program.donations)))
    try:
        for _ in range(2):
            nd.adam_update(weight, grad, mean, var, lr=0.1, out=weight)
            nd.waitall()
    finally:
        WATCHERS.remove(watch)
    assert donated[-1] == 3  # the first run has no plan yet that says so


def test_dense_and_sparse_gradients_in_one_trainer():
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Embedding(9, 4, sparse_grad=True), gluon.nn.Dense(2))
    net.initialize()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1, "momentum": 0.9})
    losses = []
    for _ in range(8):
        with autograd.record():
            loss = (net(nd.array([[1, 2], [3, 1]])) ** 2 - 1).square().mean()
        loss.backward()
        trainer.step(1)
        losses.append(float(loss.asscalar()))
    assert losses[-1] < losses[0]
    assert net[0].weight.grad().stype == "row_sparse" and net[0].weight.grad().indices.asnumpy().tolist() == [1, 2, 3]


def test_states_of_sparse_weights_are_saved(tmp_path):
    layer = gluon.contrib.nn.SparseEmbedding(5, 2)
    layer.initialize()
    trainer = gluon.Trainer(layer.collect_params(), "sgd", {"learning_rate": 0.1, "momentum": 0.9})
    for _ in range(2):
        with autograd.record():
            loss = layer(nd.array([1, 3])).sum()
        loss.backward()
        trainer.step(1)
    trainer.save_states(str(tmp_path / "states"))
    kept = layer.weight.row_sparse_data(nd.arange(5)).asnumpy()
    trainer.load_states(str(tmp_path / "states"))
    assert (layer.weight.row_sparse_data(nd.arange(5)).asnumpy() == kept).all()
    assert {s.stype for s in trainer._kvstore._updater.states.values()} == {"row_sparse"}


def test_gradients_over_a_read_and_of_dense_operations():
    """A loss read under record(), and a gradient that is no sum of rows: the rows that are not 0 count."""
    w = nd.array(numpy.arange(8).reshape(4, 2))
    w.attach_grad(stype="row_sparse")
    with autograd.record():
        y = nd.Embedding(nd.array([1, 1]), w, input_dim=4, output_dim=2, sparse_grad=True)
        y.sum().asscalar()
        loss = (y * y).sum()
    loss.backward()
    assert w.grad.indices.asnumpy().tolist() == [1] and w.grad.data.asnumpy().tolist() == [[8, 12]]
    with autograd.record():
        loss = (w * nd.array([[0], [1], [0], [2]])).sum()
    loss.backward()
    assert w.grad.indices.asnumpy().tolist() == [1, 3] and w.grad.asnumpy()[3].tolist() == [2, 2]
