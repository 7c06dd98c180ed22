"""A function of scalars and loops -> object code, by Numba with only what such functions need.

Numba's usual set-up loads the typing of all of NumPy, which takes longer than compiling a kernel: here the typing knows
Python's operators, `range` and our intrinsics, and the pipeline has no passes for closures, arrays or reference counts.
Type inference, lowering and the LLVM passes are Numba's own.

Imported only by what compiles: a process that finds all of its kernels on disk never imports Numba.
"""
from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import compiler, cpu, imputils, typing
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import PassManager
from numba.core.errors import NumbaError
from numba.core.fastmathpass import rewrite_module
from numba.core.typed_passes import (
    AnnotateTypes,
    IRLegalization,
    NativeLowering,
    NoPythonBackend,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.typing import builtins, templates
from numba.core.untyped_passes import FixupArgs, IRProcessing, ReconstructSSA, TranslateByteCode

from tracer.ops.errors import CannotCompile

from .hints import give_hints

#: Types of parameters by letter: a pointer to words, a word.
_PARAMETERS = {"p": types.CPointer(types.int64), "i": types.int64}

_OURS = templates.Registry()


def intrinsic(define: Callable[..., Any]) -> Any:
    """Make `define(typing_context, *types)` a function that compiled code may call, for any of Numba's compilers.

    As `numba.extending.intrinsic`: it returns a signature and what emits LLVM IR, or None for types that it does not
    take. That one sets up all of Numba at the first call that it types; this one does not.
    """
    known: dict[Any, Any] = {}

    def generic(self: Any, args: Any, kws: Any) -> Any:
        if args not in known:
            found = define(self.context, *args)
            if found is None:
                return None
            known[args], emit = found
            imputils.lower_builtin(define, *known[args].args)(emit)
        return known[args]

    members = {"key": define, "generic": generic}
    template = type(f"Template_{define.__name__}", (templates.AbstractTemplate,), members)
    for registry in (_OURS, templates.builtin_registry):
        registry.register_global(define, types.Function(template))
    return define


def _operators() -> Any:
    """The typing of operators, `range`, iteration and casts: the part of Numba's registry made in one module."""
    def is_basic(template: type) -> bool:
        return any(c.__module__ == builtins.__name__ for c in template.__mro__)

    every, chosen = templates.builtin_registry, templates.Registry()
    chosen.functions += [f for f in every.functions if is_basic(f)]
    chosen.attributes += [a for a in every.attributes if is_basic(a)]
    chosen.globals += [(value, kind) for value, kind in every.globals
                       if isinstance(kind, types.Function) and all(map(is_basic, kind.templates))]
    return chosen


class _Typing(typing.BaseContext):
    """What the functions compiled here may name."""

    def _load_builtins(self) -> None:
        if not hasattr(self, "_chosen"):
            self._chosen = _operators()
        self.install_registry(self._chosen)
        self.install_registry(_OURS)


class _Target(cpu.CPUContext):
    """This processor, without Numba's run-time library."""

    def load_additional_registries(self) -> None:
        from numba.cpython import builtins, numbers, rangeobj  # noqa: F401  (they register how to lower operators)

    def post_lowering(self, module: Any, library: Any) -> None:
        if self.fastmath:
            rewrite_module(module, self.fastmath)
        give_hints(module)

    def create_cfunc_wrapper(self, library: Any, fndesc: Any, env: Any, call_helper: Any) -> None:
        """The C function, under the Python function's plain name. There is nobody to hand an exception to: it traps."""
        module = self.create_module("wrapper")
        kind = self.call_conv.get_function_type(fndesc.restype, fndesc.argtypes)
        inner = ir.Function(module, kind, fndesc.llvm_func_name)
        plain = ir.FunctionType(ir.VoidType(), [self.get_value_type(t) for t in fndesc.argtypes])
        outer = ir.Function(module, plain, fndesc.qualname)
        builder = ir.IRBuilder(outer.append_basic_block())
        status, _ = self.call_conv.call_function(builder, inner, fndesc.restype, fndesc.argtypes, outer.args,
                                                 attrs=("noinline",))
        with builder.if_then(status.is_error, likely=False):
            builder.call(module.declare_intrinsic("llvm.trap", fnty=ir.FunctionType(ir.VoidType(), [])), [])
        builder.ret_void()
        library.add_ir_module(module)


class _Pipeline(compiler.CompilerBase):
    """Numba's passes, without those for what these functions do not contain."""

    def define_pipelines(self) -> list[Any]:
        passes = PassManager("tracer")
        for step in (TranslateByteCode, FixupArgs, IRProcessing, ReconstructSSA, NopythonTypeInference,
                     PreLowerStripPhis, IRLegalization, AnnotateTypes, NativeLowering, NoPythonBackend):
            passes.add_pass(step, step.__name__)
        passes.finalize()
        return [passes]


_TYPING = _Typing()
_TARGET = _Target(_TYPING)


class Compiled(NamedTuple):
    """A compiled function: its object code, and Numba's library, which can load it too."""

    symbol: str
    code: bytes
    library: Any

    def address(self) -> int:
        """Where Numba's own engine has put it, where every symbol that Numba knows is at hand."""
        _KEEP.append(self.library)
        return self.library.get_pointer_to_function(self.symbol)


_KEEP: list[Any] = []


def compile_function(function: Any, symbol: str, parameters: str, fastmath: Iterable[str] = ()) -> Compiled:
    """Compile a Python function to the C function `void symbol(...)`.

    `parameters` has a letter for each: p a pointer to int64, i an int64. Divisions by zero are as NumPy's.
    CannotCompile when Numba refuses.
    """
    named = FunctionType(function.__code__, function.__globals__, symbol)
    named.__qualname__ = symbol
    flags: Any = compiler.Flags()
    flags.error_model = "numpy"
    flags.fastmath = cpu.FastMathOptions(set(fastmath))
    flags.no_cpython_wrapper = flags.no_compile = True
    flags.no_cfunc_wrapper = False
    collecting = gc.isenabled()
    gc.disable()  # compiling makes many objects that live until its end: each full collection costs 40 ms here
    try:
        with global_compiler_lock:
            made = compiler.compile_extra(_TYPING, _TARGET, named, [_PARAMETERS[p] for p in parameters], types.void,
                                          flags, {}, pipeline_class=_Pipeline)
            made.library.finalize()
    except (NumbaError, NotImplementedError) as error:
        raise CannotCompile(f"Numba: {(str(error).strip() or type(error).__name__).splitlines()[0]}") from error
    finally:
        if collecting:
            gc.enable()
    return Compiled(symbol, made.library._get_compiled_object(), made.library)


@intrinsic
def minimum_of_words(typingctx, x, y):
    """Python's `min` of two integers, which in Numba is a loop over a tuple."""

    def codegen(context, builder, signature, values):
        return builder.select(builder.icmp_signed("<=", values[0], values[1]), values[0], values[1])

    return types.int64(types.int64, types.int64), codegen
