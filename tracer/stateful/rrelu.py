"""Leaky relu with slopes drawn at random in training."""
from __future__ import annotations

from typing import Any

from ..array.views import internal
from ..core.invoke import constant, invoke, wrap
from ..core.trace import current
from ..rng.state import STREAMS


def leaky_relu(cls: type, data: Any, gamma: Any, act_type: str, slope: float, lower_bound: float,
               upper_bound: float) -> Any:
    """`data` where positive, else a slope times it, by `act_type`; "rrelu" draws the slopes in training."""
    if act_type != "rrelu" or not current().trace.training:
        return invoke(internal("npx.leaky_relu"), cls, (data, gamma),
                      (act_type, slope, lower_bound, upper_bound))
    drawn = STREAMS.par_uniform(lower_bound, upper_bound, data.shape, data._value.aval.dtype)
    return invoke(internal("npx._sloped"), cls, (data, wrap(cls, constant(drawn))), ())
