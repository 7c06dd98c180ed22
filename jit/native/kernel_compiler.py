"""The compiler of kernels: from the syntax tree of a source to LLVM, in one pass, with Numba's types and operators.

A kernel is a flat function of scalars: assignments, `for … in range(…)`, `if`, arithmetic, comparisons, words of `bind`
and `args`, and calls of intrinsics. A variable has one type, that of its first value, so that all types are known where
they are needed. Numba's rules tell which type an operator makes of two others, and emit it; its analysis of byte code
and its search for types, which take ten times as long, are not needed. An unknown version of Numba is tested first.
"""
from __future__ import annotations

import ast
import ctypes
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types

from tracer.ops.ir.errors import CannotCompile, NoCompiler

from . import disk_cache
from .intrinsics import namespace_for
from .numba_compiler import Lowered, call, cast, new_module, operate

#: A value and Numba's type of it.
Typed = tuple[Any, Any]

_WORD, _FLOAT, _BOOL = types.int64, types.float64, types.boolean
_WORDS = ir.IntType(64).as_pointer()

_OPERATORS: dict[type, Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.BitAnd: operator.and_, ast.BitOr: operator.or_,
    ast.BitXor: operator.xor, ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.USub: operator.neg, ast.Not: operator.not_,
    ast.Invert: operator.invert}

_TRIAL = """
def kernel(bind, args, lo, hi):
    p = bind[args[0]]
    q = bind[args[1]]
    c = f32(0.0)
    for i in range(lo, hi):
        v = ld_f32_0(p, i)
        c = fadd_reassoc(c, v)
        st_f32_1(q, i, exp(v) / f32(min(i, 2)) + f32(i // lo))
    st_f32_1(q, hi, c)
"""


class _Kernel(ast.NodeVisitor):
    """A kernel, being lowered: each variable is a cell on the stack, which LLVM makes a register.

    names: the functions and numbers that the source names.
    """

    def __init__(self, module: ir.Module, symbol: str, tree: ast.FunctionDef, names: Mapping[str, Any]) -> None:
        word = ir.IntType(64)
        kinds = [_WORDS if arg.arg in ("bind", "args") else word for arg in tree.args.args]
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), symbol)
        self.names = names
        self.b = ir.IRBuilder(function.append_basic_block())
        self.cells: dict[str, Typed] = {}
        self.pointers: dict[str, Any] = {}
        for arg, value in zip(tree.args.args, function.args, strict=True):
            if value.type == _WORDS:
                self.pointers[arg.arg] = value
            else:
                self._set(arg.arg, (value, _WORD))
        self._do(tree.body)
        self.b.ret_void()

    def generic_visit(self, node: ast.AST) -> Any:
        raise CannotCompile(f"{type(node).__name__} is nothing that a kernel may contain")

    # ---- statements ------------------------------------------------------------------------------

    def _do(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            self.visit(statement)

    def _set(self, name: str, given: Typed) -> None:
        if name not in self.cells:
            with self.b.goto_entry_block():
                self.cells[name] = self.b.alloca(given[0].type, name=name), given[1]
        cell, kind = self.cells[name]
        if given[1] != kind:
            raise CannotCompile(f"{name}, which is {kind}, becomes {given[1]}")
        self.b.store(given[0], cell)

    def visit_Assign(self, node: ast.Assign) -> None:
        target, = node.targets
        if isinstance(target, ast.Name):
            self._set(target.id, self.visit(node.value))
        elif isinstance(target, ast.Subscript):
            self.b.store(cast(self.b, self.visit(node.value), _WORD), self._word(target))
        else:
            self.generic_visit(target)

    def visit_Expr(self, node: ast.Expr) -> None:
        self.visit(node.value)

    def visit_If(self, node: ast.If) -> None:
        with self.b.if_else(cast(self.b, self.visit(node.test), _BOOL)) as (yes, no):
            with yes:
                self._do(node.body)
            with no:
                self._do(node.orelse)

    def visit_For(self, node: ast.For) -> None:
        match node:
            case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=ends), orelse=[]):
                pass
            case _:
                self.generic_visit(node)
        given = [cast(self.b, self.visit(x), _WORD) for x in ends]
        one = ir.Constant(ir.IntType(64), 1)
        start, end, step = (one.type(0), *given, one) if len(given) == 1 else (*given, one)[:3]
        if not (isinstance(step, ir.Constant) and step.constant > 0):
            raise CannotCompile("a loop whose step is not known to be positive")
        before = self.b.block
        test, turn, done = [self.b.append_basic_block(name) for name in ("test", "turn", "done")]
        self.b.branch(test)
        self.b.position_at_end(test)
        i = self.b.phi(one.type)
        i.add_incoming(start, before)
        self.b.cbranch(self.b.icmp_signed("<", i, end), turn, done)
        self.b.position_at_end(turn)
        self._set(name, (i, _WORD))
        self._do(node.body)
        i.add_incoming(self.b.add(i, step, flags=("nsw",)), self.b.block)
        self.b.branch(test)
        self.b.position_at_end(done)

    # ---- expressions -----------------------------------------------------------------------------

    def visit_Constant(self, node: ast.Constant) -> Typed:
        return self._number(node.value)

    def _number(self, value: Any) -> Typed:
        if type(value) is float:
            return ir.Constant(ir.DoubleType(), value), _FLOAT
        if type(value) is not int or not -2**63 <= value < 2**64:
            raise CannotCompile(f"{value!r} is no number that a kernel may contain")
        return ir.Constant(ir.IntType(64), value), _WORD if value < 2**63 else types.uint64

    def visit_Name(self, node: ast.Name) -> Typed:
        if node.id in self.cells:
            cell, kind = self.cells[node.id]
            return self.b.load(cell), kind
        return self._number(self.names.get(node.id))

    def _word(self, node: ast.Subscript) -> Any:
        """The address of a word of `bind` or `args`."""
        if not isinstance(node.value, ast.Name) or node.value.id not in self.pointers:
            self.generic_visit(node)
        assert isinstance(node.value, ast.Name)
        return self.b.gep(self.pointers[node.value.id], [cast(self.b, self.visit(node.slice), _WORD)])

    def visit_Subscript(self, node: ast.Subscript) -> Typed:
        return self.b.load(self._word(node)), _WORD

    def _operate(self, op: ast.AST, *operands: ast.expr) -> Typed:
        if type(op) not in _OPERATORS:
            self.generic_visit(op)
        return operate(self.b, _OPERATORS[type(op)], [self.visit(x) for x in operands])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Typed:
        return self._operate(node.op, node.operand)

    def visit_BinOp(self, node: ast.BinOp) -> Typed:
        return self._operate(node.op, node.left, node.right)

    def visit_Compare(self, node: ast.Compare) -> Typed:
        if len(node.ops) > 1:
            self.generic_visit(node)
        return self._operate(node.ops[0], node.left, node.comparators[0])

    def visit_Call(self, node: ast.Call) -> Any:
        called = self.names.get(node.func.id) if isinstance(node.func, ast.Name) else None
        given = [self.visit(x) for x in node.args]
        if isinstance(called, types.Number | types.Boolean):
            one, = given
            return cast(self.b, one, called), called
        if called is None:
            raise CannotCompile(f"a call of {ast.unparse(node.func)}, which is no intrinsic")
        return call(self.b, called, given)


def lower(symbol: str, text: str, names: Mapping[str, Any], fastmath: Iterable[str] = ()) -> Lowered:
    """Lower a kernel to the C function `void symbol(...)`, of words and pointers to words.

    text: the source of one function, whose parameters `bind` and `args` are pointers; divisions by zero are as NumPy's.
    names: the intrinsics, types and numbers that it names.
    fastmath: flags of all float instructions that have none.
    CannotCompile for what no kernel contains, and for types that an operator or an intrinsic does not take.
    """
    module = new_module(symbol)
    tree, = ast.parse(text).body
    assert isinstance(tree, ast.FunctionDef)
    _Kernel(module, symbol, tree, names)
    return Lowered(module, fastmath)


# ---- kernels by name ------------------------------------------------------------------------------

def lower_kernel(name: str, text: str, known: tuple[str, str]) -> Callable[[], bytes]:
    """The function that makes the object code of a kernel named `name` by LLVM, while other Python threads run.

    known: the first and the last version of Numba that are not tested. NoCompiler where another one fails the test.
    """
    _try_out(known)
    return _lower_text(name, text)


def _lower_text(name: str, text: str) -> Callable[[], bytes]:
    return lower(name, text, namespace_for(text), {"contract"}).compile


@cache
def _try_out(known: tuple[str, str]) -> None:
    """Test a version of Numba outside the known ones with one kernel. NoCompiler where its numbers are wrong."""
    first, last, version = [[int(x) for x in text.split(".")[:2]] for text in (*known, numba.__version__)]
    if first <= version <= last:
        return
    name = f"trial_{disk_cache.key(_TRIAL)}"
    try:
        address, _ = disk_cache.find(name, ".bin", _lower_text(name, _TRIAL.replace("kernel", name)))
    except CannotCompile as why:
        raise NoCompiler(why.reason) from why
    given, found = np.linspace(-1, 1, 9, dtype=np.float32), np.zeros(10, np.float32)
    words = np.array([1, 2, given.ctypes.data, found.ctypes.data], np.int64)
    step = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(address)
    step(words[1:].ctypes.data, words.ctypes.data, 0, 9)
    with np.errstate(divide="ignore"):
        expected = [*np.exp(given) / np.minimum(range(9), 2), given.sum()]
    if not np.allclose(found, expected, 1e-5, 1e-5):
        raise NoCompiler(f"a trial gave {found.tolist()}")
