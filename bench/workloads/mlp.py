"""A training step of a perceptron 784-256-10, with SGD or Adam; the loss is read."""
from __future__ import annotations

from bench import networks
from bench.networks import in_jax, in_mxnet, in_numpy, in_pytensor, in_torch, in_torch_compile

__all__ = ["in_jax", "in_mxnet", "in_numpy", "in_pytensor", "in_torch", "in_torch_compile"]

CASES = {
    "mlp-sgd-32": {"rows": 32, "adam": False},
    "mlp-sgd-256": {"rows": 256, "adam": False},
    "mlp-adam-256": {"rows": 256, "adam": True},
}
TOLERANCE = 1e-4
BY_HAND = list(CASES)
SIZES = (784, 256, 10)


def inputs(random, rows, adam):
    return networks.inputs(random, SIZES, [rows], adam, lambda t: 0.001 if adam else 0.1)


def flops(rows, adam):
    return networks.flops(SIZES, rows)
