"""The elementary functions in compiled code.

`INTRINSICS[name]` is an intrinsic for float32 or float64 scalars (the arguments must agree in type); calling it in a
kernel emits its instructions there: no symbol, no call, no branch.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types

from . import FUNCTIONS
from .llvm_lanes import Lane, LlvmMachine


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

    typer: Any = {1: one, 2: two, 3: pick}[function.__code__.co_argcount - 1]
    typer.__name__ = typer.__qualname__ = name
    typer.__doc__ = function.__doc__
    return typer


INTRINSICS: dict[str, Any] = {name: _intrinsic(name, function) for name, function in FUNCTIONS.items()}
