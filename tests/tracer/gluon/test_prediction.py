"""Prediction with weights that stay, and that change in each of the ways there are: never by stale packed weights."""
from __future__ import annotations

import gc
import weakref

import graphs
import numpy as onp
import pytest

from tracer import autograd, gluon, init, nd
from tracer.gluon import nn
from tracer.jit import settings
from tracer.jit.runtime import packed

RNG = onp.random.RandomState(7)


def network():
    """Convolutions whose weights are transformed, packed, and read as they are."""
    net = nn.HybridSequential()
    net.add(nn.Conv2D(32, 3, padding=1, in_channels=3), nn.Activation("relu"),
            nn.Conv2D(40, 3, padding=1, use_bias=False, in_channels=32), nn.BatchNorm(in_channels=40),
            nn.Activation("relu"), nn.Conv2D(48, 3, strides=4, padding=1, in_channels=40), nn.Flatten(),
            nn.Dense(3, in_units=48 * 25))
    net.initialize(init.Xavier())
    net.hybridize()
    return net


def images():
    return nd.array(RNG.rand(1, 3, 20, 20))


def check(net, x, times=4):
    """Assert that predictions are those of NumPy, each time to the bit once they are native; returns the last one."""
    with graphs.jit_mode("never"):
        want = net(x).asnumpy()
    found = [net(x).asnumpy() for _ in range(times)]
    for got in found:
        onp.testing.assert_allclose(got, want, rtol=0, atol=2e-5 * onp.abs(want).max())
    for got in found if settings.mode == "always" else found[2:]:
        onp.testing.assert_array_equal(got, found[-1])
    return found[-1]


def weights(net):
    return [layer.weight for layer in net if isinstance(layer, nn.Conv2D)]


def write_in_place(net, x):
    for w in weights(net):
        w.data()[:] = 0.5 * w.data()


def write_a_part(net, x):
    for w in weights(net):
        w.data()[1:3] = RNG.rand()
        w.data()[0, 1, 2, 1] = 2 * RNG.rand()


def write_through_a_view(net, x):
    for w in weights(net):
        part = w.data()[2:9]
        part.asnumpy()
        part[:] = -RNG.rand()


def add_in_place(net, x):
    for w in weights(net):
        data = w.data()
        data += 0.125


def set_data(net, x):
    for w in weights(net):
        w.set_data(nd.array(RNG.randn(*w.shape) / 8))


def step(net, x):
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.01, "momentum": 0.9})
    for _ in range(2):
        with autograd.record():
            loss = (net(x) ** 2).mean()
        loss.backward()
        trainer.step(1)


def initialize_again(net, x):
    net.initialize(init.Normal(0.125), force_reinit=True)


CHANGES = [write_in_place, write_a_part, write_through_a_view, add_in_place, set_data, step, initialize_again]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_changed_weights_are_packed_again(change):
    net, x = network(), images()
    before = check(net, x)
    for _ in range(2):
        change(net, x)
        after = check(net, x)
        assert onp.abs(after - before).max() > 1e-4 * onp.abs(before).max()
        before = after


def test_loaded_and_cast_weights_are_packed_again(tmp_path):
    net, other, x = network(), network(), images()
    first, second = check(net, x), check(other, x)
    other.save_parameters(str(tmp_path / "parameters"))
    net.load_parameters(str(tmp_path / "parameters"))
    onp.testing.assert_array_equal(check(net, x), second)
    assert onp.abs(first - second).max() > 1e-3
    net.cast("float64")
    onp.testing.assert_allclose(check(net, x.astype("float64")), second, atol=1e-5)
    net.cast("float32")
    onp.testing.assert_array_equal(check(net, x), second)


def test_two_networks_of_one_structure():
    nets, x = [network() for _ in range(2)], images()
    alone = [check(net, x) for net in nets]
    for _ in range(3):
        for net, want in zip(nets, alone, strict=True):
            onp.testing.assert_array_equal(net(x).asnumpy(), want)


@pytest.mark.tierless
def test_packed_weights_go_with_the_network(monkeypatch):
    monkeypatch.setattr(settings, "mode", "always")
    x = images()
    gc.collect()
    before = packed.held_bytes()
    net = network()
    check(net, x)
    reference, kept = weakref.ref(weights(net)[1]), packed.held_bytes() - before
    assert kept >= 4 * (36 * 40 * 32 + 48 * 40 * 9)
    for _ in range(3):
        check(net, images())
    assert packed.held_bytes() - before == kept
    del net
    gc.collect()
    assert reference() is None and packed.held_bytes() == before


@pytest.mark.tierless
def test_training_keeps_no_packed_weights(monkeypatch):
    monkeypatch.setattr(settings, "mode", "always")
    net, x = network(), images()
    before = packed.held_bytes()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.01})
    for _ in range(4):
        with autograd.record():
            loss = (net(x) ** 2).mean()
        loss.backward()
        trainer.step(1)
        loss.asnumpy()
    assert packed.held_bytes() == before


@pytest.mark.parametrize("write", ["element", "view", "all"])
def test_weights_that_are_no_parameters_are_packed_again(write):
    x, w = nd.array(RNG.rand(1, 32, 20, 20)), nd.array(RNG.rand(40, 32, 3, 3))

    def result():
        with graphs.jit_mode("never"):
            want = nd.Convolution(x, w, kernel=(3, 3), pad=(1, 1), num_filter=40, no_bias=True).asnumpy()
        for _ in range(4):
            got = nd.Convolution(x, w, kernel=(3, 3), pad=(1, 1), num_filter=40, no_bias=True).asnumpy()
            onp.testing.assert_allclose(got, want, rtol=0, atol=2e-5 * onp.abs(want).max())
        return got

    before = result()
    for number in (50.0, -70.0):
        if write == "element":
            w[3, 2, 1, 0] = number
        elif write == "view":
            w[3][:] = number
        else:
            w[:] = number
        after = result()
        assert onp.abs(after - before).max() > 1
        before = after
