"""Layers under MXNet 1's experimental names: blocks side by side, and those that `gluon.nn` has too."""
from __future__ import annotations

from typing import Any

from .... import ndarray
from ...block import Block
from ...nn.basic_layers import BatchNormReLU, Concatenate, HybridConcatenate, Identity, SyncBatchNorm
from ...nn.conv_layers import PixelShuffle1D, PixelShuffle2D, PixelShuffle3D

nd: Any = ndarray

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
    """A table of storage type row_sparse, with gradients of that type, whose rows are looked up by number.

    input_dim, output_dim, dtype, weight_initializer: as of `gluon.nn.Embedding`.

    A trainer must have been made with its parameters: each pass fetches its rows from the trainer's store.

    >>> from tracer import gluon, nd
    >>> layer = SparseEmbedding(10, 3)
    >>> layer.initialize()
    >>> trainer = gluon.Trainer(layer.collect_params(), "sgd")
    >>> layer(nd.array([1, 2])).shape
    (2, 3)
    """

    def __init__(self, input_dim: int, output_dim: int, dtype: Any = "float32", weight_initializer: Any = None,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._kwargs = {"input_dim": input_dim, "output_dim": output_dim, "dtype": dtype, "sparse_grad": True}
        self.weight = self.params.get("weight", shape=(input_dim, output_dim), init=weight_initializer, dtype=dtype,
                                      grad_stype="row_sparse", stype="row_sparse")

    def forward(self, x: Any) -> Any:
        """The rows at the numbers `x`."""
        return nd.Embedding(x, self.weight.row_sparse_data(x), name="fwd", **self._kwargs)

    def __repr__(self) -> str:
        return "{}({input_dim} -> {output_dim}, {dtype})".format(type(self).__name__, **self._kwargs)
