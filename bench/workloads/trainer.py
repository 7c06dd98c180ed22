"""An update by Gluon's `Trainer`: 5 million parameters in 100 arrays, with momentum or Adam; gradients are given."""
from __future__ import annotations

import numpy as np

from bench.workloads import optimizer
from bench.workloads.optimizer import in_jax, in_numpy, in_pytensor, in_torch, in_torch_compile

__all__ = ["in_jax", "in_numpy", "in_pytensor", "in_torch", "in_torch_compile"]

CASES = {f"trainer-{kind}": {"kind": kind} for kind in ("momentum", "adam")}
TOLERANCE = 1e-5
SHAPE, COUNT = (50_000,), 100
OPTIMIZERS = {
    "momentum": ("sgd", {"learning_rate": optimizer.RATE, "momentum": optimizer.MOMENTUM}),
    "adam": ("adam", {"learning_rate": optimizer.RATE, "beta1": optimizer.BETA1, "beta2": optimizer.BETA2,
                      "epsilon": optimizer.EPSILON}),
}


def inputs(random, kind):
    """Gradients are 0.1 or more: beside smaller ones Adam's epsilon counts, which MXNet leaves uncorrected."""
    params, grads = [[random.randn(*SHAPE).astype("float32") for _ in range(COUNT)] for _ in range(2)]
    return {"kind": kind, "params": params, "grads": [g + np.copysign(np.float32(0.1), g) for g in grads]}


def in_mxnet(data, block):
    """A backward from the parameters themselves, whose gradients are then the given ones, and a step.

    `Trainer` requires a backward before each step; the other engines have their gradients once and for all.
    """
    from mxnet import autograd, gluon
    from mxnet import np as mx_np
    params = [gluon.Parameter(f"p{i}", shape=p.shape) for i, p in enumerate(data.params)]
    for param, value in zip(params, data.params):
        param.initialize()
        param.set_data(value)
    trainer = gluon.Trainer(params, *OPTIMIZERS[data.kind])
    arrays, grads = [param.data() for param in params], [mx_np.array(g) for g in data.grads]

    def step():
        autograd.backward(arrays, grads)
        trainer.step(1)
        return arrays

    return step
