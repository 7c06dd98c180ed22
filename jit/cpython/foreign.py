"""Calls of native functions whose parameters are words, without the interpreter lock: 110 ns, by `ctypes` 310."""
from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

from tracer.ops.ir.errors import CannotCompile

from ..native import disk_cache
from . import layout
from .builtin import builtin


@cache
def caller(count: int) -> Callable[..., None]:
    """A function `call(address, *words)` that calls the native `void (int64...)` at `address` with `count` words."""
    if layout.sound():
        try:
            symbol = f"call{count}_{disk_cache.key('foreign')}"
            return builtin("call", disk_cache.find(symbol, ".obj", lambda: _code(symbol, count))[0], None, __name__)
        except CannotCompile:
            pass
    function_at = cache(ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * count))
    return lambda address, *words: function_at(address)(*words)


def _code(symbol: str, count: int) -> bytes:
    from .foreign_caller import caller_code  # only to compile a caller: it needs LLVM

    return caller_code(symbol, count)
