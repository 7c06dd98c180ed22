"""A training step of a language model (2 LSTM layers of 256, 5,000 words) through Gluon, with clipped gradients."""
from __future__ import annotations

from bench.layers import dense, embedding, recurrent, training
from bench.layers.training import in_jax, in_mxnet, in_mxnet_hybrid, in_numpy, in_torch

__all__ = ["in_jax", "in_mxnet", "in_mxnet_hybrid", "in_numpy", "in_torch"]

LENGTH, BATCH, WORDS, WIDTH, CLIP = 35, 32, 5000, 256, 0.25
CASES: dict = {"language-model": {}}
TOLERANCE = 1e-4
BY_HAND = list(CASES)
COMPILED = False  # torch.compile made no step of it in 40 s
NETWORK = [embedding(WORDS, WIDTH), recurrent("lstm", WIDTH, layers=2), dense(WORDS, flatten=False)]


def inputs(random):
    text = random.randint(0, WORDS, (LENGTH + 1, BATCH)).astype("int32")
    return training.inputs(random, NETWORK, [(text[:-1], text[1:])], rate=1.0, clip=CLIP)


def flops():
    return training.flops(NETWORK, (LENGTH, BATCH))
