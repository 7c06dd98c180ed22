"""What recording costs is Python's own work: once a process has recorded enough, machine code does it.

The functions below are ordinary Python, and stay so where they cannot be compiled (jit/capi) and when TRACER_JIT is
"never". Their compiled forms do the same, two to four times as fast.
"""
from __future__ import annotations

import sys
from typing import Any

from tracer.jit.capi.unit import compile_functions
from tracer.ops.errors import CannotCompile
from tracer.ops.node import Node

from . import flush, namespaces, record
from .ndarray import NDArray
from .numpy import ndarray
from .trace import Trace, Value

_METHODS: dict[tuple[type, str], Any] = {
    (Value, "__init__"): Value.__init__, (Trace, "__init__"): Trace.__init__,
    (Trace, "number"): Trace.number, (Trace, "enter"): Trace.enter,
}
_FUNCTIONS = (record.invoke, record.finish, record.taped, flush.living)


def compile_all() -> None:
    """Put the compiled functions in the places of the Python ones."""
    functions = [*_FUNCTIONS, *_METHODS.values()]
    try:
        made = compile_functions(functions, methods=_METHODS, slotted=(Value, Trace, Node, ndarray, NDArray))
    except CannotCompile:
        return
    for function, compiled in zip(_FUNCTIONS, made):
        setattr(sys.modules[function.__module__], function.__name__, compiled)
    namespaces.SPACE["_invoke"] = record.invoke
    flush.find_living = flush.living
