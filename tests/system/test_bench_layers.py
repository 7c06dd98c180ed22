"""bench/layers: gradients derived by hand against finite differences, and Gluon's networks against NumPy's."""
from __future__ import annotations

import json
import math

import numpy
import pytest

import tracer
from bench import check, layers, workloads
from bench.layers import add, in_gluon, passes, reference, training, zoo

pytestmark = [pytest.mark.tierless, pytest.mark.xdist_group("bench")]

NETS = {
    "conv": ([layers.conv(4, 3, 2, 1, bias=True)], (2, 3, 5, 6)),
    "groups": ([layers.conv(6, 2, 1, 0, groups=2)], (2, 4, 4, 3)),
    "depthwise": ([layers.conv(3, 3, 2, 1, groups=3)], (1, 3, 5, 5)),
    "max": ([layers.pool("max", 3, 2, 1)], (2, 2, 6, 5)),
    "mean": ([layers.pool("mean", 2, 2)], (2, 2, 5, 4)),
    "batch-norm": ([layers.batch_norm()], (3, 2, 2, 3)),
    "layer-norm": ([layers.layer_norm()], (3, 4)),
    "lstm": ([layers.recurrent("lstm", 3, layers=2)], (4, 2, 3)),
    "gru": ([layers.recurrent("gru", 3), layers.mean(0)], (4, 2, 2)),
    "attention": ([layers.attention(2)], (2, 3, 4)),
    "residual": ([layers.conv(2, 3, 1, 1), add([], [layers.conv(2, 1), layers.relu()]), layers.global_pool(),
                  layers.dense(3)], (2, 2, 3, 3)),
}


def _drawn(name, gradients=True):
    net, shape = NETS[name]
    random = numpy.random.RandomState(1)
    head = random.randn(*layers.plan(net, shape).shape).astype("float32") if gradients else None
    x = random.randn(*shape).astype("float32")
    return workloads.SimpleNamespace(**layers.draw(random, net, shape), x=x, head=head, training=gradients)


@pytest.mark.parametrize("name", NETS)
def test_gradients_are_those_of_finite_differences(name):
    data = workloads.widened(_drawn(name))
    y, *grads = passes.in_numpy(data)()
    assert y.shape == layers.plan(*NETS[name]).shape and len(grads) == 1 + len(data.params)

    def value():
        return float((passes.in_numpy(data)()[0] * data.head).sum())

    for array, grad in zip([data.x, *data.params], grads):
        assert grad.shape == array.shape
        for at in range(0, array.size, max(1, array.size // 7)):
            flat, old, h = array.reshape(-1), array.flat[at], 1e-6
            flat[at] = old + h
            up = value()
            flat[at] = old - h
            down = value()
            flat[at] = old
            assert (up - down) / (2 * h) == pytest.approx(grad.flat[at], rel=1e-5, abs=1e-7)


@pytest.fixture
def as_mxnet(monkeypatch):
    """tracer under MXNet's name and with NumPy's semantics."""
    tracer.install_as_mxnet()
    was = tracer.util.is_np_shape(), tracer.util.is_np_array()
    tracer.npx.set_np()
    yield
    tracer.npx.set_np(*was)


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_gluon_computes_the_same(as_mxnet, name, gradients):
    data = _drawn(name, gradients)
    expected = passes.in_numpy(workloads.widened(data))()
    for step in (passes.in_mxnet(data, None), passes.in_mxnet_hybrid(data)):
        for _ in range(2):
            assert check.farthest([a.asnumpy() for a in step()], expected) < 1e-5


@pytest.mark.parametrize("options", [{}, {"momentum": 0.9}, {"adam": True}, {"clip": 0.01}])
def test_training_is_the_same(as_mxnet, options):
    net, random = [layers.conv(3, 3), layers.relu(), layers.dense(4)], numpy.random.RandomState(2)
    batches = [(random.randn(5, 1, 4, 4).astype("float32"), random.randint(0, 4, 5).astype("int32"))]
    data = workloads.SimpleNamespace(**training.inputs(random, net, batches, rate=0.01, **options))
    ours, expected = training.in_mxnet_hybrid(data), training.in_numpy(workloads.widened(data))
    for _ in range(3):
        got, right = ours(), expected()
        assert check.farthest([numpy.asarray(a if isinstance(a, float) else a.asnumpy()) for a in got],
                              [numpy.asarray(a) for a in right]) < 1e-4
    assert math.isfinite(right[0]) and abs(right[1] - data.params[0]).max() > 1e-5


def test_the_networks_are_those_of_the_papers():
    def size(net, shape):
        return sum(math.prod(shape) for shape, _ in layers.plan(net, shape).params)

    assert size(zoo.lenet(), (1, 1, 28, 28)) == 61_706
    assert size(zoo.resnet18(1000, True), (1, 3, 224, 224)) == 11_689_512
    assert layers.plan([layers.conv(8, 5, 1, 2)], (1, 4, 6, 6)).flops == 2 * 8 * 36 * 4 * 25


def test_given_statistics_have_no_gradient():
    data = _drawn("batch-norm")
    _, back = reference.run(data.net, data.params, data.stats, False, data.x)
    with pytest.raises(NotImplementedError, match="batch_norm"):
        back(data.head)


def test_cases_are_written_to_json():
    for name in workloads.names():
        json.dumps(workloads.load(name).CASES)


def test_parameters_and_statistics_are_set(as_mxnet):
    data = _drawn("batch-norm")
    block, params = in_gluon.build(data.net, data.params, data.stats)
    moving = [p.data().asnumpy() for name, p in block.collect_params().items() if "running" in name]
    assert all(numpy.array_equal(a, b) for a, b in zip([*(p.data().asnumpy() for p in params), *moving],
                                                      [*data.params, *data.stats]))
