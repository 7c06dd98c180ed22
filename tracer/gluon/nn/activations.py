"""Activations as layers."""
from __future__ import annotations

from typing import Any

from ... import initializer
from ..hybrid_block import HybridBlock
from . import flavour

__all__ = ["Activation", "ELU", "GELU", "LeakyReLU", "PReLU", "SELU", "SiLU", "Swish"]


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


#: The initializer of the slopes of `PReLU`.
_QUARTER = initializer.Constant(0.25)


def _leaky_relu(F: Any, x: Any, **kwargs: Any) -> Any:
    return flavour.of(F, x, "LeakyReLU", "leaky_relu")(x, name="fwd", **kwargs)


class LeakyReLU(HybridBlock):
    """The leaky rectifier: x where x > 0, else alpha * x.

    alpha: the slope for negative numbers. AssertionError if it is negative.

    >>> from tracer import nd
    >>> LeakyReLU(0.5)(nd.array([-1, 1])).asnumpy().tolist()
    [-0.5, 1.0]
    """

    def __init__(self, alpha: float, **kwargs: Any) -> None:
        assert alpha >= 0, "Slope coefficient for LeakyReLU must be no less than 0."
        super().__init__(**kwargs)
        self._alpha = alpha

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        return _leaky_relu(F, x, act_type="leaky", slope=self._alpha)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._alpha})"


class PReLU(HybridBlock):
    """The leaky rectifier with learned slopes: x where x > 0, else alpha * x.

    alpha_initializer: the initializer of the slopes.
    in_channels: their number: one, or one for each place along the data's second axis.

    He et al., Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet Classification, ICCV 2015.

    >>> from tracer import nd
    >>> layer = PReLU()
    >>> layer.initialize()
    >>> layer(nd.array([-1, 1])).asnumpy().tolist()
    [-0.25, 1.0]
    """

    def __init__(self, alpha_initializer: Any = _QUARTER, in_channels: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with self.name_scope():
            self.alpha = self.params.get("alpha", shape=(in_channels,), init=alpha_initializer)

    def hybrid_forward(self, F: Any, x: Any, alpha: Any) -> Any:
        """The layer's result."""
        return _leaky_relu(F, x, gamma=alpha, act_type="prelu")


class ELU(HybridBlock):
    """The exponential linear unit: x where x > 0, else alpha * (exp(x) - 1).

    Clevert et al., Fast and Accurate Deep Network Learning by Exponential Linear Units (ELUs), ICLR 2016.

    >>> from tracer import nd
    >>> ELU()(nd.array([-100, 1])).asnumpy().tolist()
    [-1.0, 1.0]
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._alpha = alpha

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        return flavour.of(F, x, "LeakyReLU", "leaky_relu")(x, act_type="elu", slope=self._alpha)


class SELU(HybridBlock):
    """The scaled exponential linear unit, which keeps the mean and variance of what passes through many layers.

    Klambauer et al., Self-Normalizing Neural Networks, NeurIPS 2017.

    >>> from tracer import nd
    >>> round(float(SELU()(nd.array([1])).asscalar()), 3)
    1.051
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        return _leaky_relu(F, x, act_type="selu")


class GELU(HybridBlock):
    """The Gaussian error linear unit: x times the probability that a standard normal number is below x.

    approximation: "erf", the function itself, or "tanh", its approximation by tanh (MXNet 2). ValueError for another.

    Hendrycks and Gimpel, Gaussian Error Linear Units (GELUs), 2016.

    >>> from tracer import nd
    >>> GELU()(nd.array([-100, 0, 100])).asnumpy().tolist()
    [-0.0, 0.0, 100.0]
    """

    def __init__(self, approximation: str = "erf", **kwargs: Any) -> None:
        if approximation not in ("erf", "tanh"):
            raise ValueError("Unsupported approximation! Supported values are 'erf' and 'tanh', but got "
                             f"'{approximation}'")
        super().__init__(**kwargs)
        self._act_algorithm = "gelu" if approximation == "erf" else "gelu_tanh"

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        return _leaky_relu(F, x, act_type=self._act_algorithm)


class Swish(HybridBlock):
    """The activation x * sigmoid(beta * x).

    Ramachandran et al., Searching for Activation Functions, 2017.

    >>> from tracer import nd
    >>> Swish()(nd.array([0, 100])).asnumpy().tolist()
    [0.0, 100.0]
    """

    def __init__(self, beta: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._beta = beta

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        return x * flavour.of(F, x, "sigmoid", "sigmoid")(self._beta * x, name="fwd")


class SiLU(HybridBlock):
    """The sigmoid linear unit: x * sigmoid(x) (MXNet 2).

    >>> from tracer import nd
    >>> SiLU()(nd.array([0, 100])).asnumpy().tolist()
    [0.0, 100.0]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The layer's result."""
        return x * flavour.of(F, x, "sigmoid", "sigmoid")(x)
