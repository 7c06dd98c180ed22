"""Recursion guards: compiled functions that call each other recursively raise RecursionError, as Python's do.

CPython counts only the calls that it makes itself. Direct calls between compiled functions, and those from an
operator's slot, are not among them.
"""
from __future__ import annotations

from collections.abc import Collection

from llvmlite import ir

from .emit import I32, Emitter


def guard_cycles(functions: Collection[ir.Function]) -> None:
    """Redirect each direct call from which a function may be reached again to the `guarded` form of its callee."""
    calls = {f: [x for block in f.blocks for x in block.instructions
                 if isinstance(x, ir.CallInstr) and x.callee in functions] for f in functions}
    reached = {f: _reached(f, calls) for f in functions}
    for function, made in calls.items():
        for call in made:
            if function in reached[call.callee]:
                call.callee = guarded(call.callee)


def _reached(start: ir.Function, calls: dict[ir.Function, list[ir.CallInstr]]) -> set[ir.Function]:
    found: set[ir.Function] = set()
    stack = [start]
    while stack:
        called = {call.callee for call in calls[stack.pop()]} - found
        found |= called
        stack += called
    return found


def guarded(function: ir.Function) -> ir.Function:
    """The function that calls `function`, or raises RecursionError where the stack is too deep."""
    name = f"{function.name}.guarded"
    made = function.module.globals.get(name)
    if made is None:
        made = ir.Function(function.module, function.ftype, name)
        made.linkage = "internal"
        e = Emitter(function.module, made)
        too_deep = e.call("Py_EnterRecursiveCall", e.text(" in a compiled function"))
        e.guard(e.builder.icmp_signed("==", too_deep, I32(0)))
        result = e.builder.call(function, made.args)
        e.call("Py_LeaveRecursiveCall")
        e.builder.ret(result)
        e.finish()
    return made
