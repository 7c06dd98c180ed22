"""Layers that networks are mostly made of: dense layers, dropout, embeddings, and functions as layers.

MXNet's module of this name has the containers and the normalizations, too.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import ndarray, numpy
from ...generation import is_2
from ..block import Block
from ..hybrid_block import HybridBlock
from . import flavour
from .activations import Activation
from .containers import Concatenate, HybridConcatenate, HybridSequential, Sequential
from .normalization import (
    BatchNorm,
    BatchNormReLU,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    SyncBatchNorm,
    _BatchNorm,  # noqa: F401
)

__all__ = ["BatchNorm", "BatchNormReLU", "Concatenate", "Dense", "Dropout", "Embedding", "Flatten", "GroupNorm",
           "HybridConcatenate", "HybridLambda", "HybridSequential", "Identity", "InstanceNorm", "Lambda", "LayerNorm",
           "Sequential", "SyncBatchNorm"]


class Dense(HybridBlock):
    """The affine layer activation(x @ weight.T + bias).

    units: the size of the result's last axis.
    activation: the name of an activation, as of `Activation`; None: none.
    use_bias: whether there is a bias.
    flatten: whether the data are flattened to two axes; else the layer works along their last axis.
    dtype: the parameters' element type.
    weight_initializer, bias_initializer: the parameters' initializers.
    in_units: the size of the (flattened) data's last axis; 0: found in the first pass.

    https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/nn/index.html#mxnet.gluon.nn.Dense

    >>> from tracer import nd
    >>> layer = Dense(2, weight_initializer="ones")
    >>> layer.initialize()
    >>> layer(nd.ones((1, 3))).asnumpy().tolist()
    [[3.0, 3.0]]
    """

    def __init__(self, units: int, activation: str | None = None, use_bias: bool = True, flatten: bool = True,
                 dtype: Any = "float32", weight_initializer: Any = None, bias_initializer: Any = "zeros",
                 in_units: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._flatten = flatten
        self._units = units
        self._in_units = in_units
        with self.name_scope():
            self.weight = self.params.get("weight", shape=(units, in_units), init=weight_initializer, dtype=dtype,
                                          allow_deferred_init=True)
            self.bias = self.params.get("bias", shape=(units,), init=bias_initializer, dtype=dtype,
                                        allow_deferred_init=True) if use_bias else None
            self.act = None if activation is None else Activation(activation, prefix=f"{activation}_")

    def hybrid_forward(self, F: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        """The layer's result."""
        function = flavour.of(F, x, "FullyConnected", "fully_connected")
        out = function(x, weight, bias, no_bias=bias is None, num_hidden=self._units, flatten=self._flatten, name="fwd")
        return out if self.act is None else self.act(out)

    def __repr__(self) -> str:
        units, inner = self.weight.shape
        return f"{type(self).__name__}({inner if inner else None} -> {units}, {self.act or 'linear'})"


class Dropout(HybridBlock):
    """Dropout: in training each element is set to 0 with probability `rate`, and the others scaled by 1 / (1 - rate).

    rate: the probability.
    axes: the axes along which all elements share one decision.

    Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, 2014.

    >>> from tracer import nd
    >>> Dropout(0.5)(nd.ones(3)).asnumpy().tolist()
    [1.0, 1.0, 1.0]
    """

    def __init__(self, rate: float, axes: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._rate = rate
        self._axes = axes

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        if self._rate > 0:
            return flavour.of(F, x, "Dropout", "dropout")(x, p=self._rate, axes=self._axes, name="fwd", cudnn_off=False)
        return x.copy()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p = {self._rate}, axes={self._axes})"


class Embedding(HybridBlock):
    """A table whose rows are looked up by number: integers of any shape become vectors.

    input_dim: the number of rows. Numbers outside are clipped to it.
    output_dim: the length of a row.
    dtype: the table's element type.
    weight_initializer: the table's initializer.
    sparse_grad: whether the gradient is of storage type row_sparse: the rows that were looked up.

    >>> from tracer import nd
    >>> layer = Embedding(10, 3)
    >>> layer.initialize()
    >>> layer(nd.array([1, 2])).shape
    (2, 3)
    """

    def __init__(self, input_dim: int, output_dim: int, dtype: Any = "float32", weight_initializer: Any = None,
                 sparse_grad: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._kwargs = {"input_dim": input_dim, "output_dim": output_dim, "dtype": dtype, "sparse_grad": sparse_grad}
        self.weight = self.params.get("weight", shape=(input_dim, output_dim), init=weight_initializer, dtype=dtype,
                                      allow_deferred_init=True, grad_stype="row_sparse" if sparse_grad else "default")

    def hybrid_forward(self, F: Any, x: Any, weight: Any) -> Any:
        """The rows at the numbers `x`."""
        return flavour.of(F, x, "Embedding", "embedding")(x, weight, name="fwd", **self._kwargs)

    def __repr__(self) -> str:
        return "{}({input_dim} -> {output_dim}, {dtype})".format(type(self).__name__, **self._kwargs)


class Flatten(HybridBlock):
    """The data with all axes but the first made one."""

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        return flavour.of(F, x, "flatten", "batch_flatten")(x)

    def __repr__(self) -> str:
        return type(self).__name__


class Identity(HybridBlock):
    """The data as they are; beside other blocks in `HybridConcatenate` it makes a shortcut.

    >>> from tracer import nd
    >>> Identity()(nd.ones((1,))).asnumpy().tolist()
    [1.0]
    """

    def __init__(self, prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The data."""
        return x


def _named(function: str) -> Callable[..., Any]:
    """The function (F, x, ...) of a name: that of F, or for arrays of np that of np or npx."""
    assert hasattr(ndarray, function) or is_2() and hasattr(numpy, function), \
        f"Function name {function} is not found in ndarray."

    def call(F: Any, x: Any, *args: Any) -> Any:
        if isinstance(x, numpy.ndarray) and hasattr(F.np, function):
            return getattr(F.np, function)(x, *args)
        return flavour.of(F, x, function, function)(x, *args)

    return call


def _of_arrays(function: str) -> Callable[..., Any]:
    named = _named(function)

    def call(*args: Any) -> Any:
        return named(ndarray, *args)

    call.__name__ = function
    return call


class Lambda(Block):
    """A function as a block.

    function: a function of arrays, or the name of one of `mx.nd` (of `mx.np` or `mx.npx` for arrays of np).

    >>> from tracer import nd
    >>> Lambda("relu")(nd.array([-1, 1])).asnumpy().tolist()
    [0.0, 1.0]
    """

    def __init__(self, function: str | Callable[..., Any], prefix: str | None = None) -> None:
        super().__init__(prefix=prefix)
        if not isinstance(function, str) and not callable(function):
            raise ValueError(f"Unrecognized function in lambda: {function} of type {type(function)}")
        self._func_impl = _of_arrays(function) if isinstance(function, str) else function

    def forward(self, *args: Any) -> Any:
        """The function's result."""
        return self._func_impl(*args)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._func_impl.__name__})"


class HybridLambda(HybridBlock):
    """A function as a hybrid block.

    function: a function (F, x, ...), where F is `mx.nd`, in MXNet 2 mode (x, ...); or the name of one of `mx.nd` (of
        `mx.np` or `mx.npx` for arrays of np).

    >>> from tracer import nd
    >>> HybridLambda(lambda F, x: F.relu(x) + 1)(nd.array([-1, 1])).asnumpy().tolist()
    [1.0, 2.0]
    """

    def __init__(self, function: str | Callable[..., Any], prefix: str | None = None) -> None:
        super().__init__(prefix=prefix)
        if not isinstance(function, str) and not callable(function):
            raise ValueError(f"Unrecognized function in lambda: {function} of type {type(function)}")
        self._func_name = function if isinstance(function, str) else function.__name__
        self._func = _named(function) if isinstance(function, str) else function
        self._without_namespace = is_2() and not isinstance(function, str)

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        """The function's result."""
        return self._func(x, *args) if self._without_namespace else self._func(F, x, *args)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._func_name})"
