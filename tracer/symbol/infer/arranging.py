"""The rules of shapes of operators that arrange elements, which also tell inputs' shapes from outputs'."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...util import is_np_shape
from ..graph.node import SymbolNode
from .layers import values
from .probing import Rule, Shapes, forward
from .unify import Shape, common, contradicts, known, unified


def _concat(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """All shapes agree but along the axis, where the output's size is the inputs' sum."""
    ranks = {len(s) for s in (*ins, outs[0]) if s is not None}
    if not ranks:
        return ins, outs
    axis = values(node).get("dim", 1)
    rest = common([_with(s, axis, -1) for s in (*ins, outs[0])])
    sizes = [-1 if s is None else s[axis] for s in ins]
    total = -1 if -1 in sizes else sum(sizes)
    return [_with(rest, axis, size) for size in sizes], [_with(rest, axis, total)]


def _with(shape: Shape, axis: int, size: int) -> Shape:
    if shape is None:
        return None
    found = list(shape)
    found[axis] = size
    return tuple(found)


def _slice_channel(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """All outputs have one shape; along the axis the input has it times their number."""
    given = values(node)
    count, axis, squeeze = given["num_outputs"], given.get("axis", 1), bool(given.get("squeeze_axis"))
    data, out = ins[0], common(outs)
    if out is not None and data is not None:
        at = axis % len(data)
        back = (*out[:at], count, *out[at:]) if squeeze else _with(out, at, -1 if out[at] == -1 else out[at] * count)
        if not contradicts(data, back):
            data = unified(data, back)
    new = [data]
    if data is None:
        return new, [out] * node.visible
    at = axis % len(data)
    size = -1 if data[at] == -1 else data[at] // count
    part = (*data[:at], *data[at + 1:]) if squeeze else _with(data, at, size)
    if known(data):
        return new, forward(node, new, outs)
    return new, [part] * node.visible


def _reshape(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """A single unknown dimension of the input is found from the output's number of elements."""
    data, out = ins[0], outs[0]
    if data is not None and out is not None and known(out) and data.count(-1) == 1:
        rest = math.prod([d for d in data if d != -1])
        data = tuple([math.prod(out) // rest if d == -1 and rest else d for d in data])
    return [data], forward(node, [data], outs)


def _transpose(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    return _permuted(ins, outs, lambda rank: values(node).get("axes") or tuple(reversed(range(rank))))


def _swap(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    given = values(node)

    def axes(rank: int) -> Sequence[int]:
        order = list(range(rank))
        one, two = given.get("dim1", 0), given.get("dim2", 0)
        order[one], order[two] = order[two], order[one]
        return order

    return _permuted(ins, outs, axes)


def _permuted(ins: Shapes, outs: Shapes, axes_of: Any) -> tuple[Shapes, Shapes]:
    data, out = ins[0], outs[0]
    known_rank = data if data is not None else out
    if known_rank is None:
        return ins, outs
    rank = len(known_rank)
    axes = [a % rank for a in axes_of(rank)] if rank else []
    if out is not None and len(out) == rank:
        back = [-1] * rank
        for i, a in enumerate(axes):
            back[a] = out[i]
        if not contradicts(data, tuple(back)):
            data = unified(data, tuple(back))
    return [data], [out if data is None else tuple([data[a] for a in axes])]


def _expand_dims(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    axis, data, out = values(node)["axis"], ins[0], outs[0]
    if out is not None:
        at = axis % len(out)
        back = (*out[:at], *out[at + 1:])
        data = data if contradicts(data, back) else unified(data, back)
    if data is None:
        return ins, outs
    at = axis % (len(data) + 1)
    return [data], [(*data[:at], 1, *data[at:])]


def _broadcast(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """Two shapes that broadcast; a size that the other's unknown one may equal is unknown, but if it is not 1."""
    left, right = ins
    if left is None or right is None:
        return ins, outs[:1]
    if known(left) and known(right):
        return ins, forward(node, ins, outs)
    rank = max(len(left), len(right))
    pairs = zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right)
    return ins, [tuple([max(a, b) if -1 not in (a, b) else max(a, b) if max(a, b) > 1 else -1 for a, b in pairs])]


def _slice(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """A dimension of the output is unknown where the data's is, as in MXNet, even if the part's ends tell it."""
    found = forward(node, ins, outs)
    data, out = ins[0], found[0]
    if data is None or out is None or len(out) != len(data):
        return ins, found
    return ins, [tuple([-1 if d == -1 else n for n, d in zip(out, data)])]


def _constant(node: SymbolNode, ins: Shapes, outs: Shapes) -> tuple[Shapes, Shapes]:
    """The shape that a constant is made in; its unknown dimensions come from where it is used."""
    shape = declared(node)
    return ins, [unified(shape, outs[0]) if not contradicts(shape, outs[0]) else shape]


def declared(node: SymbolNode) -> Shape:
    """The shape parameter of a constant, with -1 for unknown dimensions."""
    shape = values(node).get("shape")
    if shape is None or shape == ():
        return () if is_np_shape() else None
    shape = (shape,) if isinstance(shape, int) else shape
    return tuple(shape) if is_np_shape() else tuple([d if d > 0 else -1 for d in shape])


#: Constants whose shape may be known in part.
CONSTANTS = ("_zeros", "_ones", "_full")
RULES: dict[str, Rule] = {
    "Concat": _concat, "SliceChannel": _slice_channel, "Reshape": _reshape, "transpose": _transpose, "SwapAxis": _swap,
    "expand_dims": _expand_dims, "slice": _slice, "slice_axis": _slice, **dict.fromkeys(CONSTANTS, _constant),
    **dict.fromkeys([f"broadcast_{n}" for n in (
        "add", "sub", "mul", "div", "mod", "power", "maximum", "minimum", "hypot", "equal", "not_equal", "greater",
        "greater_equal", "lesser", "lesser_equal", "logical_and", "logical_or", "logical_xor")], _broadcast)}
