"""`np.pad`: padding with constant, edge, periodic or extreme values."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..declare.public import public
from ..ir.aval import Shape
from ..ir.errors import MXNetError
from ..ir.node import Node
from ..primitive.constants import full
from ..primitive.gather_scatter import update
from ..primitive.linear import broadcast_to, concatenate, part, reshape
from ..primitive.reductions import reduce_max, reduce_min


@public("np._pad")
def pad(x: Node, pad_width, mode, constant_values) -> Node:
    """`x` padded before and after along each axis.

    pad_width: a number, (before, after), or such a pair for each axis.
    mode: "constant" (`constant_values`), "edge", "reflect", "symmetric", "wrap", "minimum" or "maximum".
    """
    widths = _widths(pad_width, x.ndim)
    if mode == "constant":
        values = _widths(constant_values, x.ndim)
        for i, ((before, after), (low, high)) in enumerate(zip(widths, values, strict=True)):
            x = _pad_constant(x, i, before, after, low, high)
        return x
    extend = _PADS.get(mode)
    if extend is None:
        raise NotImplementedError(f"np.pad(mode={mode!r})")
    for i, (before, after) in enumerate(widths):
        x = extend(x, i, before, after)
    return x


def _widths(given: Any, ndim: int) -> list[tuple[Any, Any]]:
    if not isinstance(given, tuple):
        return [(given, given)] * ndim
    if not isinstance(given[0], tuple):
        given = (given if len(given) == 2 else given * 2,)
    if len(given) == 1:
        given = given * ndim
    if len(given) != ndim:
        raise MXNetError(f"pad_width {given} does not fit an array of {ndim} dimensions")
    return [tuple(pair) if len(pair) == 2 else tuple(pair) * 2 for pair in given]


def _pad_constant(x: Node, axis: int, before: int, after: int, low: Any, high: Any) -> Node:
    if not before and not after:
        return x
    n = x.shape[axis]

    def frame(count: int) -> Shape:
        return tuple(count if i == axis else d for i, d in enumerate(x.shape))

    if low == high:
        spec = tuple((before if i == axis else 0, d, 1) for i, d in enumerate(x.shape))
        return update(full(frame(n + before + after), low, x.dtype), x, spec)
    return concatenate([full(frame(before), low, x.dtype), x, full(frame(after), high, x.dtype)], axis)


def _pad_edge(x: Node, axis: int, before: int, after: int) -> Node:
    def edge(start: int, count: int) -> list[Node]:
        shape = tuple(count if i == axis else d for i, d in enumerate(x.shape))
        return [broadcast_to(part(x, axis, start, 1), shape)] if count else []

    return concatenate([*edge(0, before), x, *edge(x.shape[axis] - 1, after)], axis)


def _pad_periodic(period: Callable[[int], int], source: Callable[[int, int], int]) -> Callable:
    """A padding in which position p, counted from the first element of n, holds the element at source(p, n)."""
    def extend(x: Node, axis: int, before: int, after: int) -> Node:
        n = x.shape[axis]
        if n == 0 and (before or after):
            raise MXNetError("cannot pad an empty axis by its own elements")
        pieces = _runs([source(p % period(n), n) for p in range(-before, 0)])
        tail = _runs([source(p % period(n), n) for p in range(n, n + after)])
        return concatenate([*(part(x, axis, *run) for run in pieces), x, *(part(x, axis, *run) for run in
        tail)],
                           axis)

    return extend


def _runs(places: Sequence[int]) -> list[tuple[int, int, int]]:
    """Positions as runs (start, count, step), with a step of 1 or -1."""
    out: list[tuple[int, int, int]] = []
    for p in places:
        if out:
            start, count, step = out[-1]
            if count == 1 and abs(p - start) == 1:
                out[-1] = (start, 2, p - start)
                continue
            if count > 1 and p == start + count * step:
                out[-1] = (start, count + 1, step)
                continue
        out.append((p, 1, 1))
    return out


def _pad_extreme(name: str) -> Callable:
    def extend(x: Node, axis: int, before: int, after: int) -> Node:
        reduce = reduce_max if name == "maximum" else reduce_min
        kept = tuple(1 if i == axis else d for i, d in enumerate(x.shape))
        found = reshape(reduce(x, (axis,)), kept)
        ends = [broadcast_to(found, tuple(c if i == axis else d for i, d in enumerate(x.shape)))
                for c in (before, after)]
        return concatenate([ends[0], x, ends[1]], axis)

    return extend


_PADS: dict[str, Callable] = {
    "edge": _pad_edge,
    "wrap": _pad_periodic(lambda n: n, lambda p, n: p),
    "symmetric": _pad_periodic(lambda n: 2 * n, lambda p, n: p if p < n else 2 * n - 1 - p),
    "reflect": _pad_periodic(lambda n: max(2 * n - 2, 1), lambda p, n: p if p < n else 2 * n - 2 - p),
    "minimum": _pad_extreme("minimum"),
    "maximum": _pad_extreme("maximum"),
}
