"""Initializers without random numbers: constants, bilinear weights, an LSTM's biases."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..array.nd_array import NDArray
from .base import Initializer, alias, register


@register
@alias("zeros")
class Zero(Initializer):
    """Zeros, under the names "zero" and "zeros".

    >>> from tracer import init
    >>> init.create("zeros") == init.Zero()
    True
    """

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, _: str, arr: NDArray) -> None:
        arr[:] = 0


@register
@alias("ones")
class One(Initializer):
    """Ones, under the names "one" and "ones".

    >>> from tracer import init
    >>> init.One().dumps()
    '["one", {}]'
    """

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, _: str, arr: NDArray) -> None:
        arr[:] = 1


@register
class Constant(Initializer):
    """A given value.

    value: a number, or an array or list that broadcasts to the parameter's shape.

    >>> from tracer import init
    >>> init.Constant(2.5).dumps()
    '["constant", {"value": 2.5}]'
    """

    def __init__(self, value: Any) -> None:
        super().__init__(value=value)
        self.value = value

    def _init_weight(self, _: str, arr: NDArray) -> None:
        arr[:] = self.value

    def dumps(self) -> str:
        """The initializer as JSON text; an array becomes a list."""
        value = self._kwargs["value"]
        if not np.isscalar(value):
            array = value.asnumpy() if isinstance(value, NDArray) else np.asarray(value)
            self._kwargs["value"] = array.tolist()
        return super().dumps()


@register
class Bilinear(Initializer):
    """The weights of a deconvolution that upsamples bilinearly, for parameters with 4 axes. IndexError for fewer.

    >>> from tracer import init, nd
    >>> weight = nd.zeros((1, 1, 2, 2))
    >>> init.Bilinear()(init.InitDesc("up_weight"), weight)
    >>> weight.asnumpy().ravel().tolist()
    [1.0, 0.0, 0.0, 0.0]
    """

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, name: str, arr: NDArray) -> None:
        self._init_bilinear(name, arr)


@register
class LSTMBias(Initializer):
    """The bias of an LSTM cell: zeros, and another number for the forget gate, the second of the four gates.

    forget_bias: that number. Jozefowicz et al., 2015, recommend 1.

    >>> from tracer import init, nd
    >>> bias = nd.zeros((8,))
    >>> init.LSTMBias()(init.InitDesc("bias", {"__init__": init.LSTMBias()}), bias)
    >>> bias.asnumpy().tolist()
    [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """

    def __init__(self, forget_bias: float = 1.0) -> None:
        super().__init__(forget_bias=forget_bias)
        self.forget_bias = forget_bias

    def _init_weight(self, _: str, arr: NDArray) -> None:
        arr[:] = 0.0
        hidden = arr.shape[0] // 4
        arr[hidden:2 * hidden] = self.forget_bias
