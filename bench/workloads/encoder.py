"""A training step of a transformer's encoder block (batch 8, length 128, width 512) through Gluon, with Adam."""
from __future__ import annotations

from bench.layers import training, zoo
from bench.layers.training import in_jax, in_mxnet, in_mxnet_hybrid, in_numpy, in_torch

__all__ = ["in_jax", "in_mxnet", "in_mxnet_hybrid", "in_numpy", "in_torch"]

SHAPE = (8, 128, 512)
CASES: dict = {"encoder": {}}
TOLERANCE = 1e-3  # Adam makes whole steps of gradients that are nearly zero, of which rounding is a large share
BY_HAND = list(CASES)
NETWORK = zoo.encoder(512, 8, 2048)


def inputs(random):
    x, y = (random.randn(*SHAPE).astype("float32") for _ in range(2))
    return training.inputs(random, NETWORK, [(x, y)], rate=1e-4, adam=True)


def flops():
    return training.flops(NETWORK, SHAPE)
