"""Quotients rounded down, and remainders, in compiled code: NumPy's, bit for bit.

A remainder by zero is 0, and so is a quotient of integers by zero. The remainder of floats is exact however large the
quotient is: a loop subtracts multiples of the divisor, scaled up by powers of 2**51, the largest power first; mostly
there is one iteration.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

from .llvm_lanes import F64, Lane, LlvmMachine

#: A quotient below 2**53 is an integer of float64 when rounded; an iteration leaves one of up to 2**52.
TURN, BELOW = 2.0**51, 2.0**-52
INFINITE = float("inf")


def _remainder(builder: Any, x: ir.Value, y: ir.Value) -> ir.Value:
    """|x| modulo |y|, exactly; float64."""
    m = LlvmMachine(builder)
    before = builder.block
    up, grow, down, more, end = (builder.append_basic_block(name) for name in ("up", "grow", "down", "more", "end"))
    a, b = m.fabs(Lane(m, x)), m.fabs(Lane(m, y))
    low, finite = a * BELOW, a < INFINITE
    regular = finite & (b > 0.0)
    builder.branch(up)

    builder.position_at_end(up)
    big = builder.phi(F64)
    big.add_incoming(b.value, before)
    builder.cbranch((regular & (Lane(m, big) <= low)).value, grow, down)
    builder.position_at_end(grow)
    big.add_incoming((Lane(m, big) * TURN).value, grow)
    builder.branch(up)

    builder.position_at_end(down)
    left, part = builder.phi(F64), builder.phi(F64)
    left.add_incoming(a.value, up)
    part.add_incoming(big, up)
    rest, step = Lane(m, left), Lane(m, part)
    rest = m.fma(-m.trunc(rest / step), step, rest)
    rest = m.select(rest < 0.0, rest + step, rest)  # the quotient was rounded up to an integer
    builder.cbranch((step > b).value, more, end)
    builder.position_at_end(more)
    left.add_incoming(rest.value, more)
    part.add_incoming((step * (1 / TURN)).value, more)
    builder.branch(down)

    builder.position_at_end(end)
    return m.select(finite & (b == INFINITE), a, rest).value


def _float_remainder(m: LlvmMachine, x: Lane, y: Lane) -> Lane:
    """The remainder of the quotient rounded to zero, as C's fmod, with the sign of `x`."""
    if m.bits(x) == 64:
        rest = Lane(m, _remainder(m.builder, x.value, y.value))
    else:
        rest = m.narrow(Lane(m, _remainder(m.builder, m.wide(x).value, m.wide(y).value)))
    return m.copysign(rest, x)


def _float_trunc_mod(m: LlvmMachine, x: Lane, y: Lane) -> Lane:
    return m.select(y == 0.0, m.const(0.0, x), _float_remainder(m, x, y))


def _float_floor_mod(m: LlvmMachine, x: Lane, y: Lane) -> Lane:
    rest, zero = _float_remainder(m, x, y), m.const(0.0, x)
    signed = m.select(_differ(m, y < 0.0, rest < 0.0), rest + y, rest)
    return m.select(y == 0.0, zero, m.select(rest == 0.0, m.copysign(zero, y), signed))


def _float_floor_divide(m: LlvmMachine, x: Lane, y: Lane) -> Lane:
    rest, zero = _float_remainder(m, x, y), m.const(0.0, x)
    quotient = (x - rest) / y  # nearly an integer
    quotient = m.select(_differ(m, y < 0.0, rest < 0.0) & (rest != 0.0), quotient - 1.0, quotient)
    down = m.floor(quotient)
    down = m.select(quotient - down > 0.5, down + 1.0, down)
    down = m.select(quotient == 0.0, m.copysign(zero, x / y), down)
    return m.select(y == 0.0, x / y, down)


def _differ(m: LlvmMachine, a: Lane, b: Lane) -> Lane:
    return Lane(m, m.builder.xor(a.value, b.value))


def _integers(builder: Any, x: ir.Value, y: ir.Value, signed: bool) -> tuple[ir.Value, ir.Value, ir.Value]:
    """(quotient rounded to zero, remainder, whether both are 0 instead); -2**n / -1 overflows to itself."""
    nothing = builder.icmp_unsigned("==", y, ir.Constant(y.type, 0))
    replaced = nothing
    if signed:
        least = builder.icmp_unsigned("==", x, ir.Constant(x.type, -(1 << (x.type.width - 1))))
        replaced = builder.or_(nothing, builder.and_(least, builder.icmp_signed("==", y, ir.Constant(y.type, -1))))
    divisor = builder.select(replaced, ir.Constant(y.type, 1), y)
    divide, rest = (builder.sdiv, builder.srem) if signed else (builder.udiv, builder.urem)
    return divide(x, divisor), rest(x, divisor), nothing


def _crosses(builder: Any, rest: ir.Value, y: ir.Value) -> ir.Value:
    """Whether a signed remainder's sign differs from the divisor's: then the quotient was rounded up."""
    zero = ir.Constant(y.type, 0)
    differ = builder.icmp_signed("<", builder.xor(rest, y), zero)
    return builder.and_(builder.icmp_signed("!=", rest, zero), differ)


def _integer_floor_divide(builder: Any, x: ir.Value, y: ir.Value, signed: bool) -> ir.Value:
    quotient, rest, nothing = _integers(builder, x, y, signed)
    if signed:
        less = builder.sub(quotient, ir.Constant(x.type, 1))
        quotient = builder.select(_crosses(builder, rest, y), less, quotient)
    return builder.select(nothing, ir.Constant(x.type, 0), quotient)


def _integer_floor_mod(builder: Any, x: ir.Value, y: ir.Value, signed: bool) -> ir.Value:
    _, rest, _ = _integers(builder, x, y, signed)
    return builder.select(_crosses(builder, rest, y), builder.add(rest, y), rest) if signed else rest


def _integer_trunc_mod(builder: Any, x: ir.Value, y: ir.Value, signed: bool) -> ir.Value:
    return _integers(builder, x, y, signed)[1]


def _intrinsic(name: str, floating: Callable[..., Lane], integer: Callable[..., ir.Value]) -> Any:
    """An intrinsic of two floats, or two integers, of one type."""

    def typing(typingctx, x, y):
        if x != y:
            return None
        if x in (types.float32, types.float64):

            def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                m = LlvmMachine(builder)
                return floating(m, *(Lane(m, v) for v in values)).value

        elif isinstance(x, types.Integer):

            def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                return integer(builder, *values, getattr(x, "signed", False))

        else:
            return None
        return x(x, x), codegen

    typing.__name__ = typing.__qualname__ = name
    return typing


REMAINDERS: dict[str, Any] = {
    "floor_divide": _intrinsic("floor_divide", _float_floor_divide, _integer_floor_divide),
    "floor_mod": _intrinsic("floor_mod", _float_floor_mod, _integer_floor_mod),
    "trunc_mod": _intrinsic("trunc_mod", _float_trunc_mod, _integer_trunc_mod),
}
