"""Reductions over axes. The primitives drop the reduced axes; keepdims is a reshape."""
from __future__ import annotations

from typing import Any

import numpy as np

from .arithmetic import cast, div, equal, in_single, like, logical_or, mul, where
from .aval import Shape
from .families import reduction
from .movement import broadcast_to, reshape
from .node import Node, stop
from .shapes import reduced
from .unary import absolute, sqrt, square


def spread(x: Node, axes: tuple[int, ...], to: Node) -> Node:
    """`x`, of `to`'s shape without `axes`, broadcast back over them."""
    return broadcast_to(reshape(x, reduced(to.shape, axes, keepdims=True)), to.shape)


def totalled(f: Any, wider: dict[str, str]) -> Any:
    """The meaning of NumPy's sum or product in the dtype of its operand, rounded once, at the end.

    wider: for the dtypes that are added up or multiplied in a wider one, that.
    """
    def ref(x: Any, axes: tuple) -> Any:
        x = np.asarray(x)
        with np.errstate(over="ignore"):
            found = f(x, axis=axes, dtype=wider.get(x.dtype.name, x.dtype))
            return found.astype(x.dtype, copy=False)

    return ref


def _extreme_vjp(g: Node, x: Node, axes: tuple, y: Node) -> Node:
    # MXNet gives the whole cotangent to every element that attains the extreme.
    return where(equal(x, spread(y, axes, x)), spread(g, axes, x), like(g, 0))


def _lowest(dtype: np.dtype) -> Any:
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


def _highest(dtype: np.dtype) -> Any:
    return np.inf if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max


def _ref(f: Any, start: Any) -> Any:
    def ref(x: Any, axes: tuple) -> Any:
        x = np.asarray(x)
        return f(x, axis=axes, initial=start(x.dtype))

    return ref


#: MXNet adds up what float32 loses of a sum; NumPy loses a hundredth of a million equal numbers where the axis is not
#: the last.
reduce_sum = reduction("reduce_sum", totalled(np.sum, {"float16": "float32", "float32": "float64"}),
                       lambda g, x, axes, y: spread(g, axes, x), lambda dtype: 0)
reduce_max = reduction("reduce_max", _ref(np.max, _lowest), _extreme_vjp, _lowest)
reduce_min = reduction("reduce_min", _ref(np.min, _highest), _extreme_vjp, _highest)


def _kept(x: Node, shape: Shape, axes: tuple, keepdims: bool) -> Node:
    return reshape(x, reduced(shape, axes, keepdims=True)) if keepdims else x


@in_single
def euclidean(x: Node, axes: tuple[int, ...]) -> Node:
    """The 2-norm over `axes`, scaled by the largest element as MXNet's is: no square overflows or vanishes."""
    if not all(x.shape[a] for a in axes):
        return reduce_sum(x, axes)  # of nothing: 0
    if x.dtype.kind != "f":
        return cast(euclidean(cast(x, np.dtype("float64")), axes), x.dtype)
    largest = stop(reduce_max(absolute(x), axes))
    odd = logical_or(equal(largest, like(largest, 0)), equal(largest, like(largest, np.inf)))
    scale = where(odd, like(largest, 1), largest)
    return mul(scale, sqrt(reduce_sum(square(div(x, spread(scale, axes, x))), axes)))
