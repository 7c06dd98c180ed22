"""Elementary functions that are emitted inside the calling loop and vectorize with it.

`INTRINSICS[name]` is a Numba intrinsic for float32 or float64 scalars (the arguments must agree in type);
calling it in a kernel emits its instructions there: no symbol, no call, no branch. `NUMPY[name]` runs the
same text on NumPy arrays (float16 is computed in float32, and rounded). A function's docstring states its
largest error in units in the last place.

>>> float(NUMPY["sigmoid"](0.0))
0.5
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
        logarithm.softplus, logarithm.log_sigmoid,
        power.pow, trigonometric.sin, trigonometric.cos, trigonometric.tan,
        basic.sqrt, basic.rsqrt, basic.rint, basic.floor, basic.ceil, basic.trunc, basic.fabs, basic.copysign,
        basic.maximum, basic.minimum, basic.select,
        basic.fadd_reassoc, basic.fmul_reassoc, basic.max_acc, basic.min_acc,
    )
}


def _intrinsic(name: str, function: Callable[..., Any]) -> Any:
    """A Numba intrinsic that emits `function`; types that it does not take are a typing error."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        m = LlvmMachine(builder)
        return function(m, *(Lane(m, a) for a in args)).value

    def accept(*args: Any) -> Any:
        if args[0] in (types.float32, types.float64) and all(a == args[0] for a in args):
            return args[0](*args), codegen
        return None

    def one(typingctx: Any, x: Any) -> Any:
        return accept(x)

    def two(typingctx: Any, x: Any, y: Any) -> Any:
        return accept(x, y)

    def pick(typingctx: Any, condition: Any, a: Any, b: Any) -> Any:
        numbers = (types.Float, types.Integer, types.Boolean)
        if condition == types.boolean and a == b and isinstance(a, numbers):
            return a(condition, a, b), codegen
        return None

    typer = {1: one, 2: two, 3: pick}[function.__code__.co_argcount - 1]
    typer.__name__ = typer.__qualname__ = name
    typer.__doc__ = function.__doc__
    return intrinsic(typer)


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


INTRINSICS: dict[str, Any] = {name: _intrinsic(name, function) for name, function in FUNCTIONS.items()}
NUMPY: dict[str, Callable[..., Any]] = {name: _numpy(function) for name, function in FUNCTIONS.items()}
