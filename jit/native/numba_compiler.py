"""Numba's types, operators and casts for the lowering of kernels, and LLVM with Numba's settings.

No other file uses names that Numba or llvmlite do not document (test_numba_versions.py). Where these have changed,
`disk_cache.find` raises NoCompiler for the error, and the interpreter runs every program.

Numba's usual set-up loads the typing of all of NumPy, which takes longer than compiling a kernel: here the typing knows
Python's operators and casts. `kernel_compiler.py` does what Numba's analysis of byte code and type inference would do.
LLVM's passes run once over each function: Numba runs them before and after linking modules, to count references
between.

This is imported only to compile: a process that finds all of its kernels on disk never imports Numba.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from llvmlite.ir.instructions import FastMathFlags
from numba import types
from numba.core import callconv, cpu, typing
from numba.core.errors import NumbaError
from numba.core.fastmathpass import rewrite_module
from numba.core.typing import builtins, templates

from tracer.ops.ir.errors import CannotCompile

from .loop_hints import give_hints


def _operators() -> Any:
    """The typing of operators and casts: the part of Numba's registry made in one module."""
    def is_basic(template: type) -> bool:
        return any(c.__module__ == builtins.__name__ for c in template.__mro__)

    every, chosen = templates.builtin_registry, templates.Registry()
    chosen.functions += [f for f in every.functions if is_basic(f)]
    chosen.attributes += [a for a in every.attributes if is_basic(a)]
    chosen.globals += [(value, kind) for value, kind in every.globals
                       if isinstance(kind, types.Function) and all(map(is_basic, kind.templates))]
    return chosen


class _Typing(typing.BaseContext):
    """The typing context: which types operators take, and what they make of them."""

    def _load_builtins(self) -> None:
        self.install_registry(_operators())


class ClosedFlags(FastMathFlags):
    """The fast-math flags of a call, closed to Numba, which adds its own to every call that returns a float."""

    def __init__(self, *flags: str) -> None:
        self.update(flags)

    def add(self, name: Any) -> None:
        pass


class _Target(cpu.CPUContext):
    """This processor, without Numba's run-time library. Divisions by zero are as NumPy's."""

    def init(self) -> None:
        super().init()
        self.error_model = callconv.create_error_model("numpy", self)
        self.layout = str(self.codegen().target_data), llvm.get_process_triple()

    def add_linking_libs(self, libs: Any) -> None:
        """Link nothing: no operator of scalars calls a function."""
        if libs:
            raise NotImplementedError("an operator that calls functions")

    def load_additional_registries(self) -> None:
        from numba.cpython import builtins, numbers  # noqa: F401  (they register how to lower operators)


_TYPING = _Typing()
_TARGET = _Target(_TYPING)
for _context in (_TYPING, _TARGET):
    _context.refresh()


# ---- instructions --------------------------------------------------------------------------------

def cast(builder: Any, given: tuple[Any, Any], to: Any) -> Any:
    """A value, given with one of Numba's types, as one of another. CannotCompile where there is no such cast."""
    value, kind = given
    if kind == to:
        return value
    try:
        return _TARGET.cast(builder, value, kind, to)
    except (NumbaError, NotImplementedError) as error:
        raise _refused(error) from error


@lru_cache(maxsize=1024)
def _operation(by: Any, kinds: tuple[Any, ...]) -> tuple[Any, Any]:
    """The signature of one of Python's operators for operands of some types, and the function that emits it."""
    try:
        signature = _TYPING.resolve_function_type(_TYPING.resolve_value_type(by), kinds, {})
        if signature is not None:
            return signature, _TARGET.get_function(by, signature)
    except (NumbaError, NotImplementedError) as error:
        raise _refused(error) from error
    raise CannotCompile(f"{by.__name__} of {', '.join(map(str, kinds))}")


def operate(builder: Any, by: Any, operands: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """The result of an operator on values with types, and its type. CannotCompile for types that it does not take."""
    signature, emit = _operation(by, tuple([kind for _, kind in operands]))
    return emit(builder, _as(builder, operands, signature.args)), signature.return_type


def call(builder: Any, called: Any, operands: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """The result of an intrinsic on values with types, and its type. CannotCompile for types that it does not take.

    called: a function of the typing context and types, as for `numba.extending.intrinsic`: it returns a signature and
        the function that emits LLVM IR, or None.
    """
    found = called(_TYPING, *[kind for _, kind in operands])
    if found is None:
        raise CannotCompile(f"{called.__name__} of {', '.join([str(kind) for _, kind in operands])}")
    signature, emit = found
    return emit(_TARGET, builder, signature, _as(builder, operands, signature.args)), signature.return_type


def _as(builder: Any, operands: Sequence[tuple[Any, Any]], kinds: Sequence[Any]) -> list[Any]:
    return [cast(builder, operand, kind) for operand, kind in zip(operands, kinds, strict=True)]


def _refused(error: Exception) -> CannotCompile:
    return CannotCompile(f"Numba: {(str(error).strip() or type(error).__name__).splitlines()[0]}")


# ---- modules -------------------------------------------------------------------------------------

def new_module(name: str) -> ir.Module:
    """An empty LLVM module for this processor."""
    module = ir.Module(name)
    module.data_layout, module.triple = _TARGET.layout  # kept: LLVM answers when it has compiled the kernel before
    return module


class Lowered:
    """A function as an LLVM module's text: LLVM does the rest, while other Python threads run.

    fastmath: flags of all float instructions that have none.
    """

    def __init__(self, module: ir.Module, fastmath: Iterable[str]) -> None:
        if fastmath:
            rewrite_module(module, cpu.FastMathOptions(set(fastmath)))
        give_hints(module)
        self.text = str(module)

    def module(self) -> Any:
        """The optimized module."""
        module = llvm.parse_assembly(self.text)
        module.verify()
        passes, builder = _TARGET.codegen()._module_pass_manager()
        passes.run(module, builder)
        return module

    def compile(self) -> bytes:
        """The object code."""
        return _TARGET.codegen()._tm.emit_object(self.module())
