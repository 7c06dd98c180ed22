"""Single recurrent layers through Gluon: forward, and with the gradients of input and parameters."""
from __future__ import annotations

from bench.layers import passes, recurrent
from bench.layers.passes import flops, in_jax, in_mxnet, in_mxnet_hybrid, in_numpy, in_torch

__all__ = ["flops", "in_jax", "in_mxnet", "in_mxnet_hybrid", "in_numpy", "in_torch"]

LAYERS = {
    "lstm": (recurrent("lstm", 256), [35, 32, 256]),
    "gru": (recurrent("gru", 256), [35, 32, 256]),
}
CASES = passes.cases(LAYERS)
TOLERANCE = 3e-5  # sums of 1,120 products in float32, in any order, through 35 steps
BY_HAND = list(CASES)
COMPILED = False  # torch.compile made no step of it in 40 s


def inputs(random, layer, shape, gradients):
    return passes.inputs(random, layer, shape, gradients, training=gradients)
