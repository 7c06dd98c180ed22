"""Prediction by ResNet-18 for one image of 224x224, through Gluon; moving statistics are given."""
from __future__ import annotations

from bench import layers
from bench.layers import zoo
from bench.layers.passes import in_jax, in_mxnet, in_mxnet_hybrid, in_numpy, in_torch

__all__ = ["in_jax", "in_mxnet", "in_mxnet_hybrid", "in_numpy", "in_torch"]

CASES = {"resnet18-224": {"shape": [1, 3, 224, 224]}}
TOLERANCE = 1e-4
CHANNELS_LAST = True
NETWORK = zoo.resnet18(1000, large=True)


def inputs(random, shape):
    return {**layers.draw(random, NETWORK, shape), "x": random.randn(*shape).astype("float32"), "head": None,
            "training": False}


def flops(shape):
    return layers.plan(NETWORK, shape).flops
