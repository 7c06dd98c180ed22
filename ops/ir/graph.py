"""Functions on whole graphs: topological order, text, and substitution of nodes."""
from __future__ import annotations

from collections.abc import Iterable, Sequence

from .node import Node, leaf_op, make


def toposort(outputs: Iterable[Node], stop_at: frozenset[Node] | set[Node] = frozenset()) -> list[Node]:
    """The nodes that `outputs` depend on, in topological order; the inputs of nodes in `stop_at` are not followed."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[Node | None] = [*outputs]
    stack.reverse()
    while stack:
        node = stack.pop()
        if node is None:  # marks that all inputs of the next node on the stack are done
            order.append(stack.pop())  # type: ignore[arg-type]
        elif node not in seen:
            seen.add(node)
            inputs = node.inputs
            if inputs and node not in stop_at:
                stack += (node, None)
                stack += inputs[::-1]
            else:
                order.append(node)
    return order


def format_graph(outputs: Sequence[Node], lines: dict[Node, str] | None = None) -> str:
    """The graph as text, one node per line: `%3: f32[8,4] = tanh %2    # train.py:31`.

    lines: node -> the user's line, added as a comment.

    >>> import numpy as np
    >>> from tracer.ops.ir.aval import aval
    >>> from tracer.ops.ir.node import leaf, stop
    >>> x = leaf(aval((2,), np.dtype("float32")), 0)
    >>> print(format_graph([stop(x)]))
    %0: f32[2] = leaf 0
    %1: f32[2] = stop %0
    return %1
    """
    names: dict[Node, str] = {}
    text = []
    for n in toposort(outputs):
        names[n] = f"%{len(names)}"
        attrs = n.attrs[1:] if n.op is leaf_op else n.attrs
        words = [n.op.name, *(names[i] for i in n.inputs), *(str(a).replace(" ", "") for a in attrs)]
        note = f"    # {lines[n]}" if lines and n in lines else ""
        text.append(f"{names[n]}: {n.aval!r} = {' '.join(words)}{note}")
    return "\n".join([*text, "return " + ", ".join(names[o] for o in outputs)])


def substitute(outputs: Sequence[Node], mapping: dict[Node, Node]) -> list[Node]:
    """`outputs` of a graph in which each key of `mapping` is replaced by its value, wherever it occurs."""
    done = dict(mapping)
    for n in toposort(outputs, set(mapping)):
        if n not in done:
            inputs = tuple(done[i] for i in n.inputs)
            done[n] = n if inputs == n.inputs else make(n.op, inputs, n.attrs)
    return [done[o] for o in outputs]
