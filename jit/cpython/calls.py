"""Lowering of calls to LLVM IR: direct calls of the unit's functions and classes, code in place for some functions of
Python, and calls through the C API for all others."""
from __future__ import annotations

import ast
import inspect
import sys
from functools import partial
from typing import Any

from llvmlite import ir

from .collector import track, untrack
from .emit import I1, I32, I64, NULL, Object
from .expressions import Expressions, Found
from .identity import identical

#: Functions that are emitted in place.
SPECIAL: dict[Any, str] = {type: "_call_type", len: "_call_len", tuple: "_call_tuple",
                            isinstance: "_call_isinstance", object.__new__: "_call_new",
                            sys.getrefcount: "_call_getrefcount", untrack: "_call_untrack", track: "_call_track",
                            identical: "_call_identical"}


class Calls(Expressions):
    """The lowering of one function's calls."""

    def _value_Call(self, node: ast.Call) -> Found:
        if len(node.args) == 1 and isinstance(node.args[0], ast.Starred) and not node.keywords:
            return self._spread(node.func, node.args[0].value)
        if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            raise self.refuse(node, "a call by keyword or star")
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func, node.args)
        known = self._known(node.func)
        special = SPECIAL.get(known) if known.__hash__ else None
        if special is not None:
            return getattr(self, special)(node)
        if isinstance(known, type) and (known, "__init__") in self.unit.methods:
            return self._made(node, known, [self.object(a) for a in node.args])
        if any(known is function for function in self.unit.per_thread):
            return self._of_thread(known)
        sibling = self.unit.sibling(known)
        if sibling is not None:
            return self._direct(node, sibling, *[self.object(a) for a in node.args])
        function = self.object(node.func)
        return self.e.vectorcall(function, [self.object(a) for a in node.args])

    def _direct(self, node: ast.Call, sibling: tuple[ir.Function, inspect.Signature], *arguments: Object) -> Object:
        """A call of a function of this unit."""
        function, signature = sibling
        filled = [a.ptr for a in arguments]
        for parameter in list(signature.parameters.values())[len(arguments):]:
            if parameter.default is parameter.empty:
                raise self.refuse(node, f"a call without {parameter.name}")
            filled.append(self._constant(parameter.default).ptr)
        return self.e.called(self.b.call(function, [self.e.function.args[0], *filled]), *arguments)

    def _of_thread(self, function: Any) -> Object:
        """The result of a function of `per_thread`, called only when the thread is not that of the last call."""
        e, b, held = self.e, self.b, self.e.cell()
        whose, what = self.unit.known_of_thread(function)
        thread = e.call("PyThreadState_GetID", e.call("PyThreadState_Get"))
        hit, miss, on = e.block("same"), e.block("other"), e.block("on")
        b.cbranch(b.icmp_unsigned("==", thread, b.load(whose)), hit, miss).set_weights([2000, 1])
        e.begin(hit)
        ptr = b.load(what)
        e.incref(ptr)
        b.store(ptr, held)
        b.branch(on)
        e.begin(miss)
        ptr = e.take(e.vectorcall(self._constant(function), []))
        old = b.load(what)
        e.incref(ptr)
        b.store(ptr, what)
        b.store(thread, whose)
        b.store(ptr, held)
        e.release(old)
        e.begin(on)
        return e.joined(held)

    def _spread(self, called: ast.expr, arguments: ast.expr) -> Object:
        """`called(*arguments)`."""
        function, given = self.object(called), self._as_tuple(self.object(arguments))
        return self.e.called(self.e.call("PyObject_Call", function.ptr, given.ptr, NULL), function, given)

    def _made(self, node: ast.Call, cls: type, arguments: list[Object]) -> Object:
        """A new object of a class whose `__init__` is in this unit."""
        e = self.e
        made = e.new("PyType_GenericAlloc", self._constant(cls).ptr, I64(0))
        sibling = self.unit.sibling(self.unit.methods[cls, "__init__"])
        assert sibling is not None
        e.drop(self._direct(node, sibling, Object(made.ptr), *arguments))
        return made

    def _method(self, node: ast.Call, called: ast.Attribute, arguments: list[ast.expr]) -> Found:
        name = called.attr
        owner = self.object(called.value)
        given = [self.object(a) for a in arguments]
        if name == "append" and len(arguments) == 1:
            return self._on(owner, name, given, [(list, lambda value: self._appended(owner, value))])
        if name == "get" and len(arguments) == 1:
            return self._on(owner, name, given, [(dict, lambda key: self._got(owner, key))])
        if name == "setdefault" and len(arguments) == 2:
            return self._on(owner, name, given, [(dict, partial(self._got_or_set, owner))])
        if name == "clear" and not arguments:
            return self._on(owner, name, given, [(list, lambda: self._emptied(owner))])
        ours = [(cls, self.unit.sibling(function)) for (cls, known), function in self.unit.methods.items()
                if known == name]
        return self._on(owner, name, given, [
            (cls, partial(self._direct, node, sibling, Object(owner.ptr))) for cls, sibling in ours
            if sibling and self._takes(sibling[1], 1 + len(given))])

    @staticmethod
    def _takes(signature: inspect.Signature, count: int) -> bool:
        parameters = signature.parameters.values()
        return sum(p.default is p.empty for p in parameters) <= count <= len(parameters)

    def _on(self, owner: Object, name: str, given: list[Object], special: list[tuple[type, Any]]) -> Object:
        """A method call: by a function in `special` if the owner is exactly of its class, else by the name `name`."""
        e = self.e
        if not special:
            return e.method(self._constant(sys.intern(name)), [owner, *given])
        held, on = e.cell(), e.block("called")
        borrowed = [Object(v.ptr) for v in given]
        for cls, call in special:
            hit, miss = e.block("exact"), e.block("other")
            self._if_class(owner, cls, hit, miss)
            e.begin(hit)
            with e.apart():
                self.b.store(e.take(call(*borrowed)), held)
            self.b.branch(on)
            e.begin(miss)
        self.b.store(e.take(e.method(self._constant(sys.intern(name)), [Object(owner.ptr), *borrowed])), held)
        e.begin(on)
        e.drop(owner, *given)
        return e.joined(held)

    def _appended(self, items: Object, value: Object) -> Object:
        self._append(items, value)
        return self._constant(None)

    def _got(self, table: Object, key: Object) -> Object:
        """`table.get(key)` of a dictionary."""
        e, b = self.e, self.b
        found = e.call("PyDict_GetItemWithError", table.ptr, key.ptr)
        with b.if_then(b.icmp_unsigned("==", found, NULL), likely=False):
            e.guard(b.icmp_unsigned("==", e.call("PyErr_Occurred"), NULL))
        result = b.select(b.icmp_unsigned("==", found, NULL), self._constant(None).ptr, found)
        e.incref(result)
        return e.own(result)

    def _got_or_set(self, table: Object, key: Object, value: Object) -> Object:
        """`table.setdefault(key, value)` of a dictionary."""
        found = self.e.call("PyDict_SetDefault", table.ptr, key.ptr, value.ptr)
        self.e.guard(self.b.icmp_unsigned("!=", found, NULL))
        self.e.incref(found)
        return self.e.own(found)

    def _emptied(self, items: Object) -> Object:
        self.e.status("PyList_SetSlice", items.ptr, I64(0), self.e.size_of(items.ptr), NULL)
        return self._constant(None)

    def _call_type(self, node: ast.Call) -> Object:
        value = self.object(node.args[0])
        kind = self.e.type_of(value.ptr)
        self.e.incref(kind)
        self.e.drop(value)
        return self.e.own(kind)

    def _call_len(self, node: ast.Call) -> ir.Value:
        value = self.object(node.args[0])
        size = self.e.status("PyObject_Size", value.ptr)
        self.e.drop(value)
        return size

    def _call_tuple(self, node: ast.Call) -> Object:
        return self._as_tuple(self.object(node.args[0]))

    def _as_tuple(self, value: Object) -> Object:
        return self.e.called(self.e.call("PySequence_Tuple", value.ptr), value)

    def _call_isinstance(self, node: ast.Call) -> ir.Value:
        value, kind = (self.object(a) for a in node.args)
        found = self.e.status("PyObject_IsInstance", value.ptr, kind.ptr)
        self.e.drop(value, kind)
        return self.b.icmp_signed("!=", found, I32(0))

    def _call_new(self, node: ast.Call) -> Object:
        cls = self.object(node.args[0])
        result = self.e.call("PyType_GenericAlloc", cls.ptr, I64(0))
        self.e.drop(cls)
        return self.e.checked(result)

    def _call_getrefcount(self, node: ast.Call) -> ir.Value:
        """`sys.getrefcount`, which counts its argument as one reference more than the variable's."""
        value = self.object(node.args[0])
        if value.cell is not None:
            raise self.refuse(node, "references of a temporary")
        return self.b.add(self.e.refcount(value.ptr), I64(1))

    def _call_untrack(self, node: ast.Call) -> Object:
        value = self.object(node.args[0])
        self.e.call("PyObject_GC_UnTrack", value.ptr)
        self.e.drop(value)
        return self._constant(None)

    def _call_track(self, node: ast.Call) -> Object:
        value = self.object(node.args[0])
        seen = self.e.call("PyObject_GC_IsTracked", value.ptr)
        with self.b.if_then(self.b.icmp_signed("==", seen, I32(0))):
            self.e.call("PyObject_GC_Track", value.ptr)
        self.e.drop(value)
        return self._constant(None)

    def _call_identical(self, node: ast.Call) -> ir.Value:
        e, b = self.e, self.b
        first, second = (self._listed(self.object(a)) for a in node.args)
        count, place = e.size_of(first.ptr), self._index()
        test, turn, on = e.block("test"), e.block("turn"), e.block("on")
        begun = b.block
        b.cbranch(b.icmp_signed("==", count, e.size_of(second.ptr)), test, on)
        b.position_at_end(test)
        index = b.load(place)
        b.cbranch(b.icmp_signed("==", index, count), on, turn)
        b.position_at_end(turn)
        b.store(b.add(index, I64(1)), place)
        alike = b.icmp_unsigned("==", self._item(first.ptr, index), self._item(second.ptr, index))
        b.cbranch(alike, test, on)
        b.position_at_end(on)
        found = b.phi(I1)
        found.add_incoming(I1(0), begun)
        found.add_incoming(I1(1), test)
        found.add_incoming(I1(0), turn)
        e.drop(first, second)
        return found
