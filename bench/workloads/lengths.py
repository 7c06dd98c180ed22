"""An epoch of a GRU layer over batches of 50 different lengths, through Gluon: 50 training steps a call.

The first call is an epoch in which every length is new; the table of first calls has it.
"""
from __future__ import annotations

from bench.layers import dense, mean, recurrent, training
from bench.layers.training import in_jax, in_mxnet, in_mxnet_hybrid, in_numpy, in_torch

__all__ = ["in_jax", "in_mxnet", "in_mxnet_hybrid", "in_numpy", "in_torch"]

LENGTHS, BATCH, WIDTH, HIDDEN, CLASSES = range(10, 60), 16, 64, 128, 10
CASES: dict = {"gru-lengths": {}}
TOLERANCE = 1e-4
BY_HAND = list(CASES)
COMPILED = False  # torch.compile made no step of it in 40 s
NETWORK = [recurrent("gru", HIDDEN), mean(axis=0), dense(CLASSES)]


def inputs(random):
    batches = [(random.randn(length, BATCH, WIDTH).astype("float32"),
                random.randint(0, CLASSES, BATCH).astype("int32")) for length in random.permutation(LENGTHS)]
    return training.inputs(random, NETWORK, batches, rate=0.1)


def flops():
    return sum(training.flops(NETWORK, (length, BATCH, WIDTH)) for length in LENGTHS)
