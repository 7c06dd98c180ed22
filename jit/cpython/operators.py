"""Operators of classes, bound to compiled functions: `x * y` calls the function directly, without a Python frame.

Python finds an operator in a slot of the operand's class, which holds a C function that looks the method up and calls
it. A shortcut replaces that function: where one operand is exactly of the class, and the other of it or a plain
number, it calls the compiled function, else the methods. Assigning to a method of the class undoes it.
"""
from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from llvmlite import ir

from . import layout
from .emit import OBJECT, Emitter, Object
from .expressions import Unit
from .recursion import guarded

Operators = dict[tuple[type, str], tuple[Any, tuple]]


class Shortcut(NamedTuple):
    """A replacement for the function in one slot of one class.

    ways: for the left operand as the class's, and for the right one, the function to call and its first arguments.
    """

    cls: type
    slot: str
    ways: tuple[tuple[Any, tuple] | None, tuple[Any, tuple] | None]

    @property
    def names(self) -> tuple[str, str]:
        """The methods that Python would call: of the left operand, and of the right one."""
        return sys.intern(f"__{self.slot}__"), sys.intern(f"__r{self.slot}__")


def shortcuts_of(operators: Operators) -> list[Shortcut]:
    """Shortcuts for the slots that are found; operators such as (cls, "__mul__") and (cls, "__rmul__") share one."""
    found = []
    for (cls, method), way in operators.items():
        name = method.strip("_")
        if layout.number_slot(cls, name) is not None:
            found.append(Shortcut(cls, name, (way, operators.get((cls, f"__r{name}__")))))
    return found


def constants_of(shortcuts: list[Shortcut]) -> Iterator[Any]:
    """The objects that their code names."""
    for s in shortcuts:
        yield from (s.cls, float, int, NotImplemented, *s.names)
        for way in s.ways:
            if way is not None:
                yield from way[1]


def emit(unit: Unit, module: ir.Module, shortcut: Shortcut, constants: ir.Value) -> ir.Function:
    """The slot's new function.

    constants: the variable that will hold the address of the unit's constants.
    """
    name = f"{shortcut.cls.__module__}.{shortcut.cls.__name__}.{shortcut.slot}"
    function = ir.Function(module, ir.FunctionType(OBJECT, [OBJECT, OBJECT]), name)
    function.linkage = "internal"
    e = Emitter(module, function)
    b, held = e.builder, e.builder.load(constants)

    def constant(value: Any) -> ir.Value:
        return b.load(e.item_place(held, unit.constant(value)))

    def same(x: ir.Value, cls: type) -> ir.Value:
        return b.icmp_unsigned("==", x, constant(cls))

    left, right = function.args
    kinds = [e.type_of(left), e.type_of(right)]
    numbers = [b.or_(same(k, float), same(k, int)) for k in kinds]
    ours = [same(k, shortcut.cls) for k in kinds]
    fits = b.and_(ours[0], b.or_(ours[1], numbers[1])), b.and_(ours[1], numbers[0])
    for way, fit, operands in zip(shortcut.ways, fits, ((left, right), (right, left)), strict=True):
        if way is not None:
            sibling = unit.sibling(way[0])
            assert sibling is not None
            with b.if_then(fit):
                b.ret(b.call(guarded(sibling[0]), [held, *map(constant, way[1]), *operands]))
    # Python's own function for a slot does nothing for a class whose slot has another: the methods are called by name.
    for name, our, operands in zip(shortcut.names, ours, ((left, right), (right, left)), strict=True):
        if hasattr(shortcut.cls, name):
            with b.if_then(our):
                b.ret(e.take(e.method(Object(constant(name)), [Object(x) for x in operands])))
    nothing = constant(NotImplemented)
    e.incref(nothing)
    b.ret(nothing)
    e.finish()
    return function


def slot_of(shortcut: Shortcut) -> ctypes.c_int64:
    """The memory of the slot, for writing."""
    address = layout.number_slot(shortcut.cls, shortcut.slot)
    assert address is not None
    return ctypes.c_int64.from_address(address)
