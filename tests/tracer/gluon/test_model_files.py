"""`Block.save` and `load`: the tree of blocks and its parameters, in the format of real MXNet 1.9.1."""
from __future__ import annotations

import copy
import json
import pickle

import pytest

from tracer import gluon, nd
from tracer.gluon import nn

pytestmark = pytest.mark.tierless


class Net(gluon.HybridBlock):
    def __init__(self, **options):
        super().__init__(**options)
        with self.name_scope():
            self.body = nn.HybridSequential()
            self.body.add(nn.Dense(2, in_units=3))
            self.end = nn.Dense(1, in_units=2)

    def hybrid_forward(self, F, x):
        return self.end(self.body(x))


def test_saved_and_loaded(tmp_path):
    first, second = Net(prefix="a_"), Net(prefix="b_")
    first.initialize("ones")
    first.save(str(tmp_path / "net"))
    second.load(str(tmp_path / "net"))
    x = nd.ones((2, 3))
    assert second(x).asnumpy().tolist() == first(x).asnumpy().tolist() == [[6], [6]]
    assert second.name == "a" and second.body[0].name == first.body[0].name == "a_dense0"
    assert list(second.body[0].params) == list(first.body[0].params)
    assert list(second._children) == ["body", "end"]


def test_the_tree_is_mxnet_s(tmp_path):
    """MXNet 1.9.1 writes this for the same network."""
    net = Net(prefix="a_")
    net.initialize()
    net.save(str(tmp_path / "net"))
    layer = {"hybridized": False, "children": {}}
    body = {"orig_name": "a_hybridsequential0", "hybridized": False,
            "children": {"a_dense0": "0"},
            "dense2": {"orig_name": "a_dense0", **layer}}
    assert json.loads((tmp_path / "net-model.json").read_text()) == {"net0": {
        "orig_name": "a", "hybridized": False, "children": {"a_hybridsequential0": "body", "a_dense1": "end"},
        "hybridsequential1": body, "dense3": {"orig_name": "a_dense1", **layer}}}


def test_a_failure_leaves_the_old_tree(tmp_path, monkeypatch):
    def half_written(tree, file):
        file.write("{")
        raise OSError("no space left")

    net = Net()
    net.initialize()
    net.save(str(tmp_path / "net"))
    monkeypatch.setattr(json, "dump", half_written)
    with pytest.raises(OSError, match="no space"):
        net.save(str(tmp_path / "net"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net-model.json", "net-model.params"]
    net.load(str(tmp_path / "net"))


def test_files_that_do_not_fit(tmp_path):
    net, other = Net(), nn.Dense(2, in_units=3)
    net.initialize()
    net.save(str(tmp_path / "net"))
    with pytest.raises(KeyError):
        other.load(str(tmp_path / "net"))
    text = (tmp_path / "net-model.json").read_text().replace('"hybridized": false', '"hybridized": true')
    (tmp_path / "net-model.json").write_text(text)
    with pytest.raises(NotImplementedError, match="cached graph"):
        Net().load(str(tmp_path / "net"))


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
def test_copies_are_blocks_of_their_own(again):
    net = Net()
    net.initialize("ones")
    net.hybridize()
    x = nd.ones((2, 3))
    before = net(x).asnumpy().tolist()
    other = again(net)
    assert other(x).asnumpy().tolist() == before
    other.end.weight.set_data(nd.zeros((1, 2)))
    assert other(x).asnumpy().tolist() == [[0], [0]] and net(x).asnumpy().tolist() == before
    trainer = gluon.Trainer(other.collect_params(), "sgd", {"learning_rate": 0.5})
    assert [p.name for p in trainer._params] == [net.prefix + name for name in (
        "dense0_bias", "dense0_weight", "dense1_bias", "dense1_weight")]


def test_infer_type_gives_types_of_numpy():
    net = nn.Dense(2, in_units=3)
    net.infer_type(nd.ones((1, 3)))
    assert str(net.weight).endswith("(shape=(2, 3), dtype=<class 'numpy.float32'>)")


@pytest.mark.parametrize("name", ["name", "prefix"])
def test_names_cannot_be_set_in_mxnet_1(name):
    with pytest.raises(AttributeError, match="can't set attribute"):
        setattr(nn.Dense(2), name, "mine")
