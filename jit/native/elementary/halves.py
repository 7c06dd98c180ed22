"""Conversions between float16 and wider floats, as LLVM IR that needs no function of a run-time library.

LLVM may move a narrowing to float16 up its operand's instructions (through `copysign`, and through a narrowing from
float64), and so make a narrowing from float64, for which most processors have no instruction: it calls `__truncdfhf2`,
which few processes have. The operand is therefore the result of an integer instruction that LLVM cannot analyse.
"""
from __future__ import annotations

from typing import Any

from llvmlite import ir

HALF, _F32, _F64 = ir.HalfType(), ir.FloatType(), ir.DoubleType()
_I32, _I64 = ir.IntType(32), ir.IntType(64)


def widen(builder: Any, value: Any) -> Any:
    """A float16 as the float32 of the same value, or a float32 as the float64.

    LLVM compares widened values in the narrow type, and where it turns such a comparison and a select into a minimum or
    maximum, it takes -0 for 0: so the widening is hidden from it.
    """
    wide = _F32 if value.type == HALF else _F64
    return builder.bitcast(_opaque(builder, builder.fpext(value, wide)), wide)


def narrow(builder: Any, value: Any) -> Any:
    """The float16 of a float32 that has the value of one."""
    return builder.fptrunc(value, HALF)


def rounded(builder: Any, value: Any) -> Any:
    """A float32 or float64 rounded once to the nearest float16, ties to even; as the float32 of the same value."""
    bits = _single_of_double(builder, value) if value.type == _F64 else _opaque(builder, value)
    return widen(builder, narrow(builder, builder.bitcast(bits, _F32)))


def _opaque(builder: Any, value: Any) -> Any:
    """The bits of a float, hidden from LLVM: the last one is set if the one before it is.

    A widened value has neither bit set. A float32 that will be rounded to float16 gives the same result: both bits are
    among those that are rounded off, and a value with the one before set is neither a float16 nor midway between two.
    """
    kind = _I32 if value.type == _F32 else _I64
    bits = builder.bitcast(value, kind)
    return builder.or_(bits, builder.and_(builder.lshr(bits, kind(1)), kind(1)))


def _single_of_double(builder: Any, double: Any) -> Any:
    """The bits of a float64 rounded to odd: to the float32 next to zero, with the last bit set if it is not exact.

    Rounding that to float16 is rounding the float64 to float16, since it is on the same side of each midpoint.
    """
    single = builder.fptrunc(double, _F32)
    back = builder.fpext(single, _F64)
    bits = builder.bitcast(single, _I32)
    magnitude = [builder.call(builder.module.declare_intrinsic("llvm.fabs", [_F64]), [x]) for x in (back, double)]
    bits = builder.sub(bits, builder.zext(builder.fcmp_ordered(">", *magnitude), _I32))
    return builder.or_(bits, builder.zext(builder.fcmp_ordered("!=", back, double), _I32))
