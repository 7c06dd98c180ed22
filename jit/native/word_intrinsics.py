"""The intrinsics of the word compiler: words of memory, atomics, and calls through an address.

No address becomes a constant of the code, so that it can be cached on disk and used by another process.
"""

import platform
from typing import Any

from llvmlite import ir

from .word_compiler import F64, I64, emits, word_at

_POINTER = I64.as_pointer()
_STEP = ir.FunctionType(ir.VoidType(), [_POINTER, _POINTER, I64, I64])
_SHARER = ir.FunctionType(ir.VoidType(), [I64, I64])
_QUESTION = ir.FunctionType(ir.IntType(32), [])
_NAP = ir.FunctionType(ir.VoidType(), [ir.IntType(32)])
_ARM = ("llvm.aarch64.hint", [ir.Constant(ir.IntType(32), 1)])
_SPIN_HINTS: dict[str, tuple[str, list[ir.Constant]]] = {
    "x86_64": ("llvm.x86.sse2.pause", []),
    "AMD64": ("llvm.x86.sse2.pause", []),
    "aarch64": _ARM,
    "arm64": _ARM,
}


@emits
def call_step(b: Any, fn: Any, bind: Any, args: Any, lo: Any, hi: Any) -> None:
    """Call the step whose address is `fn`."""
    pointers = [b.inttoptr(v, _POINTER) for v in (bind, args)]
    b.call(b.inttoptr(fn, _STEP.as_pointer()), [*pointers, lo, hi])


@emits
def call_sharer(b: Any, fn: Any, state: Any, me: Any) -> None:
    """Call ``void fn(int64_t state, int64_t me)`` at address `fn`."""
    b.call(b.inttoptr(fn, _SHARER.as_pointer()), [state, me])


@emits
def call_question(b: Any, fn: Any) -> Any:
    """Call the C function ``int fn(void)`` at address `fn`; returns its result."""
    return b.sext(b.call(b.inttoptr(fn, _QUESTION.as_pointer()), []), I64)


@emits
def call_nap(b: Any, fn: Any, argument: Any) -> None:
    """Call the C function ``void fn(int)`` at address `fn`."""
    b.call(b.inttoptr(fn, _NAP.as_pointer()), [b.trunc(argument, ir.IntType(32))])


@emits
def copy_bytes(b: Any, to: Any, source: Any, count: Any) -> None:
    """Copy `count` bytes between addresses."""
    pointer, flag = ir.IntType(8).as_pointer(), ir.IntType(1)
    kind = ir.FunctionType(ir.VoidType(), [pointer, pointer, I64, flag])
    copy = b.module.declare_intrinsic("llvm.memcpy", [pointer, pointer, I64], kind)
    b.call(copy, [b.inttoptr(to, pointer), b.inttoptr(source, pointer), count, flag(0)])


@emits
def clear_bytes(b: Any, to: Any, count: Any) -> None:
    """Fill `count` bytes from an address on with zeros."""
    byte, flag = ir.IntType(8), ir.IntType(1)
    kind = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), byte, I64, flag])
    clear = b.module.declare_intrinsic("llvm.memset", [byte.as_pointer(), I64], kind)
    b.call(clear, [b.inttoptr(to, byte.as_pointer()), byte(0), count, flag(0)])


@emits
def room(b: Any, size: Any) -> Any:
    """The address of so many bytes, a constant, on the stack, aligned to 64."""
    with b.goto_entry_block():
        made = b.alloca(ir.ArrayType(ir.IntType(8), size.constant))
        made.align = 64
    return b.ptrtoint(made, I64)


@emits
def spin_hint(b: Any) -> None:
    """Tell the processor that this is a waiting loop."""
    if platform.machine() in _SPIN_HINTS:
        name, arguments = _SPIN_HINTS[platform.machine()]
        kind = ir.FunctionType(ir.VoidType(), [a.type for a in arguments])
        b.call(b.module.declare_intrinsic(name, fnty=kind), arguments)


@emits
def cycles(b: Any) -> Any:
    """The processor's time stamp; 0 where it has none for programs."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return I64(0)
    return b.call(b.module.declare_intrinsic("llvm.readcyclecounter", fnty=ir.FunctionType(I64, [])), [])


#: Whether the processor has a mode of floats that flushes denormals, known here; of others it stays as it is.
_HAS_MODE = platform.machine() in ("x86_64", "AMD64")


def _through_memory(b: Any, name: str, value: Any = None) -> Any:
    """Call an intrinsic with the address of a cell of 32 bits, which holds `value` before the call, if given."""
    with b.goto_entry_block():
        cell = b.alloca(ir.IntType(32))
    if value is not None:
        b.store(b.trunc(value, ir.IntType(32)), cell)
    pointer = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [pointer])
    b.call(b.module.declare_intrinsic(name, fnty=kind), [b.bitcast(cell, pointer)])
    return b.zext(b.load(cell), I64)


@emits
def float_mode(b: Any) -> Any:
    """The processor's mode of floats on this thread (MXCSR); 0 for a processor without one."""
    return _through_memory(b, "llvm.x86.sse.stmxcsr") if _HAS_MODE else I64(0)


@emits
def set_float_mode(b: Any, mode: Any) -> None:
    """Set the processor's mode of floats on this thread, if it has one."""
    if _HAS_MODE:
        _through_memory(b, "llvm.x86.sse.ldmxcsr", mode)


@emits
def change_float_mode(b: Any, bits: Any, mode: Any) -> Any:
    """Set some bits of this thread's mode of floats, if they differ; returns the mode before."""
    before = float_mode.emit(b)
    own = b.and_(before, bits)
    with b.if_then(b.icmp_signed("!=", own, mode)):
        set_float_mode.emit(b, b.add(b.sub(before, own), mode))
    return before


@emits
def load_atomic(b: Any, address: Any, index: Any) -> Any:
    """The word ``((int64_t *)address)[index]``, as another thread last published it (acquire)."""
    return b.load_atomic(word_at(b, address, index), "acquire", 8)


@emits
def store_atomic(b: Any, address: Any, index: Any, value: Any) -> None:
    """Publish the word, and all writes before it (release)."""
    b.store_atomic(value, word_at(b, address, index), "release", 8)


@emits
def add_atomic(b: Any, address: Any, index: Any, value: Any) -> Any:
    """Add to the word; returns its old value."""
    return b.atomic_rmw("add", word_at(b, address, index), value, "acq_rel")


@emits
def swap_atomic(b: Any, address: Any, index: Any, expected: Any, value: Any) -> Any:
    """Replace the word by `value` if it is `expected`; returns its old value."""
    return b.extract_value(b.cmpxchg(word_at(b, address, index), expected, value, "acq_rel", "acquire"), 0)


@emits
def set_word(b: Any, address: Any, index: Any, value: Any) -> None:
    """Set the word ``((int64_t *)address)[index]``."""
    b.store(value, word_at(b, address, index))


@emits
def smaller(b: Any, x: Any, y: Any) -> Any:
    """The smaller one of two words."""
    return b.select(b.icmp_signed("<=", x, y), x, y)


@emits
def as_float(b: Any, word: Any) -> Any:
    """The float64 with the bits of a word."""
    return b.bitcast(word, F64)


@emits
def as_word(b: Any, number: Any) -> Any:
    """The word with the bits of a float64."""
    return b.bitcast(number, I64)
