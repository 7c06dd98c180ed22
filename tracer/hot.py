"""What recording costs is Python's own work: once a process has recorded enough, machine code does it.

The functions below are ordinary Python, and stay so where they cannot be compiled (jit/capi) and when TRACER_JIT is
"never". Their compiled forms do the same, two to four times as fast.
"""
from __future__ import annotations

import sys
from typing import Any

from tracer.jit.buffers import Buffer
from tracer.jit.capi.unit import as_method, compile_functions
from tracer.jit.plan import Plan
from tracer.jit.program import Program
from tracer.jit.stats import Syncs
from tracer.ops.errors import CannotCompile
from tracer.ops.node import Node

from . import flush, namespaces, record, source
from .ndarray import NDArray
from .numpy import ndarray
from .tape import Segment
from .trace import Trace, Value

_FUNCTIONS = (record.invoke, record.finish, record.taped, source.user_line,
              flush.living, flush.sync, flush.compute, flush.flush, flush._run)
_METHODS: dict[tuple[type, str], Any] = {(cls, name): getattr(cls, name) for cls, name in (
    (Value, "__init__"), (Trace, "__init__"), (Trace, "number"), (Trace, "enter"), (Segment, "__init__"),
    (Syncs, "note"), (Program, "run"), (Plan, "run"))}
_SLOTTED = (Value, Trace, Node, ndarray, NDArray, Segment, Syncs, Program, Buffer)


def compile_all() -> None:
    """Put the compiled functions in the places of the Python ones, wherever these are known."""
    flush.find_living = flush.living
    try:
        made = compile_functions([*_FUNCTIONS, *_METHODS.values()], methods=_METHODS, slotted=_SLOTTED)
    except CannotCompile:
        return
    compiled = dict(zip(_FUNCTIONS, made))
    spaces = [vars(m) for name, m in sys.modules.items() if name.partition(".")[0] == "tracer"]
    for space in [*spaces, namespaces.SPACE]:
        for name, value in [*space.items()]:
            if type(value) is type(compile_all) and value in compiled:
                space[name] = compiled[value]
    for (cls, name), function in zip(_METHODS, made[len(_FUNCTIONS):]):
        if name != "__init__":
            setattr(cls, name, as_method(function))
