"""Residual programs: a structure with symbolic sizes, written as a function that makes it again for other sizes."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tracer.ops.ir.aval import Aval, aval
from tracer.ops.ir.node import Node

from ...graph.symbolic_size import ShapeEnv, SymbolicSize


def residual(what: Any, env: ShapeEnv, places: Mapping[Node, int]) -> Callable[..., Any]:
    """The residual program of `what`: a function that makes it for other first sizes and numbers, and other nodes.

    It returns None where these do not fulfil the guards. Call `residual` when all comparisons have been made. Tuples,
    named ones too, and lists are made anew where they contain a size or node; all else is taken as it is.

    places: by node in `what`, the number of the given node that stands for it; others are made.

    >>> env = ShapeEnv([6, 8])
    >>> a, b = env.first
    >>> residual((a * b, ["as it is", b]), env, {})([2, 3], [])
    (6, ['as it is', 3])
    >>> a < b, residual(a, env, {})([3, 2], [])
    (True, None)
    """
    writer = _Writer(env, places)
    writer.lines += env.guard_lines(writer.known)
    text = writer.text(what)
    return env.function("s, o", [*writer.lines, f"return {writer.kept(what) if text is None else text}"])


class _Writer:
    def __init__(self, env: ShapeEnv, places: Mapping[Node, int]) -> None:
        self.lines: list[str] = []
        self._env, self._places = env, places
        self.known: set[str] = set()  # the environment's variables that are written already
        self._names: dict[Any, str] = {}  # of other local variables: by the node or aval in them

    def text(self, what: Any) -> str | None:
        """The expression of an object that depends on sizes or nodes; None for any other."""
        if isinstance(what, SymbolicSize):
            self.lines += self._env.lines(what.text, self.known)
            return what.text
        if isinstance(what, Node):
            at = self._places.get(what)
            return self._local(what, lambda: self._node(what)) if at is None else f"o[{at}]"
        if isinstance(what, Aval):
            return self._local(what, lambda: f"{self.kept(aval)}({self._any(what.shape)}, {self.kept(what.dtype)})")
        if not isinstance(what, (tuple, list)):
            return None
        texts = [self.text(x) for x in what]
        if all(t is None for t in texts):
            return None
        inside = ", ".join([self.kept(x) if t is None else t for x, t in zip(what, texts, strict=True)])
        if isinstance(what, list):
            return f"[{inside}]"
        return f"({inside},)" if type(what) is tuple else f"{self.kept(type(what))}({inside})"

    def kept(self, what: Any) -> str:
        """The expression of an object itself."""
        return repr(what) if type(what) in (int, bool, str) or what is None else self._env.name(what)

    def _any(self, what: Any) -> str:
        text = self.text(what)
        return self.kept(what) if text is None else text

    def _node(self, n: Node) -> str:
        inputs, attrs, of = (self._any(x) for x in (n.inputs, n.attrs, n.aval))
        return f"{self.kept(Node)}({self.kept(n.op)}, {inputs}, {attrs}, {of})"

    def _local(self, key: Any, text: Callable[[], str]) -> str:
        name = self._names.get(key)
        if name is None:
            line = text()
            name = self._names[key] = f"n{len(self._names)}"
            self.lines.append(f"{name} = {line}")
        return name
