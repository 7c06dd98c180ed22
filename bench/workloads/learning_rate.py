"""A training step of a perceptron with another learning rate at every step."""
from __future__ import annotations

from bench import networks
from bench.networks import in_jax, in_mxnet, in_numpy, in_pytensor, in_torch, in_torch_compile

__all__ = ["in_jax", "in_mxnet", "in_numpy", "in_pytensor", "in_torch", "in_torch_compile"]

CASES = {"learning-rate": {"rows": 64}}
TOLERANCE = 1e-4
BY_HAND = list(CASES)
SIZES = (784, 64, 10)


def inputs(random, rows):
    return networks.inputs(random, SIZES, [rows], rate=lambda t: 0.1 / (1 + 0.01 * t))


def flops(rows):
    return networks.flops(SIZES, rows)
