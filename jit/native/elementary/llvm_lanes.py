"""The machine of elementary functions: its lanes are scalar LLVM values, which the loop vectorizer widens.

An elementary function is a plain Python function `f(m, x, ...)`. Its lanes (`x`) have ordinary operators: `+ - * /` and
comparisons, on integer lanes `+ - & | ^ << >>`, on conditions `& |`. Everything else is a method of the machine `m`. A
Python number beside a lane takes the lane's type. Integer lanes are as wide as the float lanes they were taken from.

There is no control flow: `m.select` picks between two values that were both computed, so that a loop over the function
has no branch and can be vectorized. Tests run the same functions on NumPy arrays, without a compiler.
"""
from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features, llvm_version_info

from ..numba_compiler import ClosedFlags

F32, F64 = ir.FloatType(), ir.DoubleType()
I32, I64 = ir.IntType(32), ir.IntType(64)
_INT_OF = {F32: I32, F64: I64}
_FLOAT_OF = {I32: F32, I64: F64}

# Numba's fastmath option adds its flags to every float instruction that has none. Inside a range reduction "reassoc" is
# fatal, so these instructions carry one flag that has no effect on them: "afn" applies to calls of functions such as
# sin, never to + - * / or a comparison.
_SHIELD = ("afn",)


@lru_cache(maxsize=1)
def _has_ldexp() -> bool:
    return llvm_version_info[0] >= 22 and bool(get_host_cpu_features().get("avx512vl"))


def _arithmetic(float_op: str, int_op: str) -> tuple[Any, Any]:
    """An operator and its reflected form, by the builder's methods for floats and for integers."""
    def operate(machine: LlvmMachine, a: ir.Value, b: ir.Value) -> Lane:
        if a.type in _INT_OF:
            return Lane(machine, getattr(machine.builder, float_op)(a, b, flags=_SHIELD))
        return Lane(machine, getattr(machine.builder, int_op)(a, b))

    def forward(self: Lane, other: Any) -> Lane:
        return operate(self.machine, self.value, self.machine.raw(other, self.value.type))

    def backward(self: Lane, other: Any) -> Lane:
        return operate(self.machine, self.machine.raw(other, self.value.type), self.value)

    return forward, backward


def _integer(op: str) -> Any:
    def operate(self: Lane, other: Any) -> Lane:
        b = self.machine.raw(other, self.value.type)
        return Lane(self.machine, getattr(self.machine.builder, op)(self.value, b))

    return operate


def _comparison(op: str) -> Any:
    def compare(self: Lane, other: Any) -> Lane:
        b, builder = self.machine.raw(other, self.value.type), self.machine.builder
        if self.value.type not in _INT_OF:
            return Lane(self.machine, builder.icmp_signed(op, self.value, b))
        emit = builder.fcmp_unordered if op == "!=" else builder.fcmp_ordered
        return Lane(self.machine, emit(op, self.value, b, flags=_SHIELD))

    return compare


class Lane:
    """A scalar LLVM value with a builder behind it, so that `a * b + 1.0` emits instructions."""

    __slots__ = ("machine", "value")

    def __init__(self, machine: LlvmMachine, value: ir.Value) -> None:
        self.machine, self.value = machine, value

    def __neg__(self) -> Lane:
        return Lane(self.machine, self.machine.builder.fneg(self.value, flags=_SHIELD))

    __add__, __radd__ = _arithmetic("fadd", "add")
    __sub__, __rsub__ = _arithmetic("fsub", "sub")
    __mul__, __rmul__ = _arithmetic("fmul", "mul")
    __truediv__, __rtruediv__ = _arithmetic("fdiv", "sdiv")
    __and__, __or__, __xor__ = _integer("and_"), _integer("or_"), _integer("xor")
    __lshift__, __rshift__ = _integer("shl"), _integer("ashr")
    __lt__, __le__, __gt__, __ge__ = (_comparison(op) for op in ("<", "<=", ">", ">="))
    __eq__, __ne__ = _comparison("=="), _comparison("!=")
    __hash__ = None  # type: ignore[assignment]


def _called(name: str) -> Any:
    """A method that calls LLVM's intrinsic of that name."""
    def call(self: LlvmMachine, *args: Any) -> Lane:
        return self._call(name, *args)

    return call


class LlvmMachine:
    """Emits scalar LLVM IR at the builder's position; the values come and go as `Lane`."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self.builder = builder

    def raw(self, value: Any, like: ir.Type) -> ir.Value:
        """The LLVM value of a lane, or a constant of type `like` for a Python number."""
        if isinstance(value, Lane):
            return value.value
        if like == F32:
            value = float(np.float32(value))
        return ir.Constant(like, value)

    def _type(self, *values: Any) -> ir.Type:
        return next(v.value.type for v in values if isinstance(v, Lane))

    def _call(self, name: str, *args: Any, flags: tuple[str, ...] = ()) -> Lane:
        type_ = self._type(*args)
        signature = ir.FunctionType(type_, [type_] * len(args))
        function = self.builder.module.declare_intrinsic(f"llvm.{name}", [type_], signature)
        call = self.builder.call(function, [self.raw(a, type_) for a in args])
        call.fastmath = ClosedFlags(*flags)
        return Lane(self, call)

    def bits(self, x: Lane) -> int:
        return 32 if x.value.type in (F32, I32) else 64

    fma, rint, floor, ceil, trunc, fabs, sqrt, copysign = (
        _called(name) for name in ("fma", "rint", "floor", "ceil", "trunc", "fabs", "sqrt", "copysign"))

    def const(self, value: float, like: Lane) -> Lane:
        """A constant lane of the type of `like`."""
        return Lane(self, self.raw(value, like.value.type))

    def has_ldexp(self, x: Lane) -> bool:
        """Whether `ldexp` is an instruction, also of vectors."""
        return _has_ldexp() and x.value.type == F32

    def ldexp(self, x: Lane, n: Lane) -> Lane:
        """x * 2**n, rounded once."""
        signature = ir.FunctionType(F32, [F32, I32])
        function = self.builder.module.declare_intrinsic("llvm.ldexp", [F32, I32], signature)
        call = self.builder.call(function, [x.value, n.value])
        call.fastmath = ClosedFlags()
        return Lane(self, call)

    def select(self, cond: Lane, a: Any, b: Any) -> Lane:
        type_ = self._type(a, b)
        return Lane(self, self.builder.select(cond.value, self.raw(a, type_), self.raw(b, type_)))

    def as_int(self, x: Lane) -> Lane:
        return Lane(self, self.builder.bitcast(x.value, _INT_OF[x.value.type]))

    def as_float(self, i: Lane) -> Lane:
        return Lane(self, self.builder.bitcast(i.value, _FLOAT_OF[i.value.type]))

    def to_float(self, i: Lane) -> Lane:
        return Lane(self, self.builder.sitofp(i.value, _FLOAT_OF[i.value.type]))

    def wide(self, x: Lane) -> Lane:
        return Lane(self, self.builder.fpext(x.value, F64))

    def narrow(self, x: Lane) -> Lane:
        return Lane(self, self.builder.fptrunc(x.value, F32))

    def narrow_int(self, i: Lane) -> Lane:
        return Lane(self, self.builder.trunc(i.value, I32))

    def add_reassoc(self, a: Lane, b: Lane) -> Lane:
        return Lane(self, self.builder.fadd(a.value, b.value, flags=("reassoc", "nsz", "contract")))

    def mul_reassoc(self, a: Lane, b: Lane) -> Lane:
        return Lane(self, self.builder.fmul(a.value, b.value, flags=("reassoc", "nsz", "contract")))

    def max_reduction(self, a: Lane, b: Lane) -> Lane:
        """The larger, or a NaN, in the one form whose reduction LLVM vectorizes (from version 18 on)."""
        if llvm_version_info[0] >= 18:
            return self._call("maximum", a, b, flags=("nsz",))
        return self.select(a != a, a, self.select(a > b, a, b))

    def min_reduction(self, a: Lane, b: Lane) -> Lane:
        """The smaller, or a NaN; see `max_reduction`."""
        if llvm_version_info[0] >= 18:
            return self._call("minimum", a, b, flags=("nsz",))
        return self.select(a != a, a, self.select(a < b, a, b))
