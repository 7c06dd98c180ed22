"""Exported networks: those of real MXNet predict the same here; what is exported here is what MXNet exports."""
from __future__ import annotations

import importlib.util
import json

import numpy as onp
import pytest

from tracer import autograd, gluon, nd, symbol
from tracer import symbol as sym
from tracer.base import MXNetError
from tracer.gluon import nn

pytestmark = pytest.mark.native_sample(4)

SPEC = importlib.util.find_spec("exported") or importlib.util.spec_from_file_location(
    "exported", __file__.replace("tracer/gluon/test_export.py", "oracle/exported.py"))


@pytest.fixture(scope="module")
def networks(request):
    """The module of tests/oracle with the networks, run on tracer under MXNet's name."""
    import sys

    import tracer

    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "mxnet"}
    tracer.install_as_mxnet()
    module = importlib.util.module_from_spec(SPEC)
    SPEC.loader.exec_module(module)
    yield module
    for name in [name for name in sys.modules if name.split(".")[0] == "mxnet"]:
        del sys.modules[name]
    sys.modules.update(before)


NAMES = ["mlp", "lenet", "activations", "images", "mixed", "cell", "lstm"]


def _input_names(name):
    return ["data0", "data1"] if name == "mixed" else ["data"]


def _outputs(made):
    return [x.asnumpy() for x in (made if isinstance(made, (list, tuple)) else [made])]


@pytest.mark.parametrize("name", NAMES)
def test_networks_of_mxnet_predict_the_same(networks, name):
    """And so do they after they are exported again."""
    block = gluon.SymbolBlock.imports(str(networks.FOLDER / f"{name}-symbol.json"), _input_names(name),
                                      str(networks.FOLDER / f"{name}-0000.params"))
    wanted = [*onp.load(networks.FOLDER / f"{name}.npz").values()]
    for got, want in zip(_outputs(block(*networks.inputs(name))), wanted, strict=True):
        onp.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_networks_are_exported_as_by_mxnet(networks, name, tmp_path):
    """The graph is MXNet's but for shapes that it finds later, and names within a cell; parameters have its names."""
    networks.exported(name, tmp_path)
    ours, real = [[json.loads((folder / f"{name}-symbol.json").read_text())] for folder in (tmp_path, networks.FOLDER)]
    for one in (*ours, *real):
        for node in one["nodes"]:
            node.get("attrs", {}).pop("__shape__", None)
            if name == "cell" and node["op"] != "null":
                node["name"] = node["attrs"] = None
                node["op"] = {"sigmoid": "Activation", "tanh": "Activation"}.get(node["op"], node["op"])
    assert ours[0]["nodes"] == real[0]["nodes"] and ours[0]["heads"] == real[0]["heads"]
    files = [nd.load(str(folder / f"{name}-0000.params")) for folder in (tmp_path, networks.FOLDER)]
    assert {k: v.shape for k, v in files[0].items()} == {k: v.shape for k, v in files[1].items()}
    again = gluon.SymbolBlock.imports(str(tmp_path / f"{name}-symbol.json"), _input_names(name),
                                      str(tmp_path / f"{name}-0000.params"))
    wanted = [*onp.load(tmp_path / f"{name}.npz").values()]
    for got, want in zip(_outputs(again(*networks.inputs(name))), wanted, strict=True):
        onp.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


def test_a_part_of_a_network_is_fine_tuned(networks, tmp_path):
    """Features of an imported network, taken by the name of an internal output, train under a new layer."""
    graph = symbol.load(str(networks.FOLDER / "lenet-symbol.json"))
    features = graph.get_internals()["net_flatten0_flatten0_output"]
    block = gluon.SymbolBlock(features, sym.var("data"))
    block.collect_params().load(str(networks.FOLDER / "lenet-0000.params"), ignore_extra=True, cast_dtype=True,
                                dtype_source="saved")
    net = nn.HybridSequential()
    net.add(block, nn.Dense(2))
    net.initialize()
    net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    x, y = nd.array(onp.random.RandomState(0).rand(8, 1, 16, 16)), nd.array([0, 1] * 4)
    loss_of, losses = gluon.loss.SoftmaxCrossEntropyLoss(), []
    before = block.collect_params()["net_conv0_weight"].data().asnumpy()
    for _ in range(10):
        with autograd.record():
            loss = loss_of(net(x), y).mean()
        loss.backward()
        trainer.step(1)
        losses.append(loss.asscalar())
    assert losses[-1] < losses[0]
    assert (block.collect_params()["net_conv0_weight"].data().asnumpy() != before).any()


def test_parameters_of_a_symbol_block_are_found_by_the_first_pass():
    x = sym.var("x")
    block = gluon.SymbolBlock([sym.FullyConnected(x, num_hidden=3, name="fc"), x * 2], x)
    block.initialize()
    made = block(nd.ones((2, 4)))
    assert [m.shape for m in made] == [(2, 3), (2, 4)] and block.collect_params()["fc_weight"].shape == (3, 4)
    assert sorted(block.collect_params()) == ["fc_bias", "fc_weight"]
    inside = block(sym.var("y"))
    assert inside[0].list_arguments() == ["y", "fc_weight", "fc_bias"]


class Double(gluon.HybridBlock):
    """A block that notes its namespaces."""

    spaces: list = []

    def hybrid_forward(self, F, x):
        self.spaces.append(F)
        return F.relu(x) * 2


class Pair(gluon.HybridBlock):
    """A block of two inputs."""

    def hybrid_forward(self, F, x, y):
        return x + y


def test_the_namespace_is_that_of_the_data():
    block = Double()
    made = block(sym.var("x"))
    block(nd.ones(2))
    assert Double.spaces == [sym, nd] and made.list_arguments() == ["x"]
    assert made.infer_shape(x=(2, 3))[1] == [(2, 3)]


@pytest.mark.parametrize("make, shape, operators", [
    (lambda: nn.HybridLambda("tanh"), (2, 3), ["tanh"]),
    (lambda: nn.PixelShuffle1D(2), (2, 4, 3), ["Reshape", "transpose", "Reshape"]),
    (lambda: nn.PixelShuffle2D((2, 3)), (2, 12, 3, 5), ["Reshape", "Reshape", "transpose", "Reshape"]),
    (lambda: nn.PixelShuffle3D((1, 2, 3)), (2, 12, 2, 3, 4),
     ["Reshape", "SwapAxis", *["Reshape", "Reshape", "SwapAxis"] * 2, "Reshape"])])
def test_layers_of_symbols_use_the_operators_of_mxnet(make, shape, operators):
    """The operators are those that 1.9.1 uses, and compute what the layer does."""
    layer, x = make(), nd.arange(onp.prod(shape)).reshape(shape)
    graph = layer(sym.var("x"))
    assert [node["op"] for node in json.loads(graph.tojson())["nodes"]] == ["null", *operators]
    onp.testing.assert_array_equal(graph.eval(x=x)[0].asnumpy(), layer(x).asnumpy())


class Forward(gluon.HybridBlock):
    """A block in MXNet 2's style: its Python works on arrays, and asks for shapes."""

    def __init__(self):
        super().__init__()
        self.dense, self.norm, self.drop = nn.Dense(3, activation="relu"), nn.BatchNorm(), nn.Dropout(0.5)
        self.scale = gluon.Parameter("scale", shape=(3,), init="ones")

    def forward(self, x):
        y = self.drop(self.norm(self.dense(x)))
        return nd.broadcast_mul(y, self.scale.data())[:, 1:] + 1, y.reshape((x.shape[0], -1, 1)) * 2


def test_blocks_that_define_forward_are_exported(tmp_path):
    net = Forward()
    net.initialize()
    net.hybridize()
    x = nd.array(onp.random.RandomState(0).rand(4, 5))
    wanted = _outputs(net(x))
    net.export(str(tmp_path / "net"))
    graph = symbol.load(str(tmp_path / "net-symbol.json"))
    assert [node["op"] for node in json.loads(graph.tojson())["nodes"] if node["op"] != "null"] == \
        ["FullyConnected", "Activation", "BatchNorm", "Dropout", "broadcast_mul", "slice", "_plus_scalar", "Reshape",
         "_mul_scalar"]
    again = gluon.SymbolBlock.imports(str(tmp_path / "net-symbol.json"), ["data"], str(tmp_path / "net-0000.params"))
    for got, want in zip(_outputs(again(x)), wanted, strict=True):
        onp.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)
    assert [y.shape for y in again(nd.ones((7, 5)))] == [(7, 2), (7, 3, 1)]  # the batch may have another size
    for got, want in zip(_outputs(net(x)), wanted, strict=True):  # the block itself works on
        onp.testing.assert_array_equal(got, want)


def test_forward_called_as_a_method_tells_the_form_of_arguments(tmp_path):
    net = Pair()
    net.hybridize()
    net.forward(nd.ones(2), nd.ones(2))
    net.export(str(tmp_path / "net"))
    assert symbol.load(str(tmp_path / "net-symbol.json")).list_arguments() == ["data0", "data1"]


class Captures(gluon.HybridBlock):
    """A block that uses an array which is neither an input nor a parameter."""

    other = nd.ones(3) * 2

    def forward(self, x):
        return x + self.other


def test_an_array_from_outside_is_named():
    net = Captures()
    net.hybridize()
    net(nd.ones(3))
    with pytest.raises(MXNetError, match="neither an input nor a parameter"):
        net._get_graph()


def test_errors():
    block = Double()
    with pytest.raises(RuntimeError, match="at least once before calling export"):
        block.export("never")
    with pytest.raises(AssertionError, match="Input symbols must be variable"):
        gluon.SymbolBlock(sym.var("x"), sym.var("x") + 1)
    with pytest.raises(MXNetError):
        gluon.SymbolBlock.imports("no-such-file.json", ["data"])
    with pytest.raises(ValueError, match="mixed NDArrays and Symbols"):
        Pair()(nd.ones(2), sym.var("x"))
    with pytest.raises(AssertionError, match="row_sparse"):
        gluon.SymbolBlock(sym.dot(sym.var("x"), sym.var("w", stype="row_sparse")), sym.var("x"))
    dense = nn.Dense(2, in_units=3)
    assert dense.weight.var().name == dense.weight.name and dense.weight.var() is dense.weight.var()
