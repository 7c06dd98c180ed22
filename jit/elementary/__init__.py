"""Elementary functions that are emitted inside the calling loop and vectorize with it.

`INTRINSICS[name]` is a Numba intrinsic for float32 or float64 scalars (two arguments must agree in type); calling it in
a kernel emits its instructions there: no symbol, no call, no branch. `NUMPY[name]` runs the same text on NumPy arrays.

>>> float(NUMPY["sigmoid"](0.0))
0.5
"""
from __future__ import annotations

from typing import Any, Callable

import numpy as np
from numba.core import types
from numba.extending import intrinsic

from . import basic, exponential, logarithm, power, trigonometric
from .lanes import Lane, LlvmMachine, NumpyMachine

FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        exponential.exp, exponential.exp2, exponential.expm1, exponential.sinh, exponential.cosh,
        exponential.tanh, exponential.sigmoid, exponential.erf,
        logarithm.log, logarithm.log1p, logarithm.log2, logarithm.log10,
        power.pow, trigonometric.sin, trigonometric.cos, trigonometric.tan,
        basic.sqrt, basic.rsqrt, basic.rint, basic.floor, basic.ceil, basic.trunc, basic.fabs, basic.copysign,
        basic.maximum, basic.minimum, basic.fadd_reassoc, basic.fmul_reassoc,
    )
}


def _intrinsic(name: str, function: Callable[..., Any]) -> Any:
    """A Numba intrinsic that emits `function` for one or two floats of one type."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        m = LlvmMachine(builder)
        return function(m, *(Lane(m, a) for a in args)).value

    def accepts(*args: Any) -> Any:
        if args[0] in (types.float32, types.float64) and all(a == args[0] for a in args):
            return args[0](*args), codegen
        return None

    if function.__code__.co_argcount == 2:
        def typing(typingctx, x):
            return accepts(x)
    else:
        def typing(typingctx, x, y):
            return accepts(x, y)
    typing.__name__ = typing.__qualname__ = name
    typing.__doc__ = function.__doc__
    return intrinsic(typing)


def _numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` over arrays of one float type; float16 is computed in float32, and rounded."""

    def run(*args: Any) -> Any:
        arrays = [np.asarray(a) for a in args]
        dtype = arrays[0].dtype
        lanes = [np.atleast_1d(a.astype(np.float32) if dtype == np.float16 else a) for a in arrays]
        with np.errstate(all="ignore"):
            y = function(NumpyMachine(), *lanes)
        return y.astype(dtype).reshape(np.broadcast_shapes(*(a.shape for a in arrays)))

    run.__name__ = function.__name__
    run.__doc__ = function.__doc__
    return run


INTRINSICS: dict[str, Any] = {name: _intrinsic(name, function) for name, function in FUNCTIONS.items()}
NUMPY: dict[str, Callable[..., Any]] = {name: _numpy(function) for name, function in FUNCTIONS.items()}
