"""The text of a recording call: `record.invoke` written out for a declared function's few operands.

Every operator and every function of one to three arrays is such a call; recording is most of what a small step costs,
and without loops, argument tuples and a second frame it costs a quarter less. What is unusual (a first meeting,
NumPy's arrays, several results) is left to the functions of `record`.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracer.ops.public import Function

from . import record
from .trace import STATE, VARIABLE, Value

#: Array parameters up to which a call is written out.
LIMIT = 3

#: What the text refers to, besides `_function`, `_statics`, `_literals` and `_cls`.
NAMES: dict[str, Any] = {
    "_state": STATE, "_VARIABLE": VARIABLE, "_Value": Value, "_Node": record.Node, "_known": record.MEMO.get,
    "_new": object.__new__, "_const": record.const, "_taped": record.taped, "_learn": record.learn,
    "_other": record.operand, "_line": record.user_line, "_finish": record.finish, "_stopped": record.stopped,
}

_NUMBER = """\
k{i} = type({x})
v{i} = None
if k{i} is float or k{i} is int:
    n{i} = {number}
else:
    try:
        v{i} = {x}._value
    except AttributeError:
        n{i} = _other(_function, trace, {x})
"""

_NODE = "n{i} = v{i}.node if v{i}.trace is trace else trace.nodes.get(v{i}) or trace.enter(v{i})"

_RECORDED = """\
if v{i}.recorded or v{i}.variable is not None:
    recorded.append(v{i}.recorded or _VARIABLE)
    n{i} = _taped(trace, v{i})
else:
    {node}
    mixed = mixed or v{i}.trace is trace
"""

_REST = """\
try:
    known = _known((_function, {statics}, {nodes},))
except TypeError:
    known = None
result, fallible = known or _learn(_function, {statics}, [{nodes}])
line = _line() if fallible else None
pending = trace.pending
if type(result) is _Node and len(pending) < trace.limit:
    value = _Value(result.aval, result, trace, recorded or None, line)
    pending.append(value)
    handle = _new(_cls)
    handle._value = value
    return handle
return _finish(result, _cls, trace, recorded or None, line)
"""


def can_unroll(function: Function) -> bool:
    """Whether the function's operands are few, and none may be missing."""
    kinds = [str(function.signature.parameters[a].annotation).strip("'\"") for a in function.arrays]
    return 0 < len(kinds) <= LIMIT and all(k in ("Node", "Operand") for k in kinds)


def call_text(operands: Sequence[str], statics: str, method: bool, literals: bool) -> str:
    """The statements that record the operands, names of parameters, and return the handle of the result.

    statics: the text of the static arguments' tuple; method: the first operand is `self`, an array for certain;
    literals: the function takes some numbers as parts of the program.
    """
    every = range(len(operands))
    lines = ["trace = _state.trace"]
    for i, x in enumerate(operands):
        if method and not i:
            lines.append(f"v0 = {x}._value")
        else:
            number = f"trace.number({x})"
            if literals:
                number = f"_const({x}, 'float64' if k{i} is float else 'int64') if {x} in _literals else {number}"
            lines += _NUMBER.format(i=i, x=x, number=number).splitlines()

    def each(text: str) -> list[str]:
        found = []
        for i in every:
            inner = text.format(i=i, node=_NODE.format(i=i)).splitlines()
            if method and not i:
                found += inner
            else:
                found += [f"if v{i} is not None:", *["    " + line for line in inner]]
        return found

    nodes = ", ".join(f"n{i}" for i in every)
    lines += ["if trace.recording:", "    recorded = []", "    mixed = False"]
    lines += ["    " + line for line in each(_RECORDED)]
    if len(operands) > 1:
        lines += ["    if mixed and recorded:",
                  f"        {nodes} = _stopped(trace, ({', '.join(operands)},), [{nodes}])"]
    lines += ["else:", "    recorded = None", *["    " + line for line in each(_NODE)]]
    return "\n".join(lines) + "\n" + _REST.format(nodes=nodes, statics=statics)
