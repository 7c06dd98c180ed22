"""Lowering of expressions to LLVM IR: names, attributes, items, numbers, comparisons, tuples, lists, a method each."""
from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections.abc import Sequence
from functools import reduce
from typing import Any, Protocol

from llvmlite import ir

from tracer.ops.ir.errors import CannotCompile

from . import layout
from .emit import I1, I32, I64, NULL, OBJECTS, Emitter, Object

Found = Any  # an `Object`, or LLVM's value of an int64 or a bit

_ORDER = {ast.Lt: ("<", 0), ast.LtE: ("<=", 1), ast.Eq: ("==", 2), ast.NotEq: ("!=", 3), ast.Gt: (">", 4),
          ast.GtE: (">=", 5)}
NUMBER: dict[type, str] = {ast.Add: "Add", ast.Sub: "Subtract", ast.Mult: "Multiply", ast.FloorDiv: "FloorDivide"}


class Unit(Protocol):
    """The functions that are compiled together, with the facts about them that lowering uses (unit.py)."""

    #: attribute -> the classes that have it as a slot, with its offset
    slots: dict[str, list[tuple[type, int]]]
    #: (class, name) -> the function of this unit that is the method
    methods: dict[tuple[type, str], Any]
    #: functions without parameters whose result is the same for all calls on one thread
    per_thread: Sequence[Any]

    def known_of_thread(self, function: Any) -> tuple[ir.Value, ir.Value]:
        """The variables that keep the thread of the last call of one of `per_thread`, and its result."""

    def constant(self, value: Any) -> int:
        """The index of an object among the constants."""

    def sibling(self, function: Any) -> tuple[ir.Function, inspect.Signature] | None:
        """The emitted form of `function` and its signature, if it is of this unit."""


class Expressions:
    """The lowering of one function's expressions.

    names: the cells of its variables.
    parameters: the parameters that nothing assigns to.
    """

    def __init__(self, unit: Unit, emitter: Emitter, function: Any) -> None:
        self.unit = unit
        self.e = emitter
        self.b = emitter.builder
        self.function = function
        self.globals = {**vars(builtins), **function.__globals__}
        self.names: dict[str, ir.Value] = {}
        self.parameters: dict[str, ir.Value] = {}

    def refuse(self, node: Any, what: str = "") -> CannotCompile:
        """The error for code outside of the subset."""
        return CannotCompile(f"{self.function.__qualname__}: {what or type(node).__name__} in line {node.lineno}")

    def _visit(self, node: ast.AST, kind: str) -> Any:
        handle = getattr(self, f"_{kind}_{type(node).__name__}", None)
        if handle is None:
            raise self.refuse(node)
        return handle(node)

    def value(self, node: ast.expr) -> Found:
        """The value of an expression, in its cheapest form."""
        return self._visit(node, "value")

    def object(self, node: ast.expr) -> Object:
        """The value of an expression, as a reference."""
        return self._boxed(self.value(node))

    def _boxed(self, value: Found) -> Object:
        if isinstance(value, Object):
            return value
        if value.type == I1:
            return Object(self.b.select(value, self._constant(True).ptr, self._constant(False).ptr))
        return self.e.new("PyLong_FromSsize_t", value)

    def truth(self, node: ast.expr) -> ir.Value:
        """The truth of an expression, as a bit."""
        if isinstance(node, ast.BoolOp):
            return self._both(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.b.not_(self.truth(node.operand))
        return self._holds(self.value(node))

    def _holds(self, value: Found) -> ir.Value:
        if not isinstance(value, Object):
            return value if value.type == I1 else self.b.icmp_signed("!=", value, I64(0))
        e = self.e
        with self.b.goto_block(e.entry):
            found = self.b.alloca(I1)
        other, sized, unclear, on = e.block("other"), e.block("sized"), e.block("unclear"), e.block("truth")
        yes, no, none = (self.b.icmp_unsigned("==", value.ptr, self._constant(c).ptr) for c in (True, False, None))
        self.b.store(yes, found)
        self.b.cbranch(self.b.or_(self.b.or_(yes, no), none), on, other)
        e.begin(other)
        self.b.cbranch(self._is_a(value.ptr, list, tuple), sized, unclear)
        e.begin(sized)
        self.b.store(self.b.icmp_signed("!=", e.size_of(value.ptr), I64(0)), found)
        self.b.branch(on)
        e.begin(unclear)
        self.b.store(self.b.icmp_signed("!=", e.status("PyObject_IsTrue", value.ptr), I32(0)), found)
        e.begin(on)
        e.drop(value)
        return self.b.load(found)

    def _both(self, node: ast.BoolOp) -> ir.Value:
        """The truth of `and` or `or`, without its value."""
        with self.b.goto_block(self.e.entry):
            found = self.b.alloca(I1)
        on = self.e.block("decided")
        for i, part in enumerate(node.values):
            holds = self.truth(part)
            self.b.store(holds, found)
            if i < len(node.values) - 1:
                more = self.e.block("more")
                self.b.cbranch(holds, *((more, on) if isinstance(node.op, ast.And) else (on, more)))
                self.b.position_at_end(more)
        self.e.begin(on)
        return self.b.load(found)

    def _value_BoolOp(self, node: ast.BoolOp) -> Object:
        e, held, on = self.e, self.e.cell(), self.e.block("decided")
        for i, part in enumerate(node.values):
            value = self.object(part)
            if i == len(node.values) - 1:
                self.b.store(e.take(value), held)
                break
            holds = self._holds(Object(value.ptr))
            chosen, more = e.block("chosen"), e.block("more")
            self.b.cbranch(holds, *((more, chosen) if isinstance(node.op, ast.And) else (chosen, more)))
            self.b.position_at_end(chosen)
            with e.apart():
                self.b.store(e.take(value), held)
            self.b.branch(on)
            self.b.position_at_end(more)
            e.drop(value)
        e.begin(on)
        return e.joined(held)

    def _value_IfExp(self, node: ast.IfExp) -> Object:
        e, held = self.e, self.e.cell()
        then, other, on = e.block("then"), e.block("else"), e.block("chosen")
        self.b.cbranch(self.truth(node.test), then, other)
        for block, part in ((then, node.body), (other, node.orelse)):
            self.b.position_at_end(block)
            self.b.store(e.take(self.object(part)), held)
            self.b.branch(on)
        self.b.position_at_end(on)
        return e.joined(held)

    def _value_UnaryOp(self, node: ast.UnaryOp) -> ir.Value:
        if not isinstance(node.op, ast.Not):
            raise self.refuse(node, type(node.op).__name__)
        return self.b.not_(self.truth(node.operand))

    def _value_Constant(self, node: ast.Constant) -> Object:
        return self._constant(sys.intern(node.value) if isinstance(node.value, str) else node.value)

    def _constant(self, value: Any) -> Object:
        place = self.e.item_place(self.e.function.args[0], self.unit.constant(value))
        return Object(self.b.load(place))

    def _value_Name(self, node: ast.Name) -> Object:
        if node.id in self.parameters:
            return Object(self.parameters[node.id])
        if node.id in self.names:
            ptr = self.b.load(self.names[node.id])
            bound = self.b.icmp_unsigned("!=", ptr, NULL)
            with self.b.if_then(self.b.not_(bound), likely=False):
                self.e.call("PyErr_SetNone", self._constant(UnboundLocalError).ptr)
            self.e.guard(bound)
            return Object(ptr)
        return self._constant(self._global(node))

    def _global(self, node: ast.Name) -> Any:
        if node.id not in self.globals:
            raise CannotCompile(f"{self.function.__qualname__}: {node.id} in line {node.lineno} is nothing yet")
        return self.globals[node.id]

    def _known(self, node: ast.expr) -> Any:
        """The object that a global name stands for; None for other expressions."""
        if isinstance(node, ast.Name) and node.id not in self.parameters and node.id not in self.names:
            return self._global(node)
        return None

    def _value_Attribute(self, node: ast.Attribute) -> Object:
        return self._attribute(self.object(node.value), node.attr)

    def _attribute(self, owner: Object, name: str) -> Object:
        e, held, on = self.e, self.e.cell(), self.e.block("attribute")
        for cls, offset in self.unit.slots.get(name, ()):
            hit, full, miss = e.block("slot"), e.block("full"), e.block("other")
            self._if_class(owner, cls, hit, miss)
            e.begin(hit)
            ptr = self.b.load(e.field(owner.ptr, offset))
            self.b.cbranch(self.b.icmp_unsigned("!=", ptr, NULL), full, miss)
            e.begin(full)
            e.incref(ptr)
            self.b.store(ptr, held)
            self.b.branch(on)
            e.begin(miss)
        self.b.store(e.take(e.new("PyObject_GetAttr", owner.ptr, self._constant(sys.intern(name)).ptr)), held)
        e.begin(on)
        e.drop(owner)
        return e.joined(held)

    def _if_class(self, value: Object, cls: type, hit: ir.Block, miss: ir.Block) -> None:
        self.b.cbranch(self._is_a(value.ptr, cls), hit, miss).set_weights([20, 1])

    def _value_Subscript(self, node: ast.Subscript) -> Object:
        owner, key = self.object(node.value), self.object(node.slice)
        e, held, on = self.e, self.e.cell(), self.e.block("on")
        if isinstance(node.slice, ast.Constant) and type(node.slice.value) is int and node.slice.value >= 0:
            inside, hit, other = e.block("inside"), e.block("item"), e.block("other")
            self.b.cbranch(self._is_a(owner.ptr, list, tuple), inside, other)
            e.begin(inside)
            there = self.b.icmp_signed("<", I64(node.slice.value), e.size_of(owner.ptr))
            self.b.cbranch(there, hit, other)
            e.begin(hit)
            item = self._item(owner.ptr, I64(node.slice.value))
            e.incref(item)
            self.b.store(item, held)
            self.b.branch(on)
            e.begin(other)
        self.b.store(e.take(e.new("PyObject_GetItem", owner.ptr, key.ptr)), held)
        e.begin(on)
        e.drop(owner, key)
        return e.joined(held)

    def _value_BinOp(self, node: ast.BinOp) -> Object:
        operation = NUMBER.get(type(node.op))
        if operation is None:
            raise self.refuse(node, type(node.op).__name__)
        return self._combine(operation, self.object(node.left), self.object(node.right))

    def _combine(self, operation: str, left: Object, right: Object) -> Object:
        result = self.e.call(f"PyNumber_{operation}", left.ptr, right.ptr)
        self.e.drop(left, right)
        return self.e.checked(result)

    def _value_Compare(self, node: ast.Compare) -> ir.Value:
        if len(node.ops) != 1:
            raise self.refuse(node, "a chain of comparisons")
        e, operator = self.e, type(node.ops[0])
        left, right = self.value(node.left), self.value(node.comparators[0])
        if operator in (ast.Is, ast.IsNot):
            first, second = self._boxed(left), self._boxed(right)
            found = self.b.icmp_unsigned("==" if operator is ast.Is else "!=", first.ptr, second.ptr)
            e.drop(first, second)
            return found
        if operator in (ast.In, ast.NotIn):
            first, second = self._boxed(left), self._boxed(right)
            found = e.status("PySequence_Contains", second.ptr, first.ptr)
            e.drop(first, second)
            return self.b.icmp_signed("!=" if operator is ast.In else "==", found, I32(0))
        sign, code = _ORDER[operator]
        if not isinstance(left, Object) or not isinstance(right, Object):
            return self.b.icmp_signed(sign, self._word(left), self._word(right))
        found = e.status("PyObject_RichCompareBool", left.ptr, right.ptr, I32(code))
        e.drop(left, right)
        return self.b.icmp_signed("!=", found, I32(0))

    def _word(self, value: Found) -> ir.Value:
        """An integer as a machine word."""
        if not isinstance(value, Object):
            return value if value.type == I64 else self.b.zext(value, I64)
        e = self.e
        word = e.call("PyLong_AsSsize_t", value.ptr)
        with self.b.if_then(self.b.icmp_signed("==", word, I64(-1)), likely=False):
            e.guard(self.b.icmp_unsigned("==", e.call("PyErr_Occurred"), NULL))
        e.drop(value)
        return word

    def _value_Tuple(self, node: ast.Tuple) -> Object:
        e = self.e
        starred = node.elts[-1] if node.elts and isinstance(node.elts[-1], ast.Starred) else None
        fixed = [self.object(x) for x in (node.elts[:-1] if starred else node.elts)]
        if starred is None:
            if not fixed:
                return self._constant(())
            made = e.new("PyTuple_New", I64(len(fixed)))
        else:
            rest = self._listed(self.object(starred.value))
            count, made = self._room_for(rest, len(fixed))
        for i, part in enumerate(fixed):
            self.b.store(e.take(part), e.item_place(made.ptr, i))
        if starred is not None:
            place = self._index()
            test, turn, on = e.block("test"), e.block("turn"), e.block("on")
            e.begin(test)
            index = self.b.load(place)
            self.b.cbranch(self.b.icmp_signed("<", index, count), turn, on)
            e.begin(turn)
            item = self._item(rest.ptr, index)
            e.incref(item)
            self.b.store(item, e.item_place(made.ptr, self.b.add(index, I64(len(fixed)))))
            self.b.store(self.b.add(index, I64(1)), place)
            self.b.branch(test)
            self.b.position_at_end(on)
            e.drop(rest)
        return made

    def _room_for(self, items: Object, more: int) -> tuple[ir.Value, Object]:
        """The size of a list or tuple, and a new tuple of so many and `more` items, to be filled at once.

        The allocation may collect garbage, and a finalizer may change the list: then it is repeated.
        """
        e = self.e
        test, changed, on = e.block("room"), e.block("changed"), e.block("on")
        e.begin(test)
        count = e.size_of(items.ptr)
        ptr = e.call("PyTuple_New", self.b.add(count, I64(more)))
        e.guard(self.b.icmp_unsigned("!=", ptr, NULL))
        self.b.cbranch(self.b.icmp_signed("==", count, e.size_of(items.ptr)), on, changed).set_weights([2000, 1])
        e.begin(changed)
        e.decref(ptr)
        self.b.branch(test)
        e.begin(on)
        return count, e.own(ptr)

    def _value_List(self, node: ast.List) -> Object:
        parts = [self.object(x) for x in node.elts]
        made = self.e.new("PyList_New", I64(len(parts)))
        for i, part in enumerate(parts):
            self.b.store(self.e.take(part), self.b.gep(self._items(made.ptr), [I64(i)]))
        return made

    def _value_Dict(self, node: ast.Dict) -> Object:
        if node.keys:
            raise self.refuse(node, "a full dictionary")
        return self.e.new("PyDict_New")

    def _index(self) -> ir.Value:
        with self.b.goto_block(self.e.entry):
            place = self.b.alloca(I64)
        self.b.store(I64(0), place)
        return place

    def _is_a(self, ptr: ir.Value, *classes: type) -> ir.Value:
        """Whether an object is exactly of one of these classes, as a bit."""
        kind = self.e.type_of(ptr)
        same = [self.b.icmp_unsigned("==", kind, self._constant(c).ptr) for c in classes]
        return reduce(self.b.or_, same)

    def _listed(self, value: Object) -> Object:
        """A list or tuple of the items of an iterable."""
        return self._made_one_of(value, (list, tuple), "PySequence_List")

    def _made_one_of(self, value: Object, classes: Sequence[type], convert: str) -> Object:
        """The value itself if it is of one of these classes, else what the API's `convert` makes of it."""
        e, held = self.e, self.e.cell()
        plain, other, on = e.block("plain"), e.block("other"), e.block("on")
        self.b.cbranch(self._is_a(value.ptr, *classes), plain, other)
        e.begin(plain)
        e.incref(value.ptr)
        self.b.store(value.ptr, held)
        self.b.branch(on)
        e.begin(other)
        self.b.store(e.take(e.new(convert, value.ptr)), held)
        e.begin(on)
        e.drop(value)
        return e.joined(held)

    def _item(self, ptr: ir.Value, index: ir.Value) -> ir.Value:
        """The borrowed item of a list or tuple."""
        is_tuple = self._is_a(ptr, tuple)
        tuple_items = self.e.field(ptr, layout.TUPLE_ITEMS)
        return self.b.load(self.b.gep(self.b.select(is_tuple, tuple_items, self._items(ptr)), [index]))

    def _items(self, ptr: ir.Value) -> ir.Value:
        """The address of a list's items."""
        return self.b.bitcast(self.b.load(self.e.field(ptr, layout.LIST_ITEMS)), OBJECTS)

    def _append(self, items: Object, value: Object) -> None:
        """`items.append(value)` of a list: in place where it has room."""
        e, b = self.e, self.b
        size, room = (b.bitcast(e.field(items.ptr, at), I64.as_pointer()) for at in (layout.SIZE, layout.LIST_ROOM))
        count = b.load(size)
        with b.if_else(b.icmp_signed("<", count, b.load(room)), likely=True) as (there, full):
            with there:
                e.incref(value.ptr)
                b.store(value.ptr, b.gep(self._items(items.ptr), [count]))
                b.store(b.add(count, I64(1)), size)
            with full:
                e.status("PyList_Append", items.ptr, value.ptr)
        e.drop(value)
