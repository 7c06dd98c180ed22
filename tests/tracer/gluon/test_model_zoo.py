"""The model zoo against real MXNet: names, shapes, graphs and scores (tests/oracle/model_zoo.py), and its files."""
from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import zipfile

import numpy as onp
import pytest
from places import ROOT, TESTS

import tracer as mx
from tracer import autograd, gluon, nd, np
from tracer.gluon.model_zoo import model_store, vision
from tracer.gluon.model_zoo.vision import residual, resnet
from tracer.jit import settings

pytestmark = pytest.mark.native_sample(8)

SPEC = importlib.util.spec_from_file_location("zoo_questions", TESTS / "oracle" / "model_zoo.py")
zoo = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(zoo)
@pytest.fixture(scope="module", autouse=True)
def one_tier():
    """One tier for the file: under "auto" the first runs of a program are NumPy's, of other bits than later ones."""
    before = settings.mode
    settings.mode = "never" if before == "auto" else before
    yield
    settings.mode = before


REAL = json.loads((TESTS / "data" / "model_zoo.json").read_text())


def test_all_networks_are_there():
    """Each has a published file but those of which none is."""
    assert sorted(REAL) == sorted(zoo.NAMES) == sorted(model_store._model_sha1)
    with pytest.raises(ValueError, match="Available options are\n\talexnet\n\tdensenet121") as error:
        vision.get_model("ResNet19_v1")
    assert error.value.args[0].split("\n\t")[1:] == sorted(zoo.NAMES)


@pytest.mark.parametrize("name", zoo.NAMES)
def test_names_initializers_and_graphs(name):
    """Before the first pass: parameters with their shapes under both ways of naming, and the graph of symbols."""
    found = zoo.description(mx, name)
    assert found == {key: REAL[name][key] for key in found}


@pytest.mark.sweep(sample=3, native=1)
@pytest.mark.parametrize("name", zoo.NAMES)
def test_shapes_and_scores(name):
    """After a pass; MXNet's own scores differ as much between its versions."""
    found = zoo.answers(mx, name)
    assert found["shapes"] == REAL[name]["shapes"]
    onp.testing.assert_allclose(found["scores"], REAL[name]["scores"], rtol=1e-4, atol=1e-4)


@pytest.mark.tierless
def test_names_in_mxnet_2():
    """And scores of arrays of np."""
    code = ("import json, sys; sys.path.insert(0, sys.argv[1]); import tracer as mx, model_zoo as zoo; "
            "mx.npx.set_np(); found = {n: zoo.description(mx, n) for n in zoo.NAMES}; "
            "found['mobilenetv2_0.25'] |= zoo.answers(mx, 'mobilenetv2_0.25'); print(json.dumps(found))")
    environment = {**os.environ, "TRACER_MXNET": "2.0", "PYTHONPATH": str(ROOT), "TRACER_JIT": "never"}
    done = subprocess.run([sys.executable, "-c", code, str(TESTS / "oracle")], env=environment, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    scores = found["mobilenetv2_0.25"].pop("scores")
    onp.testing.assert_allclose(scores, REAL["mobilenetv2_0.25"]["scores"], rtol=1e-4, atol=1e-5)
    for name, answer in found.items():
        assert answer == {key: REAL[name][key] for key in answer}, name


# ---- export --------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def exported():
    """The network that real MXNet exported, its image and its scores."""
    net, image = zoo.filled(mx, zoo.EXPORTED, nd.array)
    net.hybridize()
    return net, image, net(image).asnumpy()


def _close(found):
    onp.testing.assert_allclose(found[0], REAL[zoo.EXPORTED]["scores"], rtol=1e-4, atol=1e-5)


def test_a_network_exported_by_mxnet(exported, tmp_path):
    """Imported with parameters by the names of its arguments and auxiliary states, it predicts what MXNet does."""
    net, image, _ = exported
    graph = mx.sym.load(str(zoo.GRAPH))
    kinds = dict.fromkeys(graph.list_arguments(), "arg") | dict.fromkeys(graph.list_auxiliary_states(), "aux")
    file = str(tmp_path / "net-0000.params")
    nd.save(file, {f"{kinds[name]}:{name}": p.data() for name, p in net.collect_params().items()})
    block = gluon.SymbolBlock.imports(str(zoo.GRAPH), ["data"], file)
    _close(block(image).asnumpy())


def test_export_gives_mxnets_graph(exported, tmp_path):
    net, image, scores = exported
    _close(scores)
    files = net.export(str(tmp_path / "net"))
    ours, real = json.loads(open(files[0]).read()), json.loads(zoo.GRAPH.read_text())
    for one in (ours, real):
        for node in one["nodes"]:
            node.get("attrs", {}).pop("__shape__", None)
            node["inputs"] = [entry[:2] for entry in node["inputs"]]  # the third counts what MXNet traced before
    assert ours["nodes"] == real["nodes"] and ours["heads"] == real["heads"]
    again = gluon.SymbolBlock.imports(files[0], ["data"], files[1])
    _close(again(image).asnumpy())


# ---- files of parameters -------------------------------------------------------------------------

def _small(**kwargs):
    return vision.mobilenet0_25(classes=10, **kwargs)


@pytest.fixture(scope="module")
def small():
    """A network with parameters, its image and its scores."""
    net, image = zoo.filled(mx, "mobilenet0.25", nd.array)
    return net, image, net(image).asnumpy()


@pytest.fixture
def saved(small, tmp_path):
    """The network's parameters in a folder, under the name without a hash, an image and its scores."""
    net, image, scores = small
    net.save_parameters(str(tmp_path / "mobilenet0.25.params"))
    return tmp_path, image, scores


def test_pretrained_reads_a_file_of_ones_own(saved):
    folder, image, scores = saved
    for net in (_small(pretrained=True, root=str(folder)),
                vision.get_model("MobileNet0.25", classes=10, pretrained=True, root=str(folder), ctx=mx.cpu()),
                vision.get_mobilenet(0.25, True, mx.cpu(), str(folder), classes=10)):
        onp.testing.assert_array_equal(net(image).asnumpy(), scores)
    moved = vision.mobilenet0_25(classes=10, pretrained=True, root=str(folder), device=mx.cpu(1))
    assert moved.output.weight.list_ctx() == [mx.cpu(1)]


def test_pretrained_reads_the_published_file(saved, monkeypatch):
    """The name has the hash, and the contents are checked."""
    folder, image, scores = saved
    contents = (folder / "mobilenet0.25.params").read_bytes()
    path = folder / f"mobilenet0.25-{model_store.short_hash('mobilenet0.25')}.params"
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=f"{path} has other contents than MXNet's file, whose SHA-1 is 9f83e44"):
        _small(pretrained=True, root=str(folder))
    sha1 = hashlib.sha1(contents).hexdigest()
    monkeypatch.setitem(model_store._model_sha1, "mobilenet0.25", sha1)
    path.rename(folder / f"mobilenet0.25-{sha1[:8]}.params")
    (folder / "mobilenet0.25.params").write_bytes(b"other")
    onp.testing.assert_array_equal(_small(pretrained=True, root=str(folder))(image).asnumpy(), scores)


def test_a_missing_file_is_downloaded_and_said_so(tmp_path, monkeypatch, caplog):
    contents = b"parameters"
    published = f"mobilenet0.25-{hashlib.sha1(contents).hexdigest()[:8]}"
    monkeypatch.setitem(model_store._model_sha1, "mobilenet0.25", hashlib.sha1(contents).hexdigest())

    def served(url, path, **_):
        assert url.endswith(f"gluon/models/{published}.zip")
        os.makedirs(os.path.dirname(path))
        with zipfile.ZipFile(path, "w") as files:
            files.writestr(f"{published}.params", contents)

    monkeypatch.setattr(model_store, "download", served)
    found = model_store.get_model_file("mobilenet0.25", root=str(tmp_path / "models"))
    assert found == str(tmp_path / "models" / f"{published}.params") and found in caplog.text
    assert os.listdir(tmp_path / "models") == [f"{published}.params"]


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setattr(model_store, "download", unreachable)
    monkeypatch.setenv("HOME", str(tmp_path))
    wanted = tmp_path / "models" / "resnet18_v1-a0666292.params"
    for root in (str(tmp_path / "models"), os.path.join("~", "models")):
        with pytest.raises(FileNotFoundError, match="cannot be downloaded") as error:
            vision.resnet18_v1(pretrained=True, root=root)
        assert f"{wanted} there" in str(error.value) and f"{tmp_path}/models/resnet18_v1.params" in str(error.value)
    with pytest.raises(ValueError, match="Pretrained model for mobilenet0.30 is not available"):
        vision.get_mobilenet(0.3, pretrained=True)
    assert not (tmp_path / "models").exists()


def test_purge_removes_files_of_parameters(tmp_path):
    for name in ("a.params", "b-12345678.params", "notes.txt"):
        (tmp_path / name).touch()
    model_store.purge(str(tmp_path))
    assert os.listdir(tmp_path) == ["notes.txt"]


# ---- what users do with networks -----------------------------------------------------------------

def _residual(classes, prefix):
    return vision.ResNetV2(residual.BasicBlockV2, [1, 1], [8, 8, 16], classes, thumbnail=True, prefix=prefix)


def test_features_train_under_a_new_output():
    """The parts of a network are slices of `features`, and `output` may be another one, as in fine-tuning."""
    base, net = _residual(5, "base_"), _residual(2, "net_")
    assert len(base.features) == 8 and len(base.features[:4]) == 4 and base.features[-1].name == "base_flatten0"
    net.features = base.features
    net.initialize(mx.init.Xavier())
    net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.05})
    x, y = nd.array(zoo.numbers((4, 3, 8, 8), 1)), nd.array([0, 1, 0, 1])
    loss_of, losses = gluon.loss.SoftmaxCrossEntropyLoss(), []
    for _ in range(4):
        with autograd.record():
            loss = loss_of(net(x), y).mean()
        loss.backward()
        trainer.step(1)
        losses.append(loss.asscalar())
    assert losses[-1] < losses[0] and net.output.weight.name == "net_dense0_weight"
    assert base.features[2:4](base.features[:2](x)).shape == (4, 16, 4, 4)


class Wider(residual.BottleneckV2):
    """A block of a user, with a gate on its result."""

    def __init__(self, channels, stride, downsample=False, in_channels=0, **kwargs):
        super().__init__(channels, stride, downsample, in_channels, **kwargs)
        self.gate = gluon.nn.Conv2D(channels, 1)

    def hybrid_forward(self, F, x):
        return F.sigmoid(self.gate(super().hybrid_forward(F, x)))


def test_blocks_of_ones_own():
    """A subclass of a block, and a function that makes one."""
    for block in (Wider, lambda *args, **kwargs: residual.BasicBlockV1(*args, **kwargs)):
        net = vision.ResNetV2(block, [1, 2], [8, 8, 16], classes=2)
        net.initialize()
        assert net(nd.ones((2, 3, 32, 32))).shape == (2, 2)
    assert isinstance(resnet._conv3x3(4, 1, 3), gluon.nn.Conv2D)


def test_parameters_are_shared_by_prefix_and_params():
    one = vision.squeezenet1_1(prefix="net_", classes=3)
    two = vision.squeezenet1_1(prefix="net_", params=one.collect_params(), classes=3)
    assert one.features[0].weight is two.features[0].weight


@pytest.mark.parametrize("make, error, text", [
    (lambda: vision.get_resnet(3, 18), AssertionError, "Invalid resnet version: 3"),
    (lambda: vision.get_resnet(1, 19), AssertionError, "Invalid number of layers: 19"),
    (lambda: vision.SqueezeNet("1.2"), AssertionError, "Unsupported SqueezeNet version 1.2:1.0 or 1.1 expected"),
    (lambda: vision.VGG([1], [1, 2]), AssertionError, "1 groups of layers need as many filters, not 2"),
    (lambda: vision.ResNetV1(resnet.BasicBlockV1, [1], [4]), AssertionError, "1 stages need 2 numbers of channels"),
    (lambda: vision.get_vgg(12), KeyError, "12"), (lambda: vision.alexnet(clases=3), TypeError, "clases")])
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_modules():
    """Those that `import mxnet` leaves in sys.modules; `vision.alexnet` is the function, as in MXNet."""
    code = ("import tracer; tracer.install_as_mxnet(); import sys, mxnet\n"
            "names = [n for n in sys.modules if n.startswith('mxnet.gluon.model_zoo')]\n"
            "import mxnet.gluon.model_zoo.vision.alexnet\n"
            "zoo = mxnet.gluon.model_zoo; print(len(names), callable(zoo.vision.alexnet), hasattr(zoo, 'model_store'))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "10 True True\n"


def test_auxiliary_classifier_of_inception():
    net = importlib.import_module("tracer.gluon.model_zoo.vision.inception").make_aux(3)
    net.initialize()
    assert net(nd.ones((1, 768, 17, 17))).shape == (1, 3)
    assert net(nd.ones((1, 768, 17, 17))).dtype == np.float32
