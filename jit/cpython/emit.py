"""LLVM IR over CPython's C API: reference counts, slots and items in place, calls.

An `Object` is a reference at compile time: borrowed, when something else keeps it alive while it is used, or owned, and
then kept in a cell of the frame until it is handed on or dropped. The full cells are known at each place: when a call
fails, they are emptied on the way out, in one block for each cell, which all failures at that place share.
"""
from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from llvmlite import ir

from . import layout

I1, I8, I32, I64 = (ir.IntType(n) for n in (1, 8, 32, 64))
OBJECT = I8.as_pointer()
OBJECTS = OBJECT.as_pointer()
NULL = ir.Constant(OBJECT, None)
#: PY_VECTORCALL_ARGUMENTS_OFFSET: the callee may use the place before its first argument.
_OFFSET_FLAG = 1 << 63

_SIGNATURES = {
    "PyObject_GetAttr": "oo:o", "PyObject_SetAttr": "ooo:i", "PyObject_IsTrue": "o:i", "PyObject_GetItem": "oo:o",
    "PyObject_SetItem": "ooo:i", "PyObject_RichCompareBool": "ooi:i",
    "PyObject_Size": "o:l", "PyObject_IsInstance": "oo:i", "PyObject_VectorcallDict": "oplo:o",
    "PyObject_Call": "ooo:o", "PyObject_Vectorcall": "oplo:o", "_PyFunction_Vectorcall": "oplo:o",
    "PyObject_VectorcallMethod": "oplo:o", "PySequence_Contains": "oo:i", "PySequence_List": "o:o",
    "PySequence_Tuple": "o:o", "PyLong_AsSsize_t": "o:l", "PyLong_FromSsize_t": "l:o", "PyTuple_New": "l:o",
    "PyList_New": "l:o", "PyList_Append": "oo:i", "PyList_SetSlice": "ollo:i",
    "PyDict_New": ":o", "PyDict_GetItemWithError": "oo:o", "PyDict_SetDefault": "ooo:o",
    "PyType_GenericAlloc": "ol:o", "PyErr_Occurred": ":o", "PyErr_ExceptionMatches": "o:i", "PyErr_Clear": ":v",
    "PyErr_BadArgument": ":i", "PyErr_SetNone": "o:v", "PyErr_SetObject": "oo:v", "PyErr_Restore": "ooo:v",
    "PyErr_Fetch": "ppp:v", "PyErr_NormalizeException": "ppp:v",
    "Py_EnterRecursiveCall": "o:i", "Py_LeaveRecursiveCall": ":v",
    "PyObject_GC_UnTrack": "o:v", "PyObject_GC_Track": "o:v", "PyObject_GC_IsTracked": "o:i",
    "PyEval_SaveThread": ":o", "PyEval_RestoreThread": "o:v", "PyLong_AsVoidPtr": "o:o",
    "PyThreadState_Get": ":o", "PyThreadState_GetID": "o:l",
    "Py_IncRef": "o:v", "Py_DecRef": "o:v", "_Py_Dealloc": "o:v",
    "PyNumber_Add": "oo:o", "PyNumber_Subtract": "oo:o", "PyNumber_Multiply": "oo:o", "PyNumber_FloorDivide": "oo:o",
    "PyNumber_InPlaceAdd": "oo:o", "PyNumber_InPlaceSubtract": "oo:o",
}
_LETTERS: dict[str, ir.Type] = {"o": OBJECT, "i": I32, "l": I64, "p": OBJECTS, "v": ir.VoidType()}


class Object(NamedTuple):
    """A reference.

    cell: the cell that owns it, None for a borrowed one.
    """

    ptr: ir.Value
    cell: ir.Value | None = None


class Emitter:
    """A function being emitted: its blocks, its cells, and its ways out when a call fails."""

    def __init__(self, module: ir.Module, function: ir.Function) -> None:
        self.module = module
        self.function = function
        self.entry = function.append_basic_block("entry")
        self.builder = ir.IRBuilder(function.append_basic_block("body"))
        self.full: list[ir.Value] = []  # the cells that own something here
        self.failed = function.append_basic_block("failed")
        self._kept = 0  # cells that stay full when a call fails: those from before a `try`
        self._ways: dict[tuple, ir.Block] = {}

    # ---- blocks ------------------------------------------------------------------------------------

    def block(self, name: str) -> ir.Block:
        """A new block, not begun yet."""
        return self.function.append_basic_block(name)

    def begin(self, block: ir.Block) -> None:
        """Go on in `block`, with a branch to it from the current block, unless that has ended."""
        if not self.builder.block.is_terminated:
            self.builder.branch(block)
        self.builder.position_at_end(block)

    @property
    def ended(self) -> bool:
        """Whether the current block has ended, so that nothing after it is reached."""
        return self.builder.block.is_terminated

    def guard(self, fine: ir.Value) -> None:
        """Go on if `fine`; fail otherwise."""
        on = self.block("on")
        self.builder.cbranch(fine, on, self.way_out()).set_weights([2000, 1])
        self.builder.position_at_end(on)

    def way_out(self) -> ir.Block:
        """The block for a failure here: it empties the full cells."""
        return self._way(tuple(self.full[self._kept:]))

    def _way(self, full: tuple[ir.Value, ...]) -> ir.Block:
        if not full:
            return self.failed
        way = self._ways.get((self.failed, full))
        if way is None:
            way = self._ways[self.failed, full] = self.block("out")
            with self.builder.goto_block(way):
                self.release(self.builder.load(full[-1]))
                self.builder.branch(self._way(full[:-1]))
        return way

    @contextmanager
    def failing_to(self, block: ir.Block) -> Iterator[None]:
        """The context in which failures go to `block`; the cells that are full at its start stay full."""
        before, self.failed, self._kept = (self.failed, self._kept), block, len(self.full)
        yield
        self.failed, self._kept = before

    @contextmanager
    def apart(self) -> Iterator[None]:
        """The context for one of several paths: the cells that are full at its start are full again at its end."""
        full = self.full.copy()
        yield
        self.full = full

    # ---- references --------------------------------------------------------------------------------

    def cell(self, name: str = "cell") -> ir.Value:
        """A place of the frame that can own a reference; empty at first."""
        with self.builder.goto_block(self.entry):
            place = self.builder.alloca(OBJECT, name=name)
            self.builder.store(NULL, place)
        return place

    def own(self, ptr: ir.Value) -> Object:
        """The object that owns a new reference."""
        cell = self.cell()
        self.builder.store(ptr, cell)
        self.full.append(cell)
        return Object(ptr, cell)

    def joined(self, cell: ir.Value) -> Object:
        """The object that owns the reference that several paths have put into `cell`."""
        self.full.append(cell)
        return Object(self.builder.load(cell), cell)

    def take(self, value: Object) -> ir.Value:
        """The reference, whose ownership passes to the caller."""
        if value.cell is None:
            self.incref(value.ptr)
        else:
            self.full.remove(value.cell)
        return value.ptr

    def drop(self, *values: Object) -> None:
        """Give up the references that are owned."""
        for value in values:
            if value.cell is not None:
                self.full.remove(value.cell)
                self.decref(value.ptr)

    def incref(self, ptr: ir.Value) -> None:
        self.builder.call(self._helper("incref", _incref), [ptr])

    def decref(self, ptr: ir.Value) -> None:
        self.builder.call(self._helper("decref", _decref), [ptr])

    def release(self, ptr: ir.Value) -> None:
        """`decref` of a reference that may be NULL."""
        self.builder.call(self._helper("release", _release), [ptr])

    def _helper(self, name: str, define: Callable[[Emitter], None]) -> ir.Function:
        function = self.module.globals.get(name)
        if function is None:
            function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), [OBJECT]), name)
            function.linkage = "internal"
            function.attributes.add("noinline" if name == "let_go" else "alwaysinline")
            define(Emitter(self.module, function))
        return function

    def refcount(self, ptr: ir.Value) -> ir.Value:
        """The number of references to an object, as an int64."""
        return self.builder.zext(self.builder.load(self.builder.bitcast(ptr, I32.as_pointer())), I64)

    def finish(self, variables: Iterable[ir.Value] = ()) -> None:
        """End the function: a failure releases the variables and returns NULL, or nothing if the function is void."""
        self.builder.position_at_end(self.failed)
        for cell in variables:
            self.release(self.builder.load(cell))
        self.builder.ret_void() if self.function.ftype.return_type == ir.VoidType() else self.builder.ret(NULL)
        self.builder.position_at_end(self.entry)
        self.builder.branch(self.function.blocks[1])

    # ---- calls of the API --------------------------------------------------------------------------

    def call(self, name: str, *arguments: ir.Value) -> ir.Value:
        """A call of the C API, unchecked."""
        declared = self.module.globals.get(name)
        if declared is None:
            takes, _, gives = _SIGNATURES[name].partition(":")
            declared = ir.Function(self.module, ir.FunctionType(_LETTERS[gives], [_LETTERS[t] for t in takes]), name)
        return self.builder.call(declared, arguments)

    def new(self, name: str, *arguments: ir.Value) -> Object:
        """A call that gives a new reference; NULL is a failure."""
        return self.checked(self.call(name, *arguments))

    def checked(self, ptr: ir.Value) -> Object:
        """The object that owns a new reference, checked for NULL, which is a failure."""
        self.guard(self.builder.icmp_unsigned("!=", ptr, NULL))
        return self.own(ptr)

    def text(self, value: str) -> ir.Value:
        """A C string."""
        data = bytearray(value.encode() + b"\0")
        kind = ir.ArrayType(I8, len(data))
        name = f"text.{value}"
        held = self.module.globals.get(name)
        if held is None:
            held = ir.GlobalVariable(self.module, kind, name)
            held.linkage, held.global_constant, held.initializer = "private", True, ir.Constant(kind, data)
        return held.bitcast(OBJECT)

    def status(self, name: str, *arguments: ir.Value) -> ir.Value:
        """A call that gives an int; a negative one is a failure."""
        result = self.call(name, *arguments)
        self.guard(self.builder.icmp_signed(">=", result, result.type(0)))
        return result

    def caught(self) -> ir.Value:
        """The raised exception, as a new reference; CPython's error is cleared."""
        kind, found, trace = self.fetched("PyErr_NormalizeException")
        self.release(kind)
        self.release(trace)
        return found

    def fetched(self, *then: str) -> list[ir.Value]:
        """The class, the value and the traceback of the raised exception; CPython's error is cleared."""
        with self.builder.goto_block(self.entry):
            places = [self.builder.alloca(OBJECT) for _ in range(3)]
        for name in ("PyErr_Fetch", *then):
            self.call(name, *places)
        return [self.builder.load(p) for p in places]

    def vectorcall(self, function: Object, arguments: Sequence[Object]) -> Object:
        """`function(*arguments)`."""
        array = self.array(arguments, 1)
        result = self.call("PyObject_VectorcallDict", function.ptr, self.builder.gep(array, [I64(1)]),
                           I64(len(arguments) | _OFFSET_FLAG), NULL)
        return self.called(result, function, *arguments)

    def method(self, name: Object, arguments: Sequence[Object]) -> Object:
        """`arguments[0].name(*arguments[1:])`."""
        array = self.array(arguments, 1)
        result = self.call("PyObject_VectorcallMethod", name.ptr, self.builder.gep(array, [I64(1)]),
                           I64(len(arguments) | _OFFSET_FLAG), NULL)
        return self.called(result, *arguments)

    def array(self, values: Sequence[Object], before: int = 0) -> ir.Value:
        """An array of the references in the frame, after `before` free places."""
        with self.builder.goto_block(self.entry):
            array = self.builder.alloca(OBJECT, before + len(values))
        for i, v in enumerate(values):
            self.builder.store(v.ptr, self.builder.gep(array, [I64(before + i)]))
        return array

    def called(self, result: ir.Value, *used: Object) -> Object:
        """The object that owns a call's result; the references in `used` are dropped."""
        self.drop(*used)
        return self.checked(result)

    # ---- memory ------------------------------------------------------------------------------------

    def field(self, ptr: ir.Value, offset: int | ir.Value) -> ir.Value:
        """The address of the reference that stands `offset` bytes into an object."""
        where = self.builder.gep(ptr, [I64(offset) if isinstance(offset, int) else offset])
        return self.builder.bitcast(where, OBJECTS)

    def type_of(self, ptr: ir.Value) -> ir.Value:
        """The class of an object, borrowed."""
        return self.builder.load(self.field(ptr, layout.TYPE))

    def size_of(self, ptr: ir.Value) -> ir.Value:
        """The number of items of a tuple or list."""
        return self.builder.load(self.builder.bitcast(self.field(ptr, layout.SIZE), I64.as_pointer()))

    def item_place(self, ptr: ir.Value, index: int | ir.Value) -> ir.Value:
        """The address of an item in a tuple."""
        if isinstance(index, int):
            return self.field(ptr, layout.TUPLE_ITEMS + 8 * index)
        return self.field(ptr, self.builder.add(self.builder.shl(index, I64(3)), I64(layout.TUPLE_ITEMS)))


# The handling of reference counts depends on the version of Python: from 3.12 on some objects are immortal.

def _incref(e: Emitter) -> None:
    ptr, b = e.function.args[0], e.builder
    if sys.version_info >= (3, 12):
        e.call("Py_IncRef", ptr)
    else:
        count = b.bitcast(ptr, I64.as_pointer())
        b.store(b.add(b.load(count), I64(1)), count)
    b.ret_void()
    e.finish()


def _decref(e: Emitter) -> None:
    ptr, b = e.function.args[0], e.builder
    if sys.version_info >= (3, 12):
        e.call("Py_DecRef", ptr)
    else:
        count = b.bitcast(ptr, I64.as_pointer())
        left = b.sub(b.load(count), I64(1))
        b.store(left, count)
        with b.if_then(b.icmp_unsigned("==", left, I64(0)), likely=False):
            e.call("_Py_Dealloc", ptr)
    b.ret_void()
    e.finish()


def _release(e: Emitter) -> None:
    ptr, b = e.function.args[0], e.builder
    with b.if_then(b.icmp_unsigned("!=", ptr, NULL)):
        b.call(e._helper("let_go", _decref), [ptr])
    b.ret_void()
    e.finish()
