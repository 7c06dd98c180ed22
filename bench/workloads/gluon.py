"""The training steps of `mlp` and `deep` through Gluon: hybridized Dense layers, a loss block and a `Trainer`."""
from __future__ import annotations

from bench import workloads
from bench.networks import in_jax, in_numpy, in_pytensor, in_torch, in_torch_compile

__all__ = ["in_jax", "in_numpy", "in_pytensor", "in_torch", "in_torch_compile"]

#: Each case has the numbers of the case with that name, so that the two rows differ by Gluon alone.
CASES = {
    "gluon-mlp-32": {"workload": "mlp", "case": "mlp-sgd-32"},
    "gluon-mlp-256": {"workload": "mlp", "case": "mlp-sgd-256"},
    "gluon-deep-16": {"workload": "deep", "case": "deep-mlp-16"},
}
TOLERANCE = 1e-4
BY_HAND = list(CASES)


def inputs(random, workload, case):
    return vars(workloads.inputs(workloads.load(workload), case))


def flops(workload, case):
    module = workloads.load(workload)
    return module.flops(**module.CASES[case])


class Transposed:
    """A view of a Dense layer's weight, which has the shape (outputs, inputs), as the other engines have theirs.

    It is turned when results are compared, not in the timed step.
    """

    def __init__(self, array):
        self.array = array

    def asnumpy(self):
        return self.array.asnumpy().T


def _network(gluon, layers):
    """A perceptron with the given weights and biases."""
    net = gluon.nn.HybridSequential()
    for w, b in layers:
        last = b is layers[-1][1]
        net.add(gluon.nn.Dense(len(b), in_units=len(w), activation=None if last else "relu"))
    net.initialize()
    fill(net, layers)
    return net


def arrays(layers):
    """The weights and biases of Dense layers, as the other engines return them."""
    return [a for layer in layers for a in (Transposed(layer.weight.data()), layer.bias.data())]


def fill(layers, values):
    """Set the weights and biases of Dense layers to `values`, pairs of arrays."""
    for layer, (w, b) in zip(layers, values):
        layer.weight.set_data(w.T)
        layer.bias.set_data(b)


def _in_gluon(data, hybridized):
    from mxnet import autograd, gluon, np
    net, loss_of = _network(gluon, data.layers), gluon.loss.SoftmaxCrossEntropyLoss()
    if hybridized:
        net.hybridize(static_alloc=True, static_shape=True)
        loss_of.hybridize(static_alloc=True, static_shape=True)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": data.rate(1)})
    batches = [(np.array(x), np.array(y, dtype="int32"), len(y)) for x, y in data.batches]
    results = arrays(net)

    def step():
        for x, y, rows in batches:
            with autograd.record():
                loss = loss_of(net(x), y)
            loss.backward()
            trainer.step(rows)
            value = float(loss.mean())
        return [value, *results]

    return step


def in_mxnet(data, block):
    return _in_gluon(data, hybridized=False)


def in_mxnet_hybrid(data):
    return _in_gluon(data, hybridized=True)
