"""The compiled recorder: machine code that replaces the Python functions of recording in long-running processes.

After some thousand recorded values it is loaded from the cache folder. If it is not there yet, a background process
compiles it, which takes seconds, and it is loaded once it is there.

The functions listed below are ordinary Python, and stay so where they cannot be compiled (jit/cpython) and when the
setting TRACER_RECORDER is "python". Their compiled forms do the same, two to four times as fast.
"""
from __future__ import annotations

import operator
import sys
from inspect import isfunction
from time import perf_counter
from typing import Any

from tracer.jit import settings
from tracer.jit.native import background
from tracer.jit.plan.plan import Plan
from tracer.jit.program import Program, find_program
from tracer.jit.report.counters import LOG, Counters, Sync, Syncs
from tracer.jit.runtime import launch
from tracer.jit.runtime.buffers import Buffer, FreeList
from tracer.ops.control import gradient
from tracer.ops.declare.public import Function
from tracer.ops.ir import node
from tracer.ops.ir.aval import Aval
from tracer.ops.ir.errors import CannotCompile
from tracer.ops.ir.node import Node

from . import autograd
from .array import nd_array
from .array.nd_array import NDArray
from .autodiff import backward, segment_runs
from .autodiff.backward import Backward
from .autodiff.scopes import Scope
from .core import cached_graph, call_cache, flush, history, invoke, nesting, segment, surface, trace, user_lines
from .core.call_cache import CachedCall
from .core.segment import Segment
from .core.trace import Current, Trace, Value, current
from .gluon import trainer
from .numpy import ndarray
from .optimizer import base, recorded_step, rule_optimizer

_FUNCTIONS = (
    invoke.invoke, call_cache.matches, invoke.look_up, invoke.combine, invoke.finish, invoke.add_values,
    surface.update, surface.step, trace.another, nd_array._named, nd_array._bind_views,
    nd_array._gather_views, trace.node_of, user_lines.user_line, flush.living, flush.flush_all,
    flush.sync, flush.compute, flush.flush, flush._run, flush._settle, flush._donated, find_program, autograd.backward,
    autograd._heads, autograd._value_of, autograd._differentiable, autograd._propagate,
    history.histories_of, history.free, segment.run_backward, backward.targets_of, gradient.gradient,
    segment_runs.equal_segments, segment_runs.pull, trace.computed, cached_graph.call, cached_graph._write,
    nesting.flatten, nesting.nest, invoke.stopped, invoke.wrap, node.leaf, node.reach_of, trainer.all_fresh,
    trainer.use, launch.arguments, base.count_updates, rule_optimizer.in_step, recorded_step.kept)
_METHODS: dict[tuple[type, str], Any] = {(cls, name): getattr(cls, name) for cls, name in (
    (Value, "make_variable"), (Trace, "__init__"), (Trace, "number"), (Trace, "enter"),
    (Trace, "new"), (Trace, "node_of"), (Trace, "recorded_node_of"), (Trace, "target"), (Segment, "__init__"),
    (Segment, "pull"), (Syncs, "note"), (Program, "run"), (Plan, "run"), (Plan, "_finish"), (Buffer, "__init__"),
    (FreeList, "take"),
    (Backward, "__init__"), (Backward, "run"), (Backward, "_propagate"), (Backward, "_accumulate"),
    (NDArray, "_bind"), (ndarray, "_bind"), (NDArray, "_rebind"), (ndarray, "_rebind"),
    (NDArray, "_check_writable"), (ndarray, "_check_writable"), (NDArray, "_store"), (ndarray, "_store"))}
#: Special methods, which Python calls itself.
_SPECIAL: tuple[tuple[type, str], ...] = (
    (Buffer, "__del__"), (Scope, "__enter__"), (Scope, "__exit__"), (NDArray, "__setitem__"),
    (NDArray, "__bool__"))
_SLOTTED = (Value, CachedCall, Function, Aval, Current, Trace, Node, ndarray, NDArray, Segment, Sync, Syncs, Counters,
            Program, Buffer, FreeList, Backward, Scope, autograd.Variable)
_FORMS = ("add", "sub", "mul", "truediv")
_PLAIN = {f"__{side}{form}__" for form in (*_FORMS, "matmul") for side in ("", "r")}
_OPERATORS: dict[tuple[type, str], tuple[Any, tuple]] = {
    (cls, name): (invoke.combine, (function, cls)) for (cls, name), function in surface.METHODS.items()
    if name in _PLAIN} | {
    (cls, f"__i{form}__"): (surface.update, (getattr(operator, form),))
    for cls in (NDArray, ndarray) for form in _FORMS}


def compile_all(anew: bool = True) -> bool:
    """Replace the Python functions by compiled ones in all modules and classes that refer to them.

    anew: whether to compile them, which takes seconds, if they are not on disk.

    Returns False if they are not on disk and were not compiled: then a background process compiles them.
    """
    if not isfunction(invoke.invoke):
        return True
    from tracer.jit.cpython import unit  # deferred: it loads LLVM

    start, before = perf_counter(), flush.find_living
    flush.find_living = flush.living  # compiled code binds global names to their present values
    special = [getattr(cls, name) for cls, name in _SPECIAL]
    functions = list(dict.fromkeys([*_FUNCTIONS, *_METHODS.values(), *special]))
    try:
        made = unit.compile_functions(functions, methods=_METHODS, slotted=_SLOTTED, per_thread=(current,),
                                      operators=_OPERATORS, anew=anew)
    except unit.NotKept as missing:
        flush.find_living = before
        _await(missing.entry)
        return False
    except CannotCompile as reason:
        LOG.recording = f"by Python, as it cannot be compiled: {reason}"
        return True
    compiled = dict(zip(functions, made))
    spaces = [vars(m) for name, m in sys.modules.items() if name.partition(".")[0] == "tracer"]
    for space in [*spaces, surface.names_of(surface.ARRAYS)]:
        for name, value in [*space.items()]:
            if type(value) is type(compile_all) and value in compiled:
                space[name] = compiled[value]
    for cls, name in [*_METHODS, *_SPECIAL]:
        if name != "__init__" and name in vars(cls):
            setattr(cls, name, unit.as_method(compiled[vars(cls)[name]]))
    LOG.recording = f"compiled, ready in {perf_counter() - start:.2f} s"
    return True


#: Values that a process records before it looks for the compiled recorder, and between two looks.
ENOUGH = 1 << 12
_recorded, _enough = 0, ENOUGH
_awaited = ""  # the cache entry that a background process makes


def _count(pending: list[Value]) -> list[Value]:
    """`flush.living`, which also counts values until the recorder is compiled."""
    global _recorded, _enough
    _recorded += len(pending)
    if _recorded >= _enough:
        _enough = _recorded + ENOUGH
        if not _awaited or background.has_left(_awaited):
            compile_all(settings.recorder == "compiled")
    return flush.living(pending)


def _await(entry: str) -> None:
    """Start a background process that compiles the recorder, once: compiling takes seconds."""
    global _awaited
    try:
        if _awaited:
            raise CannotCompile(f"{entry} in the cache folder cannot be loaded")
        _awaited = entry
        background.start("from tracer import native_recording; native_recording.compile_all()")
    except CannotCompile as reason:
        LOG.recording = f"by Python: {reason}"
        flush.find_living = flush.living
    else:
        LOG.recording = "by Python; it is being compiled in the background"


def begin() -> None:
    """Choose how this process records, from its first flush on, and log it."""
    global _enough
    if settings.recorder == "python":
        LOG.recording = "by Python, as TRACER_RECORDER or TRACER_JIT says"
        return
    if settings.recorder == "compiled":
        _enough = 0
    else:
        LOG.recording = f"by Python, until {ENOUGH:,} values have been recorded"
    flush.find_living = _count
