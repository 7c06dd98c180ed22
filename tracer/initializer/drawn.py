"""Initializers with random numbers: uniform, normal, Xavier's, orthogonal."""
from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops.ir.errors import MXNetError

from .. import random
from ..array.nd_array import NDArray
from ..array.np_array import ndarray
from ..numpy import random as np_random
from ..numpy_extension.mode import is_np_array
from .base import Initializer, register


def _numpy_style(arr: NDArray) -> bool:
    """Whether `mx.np`'s sequential generator draws for `arr`, not `mx.nd`'s parallel ones."""
    return is_np_array() or isinstance(arr, ndarray)


def _draw_uniform(scale: float, arr: Any) -> None:
    if _numpy_style(arr):
        np_random.uniform(-scale, scale, arr.shape, dtype=arr.dtype, out=arr)
    else:
        random.uniform(-scale, scale, arr.shape, out=arr)


def _draw_normal(sigma: float, arr: Any) -> None:
    if _numpy_style(arr):
        np_random.normal(0, sigma, arr.shape, dtype=arr.dtype, out=arr)
    else:
        random.normal(0, sigma, arr.shape, out=arr)


@register
class Uniform(Initializer):
    """Uniform random numbers in [-scale, scale).

    >>> from tracer import init
    >>> init.Uniform().dumps()
    '["uniform", {"scale": 0.07}]'
    """

    def __init__(self, scale: float = 0.07) -> None:
        super().__init__(scale=scale)
        self.scale = scale

    def _init_weight(self, _: str, arr: NDArray) -> None:
        _draw_uniform(self.scale, arr)


@register
class Normal(Initializer):
    """Normal random numbers with mean 0 and standard deviation `sigma`.

    >>> import tracer
    >>> weight = tracer.nd.zeros((2,))
    >>> tracer.random.seed(0)
    >>> tracer.init.Normal(1)(tracer.init.InitDesc("weight"), weight)
    >>> weight.asnumpy()
    array([2.2122064, 0.7740038], dtype=float32)
    """

    def __init__(self, sigma: float = 0.01) -> None:
        super().__init__(sigma=sigma)
        self.sigma = sigma

    def _init_weight(self, _: str, arr: NDArray) -> None:
        _draw_normal(self.sigma, arr)


@register
class Orthogonal(Initializer):
    """A matrix of orthonormal rows or columns, times `scale`; the axes after the first count as one.

    scale: a factor.
    rand_type: "uniform" or "normal", the random matrix whose singular vectors are taken.

    NumPy computes the singular value decomposition: its last bits depend on NumPy's LAPACK, as in MXNet. Saxe et al.,
    Exact solutions to the nonlinear dynamics of learning in deep linear neural networks, arXiv:1312.6120.

    >>> from tracer import init
    >>> init.Orthogonal().dumps()
    '["orthogonal", {"scale": 1.414, "rand_type": "uniform"}]'
    """

    def __init__(self, scale: float = 1.414, rand_type: str = "uniform") -> None:
        super().__init__(scale=scale, rand_type=rand_type)
        self.scale = scale
        self.rand_type = rand_type

    def _init_weight(self, name: str, arr: NDArray) -> None:
        if len(arr.shape) < 2:
            raise MXNetError(f"Orthogonal cannot be applied to {name} of shape {arr.shape}: it needs 2 axes or more")
        shape = arr.shape[0], int(np.prod(arr.shape[1:]))
        if self.rand_type == "uniform":
            drawn = random.uniform(-1.0, 1.0, shape=shape).asnumpy()
        elif self.rand_type == "normal":
            drawn = random.normal(0.0, 1.0, shape=shape).asnumpy()
        else:
            raise ValueError(f"Unknown random type {self.rand_type!r}: Orthogonal has 'uniform' and 'normal'")
        left, _, right = np.linalg.svd(drawn, full_matrices=False)
        arr[:] = self.scale * (left if left.shape == shape else right).reshape(arr.shape)


@register
class Xavier(Initializer):
    """Random numbers whose scale keeps that of activations or gradients from layer to layer.

    rnd_type: "uniform" for numbers in [-c, c), or "gaussian" for the standard deviation c.
    factor_type: the number n in c = sqrt(magnitude / n): "in", the inputs that a unit sums up; "out", the outputs
        that an input contributes to; "avg", their mean.
    magnitude: the number above.

    ValueError for a parameter with fewer than 2 axes. Glorot and Bengio, Understanding the difficulty of training deep
    feedforward neural networks, 2010.

    >>> from tracer import init
    >>> init.Xavier(magnitude=2.34).dumps()
    '["xavier", {"rnd_type": "uniform", "factor_type": "avg", "magnitude": 2.34}]'
    """

    def __init__(self, rnd_type: str = "uniform", factor_type: str = "avg", magnitude: float = 3) -> None:
        super().__init__(rnd_type=rnd_type, factor_type=factor_type, magnitude=magnitude)
        self.rnd_type = rnd_type
        self.factor_type = factor_type
        self.magnitude = float(magnitude)

    def _init_weight(self, name: str, arr: NDArray) -> None:
        shape = arr.shape
        if len(shape) < 2:
            raise ValueError(f"Xavier initializer cannot be applied to vector {name}: its shape {shape} has fewer than "
                             "2 axes")
        field = np.prod(shape[2:]) if len(shape) > 2 else 1.0
        fans = {"in": shape[1] * field, "out": shape[0] * field, "avg": (shape[1] * field + shape[0] * field) / 2.0}
        if self.factor_type not in fans:
            raise ValueError(f"Incorrect factor type {self.factor_type!r}: it is 'avg', 'in' or 'out'")
        scale = float(np.sqrt(self.magnitude / fans[self.factor_type]))
        if self.rnd_type == "uniform":
            _draw_uniform(scale, arr)
        elif self.rnd_type == "gaussian":
            _draw_normal(scale, arr)
        else:
            raise ValueError(f"Unknown random type {self.rnd_type!r}: it is 'uniform' or 'gaussian'")


@register
class MSRAPrelu(Xavier):
    """Normal random numbers of the scale that suits ReLU and PReLU: Xavier's with magnitude 2 / (1 + slope²).

    factor_type: as in `Xavier`.
    slope: the initial slope of the PReLU for negative inputs.

    He et al., Delving deep into rectifiers, arXiv:1502.01852.

    >>> from tracer import init
    >>> init.MSRAPrelu(slope=0).magnitude
    2.0
    """

    def __init__(self, factor_type: str = "avg", slope: float = 0.25) -> None:
        super().__init__("gaussian", factor_type, 2.0 / (1 + slope ** 2))
        self._kwargs = {"factor_type": factor_type, "slope": slope}
