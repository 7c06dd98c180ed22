"""Scans along an axis: running sums, positions of extremes, sorting orders, distinct numbers."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..declare.families import Samples, call, operands
from ..ir.aval import Aval, aval
from ..ir.errors import MXNetError
from ..ir.node import Node
from ..ir.shapes import reduced
from .arithmetic import in_single
from .linear import part


def _samples(*extra: Any) -> Samples:
    def samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
        rng = np.random.RandomState(11)
        for shape, axis in [((3, 4), 0), ((3, 4), 1), ((5,), 0), ((2, 3, 4), 1)]:
            yield [rng.permutation(int(np.prod(shape))).reshape(shape).astype(float)], (axis, *extra)

    return samples


def flip(x: Node, axis: int) -> Node:
    """`x` reversed along an axis."""
    n = x.shape[axis]
    return part(x, axis, n - 1, n, -1) if n > 1 else x


_cumsum = call("cumsum", lambda x, axis: x, lambda x, axis: np.cumsum(x, axis=axis, dtype=x.dtype),
               lambda g, node: (flip(cumsum(flip(g, node.attrs[0]), node.attrs[0]), node.attrs[0]),),
               samples=_samples())


def cumsum(x: Node, axis: int) -> Node:
    """Running sums along an axis, in the dtype of `x`."""
    return _cumsum(x, attrs=(axis,))


def _position(x: Aval, axis: int) -> Aval:
    found = aval(reduced(x.shape, (axis,)), np.dtype("int64"))
    if found.size and not x.shape[axis]:
        raise MXNetError(f"attempt to search an empty sequence: axis {axis} of shape {x.shape}")
    return found


def _position_ref(find: Callable, passed: float) -> Callable[[Any, int], Any]:
    # MXNet ignores NaN; NumPy returns its position.
    def ref(x: Any, axis: int) -> Any:
        if not x.size:
            return np.zeros(reduced(x.shape, (axis,)), "int64")
        return find(np.where(np.isnan(x), passed, x) if x.dtype.kind == "f" else x, axis=axis)

    return ref


_OF_NOTHING = [(operands((3, 0)), (1,), MXNetError)]
_argmax = call("argmax", _position, _position_ref(np.argmax, -np.inf), samples=_samples(), smooth=False,
               errors=_OF_NOTHING)
_argmin = call("argmin", _position, _position_ref(np.argmin, np.inf), samples=_samples(), smooth=False,
               errors=_OF_NOTHING)


def argmax(x: Node, axis: int) -> Node:
    """The first position of the maximum along an axis, int64; MXNetError if the axis is empty and the result is not."""
    return _argmax(x, attrs=(axis,))


def argmin(x: Node, axis: int) -> Node:
    """The first position of the minimum along an axis, int64; MXNetError if the axis is empty and the result is not."""
    return _argmin(x, attrs=(axis,))


def _argsort_ref(x: Any, axis: int, descending: bool) -> Any:
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    n = x.shape[axis]
    backwards = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return n - 1 - np.flip(backwards, axis)


_argsort = call("argsort", lambda x, axis, descending: aval(x.shape, np.dtype("int64")), _argsort_ref,
                samples=_samples(False), smooth=False)


def argsort(x: Node, axis: int, descending: bool = False) -> Node:
    """The positions, int64, that sort the elements along an axis stably."""
    return _argsort(x, attrs=(axis, descending))


def _unique_infer(x: Aval) -> Aval:
    if len(x.shape) != 1:
        raise MXNetError(f"unique: one axis wanted, got shape {x.shape}")
    return aval((3, *x.shape), np.dtype("int64"))


def _unique_ref(x: Any) -> Any:
    out = np.zeros((3, x.size), np.int64)
    if x.size:
        found, places = np.unique(x, return_inverse=True)
        start = x.size - found.size
        out[0, :start], out[0, start:] = found[0], found
        out[1] = places.reshape(-1) + start
        out[2, start:] = 1
    return out


def _unique_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    for numbers in ([3, 1, 3, 0, 1], [2], [], [5, 5, 5]):
        yield [np.array(numbers, np.int64)], ()


_unique = call("unique", _unique_infer, _unique_ref, samples=_unique_samples, smooth=False, may_fail=False,
               errors=[(operands((2, 3)), (), MXNetError)])


def unique(x: Node) -> Node:
    """The distinct numbers of an array of n integers, as three rows of n int64 numbers.

    The first row has them in order at its end, and repeats the first one before them. The second row has the place of
    each element of `x` in the first. The third has 1 at the places of distinct numbers and 0 before them.
    """
    return _unique(x)


# ---- elements by their positions along an axis ---------------------------------------------------

def _along_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    rng = np.random.RandomState(12)
    yield [rng.randn(3, 4), rng.randint(0, 3, (2, 4))], (0,)
    yield [rng.randn(3, 4), rng.randint(0, 4, (3, 5))], (1,)


def _add_along_ref(g: Any, index: Any, axis: int, n: int) -> Any:
    shape = list(g.shape)
    shape[axis] = n
    out = np.zeros(shape, g.dtype)
    grid = list(np.ix_(*(np.arange(d) for d in g.shape)))
    grid[axis] = index.astype(np.intp)
    np.add.at(out, tuple(grid), g)
    return out


def _add_along_samples() -> Iterable[tuple[list[np.ndarray], tuple]]:
    for (x, index), (axis,) in _along_samples():
        yield [np.take_along_axis(x, index, axis), index], (axis, x.shape[axis])


_add_along: Callable[..., Node]
_take_along = call("take_along", lambda x, index, axis: aval(index.shape, x.dtype),
                   lambda x, index, axis: np.take_along_axis(x, index.astype(np.intp), axis),
                   lambda g, node: (_taken_from(g, node), None), samples=_along_samples)
_add_along = call("add_along", lambda g, index, axis, n: aval(
    g.shape[:axis] + (n,) + g.shape[axis + 1:], g.dtype), _add_along_ref,
    lambda g, node: (_take_along(g, node.inputs[1], attrs=(node.attrs[0],)), None),
    samples=_add_along_samples)


def _taken_from(g: Node, node: Node) -> Node:
    (x, index), (axis,) = node.inputs, node.attrs
    return in_single(lambda wide: _add_along(wide, index, attrs=(axis, x.shape[axis])))(g)


def take_along(x: Node, index: Node, axis: int) -> Node:
    """The elements at integer positions `index` along an axis; the shapes agree in all other axes."""
    return _take_along(x, index, attrs=(axis,))
