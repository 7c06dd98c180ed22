"""The compiler of callers of native functions whose parameters are words (foreign.py)."""
from __future__ import annotations

from llvmlite import ir

from .emit import I64, NULL, OBJECT, OBJECTS, Emitter
from .unit import object_code


def caller_code(symbol: str, count: int) -> bytes:
    """The object code of the C function `symbol(_, (address, *words), count of these)`."""
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
