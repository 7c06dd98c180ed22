"""Running sums of metrics: what stays pending, what is read, and what a loop compiles."""
from __future__ import annotations

import copy
import pickle

import numpy
import pytest

import tracer as mx
from tracer import autograd, counters, nd, np
from tracer.jit import settings

pytestmark = pytest.mark.native_sample(6)

MODULES = {"1.9.1": mx.metric, "2.0": mx.gluon.metric}
PENDING = [("1.9.1", name) for name in ("Accuracy", "TopKAccuracy", "MAE", "MSE", "RMSE", "CrossEntropy", "Perplexity",
                                        "NegativeLogLikelihood", "Loss", "Torch", "Caffe")]
PENDING += [("2.0", name) for name in ("Accuracy", "TopKAccuracy", "BinaryAccuracy", "MAE", "MSE", "RMSE",
                                       "MeanPairwiseDistance", "MeanCosineSimilarity", "CrossEntropy", "Perplexity",
                                       "Loss", "Torch", "PearsonCorrelation")]
ARGUMENTS = {"TopKAccuracy": {"top_k": 2}, "Perplexity": {"ignore_label": 1}}
NUMBERS = ("MAE", "MSE", "RMSE", "BinaryAccuracy", "MeanPairwiseDistance", "MeanCosineSimilarity", "PearsonCorrelation")


def made(version, name):
    return getattr(MODULES[version], name)(**ARGUMENTS.get(name, {}))


def batch(name, xp=nd, seed=0):
    """Computed labels, and pending predictions."""
    draw = numpy.random.default_rng(seed)
    scores = draw.random((8, 3)).astype("float32")
    labels = xp.array(scores[::-1].copy()) if name in NUMBERS else xp.array(draw.integers(0, 3, 8), dtype="int32")
    predictions = xp.array(scores) * 0.5
    return [labels], [predictions]


def pending(array):
    return array._value.buffer is None


def summed(metric):
    """The metric's sum without reading it."""
    return metric._conv if "Pearson" in type(metric).__name__ else vars(metric)["sum_metric"]


@pytest.mark.parametrize(("version", "name"), PENDING)
@pytest.mark.parametrize("xp", [nd, np])
def test_an_update_reads_nothing(version, name, xp):
    metric = made(version, name)
    labels, preds = batch(name, xp)
    metric.update(labels, preds)
    assert pending(preds[0]) and pending(summed(metric))
    assert isinstance(metric.get()[1], float)
    assert not pending(preds[0])


@pytest.mark.parametrize(("version", "name"), PENDING)
def test_a_second_update_computes_the_first(version, name):
    """A loop that only predicts would otherwise never run anything before its trace is full."""
    metric = made(version, name)
    metric.update(*batch(name))
    first = summed(metric)
    metric.update(*batch(name, seed=1))
    assert not pending(first) and pending(summed(metric))


@pytest.mark.parametrize(("version", "name"), PENDING)
def test_pending_batches_count_as_read_ones(version, name):
    eager, lazy = made(version, name), made(version, name)
    for seed in range(4):
        eager.update(*batch(name, seed=seed))
        eager.get()
        lazy.update(*batch(name, seed=seed))
    assert lazy.get()[1] == pytest.approx(eager.get()[1], rel=1e-6)  # other programs, maybe of another tier
    assert float(lazy.num_inst) == float(eager.num_inst)


@pytest.mark.parametrize("version", MODULES)
def test_wrong_shapes_raise_at_the_update_without_a_read(version):
    preds = [nd.ones((4, 2)) * 2]
    cases = (("Accuracy", ValueError), ("CrossEntropy", AssertionError), ("MSE", None), ("Perplexity", AssertionError))
    for name, error in cases:
        metric = made(version, name)
        with pytest.raises(error or (ValueError, mx.MXNetError)):
            metric.update([nd.array([0, 1, 1])], preds)
        assert pending(preds[0]) and metric.num_inst == 0


def test_a_label_that_is_no_class_raises_at_the_update():
    preds = [nd.ones((2, 2)) * 2]
    with pytest.raises(IndexError, match=r"label 2 is out of bounds for predictions of 2 classes, shape \(2, 2\)"):
        mx.metric.CrossEntropy().update([nd.array([0, 2])], preds)
    assert pending(preds[0])


@pytest.mark.parametrize("version", MODULES)
def test_a_write_after_the_update_changes_nothing(version):
    metric = MODULES[version].Accuracy()
    labels, preds = nd.array([0, 1]), nd.array([[.9, .1], [.2, .8]]) * 1
    metric.update([labels], [preds])
    preds[:] = nd.array([[.1, .9], [.8, .2]])
    labels[:] = 5
    assert metric.get() == ("accuracy", 1.0)


@pytest.mark.parametrize("version", MODULES)
def test_nothing_is_recorded_for_a_backward(version):
    x = nd.array([[.9, .1], [.2, .8]])
    x.attach_grad()
    metric = MODULES[version].MSE()
    with autograd.record():
        y = x * 2
        metric.update([x], [y])
        loss = (y * y).sum()
    loss.backward()
    assert not summed(metric)._value.history
    numpy.testing.assert_allclose(x.grad.asnumpy(), 8 * x.asnumpy(), rtol=1e-6)


@pytest.mark.parametrize("version", MODULES)
def test_copies_of_a_pending_sum_go_on_by_themselves(version):
    metric = MODULES[version].Accuracy()
    labels, preds = [nd.array([0, 1])], [nd.array([[.9, .1], [.8, .2]]) * 1]
    metric.update(labels, preds)
    copied, pickled = copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))
    copied.update([nd.array([0, 0])], preds)
    assert (metric.get()[1], copied.get()[1], pickled.get()[1]) == (0.5, 0.75, 0.5)


def test_sums_can_be_set_read_and_left_out():
    metric = mx.metric.Accuracy()
    metric.update([nd.array([0, 1])], [nd.array([[.9, .1], [.8, .2]])])
    assert type(metric.sum_metric) is float and metric.num_inst == 2
    metric.sum_metric += 2
    metric.num_inst = 6
    assert (metric.get()[1], metric.get_global()[1]) == (0.5, 0.5)
    metric.reset()
    assert numpy.isnan(metric.get()[1])

    class Empty(mx.metric.Accuracy):
        def reset(self):
            pass

    with pytest.raises(AttributeError, match="'Empty' object has no attribute 'sum_metric'"):
        Empty().sum_metric  # noqa: B018


def test_top_k_takes_the_greatest():
    draw = numpy.random.default_rng(3)
    scores = draw.permuted(numpy.arange(50 * 20).reshape(50, 20), axis=1).astype("float32")
    labels = draw.integers(0, 20, 50)
    for k in (2, 5, 19, 20):
        best = numpy.argsort(scores, axis=1)[:, -k:]
        expected = (best == labels[:, None]).any(axis=1).mean()
        for version, module in MODULES.items():
            metric = module.TopKAccuracy(top_k=k)
            metric.update([nd.array(labels)], [nd.array(scores)])
            assert metric.get() == (f"top_k_accuracy_{k}", pytest.approx(expected)), version


def test_top_k_of_ties_and_nan():
    metric = mx.metric.TopKAccuracy(top_k=2)
    ties, nan = [.3, .3, .3], float("nan")
    metric.update([nd.array([0, 1, 2, 0, 2])], [nd.array([ties, ties, ties, [nan, .1, .2], [.5, nan, .1]])])
    assert metric.sum_metric == 3  # the last two of three, and NaN before numbers


def test_sums_of_several_contexts():
    metric = mx.metric.Accuracy()
    there = nd.array([0, 1]).as_in_context(mx.cpu(1))
    metric.update([nd.array([0, 1]), there], [nd.array([0, 1]), nd.array([0, 0])])
    assert metric.get() == ("accuracy", 0.75)


@pytest.mark.parametrize("version", MODULES)
def test_loops_without_a_read_compile_nothing_new(version):
    """A loop that predicts, and one that trains, with three metrics and a new batch each step."""
    weight = nd.ones((5, 3))
    weight.attach_grad()
    metric = MODULES[version].CompositeEvalMetric(["acc", "ce", MODULES[version].TopKAccuracy(top_k=2)])

    def step(seed, training):
        draw = numpy.random.default_rng(seed)
        data, labels = nd.array(draw.random((8, 5))), nd.array(draw.integers(0, 3, 8))
        if not training:
            return metric.update([labels], [nd.softmax(nd.dot(data, weight))])
        with autograd.record():
            output = nd.softmax(nd.dot(data, weight))
            loss = -nd.log(nd.pick(output, labels)).mean()
        loss.backward()
        metric.update([labels], [output])
        weight[:] = weight - 0.1 * weight.grad
        return None

    for training in (False, True):
        for seed in range(5):
            step(seed, training)
        metric.get()
        metric.reset()
        for seed in range(5):
            step(seed, training)
        before = counters().programs
        for seed in range(5, 12):
            step(seed, training)
        assert counters().programs == before
        assert metric.get()[1][0] <= metric.get()[1][2] <= 1


@pytest.mark.parametrize("name", ["Loss", "MAE", "MSE", "RMSE", "CrossEntropy", "NegativeLogLikelihood", "Perplexity"])
def test_interpreted_and_compiled_sums_are_the_same(name, monkeypatch):
    """Else local and global sums, which belong to different programs, would differ while one is not compiled yet."""
    found = {}
    for mode in ("never", "always"):
        monkeypatch.setattr(settings, "mode", mode)
        metric = made("1.9.1", name)
        found[mode] = []
        for seed in range(20):
            draw = numpy.random.default_rng(seed)
            labels = nd.array(draw.random((10, 10)) if name in NUMBERS else draw.integers(0, 10, 10))
            metric.update([labels], [nd.array(draw.random((10, 10)))])
            found[mode].append(metric.get())
            metric.reset()
    assert found["never"] == found["always"]
