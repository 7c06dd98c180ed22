"""Layers under MXNet 1's experimental names: blocks side by side, and those that `gluon.nn` has too."""
from __future__ import annotations

from typing import Any

from ...block import Block
from ...nn.basic_layers import BatchNormReLU, Concatenate, HybridConcatenate, Identity, SyncBatchNorm
from ...nn.conv_layers import PixelShuffle1D, PixelShuffle2D, PixelShuffle3D

__all__ = ["BatchNormReLU", "Concurrent", "HybridConcurrent", "Identity", "PixelShuffle1D", "PixelShuffle2D",
           "PixelShuffle3D", "SparseEmbedding", "SyncBatchNorm"]


class Concurrent(Concatenate):
    """Blocks side by side: each takes the data, and their results are concatenated.

    axis: the axis along which they are concatenated.

    >>> from tracer import gluon, nd
    >>> net = Concurrent(axis=0)
    >>> net.add(gluon.nn.Activation("relu"), Identity())
    >>> net(nd.array([[-1, 1]])).asnumpy().tolist()
    [[0.0, 1.0], [-1.0, 1.0]]
    """


class HybridConcurrent(HybridConcatenate):
    """Hybrid blocks side by side: each takes the data, and their results are concatenated.

    axis: the axis along which they are concatenated.

    >>> from tracer import gluon, nd
    >>> net = HybridConcurrent(axis=1, prefix="branches_")
    >>> net.add(gluon.nn.Dense(3), Identity())
    >>> net.initialize()
    >>> net(nd.ones((2, 4))).shape
    (2, 7)
    """


class SparseEmbedding(Block):
    """An embedding with sparse gradients: not supported. NotImplementedError when it is made."""

    def __init__(self, input_dim: int, output_dim: int, dtype: Any = "float32", weight_initializer: Any = None,
                 **kwargs: Any) -> None:
        raise NotImplementedError("SparseEmbedding: tracer has dense arrays only; use gluon.nn.Embedding")
