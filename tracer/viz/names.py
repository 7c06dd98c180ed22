"""The user's names of a program's arrays, and the lines that recorded its operations, found in the user's frames."""
from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType, ModuleType
from typing import Any

from tracer.jit.runtime.buffers import Buffer
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import Node, leaf_op

from ..core import user_lines
from ..core.invoke import Handle
from ..core.trace import Trace

#: The numbers of frames that are searched, from the user's innermost one, and of elements of one container.
FRAMES, ELEMENTS = 6, 64


def names_of(outputs: Sequence[Node], leaves: Sequence[Buffer], extra: Mapping[str, Any]) -> \
        tuple[dict[Node, str], dict[Node, str]]:
    """The names and lines of nodes of a program that is about to run, from the user's variables, the innermost first.

    extra: variables by name that take precedence, for a function that has returned.
    """
    nodes = {n.attrs[1]: n for n in toposort(outputs) if n.op is leaf_op}
    buffers = {id(leaves[i]): n for i, n in nodes.items()}
    wanted = set(outputs)
    names: dict[Node, str] = {}
    traces: dict[int, Trace] = {}
    for name, handle in _handles(extra):
        value = handle._value
        if value.node is not None and value.trace is not None:
            traces[id(value.trace)] = value.trace
            if value.node in wanted:
                names.setdefault(value.node, name)
        elif id(value.buffer) in buffers:
            names.setdefault(buffers[id(value.buffer)], name)
    lines = {v.node: user_lines.format_line(v.line) for t in traces.values() for v in t.pending
             if v.node is not None and v.line is not None}
    return names, lines


def _handles(extra: Mapping[str, Any]) -> Iterator[tuple[str, Handle]]:
    """Every array that a visible variable refers to, and the gradient of each."""
    for name, handle in _all(extra):
        yield name, handle
        grad = handle._variable.grad if handle._variable is not None else None
        if isinstance(grad, Handle):
            yield f"{name}.grad", grad


def _all(extra: Mapping[str, Any]) -> Iterator[tuple[str, Handle]]:
    for name, x in extra.items():
        yield from _in(name, x)
    frame = user_lines.user_frame(3)
    for _ in range(FRAMES):
        if frame is None:
            break
        yield from _in_frame(frame)
        frame = frame.f_back
        while frame is not None and user_lines.OURS[frame.f_globals.get("__package__")]:
            frame = frame.f_back


def _in_frame(frame: FrameType) -> Iterator[tuple[str, Handle]]:
    local, code = frame.f_locals, frame.f_code
    for name, x in list(local.items()):
        yield from _in(name, x)
    if local is not frame.f_globals:
        yield from _in_globals(code.co_names, frame.f_globals)
    # Before Python 3.13 a function's f_locals is a copy that the frame keeps, which would keep arrays alive. If no
    # other code holds that copy, its owners are the frame, `local`, and the argument of getrefcount.
    if code.co_flags & inspect.CO_OPTIMIZED and sys.version_info < (3, 13) and sys.getrefcount(local) <= 3:
        local.clear()


def _in_globals(wanted: Sequence[str], space: Mapping[str, Any]) -> Iterator[tuple[str, Handle]]:
    for name in wanted:
        if name in space:
            yield from _in(name, space[name])


def _in(name: str, x: Any) -> Iterator[tuple[str, Handle]]:
    """The array `x`, or the arrays in the container or object `x`, one level deep."""
    if isinstance(x, Handle):
        yield name, x
    elif isinstance(x, (list, tuple)):
        yield from ((f"{name}[{i}]", e) for i, e in enumerate(x[:ELEMENTS]) if isinstance(e, Handle))
    elif type(x) is dict:
        yield from ((f"{name}[{k!r}]", e) for k, e in list(x.items())[:ELEMENTS] if isinstance(e, Handle))
    elif not isinstance(x, (ModuleType, type)) and type(getattr(x, "__dict__", None)) is dict:
        yield from ((f"{name}.{k}", e) for k, e in list(x.__dict__.items())[:ELEMENTS] if isinstance(e, Handle))


def variables_of(function: Any, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The outer variables of a function by name: its arguments, and the globals and enclosing variables it uses."""
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is None:
        return {}
    found = {n: function.__globals__[n] for n in code.co_names if n in function.__globals__}
    closed = inspect.getclosurevars(function).nonlocals if inspect.isfunction(function) else {}
    try:
        given = dict(inspect.signature(function).bind(*args, **kwargs).arguments)
    except TypeError:
        given = {}
    return found | dict(closed) | given
