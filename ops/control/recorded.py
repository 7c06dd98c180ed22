"""Bodies of scans that a user's Python has recorded once, as nodes, in place of functions that build them."""
from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, NamedTuple

from ..ir.aval import Aval, aval
from ..ir.devices import place
from ..ir.graph import substitute, toposort
from ..ir.node import Node, const_op, item_op, mark_op, scalar_op
from ..ir.op import CALL, LEAF, VIEW
from .body import Body, duplicate, leaves_of


class Recorded(NamedTuple):
    """A recorded body, and the nodes that it reads besides its arguments: the constants of the scan."""

    body: Body
    constants: tuple[Node, ...]


def recorded(arguments: Sequence[Node], results: Sequence[Node], outside: Set[Node] | None = None) -> Recorded | None:
    """The body that makes `results` of `arguments`; None where a scan can't run it.

    That is so for operations without native form, and for those that may fail.

    outside: the nodes that the body takes from outside. All others are parts of it, except those that only move
        elements of such. None: all that depends on no argument is outside, so that it is computed once; that is right
        for a body that runs at least once.
    """
    own, inside = set(arguments), set(arguments)
    constants: dict[Node, None] = {}
    for n in toposort(results, own if outside is None else own | outside):
        if n in own or _is_outside(n, inside, outside):
            continue
        if not _is_native(n):
            return None
        inside.add(n)
        constants.update([(x, None) for x in n.inputs if x not in inside])
    constants.update([(n, None) for n in results if n not in inside])
    made = [duplicate(n, k) if n in results[:k] else n for k, n in enumerate(results)]
    read = [n for n in constants if n.op is not const_op]
    if not all([not isinstance(n.aval, tuple) and n.size > 0 for n in (*arguments, *read)]):
        return None
    leaves = leaves_of([_plain(n.aval) for n in (*arguments, *read)])
    made = substitute(made, dict(zip((*arguments, *read), leaves, strict=True)))
    return Recorded(Body(_replayed, (leaves, tuple([place(n, None) for n in made]))),
                    tuple([duplicate(n, 0) if n.op is scalar_op else place(n, None) for n in read]))


def _is_outside(n: Node, inside: Set[Node], outside: Set[Node] | None) -> bool:
    """Whether a node is computed before the loop."""
    if n.op.kind == LEAF or n.op is mark_op or outside is not None and n in outside:
        return True
    if not inside.isdisjoint(n.inputs):
        return False
    return outside is None or n.op.kind == VIEW or all([x.op.kind == LEAF and not x.ndim for x in n.inputs])


def _is_native(n: Node) -> bool:
    native = n.op.kind not in (CALL, LEAF) or n.op.step is not None and not n.op.may_fail
    return native or n.op is item_op


def _plain(of: Aval) -> Aval:
    return aval(of.shape, of.dtype)


def _replayed(leaves: Sequence[Node], own: Sequence[Node], results: Sequence[Node]) -> list[Any]:
    return substitute(results, dict(zip(own, leaves, strict=True)))
