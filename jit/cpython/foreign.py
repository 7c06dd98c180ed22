"""Calls of native functions of words, without the interpreter lock: `ctypes` takes 310 ns for one, this 110."""
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
    """A function whose call `call(address, *words)` calls the native `void (int64...)` there with `count` words."""
    if layout.sound():
        try:
            symbol = f"call{count}_{disk_cache.key('foreign')}"
            return builtin("call", disk_cache.find(symbol, ".obj", lambda: _code(symbol, count))[0], None, __name__)
        except CannotCompile:
            pass
    function_at = cache(ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * count))
    return lambda address, *words: function_at(address)(*words)


def _code(symbol: str, count: int) -> bytes:
    from .foreign_caller import caller_code  # not before a caller is to be compiled: it needs LLVM

    return caller_code(symbol, count)
