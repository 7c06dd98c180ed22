"""Shapes that are known in part: None, or a tuple in which an unknown dimension is -1."""
from __future__ import annotations

from collections.abc import Iterable

Shape = tuple[int, ...] | None


def known(shape: Shape) -> bool:
    """Whether a shape and all its dimensions are known."""
    return shape is not None and -1 not in shape


def contradicts(a: Shape, b: Shape) -> bool:
    """Whether no shape fits both.

    >>> contradicts((2, -1), (2, 3)), contradicts((2, 3), (2, 4)), contradicts(None, (1,))
    (False, True, False)
    """
    if a is None or b is None:
        return False
    return len(a) != len(b) or any([x != y and x != -1 and y != -1 for x, y in zip(a, b)])


def unified(a: Shape, b: Shape) -> Shape:
    """The shape that is known from two partial ones.

    >>> unified((2, -1), (-1, 3)), unified(None, (1,))
    ((2, 3), (1,))
    """
    if a is None or b is None:
        return b if a is None else a
    return tuple([y if x == -1 else x for x, y in zip(a, b)])


def common(shapes: Iterable[Shape]) -> Shape:
    """The known part of a shape that several arrays share; the first wins where they contradict each other."""
    found: Shape = None
    for shape in shapes:
        if not contradicts(found, shape):
            found = unified(found, shape)
    return found
