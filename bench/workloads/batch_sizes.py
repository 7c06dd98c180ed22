"""50 training steps of a perceptron, each with another batch size: the first call has 50 new shapes.

The rate is small, so that a relu whose input gets another sign by rounding changes little: hundreds of steps are
compared with float64's.
"""
from __future__ import annotations

from bench import networks
from bench.networks import in_jax, in_mxnet, in_numpy, in_pytensor, in_torch, in_torch_compile

__all__ = ["in_jax", "in_mxnet", "in_numpy", "in_pytensor", "in_torch", "in_torch_compile"]

CASES = {"batch-sizes-50": {"count": 50}}
TOLERANCE = 1e-4
BY_HAND = list(CASES)
SIZES = (784, 256, 10)


def _rows(count):
    return [8 + 3 * i for i in range(count)]


def inputs(random, count):
    return networks.inputs(random, SIZES, _rows(count), rate=lambda t: 0.001)


def flops(count):
    return sum(networks.flops(SIZES, rows) for rows in _rows(count))
