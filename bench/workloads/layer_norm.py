"""LayerNorm through Gluon (rows of a transformer), forward and with all gradients."""
from __future__ import annotations

from bench.layers import layer_norm, passes
from bench.layers.passes import flops, in_jax, in_mxnet, in_mxnet_hybrid, in_numpy, in_torch

__all__ = ["flops", "in_jax", "in_mxnet", "in_mxnet_hybrid", "in_numpy", "in_torch"]

CASES = passes.cases({"layer-norm": (layer_norm(), [8, 128, 512])})
TOLERANCE = 3e-5  # sums of 1,024 products in float32, in any order
BY_HAND = list(CASES)


def inputs(random, layer, shape, gradients):
    return passes.inputs(random, layer, shape, gradients, training=gradients)
