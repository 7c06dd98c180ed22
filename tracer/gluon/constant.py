"""Constants: parameters that are not trained."""
from __future__ import annotations

import warnings
from typing import Any

from .. import initializer, ndarray
from .. import numpy as mx_np
from ..ndarray import NDArray
from ..util import is_np_array
from .parameter import Parameter


class Constant(Parameter):
    """A parameter that is not trained: it has no gradient, and keeps its value until `set_data`.

    name: its name.
    value: its elements, an array or what `nd.array` takes.

    >>> half = Constant("half", [0.5])
    >>> half.initialize()
    >>> float(half.data().asscalar())
    0.5
    """

    def __init__(self, name: Any, value: Any = None) -> None:
        if value is None:  # MXNet 2's form, without a name
            name, value = "const", name
        if not isinstance(value, NDArray):
            value = (mx_np if is_np_array() else ndarray).array(value)
        self.value = value
        super().__init__(name, grad_req="null", shape=value.shape, dtype=value.dtype, init=initializer.Constant(value))

    @property
    def grad_req(self) -> Any:
        """Always "null"."""
        return "null"

    @grad_req.setter
    def grad_req(self, req: str) -> None:
        if req != "null":
            warnings.warn(f'Constant parameter "{self.name}" does not support grad_req other than "null", and new '
                          f'value "{req}" is ignored.', stacklevel=2)

    def _initial(self, given: tuple) -> Any:
        return self.value if given[3] is None else given[3]
