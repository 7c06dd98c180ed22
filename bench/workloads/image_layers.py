"""Single layers of convolutional networks through Gluon: forward, and with the gradients of input and parameters."""
from __future__ import annotations

from bench.layers import batch_norm, conv, passes, pool
from bench.layers.passes import flops, in_jax, in_mxnet, in_mxnet_hybrid, in_numpy, in_torch

__all__ = ["flops", "in_jax", "in_mxnet", "in_mxnet_hybrid", "in_numpy", "in_torch"]

LAYERS = {
    "conv3x3-64": (conv(64, 3, 1, 1), [8, 64, 32, 32]),
    "conv3x3-128": (conv(128, 3, 1, 1), [8, 128, 16, 16]),
    "conv3x3-256": (conv(256, 3, 1, 1), [8, 256, 8, 8]),
    "conv3x3-512": (conv(512, 3, 1, 1), [8, 512, 4, 4]),
    "depthwise3x3-128": (conv(128, 3, 1, 1, groups=128), [32, 128, 16, 16]),
    "max-pool": (pool("max", 3, 2, 1), [32, 64, 32, 32]),
    "avg-pool": (pool("mean", 2, 2), [32, 64, 32, 32]),
    "batch-norm": (batch_norm(), [32, 64, 32, 32]),
}
CASES = passes.cases(LAYERS)
TOLERANCE = 3e-5  # sums of up to 32,768 products in float32, in any order
BY_HAND = list(CASES)
CHANNELS_LAST = True


def inputs(random, layer, shape, gradients):
    return passes.inputs(random, layer, shape, gradients, training=gradients or layer["kind"] == "batch_norm")
