"""The layers of gluon.nn: their names and signatures, training hybridized and not, nd and np arrays, derivatives.

Their values under real MXNet are in tests/data/semantics_cases_nd_layers.txt.
"""
from __future__ import annotations

import copy
import importlib
import inspect
import json
import os
import pickle

import numpy
import pytest
from places import TESTS

from tracer import autograd, gluon, init, nd, np, npx
from tracer.gluon import contrib, nn
from tracer.jit.report.counters import COUNTERS

STORED = json.loads((TESTS / "data" / "layers.json").read_text())

def side_by_side(net):
    """`net` with a dense layer beside an identity."""
    net.add(nn.Dense(2), nn.Identity())
    return net


def network_of_images():
    """A small network of images."""
    net = nn.HybridSequential()
    net.add(nn.Conv2D(3, 3, padding=1, use_bias=False), nn.BatchNorm(), nn.PReLU(), nn.MaxPool2D(), nn.GroupNorm(3),
            nn.Flatten(), nn.Dense(3), nn.LayerNorm())
    return net


#: Layers, each as a function that makes one, with the shape of its data.
LAYERS = {
    "conv1d": (lambda: nn.Conv1D(4, 2, strides=2, padding=1, dilation=2, groups=2, activation="tanh"), (2, 4, 6)),
    "conv2d": (lambda: nn.Conv2D(2, (2, 3), strides=(2, 1), padding=(1, 2), dilation=(1, 2)), (1, 2, 4, 5)),
    "conv3d": (lambda: nn.Conv3D(2, (1, 2, 3), strides=(1, 2, 1), padding=(0, 1, 1), use_bias=False), (1, 2, 2, 3, 3)),
    "conv1d_transpose": (lambda: nn.Conv1DTranspose(2, 3, strides=2, padding=1, output_padding=1), (2, 3, 4)),
    "conv2d_transpose": (lambda: nn.Conv2DTranspose(4, 2, strides=2, groups=2, in_channels=2), (1, 2, 3, 2)),
    "conv3d_transpose": (lambda: nn.Conv3DTranspose(1, (1, 2, 3), strides=(1, 2, 2)), (1, 2, 2, 2, 2)),
    "max_pool": (lambda: nn.MaxPool2D(2, ceil_mode=True), (1, 2, 3, 4)),
    "max_pool_last": (lambda: nn.MaxPool1D(2, layout="NWC"), (1, 4, 3)),
    "avg_pool": (lambda: nn.AvgPool2D(3, 2, 1, ceil_mode=True, count_include_pad=False), (1, 2, 4, 4)),
    "avg_pool_last": (lambda: nn.AvgPool3D(2, layout="NDHWC"), (1, 2, 3, 2, 2)),
    "global_max": (lambda: nn.GlobalMaxPool2D(), (2, 3, 2, 3)),
    "global_avg": (lambda: nn.GlobalAvgPool1D(), (2, 3, 4)),
    "batch_norm": (lambda: nn.BatchNorm(axis=-1, momentum=0.5), (4, 2, 3)),
    "batch_norm_relu": (lambda: nn.BatchNormReLU(), (3, 2, 2, 2)),
    "sync_batch_norm": (lambda: nn.SyncBatchNorm(num_devices=1), (3, 2, 2)),
    "layer_norm": (lambda: nn.LayerNorm(axis=1), (2, 3, 4)),
    "group_norm": (lambda: nn.GroupNorm(2), (2, 4, 3)),
    "instance_norm": (lambda: nn.InstanceNorm(axis=2, scale=True), (2, 3, 4)),
    "leaky_relu": (lambda: nn.LeakyReLU(0.1), (3, 4)),
    "prelu": (lambda: nn.PReLU(in_channels=3), (2, 3, 4)),
    "elu": (lambda: nn.ELU(0.5), (3, 4)),
    "selu": (lambda: nn.SELU(), (3, 4)),
    "gelu": (lambda: nn.GELU(), (3, 4)),
    "gelu_tanh": (lambda: nn.GELU(approximation="tanh"), (3, 4)),
    "swish": (lambda: nn.Swish(2.0), (3, 4)),
    "silu": (lambda: nn.SiLU(), (3, 4)),
    "reflection": (lambda: nn.ReflectionPad2D(1), (1, 2, 3, 4)),
    "shuffle1d": (lambda: nn.PixelShuffle1D(2), (2, 4, 3)),
    "shuffle2d": (lambda: nn.PixelShuffle2D((2, 3)), (1, 12, 2, 2)),
    "shuffle3d": (lambda: nn.PixelShuffle3D((2, 1, 3)), (1, 6, 2, 1, 2)),
    "deformable": (lambda: nn.DeformableConvolution(2, 2, offset_weight_initializer=init.Uniform(0.3)), (1, 2, 3, 4)),
    "modulated": (lambda: nn.ModulatedDeformableConvolution(2, 2, offset_weight_initializer=init.Uniform(0.3)),
                  (1, 2, 3, 4)),
    "beside": (lambda: side_by_side(nn.HybridConcatenate(axis=1)), (3, 4)),
    "image": (network_of_images, (2, 1, 5, 5)),
}
TIER = os.environ.get("TRACER_JIT", "auto")


def for_all(*left_out):
    """Parametrize a test with all layers; a few of them where kernels are compiled, which takes long."""
    names = [name for name in LAYERS if name not in left_out]
    some = pytest.mark.sweep(sample=len(names) if TIER == "never" else 4, native=3)
    return lambda test: some(pytest.mark.parametrize("name", names)(test))


def trained(name, flavour, hybrid, steps=4):
    """All results and the parameters in the end of a few steps with data that change."""
    make, shape = LAYERS[name]
    rng = numpy.random.RandomState(1)
    with npx.np_array(flavour is np):
        net = make()
        net.initialize()
        net.hybridize(hybrid)
        seen = []
        for step in range(steps):
            x = flavour.array(rng.uniform(-1, 1, shape).astype("float32"))
            if step == 0:
                net(x)
                for p in net.collect_params().values():
                    values = rng.uniform(0.2, 0.8, p.shape).astype("float32")
                    p.set_data(flavour.array(values))
            x.attach_grad()
            with autograd.record():
                y = net(x)
                loss = (y * y * y).sum()
            loss.backward()
            for p in net.collect_params().values():
                if p.grad_req != "null":
                    p.data()[:] = p.data() - 0.01 * p.grad()
            seen += [y.asnumpy(), x.grad.asnumpy()]
        seen.append(net(x).asnumpy())
        return seen, {k: p.data().asnumpy() for k, p in net._collect_params_with_prefix().items()}


def assert_alike(one, other):
    """Assert that two answers of `trained` are the same, to the last bit unless the tier changes on the way.

    The tiers round in different ways. An element of a gradient is a sum of terms as large as its greatest element: its
    error is a part of that one, not of itself.
    """
    for left, right in zip([*one[0], *one[1].values()], [*other[0], *other[1].values()], strict=True):
        if TIER == "auto":
            numpy.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5 * max(abs(left).max(), 0.1))
        else:
            numpy.testing.assert_array_equal(left, right)


@for_all()
def test_hybridized_layers_train_bit_for_bit_as_others(name):
    assert_alike(trained(name, nd, False), trained(name, nd, True))


@for_all("group_norm", "image")
def test_np_arrays_go_through_layers_as_nd_arrays(name):
    assert_alike(trained(name, nd, False, 2), trained(name, np, True, 2))


def test_statistics_change_in_training():
    _, parameters = trained("batch_norm", nd, True)
    assert (parameters["running_mean"] != trained("batch_norm", nd, True, 1)[1]["running_mean"]).all()


@for_all()
def test_derivatives_by_finite_differences(name):
    make, shape = LAYERS[name]
    rng = numpy.random.RandomState(2)
    net = make()
    net.initialize()
    net(nd.ones(shape))
    net.cast("float64")
    # Distinct numbers away from the kinks of relu and from ties of the maximum
    data = (rng.permutation(numpy.prod(shape)).reshape(shape) + 0.5) / numpy.prod(shape) * 2 - 1.003
    x = nd.array(data, dtype="float64")
    for p in net.collect_params().values():
        p.set_data(nd.array(rng.uniform(0.3, 0.7, p.shape), dtype="float64"))
    head = nd.array(rng.uniform(-1, 1, net(x).shape), dtype="float64")

    def loss():
        with autograd.train_mode():
            return (net(x) * head).sum()

    x.attach_grad()
    with autograd.record():
        found = loss()
    found.backward()
    arrays = [(x, x.grad)] + [(p.data(), p.grad()) for p in net.collect_params().values() if p.grad_req != "null"]
    for array, gradient in arrays:
        gradient = gradient.asnumpy()
        for place in [tuple(rng.randint(n) for n in array.shape) for _ in range(4)]:
            kept = array[place].asnumpy().item()
            ends = []
            for shift in (1e-5, -1e-5):
                array[place] = kept + shift
                ends.append(loss().asnumpy().item())
            array[place] = kept
            assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(gradient[place], rel=1e-4, abs=1e-6)


def test_a_network_trains_without_compiling_more():
    make, shape = LAYERS["image"]
    net = make()
    net.initialize()
    net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1, "momentum": 0.9})
    programs, rng = [], numpy.random.RandomState(0)
    for _ in range(8):
        x = nd.array(rng.uniform(-1, 1, shape))
        with autograd.record():
            loss = (net(x) ** 2).sum()
        loss.backward()
        trainer.step(2)
        loss.asnumpy()
        programs.append(COUNTERS.programs + COUNTERS.kernels_compiled)
    assert programs[-1] == programs[4]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_networks_are_copied(copied):
    net = network_of_images()
    net.initialize()
    x = nd.ones((1, 1, 4, 4))
    y = net(x)
    other = copied(net)
    numpy.testing.assert_allclose(other(x).asnumpy(), y.asnumpy(), rtol=1e-5, atol=1e-6)
    other[6].weight.set_data(other[6].weight.data() * 0)
    numpy.testing.assert_allclose(net(x).asnumpy(), y.asnumpy(), rtol=1e-5, atol=1e-6)
    assert (other(x).asnumpy() == 0).all()


@pytest.mark.parametrize("hybrid", [False, True])
def test_files_of_parameters(tmp_path, hybrid):
    x = nd.ones((1, 1, 5, 5))
    net, other = network_of_images(), network_of_images()
    net.initialize()
    with autograd.record():
        y = net(x)
    y.backward()  # changes the statistics
    net.save_parameters(str(tmp_path / "net.params"))
    other.hybridize(hybrid)
    other.load_parameters(str(tmp_path / "net.params"))
    numpy.testing.assert_allclose(net(x).asnumpy(), other(x).asnumpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 1, 1, 2)])
def test_one_channel_and_one_pixel(shape):
    for layer in (nn.Conv2D(1, 1), nn.BatchNorm(), nn.GroupNorm(), nn.InstanceNorm(), nn.LayerNorm(), nn.MaxPool2D(1),
                  nn.GlobalAvgPool2D(), nn.PReLU(), nn.PixelShuffle2D(1), nn.ReflectionPad2D(0)):
        layer.initialize()
        y = layer(nd.ones(shape))
        assert y.shape[:2] == shape[:2] and numpy.isfinite(y.asnumpy()).all(), layer


def test_group_norm_has_a_number_for_each_channel_in_np_mode():
    with npx.np_array(True):
        layer = nn.GroupNorm(2, in_channels=4)
        deferred = nn.GroupNorm(2)
        for one in (layer, deferred):
            one.initialize(init.Uniform())
        x = np.arange(24).reshape((2, 4, 3))
        y = layer(x)
        assert deferred(x).tolist() == y.tolist() and deferred.gamma.shape == layer.gamma.shape == (4,)
        assert str(layer) == "GroupNorm(eps=1e-05, num_groups=2, center=True, scale=True, in_channels=4)"


def test_concatenate_without_hybridizing():
    net = side_by_side(nn.Concatenate(axis=1))
    net.initialize()
    assert net(nd.ones((3, 4))).shape == (3, 6)
    with npx.np_array(True):
        net = side_by_side(nn.Concatenate())
        net.initialize()
        assert net(np.ones((3, 4))).shape == (3, 6)


# ---- names and signatures ------------------------------------------------------------------------

def default(value):
    """A default as tests/oracle/layers.py writes it."""
    if value is inspect.Parameter.empty:
        return "required"
    return repr(value) if isinstance(value, (int, float, str, tuple, type(None))) else type(value).__name__


@pytest.mark.tierless
@pytest.mark.parametrize("version, module", [(version, module) for version in STORED for module in STORED[version]])
def test_names_and_signatures_are_mxnets(version, module):
    here = importlib.import_module(f"tracer.{module}")
    for name, wanted in STORED[version][module].items():
        found = [[p.name, default(p.default)] for p in inspect.signature(getattr(here, name)).parameters.values()
                 if p.kind == p.POSITIONAL_OR_KEYWORD]
        if version == "1.9.1":
            assert found[:len(wanted)] == wanted, name
        else:
            assert [pair for pair in wanted if pair not in found] == [], name


def test_private_bases_are_where_projects_find_them():
    assert issubclass(nn.Conv2D, nn.conv_layers._Conv) and issubclass(nn.AvgPool1D, nn.conv_layers._Pooling)
    assert issubclass(nn.BatchNormReLU, nn.basic_layers._BatchNorm) and issubclass(nn.SyncBatchNorm, nn.BatchNorm)
    assert issubclass(contrib.nn.HybridConcurrent, nn.HybridSequential)


def test_the_module_of_blocks_has_mxnets_names():
    from tracer.gluon.block import Block, HybridBlock, SymbolBlock

    assert (Block, HybridBlock, SymbolBlock) == (gluon.Block, gluon.HybridBlock, gluon.SymbolBlock)
    assert not hasattr(importlib.import_module("tracer.gluon.block"), "Dense")


def test_a_sparse_embedding_needs_a_trainer():
    layer = contrib.nn.SparseEmbedding(2, 3)
    layer.initialize()
    with pytest.raises(RuntimeError, match="no Trainer"):
        layer(nd.array([1]))
    assert repr(layer) == "SparseEmbedding(2 -> 3, float32)"


def test_another_approximation_of_gelu():
    with pytest.raises(ValueError, match="sigmoid"):
        nn.GELU(approximation="sigmoid")


def test_sync_batch_norm_warns_without_a_number_of_devices():
    with pytest.warns(UserWarning, match="num_devices"):
        assert nn.SyncBatchNorm()._kwargs["ndev"] == 1
