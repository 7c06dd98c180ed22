"""Words of memory, atomics and calls through an address, for functions that Numba compiles.

Nothing here bakes an address into the code, so that it can be cached on disk and used by another process.
"""

import platform

from llvmlite import ir
from numba import types

from .compiler import intrinsic

_I64 = ir.IntType(64)
_STEP = ir.FunctionType(ir.VoidType(), [_I64.as_pointer(), _I64.as_pointer(), _I64, _I64])
_SHARER = ir.FunctionType(ir.VoidType(), [_I64, _I64])
_NAP = ir.FunctionType(ir.VoidType(), [ir.IntType(32)])
_ARM = ("llvm.aarch64.hint", [ir.Constant(ir.IntType(32), 1)])
_SPIN_HINTS: dict[str, tuple[str, list[ir.Constant]]] = {
    "x86_64": ("llvm.x86.sse2.pause", []),
    "AMD64": ("llvm.x86.sse2.pause", []),
    "aarch64": _ARM,
    "arm64": _ARM,
}


def _word(builder, address, index):
    return builder.gep(builder.inttoptr(address, _I64.as_pointer()), [index])


@intrinsic
def call_step(typingctx, fn, bind, args, lo, hi):
    """Call the step whose address is `fn`; all arguments int64."""

    def codegen(context, builder, signature, values):
        pointers = [builder.inttoptr(v, _I64.as_pointer()) for v in values[1:3]]
        builder.call(builder.inttoptr(values[0], _STEP.as_pointer()), [*pointers, *values[3:]])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), codegen


@intrinsic
def call_sharer(typingctx, fn, state, me):
    """Call ``void fn(int64_t state, int64_t me)`` at address `fn`."""

    def codegen(context, builder, signature, values):
        builder.call(builder.inttoptr(values[0], _SHARER.as_pointer()), values[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), codegen


@intrinsic
def call_nap(typingctx, fn, argument):
    """Call the C function ``void fn(int)`` at address `fn`."""

    def codegen(context, builder, signature, values):
        argument = builder.trunc(values[1], ir.IntType(32))
        builder.call(builder.inttoptr(values[0], _NAP.as_pointer()), [argument])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def spin_hint(typingctx):
    """Tell the processor that this is a waiting loop."""

    def codegen(context, builder, signature, values):
        if platform.machine() in _SPIN_HINTS:
            name, arguments = _SPIN_HINTS[platform.machine()]
            kind = ir.FunctionType(ir.VoidType(), [a.type for a in arguments])
            builder.call(builder.module.declare_intrinsic(name, fnty=kind), arguments)
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def load_word(typingctx, address, index):
    """``((int64_t *)address)[index]``."""

    def codegen(context, builder, signature, values):
        return builder.load(_word(builder, *values))

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def load_atomic(typingctx, address, index):
    """The same word, as another thread last published it (acquire)."""

    def codegen(context, builder, signature, values):
        return builder.load_atomic(_word(builder, *values), "acquire", 8)

    return types.int64(types.int64, types.int64), codegen


@intrinsic
def store_atomic(typingctx, address, index, value):
    """Publish the word, and all that was written before it (release)."""

    def codegen(context, builder, signature, values):
        builder.store_atomic(values[2], _word(builder, *values[:2]), "release", 8)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), codegen


@intrinsic
def add_atomic(typingctx, address, index, value):
    """Add to the word; returns what it was."""

    def codegen(context, builder, signature, values):
        return builder.atomic_rmw("add", _word(builder, *values[:2]), values[2], "acq_rel")

    return types.int64(*[types.int64] * 3), codegen


@intrinsic
def swap_atomic(typingctx, address, index, expected, value):
    """Replace the word by `value` if it is `expected`; returns what it was."""

    def codegen(context, builder, signature, values):
        word = _word(builder, *values[:2])
        pair = builder.cmpxchg(word, values[2], values[3], "acq_rel", "acquire")
        return builder.extract_value(pair, 0)

    return types.int64(*[types.int64] * 4), codegen
