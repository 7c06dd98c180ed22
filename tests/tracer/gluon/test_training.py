"""Training through Gluon: a step is one program, nothing is compiled after the first ones, no layer's Python runs."""
import gc
import threading
import weakref

import numpy
import pytest

from tracer import autograd, gluon, nd, np, npx, random
from tracer.core import cached_graph, invoke
from tracer.core.call_cache import CALL_CACHE
from tracer.gluon import nn
from tracer.jit.report.counters import COUNTERS, LOG

pytestmark = pytest.mark.slow_sample(2)

STEPS = 6


class Loss(gluon.HybridBlock):
    def hybrid_forward(self, F, scores, labels):
        return -F.pick(F.log_softmax(scores), labels).mean()


def network(layers=3):
    net = nn.HybridSequential()
    with net.name_scope():
        for _ in range(layers):
            net.add(nn.Dense(8, activation="relu"), nn.Dropout(0.2))
        net.add(nn.Dense(3))
    return net


class Training:
    """A net with a trainer; a call is a step, which returns the loss."""

    def __init__(self, hybrid, optimizer, settings, np_mode=False):
        random.seed(4)
        F = np if np_mode else nd
        rng = numpy.random.RandomState(1)
        self.x, self.y = F.array(rng.uniform(-1, 1, (16, 5)).astype("float32")), F.array(rng.randint(0, 3, 16))
        self.net, self.loss = network(), Loss()
        with npx.np_array(np_mode):
            self.net.initialize()
            if hybrid:
                self.net.hybridize()
                self.loss.hybridize()
            self.net(self.x)
            self.trainer = gluon.Trainer(self.net.collect_params(), optimizer, settings)

    def __call__(self):
        with autograd.record():
            loss = self.loss(self.net(self.x), self.y)
        loss.backward()
        self.trainer.step(1)
        return float(loss.asnumpy().item())


class PlainLoss(Loss):
    def hybrid_forward(self, F, scores, labels):
        return -F.npx.pick(F.npx.log_softmax(scores), labels).mean()


@pytest.mark.parametrize("optimizer,settings", [
    ("sgd", {"learning_rate": 0.1}), ("sgd", {"learning_rate": 0.1, "momentum": 0.9, "wd": 0.01}),
    ("adam", {"learning_rate": 0.01})])
def test_a_step_is_one_program_without_layers_python(optimizer, settings, monkeypatch):
    nd.waitall()
    train = Training(True, optimizer, settings)
    losses = [train() for _ in range(STEPS)]
    calls = []
    recorded = invoke.learn
    monkeypatch.setattr(invoke, "learn", lambda *args: calls.append(args[0]) or recorded(*args))
    for block in [*train.net, train.loss]:
        monkeypatch.setattr(type(block), "hybrid_forward", lambda *args, **kwargs: calls.append("hybrid_forward"))
    programs, compiled = COUNTERS.programs, COUNTERS.kernels_compiled
    runs = COUNTERS.native + COUNTERS.interpreted
    losses += [train() for _ in range(STEPS)]
    assert calls == [] and COUNTERS.programs == programs and COUNTERS.kernels_compiled == compiled
    # a step's program runs when its loss is read; its update runs with the next step's, or at `record()`
    assert COUNTERS.native + COUNTERS.interpreted - runs <= 2 * STEPS
    monkeypatch.undo()
    eager = Training(False, optimizer, settings)
    assert losses == pytest.approx([eager() for _ in range(2 * STEPS)], rel=2e-5)


def test_cached_passes_are_called_without_keywords(monkeypatch):
    """A call with keywords is one of the Python function, where there is a compiled one."""
    call, calls = cached_graph.call, []
    monkeypatch.setattr(cached_graph, "call", lambda *args: calls.append(args) or call(*args))
    Training(True, "sgd", {"learning_rate": 0.1})()
    assert len(calls) >= 3


@pytest.mark.parametrize("optimizer", ["adam", "nag", "rmsprop"])
def test_a_repeated_update_is_the_program_of_the_first_one(optimizer):
    nd.waitall()
    step = Training(True, optimizer, {"learning_rate": 0.01, **({"momentum": 0.9} if optimizer == "nag" else {})})
    programs = []
    for rate in (0.01, 0.01, 0.01, 0.02, 0.02, 0.02, 0.03):  # Python runs for new rates until these are known to vary
        step.trainer.set_learning_rate(rate)
        step()
        programs.append(COUNTERS.programs)
    assert programs[1:] == [programs[1]] * 6  # the first step initializes


def test_arrays_of_np_train_alike():
    train, other = Training(True, "sgd", {"learning_rate": 0.1}), Training(True, "sgd", {"learning_rate": 0.1}, True)
    other.loss = PlainLoss()
    weights = [p.data().asnumpy() for p in train.net.collect_params().values()]
    for p, w in zip(other.net.collect_params().values(), weights, strict=True):
        assert type(p.data()) is np.ndarray
        p.set_data(np.array(w))
    for step in range(4):
        random.seed(step)
        expected = train()
        random.seed(step)
        assert other() == pytest.approx(expected, rel=1e-5)


def test_a_net_within_a_block_that_is_not_hybridized():
    class Outer(gluon.Block):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.inner = network()
                self.scale = self.params.get("scale", shape=(1,), init="ones")

        def forward(self, x):
            return self.inner(x) * self.scale.data()

    outer = Outer()
    outer.initialize()
    outer.hybridize()
    x = nd.ones((4, 5))
    outer(x)
    trainer = gluon.Trainer(outer.collect_params(), "sgd", {"learning_rate": 0.1})
    before = LOG.uncached.total()
    for _ in range(4):
        with autograd.record():
            loss = (outer(x) ** 2).mean()
        loss.backward()
        trainer.step(1)
        nd.waitall()
    assert LOG.uncached.total() == before
    assert outer.inner._active and not hasattr(outer, "_active")


def test_one_block_used_twice_and_shared_parameters():
    class Twice(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            with self.name_scope():
                self.dense = nn.Dense(4, in_units=4, flatten=False)
                self.tied = nn.Dense(4, in_units=4, params=self.dense.params)

        def hybrid_forward(self, F, x):
            return self.tied(self.dense(self.dense(x)))

    def gradients(hybrid):
        random.seed(0)
        net = Twice()
        net.initialize()
        net.hybridize(hybrid)
        for _ in range(3):
            with autograd.record():
                loss = (net(nd.array([[1, 2, 3, 4]])) ** 2).sum()
            loss.backward()
        assert len(net.collect_params()) == 2
        return [p.grad().asnumpy() for p in net.collect_params().values()]

    for one, other in zip(gradients(True), gradients(False), strict=True):
        numpy.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_threads_call_one_block():
    net = network()
    net.initialize()
    net.hybridize()
    x = nd.ones((4, 5))
    expected = net(x).asnumpy()
    net(x).wait_to_read()
    found, errors = [], []

    def work():
        try:
            for _ in range(5):
                with autograd.record(train_mode=False):
                    y = net(x)
                y.backward()
                found.append(y.asnumpy())
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert errors == [] and len(found) == 20
    for y in found:
        numpy.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.sweep(sample=2)
@pytest.mark.parametrize("hybridized", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_network_that_is_gone_leaves_nothing(hybridized, optimizer):
    def trained():
        net = gluon.nn.HybridSequential()
        net.add(gluon.nn.Embedding(5, 4), gluon.nn.Dense(3), gluon.nn.BatchNorm(), gluon.nn.Dropout(0.5))
        net.initialize()
        if hybridized:
            net.hybridize()
        trainer = gluon.Trainer(net.collect_params(), optimizer)
        x = nd.array([0, 1, 4])
        for _ in range(4):
            with autograd.record():
                loss = (net(x) ** 2).sum()
            loss.backward()
            trainer.step(3)
        loss.wait_to_read()
        nd.waitall()
        return [weakref.ref(one) for one in (net, trainer, *[p.data() for p in net.collect_params().values()])]

    sizes = []
    for _ in range(4):
        left = trained()
        gc.collect()
        assert [one() for one in left] == [None] * len(left)
        sizes.append(len(CALL_CACHE))
    assert sizes[2] == sizes[3]
