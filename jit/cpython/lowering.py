"""Lowering of a Python function to LLVM IR: its statements, one method each; expressions.py and calls.py have the rest.

The subset that hot functions are written in: names, attributes, items, tuples (with a starred list at the end), lists,
calls by position, comparisons, `and`, `or`, `not`, `... if ... else`, list comprehensions; assignment, `if`, `for`,
`while`, `return`, `break`, `continue`, `raise`, `with` for a lock, `try` with one `except` or with `finally`. All other
code raises CannotCompile.

The semantics is Python's, with these exceptions: global names have the values of the time of compilation; a `for`
iterates over a copy of an object that is neither list nor tuple; an error leaves no frame in the traceback.
"""
from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from llvmlite import ir

from .calls import Calls
from .emit import I32, I64, NULL, Emitter, Object
from .expressions import NUMBER, Unit


class Lowering(Calls):
    """The lowering of one function to one that takes the constants' tuple and the arguments, all borrowed references,
    and returns a new one, or NULL."""

    def __init__(self, unit: Unit, emitter: Emitter, function: Any, tree: ast.FunctionDef) -> None:
        super().__init__(unit, emitter, function)
        self.loops: list[tuple[ir.Block, ir.Block]] = []
        self.variables: list[ir.Value] = []
        self._lower(tree)

    def _lower(self, tree: ast.FunctionDef) -> None:
        e = self.e
        stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        stored |= {n.name for n in ast.walk(tree) if isinstance(n, ast.ExceptHandler) and n.name}
        for name, value in zip([a.arg for a in tree.args.args], e.function.args[1:], strict=True):
            if name in stored:
                e.incref(value)
                self.names[name] = self._variable(name, value)
            else:
                self.parameters[name] = value
        for name in sorted(stored - self.names.keys()):
            self.names[name] = self._variable(name, NULL)
        self._all(tree.body)
        if not e.ended:
            self._return(self._constant(None))
        e.finish(self.variables)

    def _variable(self, name: str, value: ir.Value) -> ir.Value:
        cell = self.e.cell(name)
        self.b.store(value, cell)
        self.variables.append(cell)
        return cell

    # ---- statements --------------------------------------------------------------------------------

    def _all(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            if self.e.ended:
                return
            self._visit(statement, "statement")

    def _statement_Pass(self, node: ast.Pass) -> None:
        pass

    def _statement_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            value = self.value(node.value)
            if isinstance(value, Object):
                self.e.drop(value)

    def _statement_Assign(self, node: ast.Assign) -> None:
        value = self.object(node.value)
        for target in node.targets[1:]:
            self._assign(target, Object(value.ptr))
        self._assign(node.targets[0], value)

    def _statement_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assign(node.target, self.object(node.value))

    def _statement_AugAssign(self, node: ast.AugAssign) -> None:
        operation = NUMBER.get(type(node.op))
        if operation not in ("Add", "Subtract"):
            raise self.refuse(node, type(node.op).__name__)
        target: Any = node.target
        if isinstance(target, ast.Name):
            old = self.object(ast.Name(target.id, ast.Load()))
            self._assign(target, self._combine("InPlace" + operation, old, self.object(node.value)))
            return
        owner = self.object(target.value)
        if isinstance(target, ast.Attribute):
            old = self._attribute(Object(owner.ptr), target.attr)
            made = self._combine("InPlace" + operation, old, self.object(node.value))
            self._set_attribute(owner, target.attr, made)
        else:
            key = self.object(target.slice)
            old = self.e.new("PyObject_GetItem", owner.ptr, key.ptr)
            self._set_item(owner, key, self._combine("InPlace" + operation, old, self.object(node.value)))

    def _assign(self, target: ast.expr, value: Object) -> None:
        e = self.e
        if isinstance(target, ast.Name):
            ptr, cell = e.take(value), self.names[target.id]
            old = self.b.load(cell)
            self.b.store(ptr, cell)
            e.release(old)
        elif isinstance(target, ast.Attribute):
            self._set_attribute(self.object(target.value), target.attr, value)
        elif isinstance(target, ast.Subscript):
            self._set_item(self.object(target.value), self.object(target.slice), value)
        elif isinstance(target, ast.Tuple):
            items = self._unpacked(value, len(target.elts))
            for part, item in zip(target.elts, items, strict=True):
                self._assign(part, item)
        else:
            raise self.refuse(target, "an assignment")

    def _unpacked(self, value: Object, count: int) -> list[Object]:
        """The items of a tuple, which must be `count`; any other object is converted to a tuple first."""
        e = self.e
        items = self._made_one_of(value, (tuple,), "PySequence_Tuple")
        right = self.b.icmp_signed("==", e.size_of(items.ptr), I64(count))
        with self.b.if_then(self.b.not_(right), likely=False):
            e.call("PyErr_SetNone", self._constant(ValueError).ptr)
        e.guard(right)
        found = []
        for i in range(count):
            found.append(self._held(self.b.load(e.item_place(items.ptr, i))))
        e.drop(items)
        return found

    def _set_item(self, owner: Object, key: Object, value: Object) -> None:
        self.e.status("PyObject_SetItem", owner.ptr, key.ptr, value.ptr)
        self.e.drop(owner, key, value)

    def _set_attribute(self, owner: Object, name: str, value: Object) -> None:
        e, done = self.e, self.e.block("set")
        for cls, offset in self.unit.slots.get(name, ()):
            hit, miss = e.block("slot"), e.block("other")
            self._if_class(owner, cls, hit, miss)
            e.begin(hit)
            place = e.field(owner.ptr, offset)
            old = self.b.load(place)
            e.incref(value.ptr)
            self.b.store(value.ptr, place)
            e.release(old)
            self.b.branch(done)
            e.begin(miss)
        e.status("PyObject_SetAttr", owner.ptr, self._constant(sys.intern(name)).ptr, value.ptr)
        e.begin(done)
        e.drop(owner, value)

    def _statement_If(self, node: ast.If) -> None:
        then, other, on = self.e.block("then"), self.e.block("else"), self.e.block("on")
        self.b.cbranch(self.truth(node.test), then, other)
        self._branch(then, node.body, on)
        self._branch(other, node.orelse, on)
        self.b.position_at_end(on)

    def _branch(self, block: ir.Block, body: Sequence[ast.stmt], on: ir.Block) -> None:
        self.b.position_at_end(block)
        self._all(body)
        if not self.e.ended:
            self.b.branch(on)

    def _statement_While(self, node: ast.While) -> None:
        if node.orelse:
            raise self.refuse(node, "else after while")
        test, body, on = self.e.block("test"), self.e.block("turn"), self.e.block("on")
        self.e.begin(test)
        self.b.cbranch(self.truth(node.test), body, on)
        self.loops.append((test, on))
        self._branch(body, node.body, test)
        self.loops.pop()
        self.b.position_at_end(on)

    def _statement_For(self, node: ast.For) -> None:
        if node.orelse:
            raise self.refuse(node, "else after for")
        self._loop(self._rows(node.target, node.iter), lambda: self._all(node.body))

    def _rows(self, target: ast.expr, iterable: Any) -> list[tuple[ast.expr, Object | None]]:
        """Each target of a loop with the sequence that it iterates over, None for the iteration's number: `zip` and
        `enumerate` make no tuples."""
        called = self._known(iterable.func) if isinstance(iterable, ast.Call) and not iterable.keywords else None
        if called is enumerate and isinstance(target, ast.Tuple) and len(target.elts) == 2 and len(iterable.args) == 1:
            return [(target.elts[0], None), (target.elts[1], self._listed(self.object(iterable.args[0])))]
        pairs = [(target, iterable)]
        if called is zip and isinstance(target, ast.Tuple) and len(target.elts) == len(iterable.args):
            pairs = list(zip(target.elts, iterable.args, strict=True))
        return [(part, self._listed(self.object(x))) for part, x in pairs]

    def _loop(self, rows: list[tuple[ast.expr, Object | None]], body: Callable[[], None]) -> None:
        """Emit a loop that assigns the items of each of `rows` to its target, then runs `body()`; a list may grow."""
        e = self.e
        place = self._index()
        test, turn, after, on = e.block("test"), e.block("turn"), e.block("next"), e.block("on")
        e.begin(test)
        index = self.b.load(place)
        more = [self.b.icmp_signed("<", index, e.size_of(items.ptr)) for _, items in rows if items is not None]
        self.b.cbranch(reduce(self.b.and_, more), turn, on)
        e.begin(turn)
        found = [e.new("PyLong_FromSsize_t", index) if items is None else self._held(self._item(items.ptr, index))
                 for _, items in rows]
        for (part, _), item in zip(rows, found, strict=True):
            self._assign(part, item)  # only now: an old value's finalizer may change lists
        self.loops.append((after, on))
        body()
        self.loops.pop()
        e.begin(after)
        self.b.store(self.b.add(self.b.load(place), I64(1)), place)
        self.b.branch(test)
        self.b.position_at_end(on)
        e.drop(*[items for _, items in rows if items is not None])

    def _held(self, ptr: ir.Value) -> Object:
        self.e.incref(ptr)
        return self.e.own(ptr)

    def _statement_Continue(self, node: ast.Continue) -> None:
        self.b.branch(self.loops[-1][0])

    def _statement_Break(self, node: ast.Break) -> None:
        self.b.branch(self.loops[-1][1])

    def _statement_Return(self, node: ast.Return) -> None:
        self._return(self._constant(None) if node.value is None else self.object(node.value))

    def _return(self, value: Object) -> None:
        ptr = self.e.take(value)
        for cell in self.e.full:
            self.e.decref(self.b.load(cell))
        for cell in self.variables:
            self.e.release(self.b.load(cell))
        self.b.ret(ptr)

    def _statement_Raise(self, node: ast.Raise) -> None:
        if node.exc is None or node.cause is not None:
            raise self.refuse(node, "this form of raise")
        error = self.object(node.exc)
        self.e.call("PyErr_SetObject", self.e.type_of(error.ptr), error.ptr)
        self.e.drop(error)
        self.b.branch(self.e.way_out())

    def _statement_With(self, node: ast.With) -> None:
        """Hold a lock; its `__exit__` does not get the exception."""
        e, item = self.e, node.items[0]
        if len(node.items) > 1 or item.optional_vars:
            raise self.refuse(node, "more than a lock")
        lock = self.object(item.context_expr)
        e.drop(e.method(self._constant("__enter__"), [Object(lock.ptr)]))
        self._guarded(node, node.body, lambda: e.drop(e.method(
            self._constant("__exit__"), [Object(lock.ptr), *[self._constant(None)] * 3])))
        e.drop(lock)

    def _finally(self, node: ast.Try) -> None:
        self._guarded(node, node.body, lambda: self._all(node.finalbody))

    def _guarded(self, node: ast.stmt, body: Sequence[ast.stmt], leave: Callable[[], None]) -> None:
        """Emit the body, and `leave()` after it whether it fails or not."""
        e, caught, on = self.e, self.e.block("caught"), self.e.block("on")
        if any(isinstance(n, (ast.Return, ast.Break, ast.Continue)) for n in ast.walk(node)):
            raise self.refuse(node, "another way out of with, or of try and finally,")
        with e.failing_to(caught):
            self._all(body)
        if not e.ended:
            with e.apart():
                leave()
            self.b.branch(on)
        self.b.position_at_end(caught)
        raised = e.fetched()
        with e.apart():
            leave()
        e.call("PyErr_Restore", *raised)
        self.b.branch(e.way_out())
        self.b.position_at_end(on)

    def _statement_Try(self, node: ast.Try) -> None:
        e = self.e
        if node.finalbody and not node.handlers:
            self._finally(node)
            return
        if len(node.handlers) != 1 or node.orelse or node.finalbody:
            raise self.refuse(node, "this form of try")
        handler = node.handlers[0]
        caught, mine, other, on = e.block("caught"), e.block("handler"), e.block("other"), e.block("on")
        with e.failing_to(caught):
            self._all(node.body)
            if not e.ended:
                self.b.branch(on)
        self.b.position_at_end(caught)
        kind = self.object(handler.type) if handler.type else self._constant(BaseException)
        matches = e.call("PyErr_ExceptionMatches", kind.ptr)
        self.b.cbranch(self.b.icmp_signed("!=", matches, I32(0)), mine, other)
        self.b.position_at_end(other)
        self.b.branch(e.way_out())
        self.b.position_at_end(mine)
        if handler.name:
            self._assign(ast.Name(handler.name), e.own(e.caught()))
        else:
            e.call("PyErr_Clear")
        self._all(handler.body)
        if not e.ended:
            self.b.branch(on)
        self.b.position_at_end(on)

    def _value_ListComp(self, node: ast.ListComp) -> Object:
        if len(node.generators) != 1:
            raise self.refuse(node, "a nested comprehension")
        part = node.generators[0]
        made = self.e.new("PyList_New", I64(0))

        def turn() -> None:
            for test in part.ifs:
                more = self.e.block("more")
                self.b.cbranch(self.truth(test), more, self.loops[-1][0])
                self.b.position_at_end(more)
            self._append(made, self.object(node.elt))

        rows = self._rows(part.target, part.iter)
        outside = self.names, self.parameters
        mine = {n.id: self._variable(n.id, NULL) for n in ast.walk(part.target) if isinstance(n, ast.Name)}
        self.names = {**self.names, **mine}
        self.parameters = {name: value for name, value in self.parameters.items() if name not in mine}
        self._loop(rows, turn)
        self.names, self.parameters = outside
        for cell in mine.values():
            self.e.release(self.b.load(cell))
            self.b.store(NULL, cell)
        return made
