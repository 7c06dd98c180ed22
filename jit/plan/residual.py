"""Structures with sizes that remember (sizes.py), written down as a function that makes them again for other sizes."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tracer.ops.ir.aval import Aval, aval
from tracer.ops.ir.node import Node

from ..graph.symbolic_size import Size, Trail


def replay(what: Any, trail: Trail, places: Mapping[Node, int]) -> Callable[..., Any]:
    """The function of a trail's first sizes and numbers, and of nodes, that gives what `what` would be by them.

    It gives None where these would have decided otherwise than the trail's, all of whose decisions must be taken.
    places: which of the given nodes stands for one in `what`; others are made. Tuples, named ones too, and lists are
    made anew where there is a size or node in them; all else is taken as it is.

    >>> trail = Trail([6, 8])
    >>> a, b = trail.first
    >>> replay((a * b, ["as it is", b]), trail, {})([2, 3], [])
    (6, ['as it is', 3])
    >>> a < b, replay(a, trail, {})([3, 2], [])
    (True, None)
    """
    writer = _Writer(trail, places)
    writer.lines += trail.guards(writer.known)
    text = writer.text(what)
    return trail.function("s, o", [*writer.lines, f"return {writer.kept(what) if text is None else text}"])


class _Writer:
    def __init__(self, trail: Trail, places: Mapping[Node, int]) -> None:
        self.lines: list[str] = []
        self._trail, self._places = trail, places
        self.known: set[str] = set()  # the trail's variables that are written
        self._names: dict[Any, str] = {}  # of other local variables: by the node or aval in them

    def text(self, what: Any) -> str | None:
        """The expression of what depends on sizes or nodes; None for what does not."""
        if isinstance(what, Size):
            self.lines += self._trail.lines(what.text, self.known)
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
        return repr(what) if type(what) in (int, bool, str) or what is None else self._trail.name(what)

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
