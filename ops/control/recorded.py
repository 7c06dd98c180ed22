"""Bodies of scans that a user's Python has recorded once, as nodes, in place of functions that build them."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ir.aval import Aval, aval
from ..ir.devices import place
from ..ir.graph import substitute, toposort
from ..ir.node import Node, const_op, item_op, leaf, make, scalar_op
from ..ir.op import CALL, ELEMENTWISE, LEAF, Op, declare
from .loops import Body


def _samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    yield [np.linspace(-1, 1, 6).reshape(2, 3)], (0,)


#: An argument of the body: the elements of the input, told apart from other uses of these by a number.
argument_op = declare(Op("argument", ELEMENTWISE, lambda avals, attrs: avals[0], lambda arrays, attrs: arrays[0],
                         lambda node, g: (g,), expr="{0}", cost=0, samples=_samples))


def argument(value: Node, number: int) -> Node:
    """An argument of a body that is recorded, with the elements of `value`."""
    return make(argument_op, (value,), (number,))


class Recorded(NamedTuple):
    """A recorded body, and the nodes that it reads besides its arguments: the constants of the scan."""

    body: Body
    constants: tuple[Node, ...]


def recorded(arguments: Sequence[Node], results: Sequence[Node]) -> Recorded | None:
    """The body that makes `results` of `arguments`; None where a scan can't run it.

    That is so for operations without native form, for those that may fail, and where a result is an argument, or
    depends on none.
    """
    own = set(arguments)
    inside: set[Node] = set()
    constants: dict[Node, None] = {}
    for n in toposort(results, own):
        if n not in own and not inside.isdisjoint(n.inputs):
            if not _is_native(n):
                return None
            constants.update([(x, None) for x in n.inputs if x not in inside and x.op is not const_op])
        elif n not in own:
            continue
        inside.add(n)
    if any([n in own or n not in inside for n in results]) or not all([_is_array(n) for n in (*own, *constants)]):
        return None
    leaves = tuple([leaf(_plain(n.aval), i) for i, n in enumerate((*arguments, *constants))])
    made = substitute(results, dict(zip((*arguments, *constants), leaves)))
    return Recorded(Body(_replayed, (leaves, tuple([place(n, None) for n in made]))), tuple(constants))


def _is_native(n: Node) -> bool:
    native = n.op.kind not in (CALL, LEAF) or n.op.step is not None and not n.op.may_fail
    return native or n.op is item_op


def _is_array(n: Node) -> bool:
    return n.op is not scalar_op and not isinstance(n.aval, tuple) and n.size > 0


def _plain(of: Aval) -> Aval:
    return aval(of.shape, of.dtype)


def _replayed(leaves: Sequence[Node], own: Sequence[Node], results: Sequence[Node]) -> list[Any]:
    return substitute(results, dict(zip(own, leaves, strict=True)))
