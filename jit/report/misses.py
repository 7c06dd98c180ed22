"""Misses of the program cache: why a program was new. `LOG.misses` keeps the reasons, `explain()` prints them."""
from __future__ import annotations

from collections.abc import Sequence

from tracer.ops.ir.aval import Aval
from tracer.ops.ir.graph import toposort
from tracer.ops.ir.node import FORGETTERS, Node, leaf_op

#: The most programs of one structure that a new one is compared with: the latest ones.
RECENT = 8

#: structure (the ops in order) -> the leaves of the programs known to have it
_KNOWN: dict[tuple, list[list[Aval]]] = {}


def why_new(outputs: Sequence[Node]) -> str:
    """The reason why the program is new, compared with the nearest one of its structure. Remembers this one."""
    order = toposort(outputs)
    structure = tuple([n.op for n in order])
    leaves = [n.aval for n in order if n.op is leaf_op]
    known = _KNOWN.setdefault(structure, [])
    reason = "new structure"
    if known:
        nearest = min(known, key=lambda other: sum(a is not b for a, b in zip(other, leaves, strict=True)))
        changed = [(i, a, b) for i, (a, b) in enumerate(zip(leaves, nearest, strict=True)) if a is not b]
        more = [f"{len(changed) - 3} more inputs differ"] if len(changed) > 3 else []
        reason = "; ".join([*[f"input {i} is {a!r}, was {b!r}" for i, a, b in changed[:3]], *more]) \
            or "other static arguments or connections"
    known.append(leaves)
    del known[:-RECENT]
    return reason


def forget() -> None:
    """Drop the known structures."""
    _KNOWN.clear()


FORGETTERS.append(forget)
