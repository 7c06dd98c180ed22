"""Call cache: (function, static arguments, operand nodes) -> result nodes. Each entry also refers to its successor.

Most calls of a script are followed by the call that followed them the last time. That is checked by comparing
identities; only where the check fails, a key is hashed and looked up.
"""
from __future__ import annotations

import itertools
from typing import Any

from tracer.jit.cpython.identity import identical
from tracer.ops.ir.node import FORGETTERS


class CachedCall:
    """An entry of the call cache.

    result: the node, or list of nodes, that the call makes.
    fallible: whether running it can fail.
    sources: for each of several results, the operands that it is a function of; None until first needed.
    successor: the call that came after it the last time.
    """

    __slots__ = ("function", "statics", "nodes", "result", "fallible", "sources", "successor")

    def __init__(self, function: Any, statics: tuple, nodes: list[Any], result: Any, fallible: bool) -> None:
        self.function = function
        self.statics = statics
        self.nodes = nodes
        self.result = result
        self.fallible = fallible
        self.sources: list[list[int]] | None = None
        self.successor: CachedCall | None = None


#: Calls by (function, static arguments, operand nodes); also forward passes (core/cached_graph.py) and constants.
CALL_CACHE: dict[tuple, Any] = {}


class Identity:
    """The identity of a pass. Its owner holds it; when the last reference goes, the pass's cached graphs go too.

    number: what stands for it in keys of the cache, which would keep it alive.
    keys: the keys of its cached graphs.
    """

    __slots__ = ("number", "keys")

    def __init__(self) -> None:
        self.number = next(_NUMBERS)
        self.keys: set[tuple] = set()

    def __del__(self, cache: dict[tuple, Any] = CALL_CACHE) -> None:  # at exit the module's names may be gone
        for key in self.keys:
            cache.pop(key, None)

    def __reduce__(self) -> tuple:
        return Identity, ()  # a copy of the owner is another pass


_NUMBERS = itertools.count()

#: The predecessor of a trace's first call.
START = CachedCall(None, (), [], None, False)


def matches(call: CachedCall | None, function: Any, statics: tuple, nodes: list[Any]) -> bool:
    """Whether `call` was one of the same function, with identical static arguments and operands.

    Static arguments that are equal but not the same object are left to the look-up: comparing them could take 1 for
    True, or give an array instead of a truth value.
    """
    return (call is not None and call.function is function and identical(call.nodes, nodes)
            and identical(call.statics, statics))


def forget() -> None:
    """Drop all entries and successors."""
    START.successor = None
    for call in [*CALL_CACHE.values()]:  # a list: what is freed meanwhile may take entries out
        if type(call) is CachedCall:
            call.successor = None
    CALL_CACHE.clear()


FORGETTERS.append(forget)
