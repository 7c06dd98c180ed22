"""Activations as layers."""
from __future__ import annotations

from typing import Any

from ..hybrid_block import HybridBlock
from . import flavour

__all__ = ["Activation"]


class Activation(HybridBlock):
    """An activation, elementwise.

    activation: "relu", "sigmoid", "tanh", "softrelu", "softsign"; for arrays of np also "log_sigmoid" and "mish".

    >>> from tracer import nd
    >>> Activation("relu")(nd.array([-1, 1])).asnumpy().tolist()
    [0.0, 1.0]
    """

    def __init__(self, activation: str, **kwargs: Any) -> None:
        self._act_type = activation
        super().__init__(**kwargs)

    def _alias(self) -> str:
        return self._act_type

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        return flavour.of(F, x, "Activation", "activation")(x, act_type=self._act_type, name="fwd")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._act_type})"
