"""Rules of shapes: broadcasting, axes, reductions and reshapes. Each rule is implemented here only."""
from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from .aval import Shape
from .errors import MXNetError


def broadcast(*shapes: Shape) -> Shape:
    """NumPy's broadcast shape; MXNetError when the shapes don't fit.

    >>> broadcast((3, 1), (4,))
    (3, 4)
    """
    first = shapes[0]
    for shape in shapes:
        if shape != first:
            break
    else:
        return first
    out = max(shapes, key=len)
    dims = list(out)
    for shape in shapes:
        if shape == out:
            continue
        at = len(dims) - len(shape)
        for d in shape:
            have = dims[at]
            if have == 1:
                dims[at] = d
            elif d != 1 and d != have:
                raise MXNetError("operands could not be broadcast together with shapes "
                                 + " ".join(map(str, shapes)))
            at += 1
    return tuple(dims)


def normalize_axis(axis: Any, ndim: int) -> int:
    """A non-negative axis; MXNetError when it is out of bounds or no integer."""
    try:
        index = operator.index(axis)
    except TypeError:
        raise MXNetError(f"Invalid Parameter format for axis: expected an integer, got {axis!r}") from None
    if not -ndim <= index < ndim:
        raise MXNetError(f"axis {axis} is out of bounds for array of dimension {ndim}")
    return index % ndim if ndim else 0


def normalize_axes(axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Sorted non-negative axes; all of them for None."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    found = sorted(normalize_axis(a, ndim) for a in axes)
    if len(set(found)) != len(found):
        raise MXNetError(f"duplicate axis in {axes}")
    return tuple(found)


def reduced(shape: Shape, axes: Sequence[int], keepdims: bool = False) -> Shape:
    """The shape that remains of `shape` when `axes` (normalized) are reduced."""
    if keepdims:
        return tuple(1 if i in axes else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in axes)


def reshape_to(shape: Shape, wanted: Sequence[int]) -> Shape:
    """The shape `wanted` with its -1, if there is one, inferred; MXNetError when the sizes differ."""
    size, target = math.prod(shape), [operator.index(d) for d in wanted]
    if target.count(-1) > 1:
        raise MXNetError(f"can only specify one unknown dimension, got {tuple(wanted)}")
    if -1 in target:
        rest = math.prod(d for d in target if d != -1)
        if rest == 0 or size % rest:
            raise MXNetError(f"Cannot reshape array of size {size} into shape {tuple(wanted)}")
        target[target.index(-1)] = size // rest
    if math.prod(target) != size:
        raise MXNetError(f"Cannot reshape array of size {size} into shape {tuple(wanted)}")
    return tuple(target)


def decode_reshape(shape: Shape, codes: Sequence[int], meaning: dict[int, str], reverse: bool = False) -> list[int]:
    """The sizes given by a reshape's special codes; -1 is kept. MXNetError for codes that do not fit `shape`.

    meaning: of each code: "copy" the next axis; "drop" it, of size 1; take the "rest" of the axes; "merge" the next two
        into one; "split" the next one into the two numbers that follow.
    reverse: whether codes and shape are read from the right.
    """
    given = list(codes)
    if reverse:
        backwards: list[int] = []
        while given:
            n = 3 if meaning.get(given[0]) == "split" else 1
            backwards[:0] = [given[0], *given[1:n][::-1]]
            del given[:n]
        return decode_reshape(shape[::-1], backwards, meaning)[::-1]
    sizes: list[int] = []
    rest = list(shape)

    def take() -> int:
        if not rest:
            raise MXNetError(f"reshape: {tuple(codes)} names more axes than shape {shape} has")
        return rest.pop(0)

    while given:
        code = given.pop(0)
        does = meaning.get(code)
        if does == "copy":
            sizes.append(take())
        elif does == "drop":
            if (size := take()) != 1:
                raise MXNetError(f"reshape: {code} leaves out an axis of size {size}, not 1")
        elif does == "rest":
            sizes += rest
            rest.clear()
        elif does == "merge":
            sizes.append(take() * take())
        elif does == "split":
            sizes += reshape_to((take(),), given[:2])
            del given[:2]
        elif code < -1:
            raise MXNetError(f"reshape: unknown code {code}")
        else:
            sizes.append(code)
            del rest[:1]
    return sizes


def sum_axes(shape: Shape, target: Shape) -> tuple[int, ...]:
    """The axes of `shape` over which a cotangent is summed to undo the broadcast of `target` to `shape`."""
    lead = len(shape) - len(target)
    return tuple(i for i, d in enumerate(shape) if i < lead or (target[i - lead] == 1 and d != 1))


def check_choice(given: Any, allowed: Sequence[str]) -> None:
    """Raise MXNetError unless the value `given` for a keyword is one of `allowed`."""
    if given not in allowed:
        raise MXNetError(f"Invalid Input: {given!r}, valid values are: {{{', '.join(map(repr, allowed))}}}")
