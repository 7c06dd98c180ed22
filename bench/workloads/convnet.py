"""Training steps of convolutional networks through Gluon: LeNet, ResNet-18 and a depthwise network."""
from __future__ import annotations

from bench.layers import training, zoo
from bench.layers.training import in_jax, in_mxnet, in_mxnet_hybrid, in_numpy, in_torch

__all__ = ["in_jax", "in_mxnet", "in_mxnet_hybrid", "in_numpy", "in_torch"]

CASES = {
    "lenet-256": {"net": "lenet", "shape": [256, 1, 28, 28], "rate": 0.05, "momentum": 0.0},
    "resnet18-32": {"net": "resnet18", "shape": [32, 3, 32, 32], "rate": 0.002, "momentum": 0.9},
    "mobile-32": {"net": "mobile", "shape": [32, 3, 64, 64], "rate": 0.002, "momentum": 0.9},
}
TOLERANCE = 1e-3  # after 5 steps; rounding moves some inputs of rectifiers across zero, and steps amplify that
BY_HAND = list(CASES)
CHANNELS_LAST = True
NETWORKS = {"lenet": zoo.lenet(), "resnet18": zoo.resnet18(10, large=False), "mobile": zoo.mobile()}


def inputs(random, net, shape, rate, momentum):
    batches = [(random.randn(*shape).astype("float32"), random.randint(0, 10, shape[0]).astype("int32"))]
    return training.inputs(random, NETWORKS[net], batches, rate=rate, momentum=momentum)


def flops(net, shape, rate, momentum):
    return training.flops(NETWORKS[net], shape)
