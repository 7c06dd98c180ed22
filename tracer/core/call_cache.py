"""What calls mean: remembered by function, static arguments and operand nodes, each with the call that came after it.

A script repeats itself: after a call comes, most of the time, what came after it the last time. Whether it does is
seen by comparing identities; only where it does not, a key is hashed and looked up.
"""
from __future__ import annotations

from typing import Any

from tracer.jit.cpython.identity import identical
from tracer.ops.ir.node import FORGETTERS


class Call:
    """A call recorded before.

    result: the node, or list of nodes, that it means.
    fallible: running it can fail.
    sources: of several results, the operands that each is a function of; None until somebody asks.
    """

    __slots__ = ("function", "statics", "nodes", "result", "fallible", "sources", "next")

    def __init__(self, function: Any, statics: tuple, nodes: list[Any], result: Any, fallible: bool) -> None:
        self.function = function
        self.statics = statics
        self.nodes = nodes
        self.result = result
        self.fallible = fallible
        self.sources: list[list[int]] | None = None
        self.next: Call | None = None


#: Calls by (function, static arguments, operand nodes); and forward passes (gluon/cached_graph.py), and constants.
MEMO: dict[tuple, Any] = {}

#: What precedes the first call of a trace.
START = Call(None, (), [], None, False)


def repeats(call: Call | None, function: Any, statics: tuple, nodes: list[Any]) -> bool:
    """Whether `call` was one of the same function, with the very same static arguments and operands.

    Static arguments that are equal but not the same object are left to the look-up: to compare them could take
    1 for True, or an array's comparison for a truth.
    """
    return (call is not None and call.function is function and identical(call.nodes, nodes)
            and identical(call.statics, statics))


def forget() -> None:
    """Forget all calls, and what came after which."""
    START.next = None
    for call in MEMO.values():
        if type(call) is Call:
            call.next = None
    MEMO.clear()


FORGETTERS.append(forget)
