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
            return builtin("call", disk_cache.find(symbol, ".obj", lambda: _compile(symbol, count))[0], None, __name__)
        except CannotCompile:
            pass
    function_at = cache(ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * count))
    return lambda address, *words: function_at(address)(*words)


def _compile(symbol: str, count: int) -> bytes:
    from llvmlite import ir

    from .emit import I64, NULL, OBJECT, OBJECTS, Emitter
    from .unit import object_code

    module = ir.Module(symbol)
    function = ir.Function(module, ir.FunctionType(OBJECT, [OBJECT, OBJECTS, I64]), symbol)
    e = Emitter(module, function)
    b = e.builder
    nothing, arguments, given = function.args
    with b.if_then(b.icmp_signed("!=", given, I64(1 + count)), likely=False):
        e.call("PyErr_BadArgument")
        b.branch(e.way_out())
    address, *words = [e.call("PyLong_AsVoidPtr", b.load(b.gep(arguments, [I64(i)]))) for i in range(1 + count)]
    e.guard(b.icmp_unsigned("==", e.call("PyErr_Occurred"), NULL))
    kind = ir.FunctionType(ir.VoidType(), [OBJECT] * count)
    state = e.call("PyEval_SaveThread")
    b.call(b.bitcast(address, kind.as_pointer()), words)
    e.call("PyEval_RestoreThread", state)
    e.incref(nothing)
    b.ret(nothing)
    e.finish()
    return object_code(str(module))
