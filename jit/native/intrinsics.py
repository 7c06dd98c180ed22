"""The intrinsics of kernels: typed loads and stores, casts, and operators that Numba would guard or branch on.

All of them emit LLVM inline. The name of a load or store ends with an alias scope (`ld_f32_0`, `st_f32_2`): memory of
different scopes never overlaps at different points of the loop, so that LLVM vectorizes without run-time checks.
Scope 0 is for arrays that a kernel only reads; each array that it writes has a scope of its own.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from .callables import SCOPES
from .elementary.halves import HALF, narrow, rounded, widen
from .elementary.intrinsics import INTRINSICS
from .elementary.remainders import REMAINDERS

#: short dtype name -> (LLVM type in memory, Numba type in registers)
_MEMORY = {
    "f16": (HALF, types.float32), "f32": (ir.FloatType(), types.float32),
    "f64": (ir.DoubleType(), types.float64), "b1": (ir.IntType(8), types.boolean),
    **{f"{sign}{bits}": (ir.IntType(bits), getattr(types, f"{'u' * (sign == 'u')}int{bits}"))
       for sign in "iu" for bits in (8, 16, 32, 64)},
}

def f16(typingctx, x):
    """x rounded to the nearest float16, which is held in a float32 as all float16 values are."""
    if not isinstance(x, (types.Float, types.Integer, types.Boolean)):
        return None

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        value = values[0]
        if x != types.float64:  # an integer that float32 rounds is beyond float16, or not near a tie
            value = context.cast(builder, value, x, types.float32)
        return rounded(builder, value)

    return types.float32(x), codegen


def _truncated(builder: Any, value: Any, bits: int) -> Any:
    """A float as a signed integer; NaN, and a value out of range, as the least one, as the processor converts them.

    LLVM leaves such a conversion undefined: it may fold or vectorize it to anything.
    """
    limit = ir.Constant(value.type, -2.0 ** (bits - 1))
    inside = builder.and_(builder.fcmp_ordered(">=", value, limit),
                          builder.fcmp_ordered("<", value, ir.Constant(value.type, 2.0 ** (bits - 1))))
    return builder.fptosi(builder.select(inside, value, limit), ir.IntType(bits))


def _integer_cast(name: str) -> Any:
    """The cast to an integer type: floats go by way of a wider one, as in C compilers, so that -5 is 251 as uint8."""
    memory, register = _MEMORY[name]
    wide = 64 if memory.width == 64 or name == "u32" else 32

    def typing(typingctx, x):
        if not isinstance(x, (types.Float, types.Integer, types.Boolean)):
            return None

        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            value, = values
            if not _is_float(x):
                return context.cast(builder, value, x, register)
            found = _truncated(builder, value, wide)
            if name != "u64":
                return builder.trunc(found, memory) if memory.width < wide else found
            half = ir.Constant(value.type, 2.0 ** 63)
            above = builder.fcmp_ordered(">=", value, half)
            rest = _truncated(builder, builder.fsub(value, half), 64)
            return builder.select(above, builder.xor(rest, ir.Constant(memory, -1 << 63)), found)

        return register(x), codegen

    typing.__name__ = typing.__qualname__ = name
    return typing


#: Casts by short name, such as `f32(x)`: Numba's types, where its own casts are defined for all numbers.
CASTS: dict[str, Any] = {name: register for name, (_, register) in _MEMORY.items()} | {"f16": f16} | {
    name: _integer_cast(name) for name in _MEMORY if name[0] in "iu"}


@lru_cache(maxsize=2)
def _all_scopes(module: ir.Module) -> list[Any]:
    domain = module.add_metadata(["tracer kernel"])
    return [module.add_metadata([f"tracer scope {i}", domain]) for i in range(SCOPES)]


@lru_cache(maxsize=2 * SCOPES)
def _scope(module: ir.Module, scope: int) -> tuple[Any, Any]:
    """The metadata of a scope, and of all others."""
    every = _all_scopes(module)
    return module.add_metadata([every[scope]]), module.add_metadata([s for i, s in enumerate(every) if i != scope])


def _scoped(builder: Any, instruction: Any, scope: int) -> None:
    own, others = _scope(builder.module, scope)
    instruction.set_metadata("alias.scope", own)
    instruction.set_metadata("noalias", others)


def _address(builder: Any, base: Any, index: Any, memory: Any) -> Any:
    pointer = builder.inttoptr(base, memory.as_pointer())
    return builder.gep(pointer, [index], inbounds=True)


def _load(name: str, scope: int) -> Any:
    memory, register = _MEMORY[name]

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        loaded = builder.load(_address(builder, values[0], values[1], memory))
        _scoped(builder, loaded, scope)
        if name == "f16":
            return widen(builder, loaded)
        if name == "b1":
            return builder.icmp_unsigned("!=", loaded, ir.Constant(memory, 0))
        return loaded

    def load(typingctx, base, index):
        return register(types.int64, types.int64), codegen

    load.__name__ = load.__qualname__ = f"ld_{name}_{scope}"
    return load


def _store(name: str, scope: int) -> Any:
    memory, register = _MEMORY[name]

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        value = values[2]
        if name == "f16":
            value = narrow(builder, value)
        elif name == "b1":
            value = builder.zext(value, memory)
        _scoped(builder, builder.store(value, _address(builder, values[0], values[1], memory)), scope)
        return context.get_dummy_value()

    def store(typingctx, base, index, value):
        return types.void(types.int64, types.int64, register), codegen

    store.__name__ = store.__qualname__ = f"st_{name}_{scope}"
    return store


def word_as_f64(typingctx, word):
    """The float64 with the bits of an int64."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.bitcast(values[0], ir.DoubleType())

    return types.float64(types.int64), codegen


def widened(typingctx, x):
    """A float32 as a float64, for a cast that is an operation of its own and not part of a sum."""
    if x != types.float32:
        return None

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return widen(builder, values[0])

    return types.float64(x), codegen


def select(typingctx, condition, x, y):
    """x where condition holds, else y, without a branch."""
    if x != y:
        return None

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(values[0], values[1], values[2])

    return x(types.boolean, x, y), codegen


def _is_float(t: Any) -> bool:
    return t in (types.float32, types.float64)


def _integer(t: Any) -> bool:
    return isinstance(t, types.Integer) or t is types.boolean


def _call_float(name: str) -> Callable:
    return INTRINSICS[name]


def _either(name: str, integer: Callable) -> Any:
    """An intrinsic of two equal types: the elementary function for floats, else `integer(builder, a, b, signed)`."""
    floating = _call_float(name)

    def typing(typingctx, x, y):
        if x != y:
            return None
        if _is_float(x):
            return floating(typingctx, x, y)
        if not _integer(x):
            return None

        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return integer(builder, values[0], values[1], getattr(x, "signed", False))

        return x(x, y), codegen

    typing.__name__ = typing.__qualname__ = name
    return typing


def _extreme(sign: str) -> Callable:
    def emit(builder: Any, a: Any, b: Any, signed: bool) -> Any:
        compare = builder.icmp_signed if signed else builder.icmp_unsigned
        return builder.select(compare(sign, a, b), a, b)

    return emit


def sign(typingctx, x):
    """-1, 0 or 1 by the sign of x; NaN for NaN."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        (v,) = values
        zero = ir.Constant(v.type, 0.0 if _is_float(x) else 0)
        one, minus = (ir.Constant(v.type, 1.0), ir.Constant(v.type, -1.0)) if _is_float(x) else \
            (ir.Constant(v.type, 1), ir.Constant(v.type, -1))
        if _is_float(x):
            rest = builder.fmul(v, zero)  # zeros and NaN stay as they are, denormals become zeros if these are flushed
            out = builder.select(builder.fcmp_ordered("<", v, zero), minus, rest)
            return builder.select(builder.fcmp_ordered(">", v, zero), one, out)
        if x.signed:
            out = builder.select(builder.icmp_signed("<", v, zero), minus, zero)
            return builder.select(builder.icmp_signed(">", v, zero), one, out)
        return builder.select(builder.icmp_unsigned(">", v, zero), one, zero)

    if _is_float(x) or isinstance(x, types.Integer):
        return x(x), codegen
    return None


def fabs(typingctx, x):
    """|x|."""
    if _is_float(x):
        return INTRINSICS["fabs"](typingctx, x)
    if not isinstance(x, types.Integer):
        return None

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        (v,) = values
        if not getattr(x, "signed", False):
            return v
        return builder.select(builder.icmp_signed("<", v, ir.Constant(v.type, 0)), builder.neg(v), v)

    return x(x), codegen


def _rounding(name: str) -> Any:
    floating = _call_float(name)

    def typing(typingctx, x):
        if _is_float(x):
            return floating(typingctx, x)
        if isinstance(x, types.Integer):
            return x(x), lambda context, builder, signature, values: values[0]
        return None

    typing.__name__ = typing.__qualname__ = name
    return typing


def _shift(name: str) -> Any:
    """A shift of integers of one type; by a negative count, or one beyond the width, it leaves the sign only."""

    def typing(typingctx, x, y):
        if x != y or not isinstance(x, types.Integer):
            return None

        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            value, count = values
            width = value.type.width
            within = builder.icmp_unsigned("<", count, ir.Constant(count.type, width))
            arithmetic = name == "right_shift" and getattr(x, "signed", False)
            count = builder.select(within, count, ir.Constant(count.type, width - 1 if arithmetic else 0))
            if arithmetic:
                return builder.ashr(value, count)
            shifted = (builder.shl if name == "left_shift" else builder.lshr)(value, count)
            return builder.select(within, shifted, ir.Constant(value.type, 0))

        return x(x, x), codegen

    typing.__name__ = typing.__qualname__ = name
    return typing


def bounded(typingctx, x, count):
    """x, which is known to be from 0 to count - 1: the verifiers read, and check, this."""
    return types.int64(types.int64, types.int64), lambda context, builder, signature, values: values[0]


def minimum_of_words(typingctx, x, y):
    """The smaller one of two words."""
    return types.int64(types.int64, types.int64), lambda context, builder, signature, values: builder.select(
        builder.icmp_signed("<=", values[0], values[1]), values[0], values[1])


NAMES: dict[str, Any] = {
    **INTRINSICS, **CASTS, **REMAINDERS, "select": select, "sign": sign, "fabs": fabs, "widened": widened,
    "word_as_f64": word_as_f64, "bounded": bounded,
    "maximum": _either("maximum", _extreme(">")), "minimum": _either("minimum", _extreme("<")),
    **{name: _shift(name) for name in ("left_shift", "right_shift")},
    **{name: _rounding(name) for name in ("floor", "ceil", "rint", "trunc")},
    "INF": np.inf, "NAN": np.nan, "min": minimum_of_words,
}

_MADE: dict[str, Any] = {}
_WORDS = re.compile(r"\b(?:ld|st)_([a-z]+\d+)_(\d+)\b")
_CALLED = re.compile(r"\b([A-Za-z_]\w*)\(")


def namespace_for(source: str) -> dict[str, Any]:
    """The globals under which the source of a kernel is compiled: only those that it names."""
    space = {name: NAMES[name] for name in _CALLED.findall(source) if name in NAMES}
    for name in ("INF", "NAN"):
        if name in source:
            space[name] = NAMES[name]
    for match in _WORDS.finditer(source):
        word = match.group(0)
        if word not in _MADE:
            make = _load if word.startswith("ld") else _store
            _MADE[word] = make(match.group(1), int(match.group(2)))
        space[word] = _MADE[word]
    return space
