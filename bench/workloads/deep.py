"""A training step of a deep, narrow perceptron, 20 layers of 64: nearly all of its time is overhead."""
from __future__ import annotations

from bench import networks
from bench.networks import in_jax, in_mxnet, in_numpy, in_pytensor, in_torch, in_torch_compile

__all__ = ["in_jax", "in_mxnet", "in_numpy", "in_pytensor", "in_torch", "in_torch_compile"]

CASES = {"deep-mlp-16": {"rows": 16}}
TOLERANCE = 1e-4
BY_HAND = list(CASES)
SIZES = (64,) * 21


def inputs(random, rows):
    return networks.inputs(random, SIZES, [rows], rate=lambda t: 0.01)


def flops(rows):
    return networks.flops(SIZES, rows)
