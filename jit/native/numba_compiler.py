"""The compiler from functions of scalars and loops to object code: Numba with only the parts that these need.

No other file uses names that Numba or llvmlite do not document (test_numba_versions.py). Where these have changed,
`disk_cache.find` raises NoCompiler for the error, and the interpreter runs every program.

Numba's usual set-up loads the typing of all of NumPy, which takes longer than compiling a kernel: here the typing knows
Python's operators, `range` and our intrinsics, and the pipeline has no passes for closures, arrays or reference counts.
Type inference and lowering are Numba's own. LLVM's passes run once over each function: Numba runs them before and after
linking modules, to count references between.

This is imported only to compile: a process that finds all of its kernels on disk never imports Numba.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from llvmlite import ir
from llvmlite.ir.instructions import FastMathFlags
from numba import types
from numba.core import codegen, compiler, cpu, funcdesc, imputils, typing
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.errors import NumbaError
from numba.core.fastmathpass import rewrite_module
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering, NoPythonBackend, NopythonTypeInference
from numba.core.typing import builtins, templates
from numba.core.untyped_passes import FixupArgs, IRProcessing, TranslateByteCode

from tracer.ops.ir.errors import CannotCompile

from .loop_hints import give_hints

#: Types of parameters by letter: a pointer to words, a word.
_PARAMETERS = {"p": types.CPointer(types.int64), "i": types.int64}

_OURS = templates.Registry()


def intrinsic(define: Callable[..., Any]) -> Any:
    """Make `define(typing_context, *types)` a function that compiled code may call, for any of Numba's compilers.

    As with `numba.extending.intrinsic`, `define` returns a signature and the function that emits LLVM IR, or None for
    types that it does not take. Numba's sets up all of Numba at the first call that it types; this one does not.
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
    """The typing context: the names that the functions compiled here may use."""

    def _load_builtins(self) -> None:
        if not hasattr(self, "_chosen"):
            self._chosen = _operators()
        self.install_registry(self._chosen)
        self.install_registry(_OURS)


class ClosedFlags(FastMathFlags):
    """The fast-math flags of a call, closed to Numba, which adds its own to every call that returns a float."""

    def __init__(self, *flags: str) -> None:
        self.update(flags)

    def add(self, name: Any) -> None:
        pass


class _Library(codegen.CodeLibrary):
    """The LLVM modules of a function, as text: Numba does its work without calls of LLVM."""

    def __init__(self, generator: Any, name: str) -> None:
        super().__init__(generator, name)
        self.texts: list[str] = []

    def create_ir_module(self, name: str) -> ir.Module:
        return _TARGET.create_module(name)

    def add_ir_module(self, ir_module: ir.Module) -> None:
        self.texts.append(str(ir_module))

    def add_linking_library(self, library: Any) -> None:
        self.texts += [text for text in library.texts if text not in self.texts]

    def finalize(self) -> None:
        self._finalized = True

    def get_function(self, name: str) -> Any:
        raise NotImplementedError("a function of a library that is text")

    def get_llvm_str(self) -> str:
        return "\n".join(self.texts)

    def get_asm_str(self) -> str:
        raise NotImplementedError("the instructions of a library that is text")


class _Target(cpu.CPUContext):
    """This processor, without Numba's run-time library."""

    def init(self) -> None:
        super().init()
        self.codegen()._library_class = _Library
        self._sizes: dict[Any, int] = {}
        self._layout = str(self.codegen().target_data), llvm.get_process_triple()

    def create_module(self, name: str) -> ir.Module:
        module = ir.Module(name)
        module.data_layout, module.triple = self._layout
        return module

    def get_abi_sizeof(self, ty: Any) -> int:
        """The size of a type, kept: Numba requests it for each variable, and has LLVM parse a module for it."""
        if ty not in self._sizes:
            self._sizes[ty] = super().get_abi_sizeof(ty)
        return self._sizes[ty]

    def load_additional_registries(self) -> None:
        from numba.cpython import builtins, numbers, rangeobj  # noqa: F401  (they register how to lower operators)

    def post_lowering(self, module: Any, library: Any) -> None:
        if self.fastmath:
            rewrite_module(module, self.fastmath)
        give_hints(module)

    def create_cfunc_wrapper(self, library: Any, fndesc: Any, env: Any, call_helper: Any) -> None:
        """Add the C function, under the Python function's plain name. It traps on an exception: nothing handles it."""
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


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):
    """Numba's lowering, without its statistics, which need calls of LLVM."""

    _name = "tracer_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = state.targetctx.codegen().create_library(state.func_id.func_qualname)
        description = funcdesc.PythonFunctionDescriptor.from_specialized_function(
            state.func_ir, state.typemap, state.return_type, state.calltypes, mangler=state.targetctx.mangler,
            inline=state.flags.forceinline, noalias=state.flags.noalias, abi_tags=[state.flags.get_mangle_string()])
        with state.targetctx.push_code_library(state.library):
            lower = Lower(state.targetctx, state.library, description, state.func_ir, metadata=state.metadata)
            lower.lower()
            lower.create_cfunc_wrapper()
        state.cr = compiler._LowerResult(description, lower.call_helper, cfunc=None, env=lower.env)
        return True


class _Pipeline(compiler.CompilerBase):
    """Numba's passes, without those for features that kernels lack: a variable has one type throughout, for example."""

    def define_pipelines(self) -> list[Any]:
        passes = PassManager("tracer")
        for step in (TranslateByteCode, FixupArgs, IRProcessing, NopythonTypeInference, _Lowering, NoPythonBackend):
            passes.add_pass(step, step.__name__)
        passes.finalize()
        return [passes]


_TYPING = _Typing()
_TARGET = _Target(_TYPING)


class Lowered(NamedTuple):
    """A function as LLVM modules: LLVM does the rest, while other Python threads run."""

    texts: list[str]

    def module(self) -> Any:
        """The optimized module."""
        first, *others = [llvm.parse_assembly(text) for text in self.texts]
        for other in others:
            first.link_in(other)
        first.verify()
        passes, builder = _TARGET.codegen()._module_pass_manager()
        passes.run(first, builder)
        return first

    def compile(self) -> bytes:
        """The object code."""
        return _TARGET.codegen()._tm.emit_object(self.module())


def lower_function(function: Any, symbol: str, parameters: str, fastmath: Iterable[str] = ()) -> Lowered:
    """Lower a Python function to the C function `void symbol(...)`. Divisions by zero are as NumPy's.

    parameters: a letter for each: p a pointer to int64, i an int64.
    CannotCompile when Numba refuses.
    """
    named = FunctionType(function.__code__, function.__globals__, symbol)
    named.__qualname__ = symbol
    flags: Any = compiler.Flags()
    flags.error_model = "numpy"
    flags.fastmath = cpu.FastMathOptions(set(fastmath))
    flags.no_cpython_wrapper = flags.no_compile = True
    flags.no_cfunc_wrapper = False
    try:
        with global_compiler_lock:
            made = compiler.compile_extra(_TYPING, _TARGET, named, [_PARAMETERS[p] for p in parameters], types.void,
                                          flags, {}, pipeline_class=_Pipeline)
    except (NumbaError, NotImplementedError) as error:
        raise CannotCompile(f"Numba: {(str(error).strip() or type(error).__name__).splitlines()[0]}") from error
    return Lowered(made.library.texts)


@intrinsic
def minimum_of_words(typingctx, x, y):
    """Python's `min` of two integers, which in Numba is a loop over a tuple."""

    def codegen(context, builder, signature, values):
        return builder.select(builder.icmp_signed("<=", values[0], values[1]), values[0], values[1])

    return types.int64(types.int64, types.int64), codegen
