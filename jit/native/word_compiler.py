"""The word compiler: Python functions of words -> object code, for the native functions that every program needs.

A word is an int64: a number, or an address, of which `args[i]` is the word at place i. The subset: assignments, `if`,
`while`, `for … in range(…)`, arithmetic and comparisons of words or of float64s, constants and attributes of constants,
and calls of functions that `emits` marks, or of the subset themselves, which return nothing. `and`, `or` and
`x if c else y` evaluate all their operands; those of `//` and `%` must not be negative.

A kernel's source has numbers of many types, and long loops to vectorize: `kernel_compiler.py` is for these, with
Numba's rules of types. To import Numba takes half a second.
"""
from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import FunctionType
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from tracer.ops.ir.errors import CannotCompile

I64, F64 = ir.IntType(64), ir.DoubleType()
_BIT, _VOID = ir.IntType(1), ir.VoidType()

_WORDS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.FloorDiv: "sdiv", ast.Mod: "srem", ast.RShift: "ashr",
          ast.BitAnd: "and_", ast.BitOr: "or_", ast.LShift: "shl"}
_FLOATS = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
_SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


class Emitted:
    """A function that `emits` marks: in compiled code, `emit(builder, *values)` emits the instructions of each call."""

    def __init__(self, emit: Callable[..., Any]) -> None:
        self.emit = emit
        self.__doc__ = emit.__doc__

    def __call__(self, *values: Any) -> Any:
        raise TypeError(f"only compiled code calls {self.emit.__name__}")


def emits(emit: Callable[..., Any]) -> Emitted:
    """Make `emit(builder, *values)` a function that compiled code may call; it returns a value, or None."""
    return Emitted(emit)


def word_at(builder: Any, address: Any, index: Any) -> Any:
    """The LLVM pointer to the word at place `index` from `address`."""
    return builder.gep(builder.inttoptr(address, I64.as_pointer()), [index])


class _Function(ast.NodeVisitor):
    """One function, being emitted: each variable is a stack cell of its type, which LLVM promotes to registers."""

    def __init__(self, emitted: ir.Function, function: Any) -> None:
        self.known = function.__globals__
        self.function = emitted
        self.b = ir.IRBuilder(emitted.append_basic_block())
        self.cells: dict[str, Any] = {}
        self.ends: list[Any] = []  # where `break` leads
        tree: Any = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        for parameter, value in zip(tree.args.args, emitted.args, strict=True):
            self._set(parameter.arg, value)
        self._do(tree.body)
        self._jump()

    def generic_visit(self, node: ast.AST) -> Any:
        raise CannotCompile(f"{type(node).__name__} is nothing that a function of words may contain")

    # ---- statements ------------------------------------------------------------------------------

    def _do(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            self.visit(statement)

    def _jump(self, to: Any = None) -> None:
        """End the block by a jump to `to`, or by a return, unless it has ended already."""
        if not self.b.block.is_terminated:
            if to is None:
                self.b.ret_void()
            else:
                self.b.branch(to)

    def _blocks(self, *names: str) -> list[Any]:
        return [self.function.append_basic_block(name) for name in names]

    def _set(self, name: str, value: Any) -> None:
        if name not in self.cells:
            with self.b.goto_entry_block():
                self.cells[name] = self.b.alloca(value.type, name=name)
        self.b.store(value, self.cells[name])

    def visit_Assign(self, node: ast.Assign) -> None:
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, [self.visit(x) for x in value.elts], strict=True))
        else:
            pairs = [(target, self.visit(value))]
        for one, made in pairs:
            if not isinstance(one, ast.Name):
                self.generic_visit(one)
            else:
                self._set(one.id, made)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if not isinstance(node.target, ast.Name):
            self.generic_visit(node.target)
        else:
            before = self.b.load(self.cells[node.target.id])
            self._set(node.target.id, self._binary(node.op, before, self.visit(node.value)))

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.visit(node.value)

    def visit_Return(self, node: ast.Return) -> None:
        self._jump()

    def visit_Break(self, node: ast.Break) -> None:
        self._jump(self.ends[-1])

    def visit_If(self, node: ast.If) -> None:
        yes, no, end = self._blocks("yes", "no", "end")
        self.b.cbranch(self._bit(node.test), yes, no)
        for block, body in ((yes, node.body), (no, node.orelse)):
            self.b.position_at_end(block)
            self._do(body)
            self._jump(end)
        self.b.position_at_end(end)

    def visit_While(self, node: ast.While) -> None:
        self._loop(lambda: self._bit(node.test), node.body)

    def visit_For(self, node: ast.For) -> None:
        if not isinstance(node.target, ast.Name) or not isinstance(node.iter, ast.Call):
            self.generic_visit(node)
            return
        given = [self.visit(x) for x in node.iter.args]
        start, end, step = (I64(0), *given, I64(1)) if len(given) == 1 else (*given, I64(1))[:3]
        name, counter = node.target.id, f"{node.target.id}.{node.lineno}"
        self._set(counter, start)

        def goes_on() -> Any:
            return self.b.icmp_signed("<", self.b.load(self.cells[counter]), end)

        def begin() -> None:
            now = self.b.load(self.cells[counter])
            self._set(name, now)
            self._set(counter, self.b.add(now, step))

        self._loop(goes_on, node.body, begin)

    def _loop(self, goes_on: Callable[[], Any], body: Sequence[ast.stmt],
              begin: Callable[[], None] | None = None) -> None:
        test, turn, end = self._blocks("test", "turn", "end")
        self.b.branch(test)
        self.b.position_at_end(test)
        self.b.cbranch(goes_on(), turn, end)
        self.b.position_at_end(turn)
        self.ends.append(end)
        if begin is not None:
            begin()
        self._do(body)
        self.ends.pop()
        self._jump(test)
        self.b.position_at_end(end)

    # ---- expressions -----------------------------------------------------------------------------

    def _bit(self, node: ast.expr) -> Any:
        value = self.visit(node)
        return value if value.type == _BIT else self.b.icmp_signed("!=", value, I64(0))

    def visit_Constant(self, node: ast.Constant) -> Any:
        return self._number(node.value)

    def _number(self, value: Any) -> Any:
        if type(value) not in (int, float):
            raise CannotCompile(f"{value!r} is neither a word nor a float64")
        return (I64 if type(value) is int else F64)(value)

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id in self.cells:
            return self.b.load(self.cells[node.id])
        return self._number(self.known[node.id])

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        return self._number(getattr(self._global(node.value), node.attr, None))

    def _global(self, node: ast.expr) -> Any:
        """The object that a global name stands for; None for other expressions."""
        return self.known.get(node.id) if isinstance(node, ast.Name) and node.id not in self.cells else None

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        return self.b.load(word_at(self.b, self.visit(node.value), self.visit(node.slice)))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return self.b.not_(self._bit(node.operand))
        value = self.visit(node.operand)
        return self.b.fneg(value) if value.type == F64 else self.b.neg(value)

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        return self._binary(node.op, self.visit(node.left), self.visit(node.right))

    def _binary(self, op: ast.operator, x: Any, y: Any) -> Any:
        name = (_FLOATS if x.type == F64 else _WORDS).get(type(op))
        if name is None or x.type != y.type:
            self.generic_visit(op)
        return getattr(self.b, str(name))(x, y)

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        join = self.b.and_ if isinstance(node.op, ast.And) else self.b.or_
        first, *others = [self._bit(x) for x in node.values]
        for other in others:
            first = join(first, other)
        return first

    def visit_Compare(self, node: ast.Compare) -> Any:
        x, y, sign = self.visit(node.left), self.visit(node.comparators[0]), _SIGNS.get(type(node.ops[0]))
        if sign is None or len(node.ops) > 1 or x.type != y.type:
            self.generic_visit(node)
        return (self.b.fcmp_ordered if x.type == F64 else self.b.icmp_signed)(sign, x, y)

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        return self.b.select(self._bit(node.test), self.visit(node.body), self.visit(node.orelse))

    def visit_Call(self, node: ast.Call) -> Any:
        called = self._global(node.func)
        values = [self.visit(x) for x in node.args]
        if isinstance(called, Emitted):
            return called.emit(self.b, *values)
        if not isinstance(called, FunctionType):
            raise CannotCompile(f"a call of {ast.unparse(node.func)}, which is neither emitted nor a function of words")
        self.b.call(_part(self.function.module, called), values)
        return None


def _part(module: ir.Module, function: FunctionType) -> ir.Function:
    """The function of a module that does what a Python function of words does; emitted by its first call."""
    name = f"{function.__module__}.{function.__name__}"
    made = module.globals.get(name)
    if made is None:
        made = ir.Function(module, ir.FunctionType(_VOID, [I64] * function.__code__.co_argcount), name)
        made.linkage = "internal"
        _Function(made, function)
    return made


def compile_words(function: Any, symbol: str) -> bytes:
    """The object code of a C function `void symbol(int64_t, ...)`.

    function: a Python function of words, or one that `emits` marks.
    CannotCompile for code outside of the subset, OSError where there is no source.
    """
    emitted = function.emit if isinstance(function, Emitted) else function
    count = emitted.__code__.co_argcount - (emitted is not function)
    module = ir.Module(symbol)
    made = ir.Function(module, ir.FunctionType(_VOID, [I64] * count), symbol)
    if emitted is function:
        _Function(made, function)
    else:
        builder = ir.IRBuilder(made.append_basic_block())
        emitted(builder, *made.args)
        builder.ret_void()
    return _object_code(str(module))


@lru_cache(maxsize=1)
def _machine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2, reloc="pic",
        codemodel="default")


def _object_code(text: str) -> bytes:
    """The object code of LLVM assembly, by a few passes: the others take most of the time, and find little here."""
    module, machine = llvm.parse_assembly(text), _machine()
    module.verify()
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1)))
    return machine.emit_object(module)
