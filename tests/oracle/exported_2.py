"""Export small networks by real MXNet 2.0.0b1 to tests/data/exported: graph, parameters, inputs and outputs of each.

MX20/bin/python tests/oracle/exported_2.py

tests/tracer/gluon/test_export_2.py imports them.
"""
from __future__ import annotations

import sys
from pathlib import Path

import mxnet as mx
import numpy as onp
from mxnet import gluon, np, npx
from mxnet.gluon import nn, rnn

FOLDER = Path(__file__).resolve().parents[1] / "data" / "exported"


def sequential(*layers):
    net = nn.HybridSequential()
    net.add(*layers)
    return net


class Mixed(gluon.HybridBlock):
    """NumPy's functions, operators and indexing between two inputs and a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.scale = gluon.Parameter("scale", shape=(3,), init="ones")
        self.dense = nn.Dense(3, flatten=False)

    def forward(self, x, y):
        """Two outputs."""
        z = np.tanh(self.dense(x) * self.scale.data()) + y[:, :3] / 2 - 1
        return npx.softmax(z, axis=-1), np.concatenate([z, y], axis=1).sum(axis=0)


NETWORKS = {
    "two_mlp": (lambda: sequential(nn.Dense(5, activation="relu"), nn.Dense(3)), [(2, 4)]),
    "two_lenet": (lambda: sequential(nn.Conv2D(3, 3, activation="tanh"), nn.MaxPool2D(2, 2), nn.BatchNorm(),
                                     nn.Conv2D(2, 3, padding=1, use_bias=False), nn.LeakyReLU(0.1),
                                     nn.GlobalAvgPool2D(), nn.Flatten(), nn.Dense(4)), [(2, 1, 8, 8)]),
    "two_lstm": (lambda: sequential(rnn.LSTM(3, num_layers=2, layout="NTC"), nn.Dense(2)), [(2, 4, 3)]),
    "two_mixed": (Mixed, [(2, 4), (2, 5)]),
    "two_norms": (lambda: sequential(nn.Dense(4, flatten=False), nn.LayerNorm(), nn.GELU(), nn.Dropout(0.5)),
                  [(2, 3, 4)]),
}


def main():
    """Write the files of all networks."""
    npx.set_np()
    for name, (make, shapes) in NETWORKS.items():
        mx.np.random.seed(1)
        draw = onp.random.RandomState(0)
        net = make()
        net.initialize(mx.init.Uniform(0.5))
        inputs = [np.array(draw.uniform(-1, 1, shape).astype("float32")) for shape in shapes]
        net.hybridize()
        with mx.autograd.record():  # statistics of BatchNorm move
            net(*inputs)
        outputs = net(*inputs)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        net.export(str(FOLDER / name))
        arrays = {f"in{i}": x.asnumpy() for i, x in enumerate(inputs)}
        onp.savez(FOLDER / f"{name}.npz", **arrays, **{f"out{i}": x.asnumpy() for i, x in enumerate(outputs)})


if __name__ == "__main__":
    sys.exit(main())
