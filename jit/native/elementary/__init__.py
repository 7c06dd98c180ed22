"""Elementary functions that are emitted inside the calling loop and vectorize with it.

`FUNCTIONS[name]` is the text, for a machine and its lanes. `intrinsics.INTRINSICS[name]` makes compiled code of it.
`NUMPY[name]` runs it on NumPy arrays (float16 is computed in float32, and rounded). A function's docstring states its
largest error in units in the last place.

>>> float(NUMPY["sigmoid"](0.0))
0.5
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import basic, exponential, logarithm, power, trigonometric
from .lanes import NumpyMachine

FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        exponential.exp, exponential.exp_below_zero, exponential.exp2, exponential.expm1,
        exponential.sinh, exponential.cosh, exponential.tanh, exponential.sigmoid,
        exponential.erf, exponential.one_plus_erf, exponential.one_plus_erf_by,
        logarithm.log, logarithm.log1p, logarithm.log2, logarithm.log10,
        logarithm.softplus, logarithm.log_sigmoid,
        power.pow, power.cbrt, trigonometric.sin, trigonometric.cos, trigonometric.tan,
        basic.sqrt, basic.rsqrt, basic.rint, basic.floor, basic.ceil, basic.trunc, basic.fabs, basic.copysign,
        basic.maximum, basic.minimum, basic.select,
        basic.fadd_reassoc, basic.fmul_reassoc, basic.max_acc, basic.min_acc,
    )
}


def _numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` over arrays of one float type."""

    def run(*args: Any) -> Any:
        arrays = [np.asarray(a) for a in args]
        dtype = arrays[-1].dtype
        lanes = [np.atleast_1d(a.astype(np.float32) if a.dtype == np.float16 else a) for a in arrays]
        with np.errstate(all="ignore"):
            y = function(NumpyMachine(), *lanes).astype(dtype)
        return y.reshape(np.broadcast_shapes(*(a.shape for a in arrays)))

    run.__name__ = function.__name__
    run.__doc__ = function.__doc__
    return run


NUMPY: dict[str, Callable[..., Any]] = {name: _numpy(function) for name, function in FUNCTIONS.items()}
