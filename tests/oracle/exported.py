"""Export small networks by real MXNet 1.9.1 to tests/data/exported: graph, parameters, inputs and outputs of each.

MX191/bin/python tests/oracle/exported.py

tests/tracer/gluon/test_export.py imports them, and exports the same networks again.
"""
from __future__ import annotations

import sys
from pathlib import Path

import mxnet as mx
import numpy as np
from mxnet import gluon, nd
from mxnet.gluon import nn, rnn

FOLDER = Path(__file__).resolve().parents[1] / "data" / "exported"


def sequential(*layers):
    net = nn.HybridSequential(prefix="net_")
    with net.name_scope():
        for make in layers:
            net.add(make())
    return net


class Mixed(gluon.HybridBlock):
    """Two inputs, a parameter of its own, and two outputs."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.dense = nn.Dense(5)
            self.table = nn.Embedding(7, 5)
            self.scale = self.params.get("scale", shape=(5,), init="ones")
            self.norm = nn.LayerNorm()

    def hybrid_forward(self, F, x, i, scale):
        y = self.dense(x) + F.broadcast_mul(self.table(i), scale)
        return F.concat(self.norm(y), F.softmax(y), dim=1), F.broadcast_add(y, scale)


class Recurrent(gluon.HybridBlock):
    """A recurrent layer, or a cell that is unrolled, and a dense layer."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.layer = layer()
            self.dense = nn.Dense(3, flatten=False)

    def hybrid_forward(self, F, x):
        if isinstance(self.layer, rnn.HybridRecurrentCell):
            return self.dense(self.layer.unroll(3, x, merge_outputs=True, layout="NTC")[0])
        return self.dense(self.layer(x))


#: The networks by name, each a function, and the shapes of their inputs.
NETWORKS = {
    "mlp": (lambda: sequential(lambda: nn.Dense(8, activation="relu"), lambda: nn.Dropout(0.5), lambda: nn.Dense(3)),
            [(2, 5)]),
    "lenet": (lambda: sequential(
        lambda: nn.Conv2D(4, 5, activation="relu"), lambda: nn.MaxPool2D(2, 2), nn.BatchNorm,
        lambda: nn.LeakyReLU(0.1), lambda: nn.Conv2D(6, 3, padding=1), nn.GlobalAvgPool2D, nn.Flatten,
        lambda: nn.Dense(10)), [(2, 1, 16, 16)]),
    "activations": (lambda: sequential(
        lambda: nn.Dense(6), nn.PReLU, nn.ELU, nn.SELU, nn.GELU, nn.Swish,
        lambda: nn.HybridLambda(lambda F, x: F.tanh(x) * 2),
        lambda: nn.Dense(2, in_units=6, activation="softrelu")), [(2, 4)]),
    "images": (lambda: sequential(
        lambda: nn.Conv2DTranspose(3, 3, strides=2), nn.InstanceNorm, lambda: nn.AvgPool2D(3, 2, ceil_mode=True),
        lambda: nn.ReflectionPad2D(1), lambda: nn.GroupNorm(3), lambda: nn.Conv2D(2, 3)), [(1, 2, 9, 9)]),
    "mixed": (lambda: Mixed(prefix="net_"), [(2, 5), (2,)]),
    "cell": (lambda: Recurrent(lambda: rnn.LSTMCell(4), prefix="net_"), [(2, 3, 5)]),
    "lstm": (lambda: Recurrent(lambda: rnn.LSTM(4, 2, bidirectional=True, layout="NTC"), prefix="net_"), [(2, 3, 5)]),
}


def inputs(name: str) -> list:
    """The inputs of a network."""
    random = np.random.RandomState(1)
    return [nd.array(random.rand(*shape) * 3) for shape in NETWORKS[name][1]]


def exported(name: str, folder: Path) -> None:
    """Export a network with random parameters to a folder, and write its inputs and outputs."""
    mx.random.seed(0)
    np.random.seed(0)
    net, given = NETWORKS[name][0](), inputs(name)
    net.initialize(mx.init.Xavier())
    net.hybridize()
    made = net(*given)
    net.export(str(folder / name))
    outputs = made if isinstance(made, (list, tuple)) else [made]
    np.savez(folder / f"{name}.npz", *[x.asnumpy() for x in outputs])


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for one in NETWORKS:
        exported(one, FOLDER)
    sys.stdout.write(f"{len(NETWORKS)} networks of {mx.__version__}\n")
