"""Leaky ReLU, also with slopes that are drawn at random in training (rrelu)."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..array.views import internal
from ..core.invoke import invoke
from ..core.surface import assign, engine
from ..core.trace import current
from ..rng.state import STREAMS, drawn


def leaky_relu(cls: type, name: str) -> Callable[..., Any]:
    """Make the function `name` for arrays of the class `cls`."""
    def function(data: Any, gamma: Any = None, act_type: str = "leaky", slope: float = 0.25, lower_bound: float = 0.125,
                 upper_bound: float = 0.334, out: Any = None) -> Any:
        """The activation `act_type`, elementwise. For "leaky", "prelu", "elu" and "rrelu" it is x where x is positive.

        act_type: elsewhere `slope` * x ("leaky"), `gamma` * x ("prelu"), `slope` * (exp(x) - 1) ("elu"), or x times a
            slope that is drawn from [lower_bound, upper_bound) for each element in training, else their mean
            ("rrelu"); also "selu", "gelu", "gelu_tanh".
        """
        if act_type != "rrelu" or not current().trace.training:
            made = invoke(internal("npx.leaky_relu"), cls, (data, gamma), (act_type, slope, lower_bound, upper_bound))
        else:
            slopes = partial(STREAMS.par_uniform, lower_bound, upper_bound, data.shape, data._value.aval.dtype)
            made = invoke(internal("npx._sloped"), cls, (data, drawn(cls, slopes)), ())
        return made if out is None else assign(out, made)

    function.__name__ = function.__qualname__ = name
    return engine(function)
